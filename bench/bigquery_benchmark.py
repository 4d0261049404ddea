#!/usr/bin/env python3
"""Imports into BigQuery: what the client costs. The service, a process of its own (bigquery_discard_server.py), looks at no row.

The same generated events are imported from Parquet and NDJSON.gz by each method of the Storage Write API, and into null:,
which shows what reading and mapping cost; all take turns. CPU is that of the client alone.

    ./dev bench bigquery      (MILLRACE_BENCH_ROWS, MILLRACE_BENCH_ROUNDS change the sizes)
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/integration")]
import bigquery_server  # noqa: E402

PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("MILLRACE_BENCH_ROUNDS", "3"))
METHODS = {"null:": "null:", "storage_write": "bigquery://p/d?table=events",
           "default_stream": "bigquery://p/d?table=events&method=default_stream"}


def run(folder, state, to, environment):
    """Seconds, CPU seconds, peak MB, MB sent."""
    begin = time.monotonic()
    process = subprocess.Popen([PROGRAM, "import", folder, "--config", folder / "sources.json", "--to", to, "--quiet",
                                "--json", "--state", state], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, env=environment)
    report = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if report["accepted"] != ROWS:
        sys.exit(f"{report['accepted']} of {ROWS} rows: {report['first_error']}")
    return wall, usage.ru_utime + usage.ru_stime, report["peak_memory_bytes"] / 1e6, report["bytes_sent"] / 1e6


def main():
    if not bigquery_server.available():
        sys.exit("bqemulator's packages are not installed: run tools/setup.sh --tests")
    results = {}
    with tempfile.TemporaryDirectory(prefix="mr-bench-") as name:
        home = pathlib.Path(name)
        for form in ("parquet", "ndjson"):
            subprocess.run([PROGRAM, "generate", "events", "--rows", str(ROWS), "--seed", "1", "--format", form,
                            "--output", home / form], check=True, stdout=subprocess.DEVNULL)
        for number in range(ROUNDS):
            for form in ("parquet", "ndjson"):
                for method, to in METHODS.items():
                    server = subprocess.Popen([sys.executable, ROOT / "bench/bigquery_discard_server.py"],
                                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                              env=os.environ | bigquery_server.packages_environment())
                    addresses = json.loads(server.stdout.readline())
                    environment = os.environ | {"BIGQUERY_EMULATOR_HOST": addresses["rest"],
                                                "BIGQUERY_STORAGE_EMULATOR_HOST": addresses["storage"]}
                    state = home / f"state-{number}-{form}-{method}".replace(":", "")
                    results.setdefault((form, method), []).append(run(home / form, state, to, environment))
                    server.communicate()
    print(f"{ROWS} events, medians of {ROUNDS} runs\n")
    print("| input | destination | wall s | client CPU s | peak MB | MB sent |\n|---|---|---|---|---|---|")
    for (form, method), runs in results.items():
        wall, cpu, peak, sent = [statistics.median(column) for column in zip(*runs)]
        print(f"| {form} | {method} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {sent:.0f} |")


if __name__ == "__main__":
    main()
