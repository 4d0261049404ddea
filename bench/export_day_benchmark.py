#!/usr/bin/env python3
"""Exports one day of 20 million events into a Parquet lake: CPU seconds, peak memory, and the most disk space that it takes.

The server sends the same 200,000 events again and again, each time with other `$insert_id`s, so that all of them are
events of their own. DuckDB counts what has arrived.

    ./dev bench export_day    (MILLRACE_BENCH_ROWS changes the size: a multiple of 200,000)
"""
import json
import os
import pathlib
import re
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import export_benchmark  # noqa: E402
from lake_benchmark import duck  # noqa: E402

ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "20000000"))
TEMPLATE_ROWS = 200_000
DAY, DAY_BEGIN = "2026-10-15", 1792022400000
MOST_PEAK_MB = 200
ID = b'"$insert_id":"'


class Bench(export_benchmark.Bench):
    def __init__(self, folder):
        super().__init__(folder, TEMPLATE_ROWS)
        self.passes = ROWS // TEMPLATE_ROWS

    def split_days(self):
        lines = (self.folder / "raw.ndjson").read_bytes().splitlines(keepends=True)
        for i, line in enumerate(lines):
            time = DAY_BEGIN + i * 86_400_000 // len(lines)
            lines[i] = re.sub(rb'"time":\d+', b'"time":%d' % time, line, count=1)
        self.template = b"".join(lines)
        assert self.template.count(ID) == len(lines) and json.loads(lines[0])["properties"]["time"] == DAY_BEGIN
        return DAY

    def send_days(self, handler, first, last):
        if not first <= DAY <= last:
            return handler.begin(0)
        handler.begin(self.passes * (len(self.template) + 4 * TEMPLATE_ROWS))
        for number in range(self.passes):
            handler.wfile.write(self.template.replace(ID, ID + b"%04d" % number))


def disk_bytes(paths):
    """What files take now; some disappear meanwhile."""
    total = 0
    for path in paths:
        try:
            total += os.stat(path).st_blocks * 512
        except OSError:
            pass
    return total


def files_below(folder):
    return (os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)


def nameless_files():
    """Those that child processes have open, as /proc shows them."""
    for children in pathlib.Path("/proc/self/task").glob("*/children"):
        for process in children.read_text().split():
            try:
                files = [f"/proc/{process}/fd/{fd}" for fd in os.listdir(f"/proc/{process}/fd")]
                yield from (file for file in files if os.readlink(file).endswith(" (deleted)"))
            except OSError:
                pass  # the process has ended


class MostDisk:
    """The most that nameless files and those below `folder` take while it runs, looked at each second."""

    def __init__(self, folder):
        self.folder, self.most, self.ended = folder, 0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self):
        while not self.ended.wait(1):
            self.most = max(self.most, disk_bytes(files_below(self.folder)) + disk_bytes(nameless_files()))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def main():
    if duck.duckdb is None:
        sys.exit("DuckDB is not installed (tools/setup.sh --tests)")
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        bench = Bench(pathlib.Path(folder))
        state = bench.folder / "state-export"
        with MostDisk(state) as disk:
            wall, cpu, memory = bench.export(state, ROWS, ROWS)
        rows, ids = duck.connect().execute(
            f"SELECT count(*), count(DISTINCT insert_id) FROM read_parquet('{folder}/out/**/*.parquet')").fetchone()
        if (rows, ids) != (ROWS, ROWS):
            sys.exit(f"{rows:,} rows with {ids:,} different ids have arrived")
        megabytes = bench.passes * len(bench.template) / 1e6
        print(f"{ROWS:,} events of one day, {megabytes:,.0f} MB of NDJSON")
        print(f"{wall:.0f} s, {cpu:.1f} CPU s ({cpu / ROWS * 1e6:.2f} per million events), peak {memory:.0f} MB")
        print(f"most disk for the state {disk.most / 1e6:,.0f} MB; the lake has "
              f"{disk_bytes(files_below(bench.folder / 'out')) / 1e6:,.0f} MB")
        sys.exit(f"the peak is above {MOST_PEAK_MB} MB" if memory > MOST_PEAK_MB else 0)


if __name__ == "__main__":
    main()
