#!/usr/bin/env python3
"""Imports one Parquet file whose only row group holds 2 GB: the peak memory must stay below 256 MB.

Two shapes, each imported into `sandbox --discard`: many small events, and fewer with long texts that do not
compress. The files are written with the pyarrow that ./dev setup unpacked.

    ./dev bench large_row_group       (MILLRACE_BENCH_BYTES changes the size, MILLRACE_BENCH_DATA keeps the files)
"""
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
BYTES = int(os.environ.get("MILLRACE_BENCH_BYTES", str(2 << 30)))
MOST_PEAK_MB = 256

cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
sys.path[:0] = [str(path) for path in (cache / "millrace/deps").glob("pyarrow-*")]


def write_file(path, text_bytes):
    """One row group of BYTES; each row has `text_bytes` of text that does not compress."""
    import pyarrow
    import pyarrow.parquet

    rows_per_batch = max(1, (4 << 20) // (text_bytes + 60))
    schema = pyarrow.schema([("event", pyarrow.string()), ("user_id", pyarrow.string()), ("time", pyarrow.int64()),
                             ("n", pyarrow.float64()), ("text", pyarrow.string())])
    draw = random.Random(7)
    pool = draw.randbytes(8 << 20).hex()
    batches, rows, sum_of_bytes = [], 0, 0
    while sum_of_bytes < BYTES:
        cuts = [draw.randrange(len(pool) - text_bytes) for _ in range(rows_per_batch)]
        numbers = range(rows, rows + rows_per_batch)
        batches.append(pyarrow.record_batch([
            ["View" if n % 3 else "Buy" for n in numbers], [f"user-{n * 7919 % 1_000_003}" for n in numbers],
            [1_713_928_381_000 + n for n in numbers], [n / 3 for n in numbers],
            [pool[cut:cut + text_bytes] for cut in cuts]], schema=schema))
        rows += rows_per_batch
        sum_of_bytes += batches[-1].nbytes
    # The writer makes one row group of one table only: all of it is held here.
    pyarrow.parquet.write_table(pyarrow.Table.from_batches(batches), path, row_group_size=64 << 20,
                                compression="snappy", use_dictionary=["event"])
    metadata = pyarrow.parquet.read_metadata(path)
    assert metadata.num_row_groups == 1 and metadata.num_rows == rows
    return rows, metadata.row_group(0).total_byte_size


def config(folder):
    path = folder / "sources.json"
    path.write_text(json.dumps([{
        "config_id": "large", "source_gcs_prefix": str(folder), "mixpanel_event_name_from_field": "event",
        "field_mappings": [
            {"source_field": "time", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
            {"source_field": "user_id", "mixpanel_field": "distinct_id", "type": "string"},
            {"source_field": "*", "mixpanel_field": "*"}]}]))
    return path


def run(path, sources, rows):
    state = tempfile.mkdtemp(prefix="millrace-bench-")
    sandbox = subprocess.Popen([PROGRAM, "sandbox", "--discard", "--json"], stdout=subprocess.PIPE, text=True)
    url = json.loads(sandbox.stdout.readline())["url"]
    begin = time.monotonic()
    process = subprocess.Popen(
        [PROGRAM, "import", str(path), "--config", str(sources), "--mixpanel-url", url, "--events-per-second", "0",
         "--gigabytes-per-minute", "0", "--quiet", "--json"],
        stdout=subprocess.PIPE, env=os.environ | {"MILLRACE_STATE": state, "MIXPANEL_TOKEN": "bench"})
    report = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    sandbox.terminate()
    sandbox.wait()
    shutil.rmtree(state)
    if status != 0 or report["accepted"] != rows:
        sys.exit(f"the import of {path} went wrong: {report}")
    return wall, usage.ru_maxrss / 1000


def main():
    keep = os.environ.get("MILLRACE_BENCH_DATA")
    folder = pathlib.Path(keep or tempfile.mkdtemp(prefix="millrace-bench-data-"))
    folder.mkdir(exist_ok=True)
    worst = 0
    try:
        sources = config(folder)
        print(f"| shape | rows | row group GB | file GB | wall s | events/s | peak MB (at most {MOST_PEAK_MB}) |")
        print("|---|---|---|---|---|---|---|")
        for shape, text_bytes in (("small rows", 40), ("texts of 100 kB", 100_000)):
            path = folder / f"{text_bytes}.parquet"
            # In a separate process: the memory of this one would count towards the peak of its children.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rows, size = pool.apply(write_file, (path, text_bytes))
            wall, peak = run(path, sources, rows)
            worst = max(worst, peak)
            print(f"| {shape} | {rows:,} | {size / 1e9:.2f} | {path.stat().st_size / 1e9:.2f} | {wall:.1f} "
                  f"| {rows / wall:,.0f} | {peak:.0f} |", flush=True)
            if not keep:
                path.unlink()
    finally:
        if not keep:
            shutil.rmtree(folder)
    return 1 if worst > MOST_PEAK_MB else 0


if __name__ == "__main__":
    sys.exit(main())
