#!/usr/bin/env python3
"""gcloud and gsutil for tests: an environment whose bucket is a folder, and whose Airflow is a JSON file.

Called as gcloud or gsutil, with MILLRACE_FAKE_CLOUD naming the folder, where `calls` records every command. It knows the
forms that Google documents for these commands, and refuses all others.
"""

import fnmatch
import json
import os
import pathlib
import shutil
import sys

FOLDER = pathlib.Path(os.environ["MILLRACE_FAKE_CLOUD"])
BUCKET = "gs://us-east1-export-bucket"
ENVIRONMENT = ["export-test2", "--location", "us-east1", "--project", "acv-data"]


def fail(message):
    print(f"ERROR: {message}", file=sys.stderr)
    sys.exit(1)


def local(uri):
    if not uri.startswith(f"{BUCKET}/"):
        fail(f"{uri}: no such bucket")
    return FOLDER / "bucket" / uri[len(BUCKET) + 1 :]


def path_of(name):
    return local(name) if name.startswith("gs://") else pathlib.Path(name)


def gsutil(args):
    args = [arg for arg in args if arg not in ("-m", "-q")]
    verb, flags, names = (
        args[0],
        [a for a in args[1:] if a.startswith("-")],
        [a for a in args[1:] if not a.startswith("-")],
    )
    if verb == "cp" and not flags:
        target = path_of(names[-1])
        for name in names[:-1]:
            to = target / pathlib.Path(name).name if names[-1].endswith("/") else target
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path_of(name), to)
    elif verb == "rsync" and flags == ["-r", "-d"]:
        shutil.rmtree(path_of(names[1]), ignore_errors=True)
        shutil.copytree(path_of(names[0]), path_of(names[1]))
    elif verb == "ls" and not flags:
        path = local(names[0])
        if not path.exists():
            fail("CommandException: One or more URLs matched no objects.")
        entries = sorted(path.iterdir()) if path.is_dir() else [path]
        for entry in entries:
            print(f"{BUCKET}/{entry.relative_to(FOLDER / 'bucket')}{'/' if entry.is_dir() else ''}")
    elif verb == "cat" and not flags:
        path = local(names[0])
        if not path.is_file():
            fail("No URLs matched")
        sys.stdout.write(path.read_text())
    elif verb == "rm" and flags in ([], ["-f"], ["-r"]):
        path = local(names[0])
        if any(fnmatch.fnmatch(c, "[*?]") for c in names[0]):
            fail("a wildcard")
        if path.is_dir() and flags == ["-r"]:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
        elif "-f" not in flags:
            fail("No URLs matched")
    else:
        fail(f"gsutil: unknown: {args}")


def worker_path(name):
    if not name.startswith("/home/airflow/gcs/data/"):
        fail(f"{name}: no such file on the worker")
    return FOLDER / "bucket/data" / name[len("/home/airflow/gcs/data/") :]


def airflow(state, command):
    if command[:2] == ["variables", "export"]:
        path = worker_path(command[2])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(state["variables"]))
    elif command[:2] == ["variables", "import"]:
        state["variables"].update(json.loads(worker_path(command[2]).read_text()))
    elif command == ["connections", "list", "--output", "json"]:
        print("Executing within the following Kubernetes cluster namespace: composer-1")
        print(
            json.dumps(
                [
                    {"conn_id": name, "conn_type": c.get("conn_type"), "host": c.get("host")}
                    for name, c in state["connections"].items()
                ]
            )
        )
    elif command[:2] == ["connections", "import"]:
        state["connections"].update(json.loads(worker_path(command[2]).read_text()))
    elif command[:2] == ["dags", "pause"]:
        state["paused"].append(command[2])
    elif command[:3] == ["dags", "delete", "--yes"]:
        state["dags"].remove(command[3])
    else:
        fail(f"airflow: unknown: {command}")


def gcloud(args):
    if args[:3] != ["composer", "environments", args[2]] or args[2] not in ("describe", "run"):
        fail(f"gcloud: unknown: {args}")
    if args[3:8] != ENVIRONMENT:
        fail(f"environment not found: {args[3:8]}")
    rest = args[8:]
    if args[2] == "describe" and rest == ["--format=value(config.dagGcsPrefix)"]:
        print(f"{BUCKET}/dags")
        return
    if args[2] != "run" or rest[2] != "--":
        fail(f"gcloud: unknown: {args}")
    path = FOLDER / "airflow.json"
    state = json.loads(path.read_text())
    airflow(state, [*rest[:2], *rest[3:]])
    path.write_text(json.dumps(state))


if __name__ == "__main__":
    program = pathlib.Path(sys.argv[0]).name
    with open(FOLDER / "calls", "a", encoding="utf-8") as calls:
        calls.write(json.dumps([program, *sys.argv[1:]]) + "\n")
    {"gcloud": gcloud, "gsutil": gsutil}[program](sys.argv[1:])
