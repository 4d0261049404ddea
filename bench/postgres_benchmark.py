#!/usr/bin/env python3
"""Imports into PostgreSQL against psql's \\copy, and into null:, which shows what everything but a destination costs.

Generated events (NDJSON) go into a new table with the usual indexes by `millrace import`, which reads and maps them,
and by `psql -c '\\copy ...'` of the same rows, prepared as CSV. The two take turns; the table shows medians and the
ratio of \\copy's time to Millrace's (above 1: Millrace is quicker). The server is a private one that syncs to disk.

    ./dev bench postgres          (MILLRACE_BENCH_ROWS, MILLRACE_BENCH_ROUNDS change the sizes)
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
sys.path.insert(0, str(ROOT / "tests/integration"))
import postgres_server  # noqa: E402

PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("MILLRACE_BENCH_ROUNDS", "5"))


class Bench:
    def __init__(self, folder, server):
        self.folder = folder
        self.server = server
        self.tables = 0
        self.run([PROGRAM, "generate", "events", "--rows", str(ROWS), "--seed", "1", "--format", "ndjson",
                  "--output", str(folder / "events")])

    def run(self, command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{command[:3]} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def psql(self, statement):
        return self.run(["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", self.server.uri, "-c", statement])

    def new_table(self):
        """A table as Millrace makes it, and its DEST."""
        self.tables += 1
        name = f"events_{self.tables}"
        to = f"{self.server.uri}&table={name}"
        self.run([PROGRAM, "destinations", "create", to])
        return name, to

    def load(self, to):
        """Seconds, peak MB."""
        state = self.folder / f"state-{time.monotonic_ns()}"
        begin = time.monotonic()
        report = json.loads(self.run([PROGRAM, "import", str(self.folder / "events"), "--config",
                                      str(self.folder / "events/sources.json"), "--to", to, "--state", str(state),
                                      "--quiet", "--json"]))
        wall = time.monotonic() - begin
        if report["accepted"] != ROWS:
            sys.exit(f"the import failed: {report}")
        return wall, report["peak_memory_bytes"] / 1e6

    def copy(self, csv):
        name, _ = self.new_table()
        begin = time.monotonic()
        self.psql(f"\\copy {name} FROM '{csv}' (FORMAT csv)")
        wall = time.monotonic() - begin
        self.psql(f"DROP TABLE {name}")
        return wall

    def import_rows(self):
        name, to = self.new_table()
        measured = self.load(to)
        if int(self.psql(f"SELECT count(*) FROM {name}")) != ROWS:
            sys.exit("rows are missing")
        self.run([PROGRAM, "destinations", "drop", to, "--yes"])
        return measured

    def prepare(self):
        name, to = self.new_table()
        self.load(to)
        csv = self.folder / "rows.csv"
        self.psql(f"\\copy {name} TO '{csv}' (FORMAT csv)")
        self.run([PROGRAM, "destinations", "drop", to, "--yes"])
        return csv


def main():
    if postgres_server.programs() is None:
        sys.exit("PostgreSQL is not installed: tools/setup.sh --tests")
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as name:
        server = postgres_server.PostgresServer("fsync=on", "max_wal_size=4GB", "shared_buffers=512MB")
        try:
            bench = Bench(pathlib.Path(name), server)
            csv = bench.prepare()
            copies, imports, nulls = [], [], []
            for _ in range(ROUNDS):
                copies.append(bench.copy(csv))
                imports.append(bench.import_rows())
                nulls.append(bench.load("null:"))
        finally:
            server.stop()
    print(f"{ROWS:,} events, {os.cpu_count()} cores, medians of {ROUNDS}\n")
    print("| | s | rows/s | peak MB |")
    print("|---|---|---|---|")
    copy = statistics.median(copies)
    print(f"| psql \\copy of prepared CSV | {copy:.2f} | {ROWS / copy:,.0f} | |")
    for label, runs in (("millrace import --to postgres://", imports), ("millrace import --to null:", nulls)):
        wall = statistics.median(wall for wall, _ in runs)
        peak = statistics.median(peak for _, peak in runs)
        print(f"| {label} | {wall:.2f} | {ROWS / wall:,.0f} | {peak:.0f} |")
    ratio = copy / statistics.median(wall for wall, _ in imports)
    print(f"\nratio of \\copy's time to the import's: {ratio:.2f}")


if __name__ == "__main__":
    main()
