#!/usr/bin/env python3
"""Imports into lakes and Iceberg tables: Parquet against DuckDB, and NDJSON.gz against the import into Mixpanel, which compresses too.

The same generated events are imported as Mixpanel events (NDJSON, one partition) by `millrace import`, and copied by
DuckDB from NDJSON files that have the columns already, with zstd level 1; both use all processors. The two take turns;
the table shows medians and the ratio of the other's time to Millrace's (above 1: Millrace is quicker).

    ./dev bench lake          (MILLRACE_BENCH_ROWS, MILLRACE_BENCH_ROUNDS change the sizes)
"""
import gzip
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import duck  # noqa: E402

PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("MILLRACE_BENCH_ROUNDS", "5"))
COLUMNS = {"event": "VARCHAR", "event_time": "TIMESTAMPTZ", "insert_time": "TIMESTAMPTZ", "token": "VARCHAR",
           "device_id": "VARCHAR", "insert_id": "VARCHAR", "user_id": "VARCHAR", "distinct_id": "VARCHAR",
           "properties": "JSON"}


class Bench:
    def __init__(self, folder, rows=ROWS):
        self.folder = folder
        self.rows = rows
        self.runs = 0
        self.run([PROGRAM, "generate", "events", "--rows", str(rows), "--seed", "1", "--format", "ndjson",
                  "--output", str(folder / "generated")])
        # The same events as Mixpanel's and as rows of the table.
        for form in ("raw", "table"):
            self.millrace(folder / "generated", f"{folder}/{form}/?format=ndjson.gz&form={form}&path=",
                          "--config", str(folder / "generated/sources.json"))
            plain = folder / f"{form}.ndjson"
            with open(plain, "wb") as out:
                for path in sorted((folder / form).rglob("*.ndjson.gz")):
                    with gzip.open(path) as file:
                        shutil.copyfileobj(file, out)

    def run(self, command, **more):
        done = subprocess.run(command, capture_output=True, text=True, **more)
        if done.returncode != 0:
            sys.exit(f"{command[:3]} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def millrace(self, source, to, *more):
        """Seconds, CPU seconds, peak MB."""
        self.runs += 1
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        report = json.loads(self.run([PROGRAM, "import", str(source), "--to", to, "--state",
                                      str(self.folder / f"state-{self.runs}"), "--quiet", "--json", *more]))
        wall = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if report["accepted"] != self.rows:
            sys.exit(f"{report['accepted']} of {self.rows} rows: {report['first_error']}")
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, report["peak_memory_bytes"] / 1e6

    def parquet(self):
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        return self.millrace(self.folder / "raw.ndjson", f"{self.folder}/out/?format=parquet&path=")

    def iceberg(self):
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        return self.millrace(self.folder / "raw.ndjson", f"iceberg:{self.folder}/out/?partition=none")

    def lines(self):
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        return self.millrace(self.folder / "raw.ndjson", f"{self.folder}/out/?format=ndjson.gz&form=raw&path=")

    def mixpanel(self):
        server = subprocess.Popen([PROGRAM, "sandbox", "--listen", "127.0.0.1:0", "--discard", "--json"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            url = json.loads(server.stdout.readline())["url"]
            os.environ["MIXPANEL_TOKEN"] = "bench"
            return self.millrace(self.folder / "raw.ndjson", "mixpanel", "--mixpanel-url", url, "--events-per-second",
                                 "0", "--gigabytes-per-minute", "0", "--compression", "fast")
        finally:
            server.terminate()
            server.wait()

    def duckdb(self):
        """In a process of its own, which starts as Millrace does."""
        program = (f"import sys; sys.path.insert(0, {str(ROOT / 'tests/e2e')!r}); import duck; "
                   f"duck.connect().execute(\"COPY (FROM read_json('{self.folder}/table.ndjson', "
                   f"format='newline_delimited', columns={COLUMNS})) TO '{self.folder}/duck.parquet' "
                   "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)\")")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        self.run([sys.executable, "-c", program])
        wall = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 0


def main():
    if duck.duckdb is None:
        sys.exit("DuckDB is not installed (tools/setup.sh --tests)")
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        bench = Bench(pathlib.Path(folder))
        kinds = {"Parquet": bench.parquet, "DuckDB COPY": bench.duckdb, "Iceberg": bench.iceberg, "NDJSON.gz": bench.lines,
                 "Mixpanel (gzip)": bench.mixpanel}
        results = {name: [] for name in kinds}
        for _ in range(ROUNDS):
            for name, measure in kinds.items():
                results[name].append(measure())
        medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in results.items()}
        print(f"{ROWS:,} events, medians of {ROUNDS}")
        print(f"{'':<18}{'s':>8}{'CPU s':>8}{'peak MB':>9}{'ratio':>8}{'CPU ratio':>11}")
        for name, other in (("Parquet", "DuckDB COPY"), ("Iceberg", "DuckDB COPY"), ("NDJSON.gz", "Mixpanel (gzip)")):
            for row in (name, other):
                wall, cpu, memory = medians[row]
                ratio = f"{medians[other][0] / wall:>8.2f}{medians[other][1] / cpu:>11.2f}" if row == name else ""
                print(f"{row:<18}{wall:>8.2f}{cpu:>8.2f}{memory:>9.0f}{ratio}")


if __name__ == "__main__":
    main()
