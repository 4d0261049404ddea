#!/usr/bin/env python3
"""A local Airflow with the provider and the DAGs, a sandbox instead of Mixpanel, and a private PostgreSQL server as the
destination, until Ctrl-C: local.py [--home DIR] [--port PORT]

Everything listens on loopback, and is in one folder, which is removed at the end unless --home names it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime, timedelta, timezone

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(ROOT / "tests/e2e"), str(ROOT / "tests/integration")]

import environment  # noqa: E402
from harness import PROGRAM, Sandbox  # noqa: E402
from postgres_server import PostgresServer, programs  # noqa: E402

START_TIMEOUT = 180  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LocalAirflow:
    """Airflow in a folder of its own, with the provider and the DAGs; the components are started one by one. `python` has
    Airflow installed."""

    def __init__(
        self, home: pathlib.Path, python: pathlib.Path | str = sys.executable, port: int = 0, **variables: str
    ):
        self.home = home
        self.python = str(python)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        keep = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "MIXPANEL", "PYTHONPATH"))
        }
        self.environment = {
            **keep,
            "AIRFLOW_HOME": str(home),
            "PATH": f"{pathlib.Path(self.python).parent}:{keep['PATH']}",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__WEBSERVER__BASE_URL": self.url,
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__MILLRACE__BINARY": PROGRAM,
            "AIRFLOW__MILLRACE__STATE": str(home / "state"),
            **variables,
        }
        self.components: dict[str, subprocess.Popen] = {}
        home.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(sys.stderr):
            environment.local_update(argparse.Namespace(airflow_home=str(home)))
        # As on PYTHONPATH, so that Airflow 3 finds the connection type, too.
        self.environment["PYTHONPATH"] = str(home / "plugins")

    def airflow(self, *arguments: str, check: bool = True, timeout: float = 300) -> str:
        """What a command prints."""
        done = subprocess.run(
            [self.python, "-m", "airflow", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            cwd=self.home,
        )
        if check and done.returncode != 0:
            raise RuntimeError(
                f"airflow {' '.join(arguments)}: exit status {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
        return done.stdout + ("" if check else done.stderr)

    def version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.airflow("version").split()[-1].split("."))

    def migrate(self) -> None:
        self.airflow("db", "migrate")

    def start(self, name: str) -> None:
        """One of "web", "scheduler", "dag-processor" and "triggerer"; its log is NAME.log in the home folder."""
        new = self.version() >= (3,)
        arguments = {
            "web": ["api-server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
            if new
            else ["webserver", "--hostname", "127.0.0.1", "--port", str(self.port), "--workers", "1"],
            "scheduler": ["scheduler", "--skip-serve-logs"],
            "dag-processor": ["dag-processor"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
        }[name]
        with open(self.home / f"{name}.log", "ab") as log:
            self.components[name] = subprocess.Popen(
                [self.python, "-m", "airflow", *arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.home,
            )

    def start_all(self) -> None:
        """Returns when the web server answers."""
        self.migrate()
        for name in ("web", "scheduler", "triggerer", *(["dag-processor"] if self.version() >= (3,) else [])):
            self.start(name)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(
                f"{self.url}/api/v2/version" if self.version() >= (3,) else f"{self.url}/health", timeout=5
            ):
                return
            for name, process in self.components.items():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"{name} does not start: {(self.home / f'{name}.log').read_text(errors='replace')[-3000:]}"
                    )
            time.sleep(0.5)

    def stop(self, names: list[str] | None = None, number: int = signal.SIGTERM) -> None:
        for name in names or list(self.components):
            process = self.components.pop(name)
            for one in (number, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, one)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)


def seed_environment(variable: dict, mixpanel: str, secret: str) -> dict[str, str]:
    """The Variable and the connection of the DAGs, as variables of the environment."""
    connection = {"conn_type": "http", "host": f"{mixpanel}/api/2.0/export", "login": secret}
    return {"AIRFLOW_VAR_MIXPANEL-EXPORT": json.dumps(variable), "AIRFLOW_CONN_MIXPANEL_EXPORT": json.dumps(connection)}


def send_samples(sandbox: Sandbox) -> None:
    """Some events and profiles, which Mixpanel received two hours ago, so that an export finds them settled."""
    now = int(time.time() * 1000)
    sandbox.request("PUT", "/sandbox/clock", json.dumps({"now": now - 2 * 3_600_000}))
    events = [
        {
            "event": name,
            "properties": {
                "token": "t",
                "distinct_id": f"user-{i % 7}",
                "$insert_id": f"sample-{i}",
                "time": now - 2 * 3_600_000 - i * 1000,
            },
        }
        for i, name in enumerate(["Sign up", "View", "Purchase"] * 40)
    ]
    headers = {"Content-Type": "application/json"}
    sandbox.request("POST", "/track?verbose=1", json.dumps(events), headers)
    people = [
        {"$token": "t", "$distinct_id": f"user-{i}", "$set": {"plan": "pro" if i % 2 else "free"}} for i in range(7)
    ]
    sandbox.request("POST", "/engage?verbose=1", json.dumps(people), headers)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=pathlib.Path, help="folder of Airflow, which stays")
    parser.add_argument("--port", type=int, default=8080, help="of Airflow's web server (default: 8080)")
    options = parser.parse_args()
    if programs() is None:
        print("local: PostgreSQL is not installed; run tools/setup.sh --airflow", file=sys.stderr)
        return 1
    if not pathlib.Path(PROGRAM).is_file():
        print(f"local: {PROGRAM} is not there; run ./dev build release millrace", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home = options.home or pathlib.Path(tempfile.mkdtemp(prefix="millrace-airflow-"))
    with contextlib.ExitStack() as stack:
        if options.home is None:
            stack.callback(shutil.rmtree, home, ignore_errors=True)
        sandbox = Sandbox()
        stack.callback(sandbox.stop)
        send_samples(sandbox)
        postgres = PostgresServer()
        stack.callback(postgres.stop)
        variable = {
            "to": postgres.uri,
            "bigquery_event_table": "events",
            "bigquery_people_table": "people",
            "time_zone": "utc",
        }
        start = (datetime.now(timezone.utc) - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S")
        airflow = LocalAirflow(
            home,
            port=options.port,
            MIXPANEL_EXPORT_START=start,
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
            **seed_environment(variable, sandbox.url, "sandbox"),
        )
        stack.callback(airflow.stop)
        try:
            print("starting Airflow, which takes about a minute", file=sys.stderr)
            airflow.start_all()
            print(
                f"Airflow     {airflow.url}\nsandbox     {sandbox.url}\nPostgreSQL  psql '{postgres.uri}'\nfolder      {home}\n"
                "Ctrl-C stops all of it.",
                flush=True,
            )
            while all(process.poll() is None for process in airflow.components.values()):
                time.sleep(1)
            print(f"a component of Airflow has ended; see its log in {home}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("stopping", file=sys.stderr)
            return 0


if __name__ == "__main__":
    sys.exit(main())
