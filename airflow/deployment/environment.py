#!/usr/bin/env python3
"""Deploys the provider and the DAGs into a Cloud Composer environment, or a local Airflow, and manages its Variables,
connections and DAGs. It calls gcloud and gsutil, which must be signed in (`gcloud auth login`).

The bucket of an environment has
  dags/mixpanel/               the DAGs
  dags/mixpanel/dependencies/  JQL templates
  data/schemas/                schemas of BigQuery
  plugins/                     the provider
Secrets are in no command line: connections go through a file of the bucket, which is removed again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import wheel  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
DAGS = ROOT / "dags/mixpanel"
SCHEMAS = ROOT / "data/schemas"
DATA = "/home/airflow/gcs/data"  # where a worker sees data/ of the bucket
CONNECTION = "mixpanel_export"
MIXPANEL = "https://data.mixpanel.com/api/2.0/export"


class Problem(Exception):
    """What a user must change; it is printed without a traceback."""


def run(*command: str | pathlib.Path) -> str:
    """The standard output of a command. Problem: it is not installed, or it failed, with its message."""
    texts = [str(part) for part in command]
    try:
        done = subprocess.run(texts, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise Problem(f"{texts[0]} is not installed: install the Google Cloud CLI") from None
    if done.returncode != 0:
        raise Problem(
            f"{' '.join(texts)}: exit status {done.returncode}\n{(done.stderr or done.stdout).strip()[-2000:]}"
        )
    return done.stdout


class Composer:
    """An environment of Cloud Composer."""

    def __init__(self, options: argparse.Namespace):
        if not options.environment or not options.location:
            raise Problem("say which environment: ENVIRONMENT=... LOCATION=...")
        self.name = options.environment
        self.place = ["--location", options.location, *(["--project", options.project] if options.project else [])]
        self._bucket = options.bucket

    def bucket(self) -> str:
        """gs://BUCKET"""
        if not self._bucket:
            prefix = run(
                "gcloud",
                "composer",
                "environments",
                "describe",
                self.name,
                *self.place,
                "--format=value(config.dagGcsPrefix)",
            )
            self._bucket = prefix.strip()
        found = re.fullmatch(r"(?:gs://)?([a-z0-9][a-z0-9._-]+)(?:/dags)?/?", self._bucket)
        if not found:
            raise Problem(f"{self._bucket!r} is not the bucket of an environment: give BUCKET=gs://...")
        return f"gs://{found[1]}"

    def airflow(self, *command: str) -> str:
        """Runs a command of Airflow: `variables list` and the like, with its arguments after --."""
        words = [word for word in command if not word.startswith("-")][:2]
        return run(
            "gcloud", "composer", "environments", "run", self.name, *self.place, *words, "--", *command[len(words) :]
        )

    @contextlib.contextmanager
    def data_file(self, text: str | None = None):
        """A file of data/ with a name of its own, removed at the end: its URI and its path on workers."""
        name = f"millrace-{secrets.token_hex(8)}.json"
        uri = f"{self.bucket()}/data/{name}"
        try:
            if text is not None:
                with temporary_file(text) as path:
                    run("gsutil", "-q", "cp", path, uri)
            yield uri, f"{DATA}/{name}"
        finally:
            run("gsutil", "-q", "rm", "-f", uri)

    def variables(self) -> dict:
        with self.data_file() as (uri, path):
            self.airflow("variables", "export", path)
            return parse_variables(run("gsutil", "-q", "cat", uri), f"the Variables of {self.name}")


@contextlib.contextmanager
def temporary_file(text: str):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "file.json"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        yield path


def parse_variables(text: str, where: str) -> dict:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Problem(f"{where}: no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Problem(f"{where}: must be a JSON object of names and values")
    return value


def value_of(variable: object) -> object:
    """The value of an exported Variable, which may have a description, and whose JSON may be a text."""
    if isinstance(variable, dict) and set(variable) <= {"value", "description"} and "value" in variable:
        variable = variable["value"]
    if isinstance(variable, str):
        with contextlib.suppress(ValueError):
            return json.loads(variable)
    return variable


def sync(source: pathlib.Path, target: str) -> None:
    """Copies a folder as it is, into a folder that is its own: what is not in `source` is removed there."""
    run("gsutil", "-m", "-q", "rsync", "-r", "-d", source, target)


def deploy_dag(options: argparse.Namespace) -> None:
    bucket = Composer(options).bucket()
    # Other files of the folder are left alone: they may be DAGs of somebody else.
    run("gsutil", "-m", "-q", "cp", *sorted(DAGS.glob("*.py")), f"{bucket}/dags/mixpanel/")
    print(f"DAGs are in {bucket}/dags/mixpanel/; the scheduler finds them within minutes")


def deploy_plugin(options: argparse.Namespace) -> None:
    bucket = Composer(options).bucket()
    with tempfile.TemporaryDirectory() as folder:
        names = wheel.unpack(pathlib.Path(folder))
        listed = run("gsutil", "ls", f"{bucket}/plugins/").splitlines()
        with contextlib.suppress(Problem):  # there is none
            known = run("gsutil", "-q", "cat", f"{bucket}/plugins/.airflowignore")
            ignore = pathlib.Path(folder) / ".airflowignore"
            if wheel.IGNORE not in known:
                ignore.write_text(f"{known.rstrip()}\n{wheel.IGNORE}".lstrip(), encoding="utf-8")
            else:
                ignore.write_text(known, encoding="utf-8")
        # The list of ignored folders comes first, and the file by which Airflow loads the others last.
        for name in sorted(names, key=lambda name: (name == wheel.PLUGIN, name)):
            if (pathlib.Path(folder) / name).is_dir():
                sync(pathlib.Path(folder) / name, f"{bucket}/plugins/{name}")
            else:
                run("gsutil", "-q", "cp", pathlib.Path(folder) / name, f"{bucket}/plugins/{name}")
        for line in listed:
            old = line.rstrip("/").rpartition("/")[2]
            if re.fullmatch(rf"{wheel.PACKAGE}-[^/]+\.dist-info", old) and old not in names:
                run("gsutil", "-m", "-q", "rm", "-r", f"{bucket}/plugins/{old}/")
    print(f"the provider {wheel.version()} is in {bucket}/plugins/")


def deploy_dependencies(options: argparse.Namespace) -> None:
    bucket = Composer(options).bucket()
    for folder, target in ((DAGS / "dependencies", "dags/mixpanel/dependencies"), (SCHEMAS, "data/schemas")):
        files = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
        if files:
            run("gsutil", "-m", "-q", "cp", *files, f"{bucket}/{target}/")
            print(f"{', '.join(path.name for path in files)} are in {bucket}/{target}/")


def local_update(options: argparse.Namespace) -> None:
    home = pathlib.Path(options.airflow_home).expanduser()
    target = home / "dags/mixpanel"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DAGS, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    plugins = home / "plugins"
    for old in [plugins / wheel.PACKAGE, *plugins.glob(f"{wheel.PACKAGE}-*.dist-info")]:
        shutil.rmtree(old, ignore_errors=True)
    wheel.unpack(plugins)
    print(f"DAGs are in {target}, the provider is in {plugins}")


def variables_export(options: argparse.Namespace) -> None:
    if not options.file:
        raise Problem("say where to: FILE=variables.json")
    variables = Composer(options).variables()
    with open(os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(json.dumps(variables, indent=2) + "\n")
    print(f"{len(variables)} Variables are in {options.file}, which only you can read")


def variables_import(options: argparse.Namespace) -> None:
    if not options.file:
        raise Problem("say where from: FILE=variables.json")
    try:
        text = pathlib.Path(options.file).read_text(encoding="utf-8")
    except OSError as error:
        raise Problem(f"{options.file}: {error.strerror}") from None
    new = parse_variables(text, options.file)
    composer = Composer(options)
    there = composer.variables()
    same = {name for name in new if name in there and value_of(new[name]) == value_of(there[name])}
    collisions = sorted(name for name in new if name in there and name not in same)
    if collisions and not options.overwrite:
        raise Problem(
            f"{composer.name} has these Variables with other values: {', '.join(collisions)}. Nothing was imported. "
            "Remove them from the file, or repeat with OVERWRITE=1"
        )
    missing = {name: value for name, value in new.items() if name not in same}
    if missing:
        with composer.data_file(json.dumps(missing)) as (_, path):
            composer.airflow("variables", "import", path)
    for word, names in (
        ("imported", sorted(set(missing) - set(collisions))),
        ("replaced", collisions),
        ("the same already", sorted(same)),
    ):
        if names:
            print(f"{word}: {', '.join(names)}")


def connections_list(options: argparse.Namespace) -> None:
    shown = run_list(Composer(options))
    width = max([len(row["conn_id"]) for row in shown], default=0)
    for row in sorted(shown, key=lambda row: row["conn_id"]):
        print(f"{row['conn_id']:{width}}  {row.get('conn_type') or ''}  {row.get('host') or ''}".rstrip())


def run_list(composer: Composer) -> list[dict]:
    output = composer.airflow("connections", "list", "--output", "json")
    begin = output.find("[")  # gcloud prints words of its own before it
    try:
        return json.JSONDecoder().raw_decode(output[begin:])[0] if begin >= 0 else []
    except ValueError:
        raise Problem(f"connections list: no JSON in {output[:500]!r}") from None


def connections_add(options: argparse.Namespace) -> None:
    secret = os.environ.get("MIXPANEL_API_SECRET", "").strip()
    if not secret:
        raise Problem("set MIXPANEL_API_SECRET to the API secret of the project, from its settings")
    composer = Composer(options)
    if any(row["conn_id"] == CONNECTION for row in run_list(composer)):
        raise Problem(
            f"{composer.name} has a connection {CONNECTION} already; change it in Airflow under Admin, Connections"
        )
    connection = {CONNECTION: {"conn_type": "http", "host": MIXPANEL, "login": secret}}
    with composer.data_file(json.dumps(connection)) as (_, path):
        composer.airflow("connections", "import", path)
    print(f"the connection {CONNECTION} is there")


def delete_dag(options: argparse.Namespace) -> None:
    if not re.fullmatch(r"[\w.-]+", options.dag or ""):
        raise Problem("say which DAG: DAG=mixpanel-export")
    # One object, by its exact name: no wildcard, no folder.
    if not re.fullmatch(r"[\w./-]+\.py", options.file or "") or ".." in options.file or options.file.startswith("/"):
        raise Problem("say which file, below dags/: FILE=mixpanel/mixpanel_export.py")
    composer = Composer(options)
    uri = f"{composer.bucket()}/dags/{options.file}"
    found = run("gsutil", "ls", uri).split()
    if found != [uri]:
        raise Problem(f"{uri} is not one object: {found}")
    text = run("gsutil", "-q", "cat", uri)
    if options.dag not in re.findall(r"[\w.-]+", text):
        raise Problem(f"{uri} does not contain the name {options.dag}; nothing was removed")
    composer.airflow("dags", "pause", options.dag)
    run("gsutil", "-q", "rm", uri)
    composer.airflow("dags", "delete", "--yes", options.dag)
    print(f"{uri} and the metadata of {options.dag} are removed")


COMMANDS = {
    "deploy-dag": deploy_dag,
    "deploy-plugin": deploy_plugin,
    "deploy-dependencies": deploy_dependencies,
    "local-update": local_update,
    "variables-export": variables_export,
    "variables-import": variables_import,
    "connections-list": connections_list,
    "connections-add": connections_add,
    "delete-dag": delete_dag,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=sorted(COMMANDS))
    for name in ("environment", "location", "project", "bucket", "file", "dag"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--airflow-home", default="~/airflow")
    options = parser.parse_args()
    try:
        COMMANDS[options.command](options)
    except Problem as problem:
        print(f"{options.command}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
