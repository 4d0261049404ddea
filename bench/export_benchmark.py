#!/usr/bin/env python3
"""Exports into a lake: from a server that only sends files, to zstd Parquet, against DuckDB reading the same events from disk.

The server answers queries of the raw export with files of the asked days, so that it takes no time that counts. The two
take turns; the table shows medians and the ratio of DuckDB's time to Millrace's (above 1: Millrace is quicker). `again` is
a second export of the same days, in which nothing is new.

    ./dev bench export        (MILLRACE_BENCH_ROWS, MILLRACE_BENCH_ROUNDS change the sizes)
"""
import http.server
import json
import os
import pathlib
import resource
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import lake_benchmark  # noqa: E402
from lake_benchmark import PROGRAM, ROUNDS, ROWS, duck  # noqa: E402


class Server:
    """Answers each query of the raw export with `send(handler, first day, last day)`, in a thread of this process."""

    def __init__(self, send):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                send(self, query["from_date"][0], query["to_date"][0])

            def begin(self, size):
                self.send_response(200)
                self.send_header("Content-Length", str(size))
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Bench(lake_benchmark.Bench):
    def __init__(self, folder, rows=ROWS):
        super().__init__(folder, rows)
        self.first = self.split_days()
        self.server = Server(self.send_days)

    def split_days(self):
        """Returns the first day."""
        days = {}
        (self.folder / "days").mkdir()
        with open(self.folder / "raw.ndjson", "rb") as lines:
            for line in lines:
                millis = json.loads(line)["properties"]["time"]
                day = time.strftime("%Y-%m-%d", time.gmtime(millis / 1000))
                if day not in days:
                    days[day] = open(self.folder / "days" / day, "wb")
                days[day].write(line)
        for file in days.values():
            file.close()
        return min(days)

    def send_days(self, handler, first, last):
        days = [path for path in sorted((self.folder / "days").iterdir()) if first <= path.name <= last]
        handler.begin(sum(path.stat().st_size for path in days))
        for path in days:
            with open(path, "rb") as file:
                handler.connection.sendfile(file)

    def export(self, state, rows, accepted):
        """Seconds, CPU seconds, peak MB."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        report = json.loads(self.run([PROGRAM, "export", "events", "--project-id", "1", "--mixpanel-url", self.server.url,
                                      "--time-zone", "utc", "--since", self.first, "--late", "3650d", "--rows-per-query",
                                      "200000", "--to", f"{self.folder}/out/?format=parquet&path=", "--state", str(state),
                                      "--quiet", "--json"], env=os.environ | {"MIXPANEL_TOKEN": "bench"}))
        wall = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if report["accepted"] != accepted or report["read"] != rows:
            sys.exit(f"{report['accepted']} of {report['read']} rows: {report['first_error']}")
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, report["peak_memory_bytes"] / 1e6

    def first_export(self):
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        shutil.rmtree(self.folder / "state-export", ignore_errors=True)
        return self.export(self.folder / "state-export", self.rows, self.rows)

    def second_export(self):
        return self.export(self.folder / "state-export", self.rows, 0)


def main():
    if duck.duckdb is None:
        sys.exit("DuckDB is not installed (tools/setup.sh --tests)")
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        bench = Bench(pathlib.Path(folder))
        kinds = {"export": bench.first_export, "export again": bench.second_export, "DuckDB COPY": bench.duckdb}
        results = {name: [] for name in kinds}
        for _ in range(ROUNDS):
            for name, measure in kinds.items():
                results[name].append(measure())
        medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in results.items()}
        print(f"{ROWS:,} events, medians of {ROUNDS}")
        print(f"{'':<18}{'s':>8}{'CPU s':>8}{'peak MB':>9}{'ratio':>8}{'CPU ratio':>11}")
        for name, (wall, cpu, memory) in medians.items():
            other = medians["DuckDB COPY"]
            print(f"{name:<18}{wall:>8.2f}{cpu:>8.2f}{memory:>9.0f}{other[0] / wall:>8.2f}{other[1] / cpu:>11.2f}")


if __name__ == "__main__":
    main()
