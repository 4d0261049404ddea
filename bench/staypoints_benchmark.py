#!/usr/bin/env python3
"""Trips to Hive Parquet: time, CPU and peak memory of `millrace staypoints`, against DuckDB in the same run.

Compares, alternating: the default; unlimited memory; --memory 256MB; DuckDB's quickest correct query; then 65,536 output partitions with
--memory 512MB, which DuckDB does not finish. Prints medians and ratios. Every run writes into a fresh folder, and nothing
is removed before all is measured: ext4 makes files slowly right after many were removed, whoever removed them.

    ./dev bench staypoints      (MILLRACE_BENCH_ROWS, 10,000,000, and MILLRACE_BENCH_RUNS, 3, change the size)
    MILLRACE_BENCH_FLAT=1 ./dev bench staypoints      the cost of a trip from 1 million to 100 million trips instead
    MILLRACE_BENCH_FLAT=1 MILLRACE_BENCH_SIZES=1000000,2000000 ./dev bench staypoints      of other sizes, ascending
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "10000000"))
RUNS = int(os.environ.get("MILLRACE_BENCH_RUNS", "3"))
SIZES = [int(size) for size in os.environ.get("MILLRACE_BENCH_SIZES", "1000000,10000000,100000000").split(",")]
WORK = pathlib.Path(os.environ.get("MILLRACE_BENCH_DIR", tempfile.gettempdir()))

DUCKDB = """
import sys
sys.path.insert(0, {e2e!r})
import duck
db = duck.connect()
db.execute("SET preserve_insertion_order = false")
trips = "SELECT * FROM read_parquet('{source}/**/*.parquet')"
db.execute(f"COPY ({{duck.QUICKEST_STAYPOINTS.format(trips=trips)}}) TO '{output}' (FORMAT parquet, COMPRESSION zstd, "
           "PARTITION_BY (p1, p2), WRITE_PARTITION_COLUMNS true)")
"""


def generate(folder, rows, partitions):
    subprocess.run([PROGRAM, "generate", "trips", "--rows", str(rows), "--users", str(max(rows // 25, 1)), "--seed", "7",
                    "--partitions", str(partitions), "--files", "4", "--format", "parquet", "--output", str(folder)],
                   check=True, stdout=subprocess.DEVNULL)


def measure(command, state):
    """One run as a whole process: wall s, CPU s, peak MB, and what it printed."""
    os.sync()  # so that earlier writes are not measured
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=os.environ | {"MILLRACE_STATE": str(state)})
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.stdout.close()
    if status != 0:
        sys.exit(f"{command} ended with status {status}")
    return {"wall": time.monotonic() - begin, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / 1000,
            "out": out}


def staypoints(source, output, memory):
    return [PROGRAM, "staypoints", str(source), "--output", str(output), "--output-format", "hive", "--json", "--quiet",
            *(["--memory", memory] if memory else [])]


def compare(folder):
    generate(folder / "trips", ROWS, 4096)
    variants = {"millrace": lambda out: staypoints(folder / "trips", out, None),
                "millrace, unlimited memory": lambda out: staypoints(folder / "trips", out, "unlimited"),
                "millrace, 256 MB": lambda out: staypoints(folder / "trips", out, "256MB"),
                "DuckDB": lambda out: [sys.executable, "-c", DUCKDB.format(e2e=str(ROOT / "tests/e2e"),
                                                                           source=folder / "trips", output=out)]}
    results = {name: [] for name in variants}
    for run in range(RUNS):
        for name, command in variants.items():
            results[name].append(measure(command(folder / f"out-{run}-{len(name)}"), folder / "state"))
    generate(folder / "wide", ROWS, 65536)
    wide = "millrace, 65,536 partitions, 512 MB"
    results[wide] = [measure(staypoints(folder / "wide", folder / f"wide-{run}", "512MB"), folder / "state")
                     for run in range(RUNS)]
    base = statistics.median(run["wall"] for run in results["DuckDB"])
    base_peak = statistics.median(run["peak"] for run in results["DuckDB"])
    print(f"{ROWS:,} trips, {RUNS} runs\n\n| variant | wall s | CPU s | peak MB | wall against DuckDB | peak against DuckDB |")
    print("|---|---|---|---|---|---|")
    for name, runs in results.items():
        wall, cpu, peak = (statistics.median(run[key] for run in runs) for key in ("wall", "cpu", "peak"))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {wall / base:.2f} | {peak / base_peak:.2f} |")


def flat(folder):
    """Sizes are compared by their medians."""
    print("| trips | memory | wall s, all runs | us/trip | CPU us/trip | peak MB | spilled GB |\n|---|---|---|---|---|---|---|")
    costs = {}
    for rows in SIZES:
        generate(folder / str(rows), rows, 4096)
        runs = [measure(staypoints(folder / str(rows), folder / f"out-{rows}-{run}", "1GB"), folder / "state")
                for run in range(RUNS)]
        wall, cpu, peak = (statistics.median(run[key] for run in runs) for key in ("wall", "cpu", "peak"))
        spilled = json.loads(runs[0]["out"])["bytes_spilled"] / 1e9
        costs[rows] = wall / rows
        every = ", ".join(f"{run['wall']:.2f}" for run in runs)
        print(f"| {rows:,} | 1 GB | {every} | {costs[rows] * 1e6:.2f} | {cpu / rows * 1e6:.2f} | {peak:.0f} | {spilled:.1f} |",
              flush=True)
    dearest = max(costs, key=costs.get)
    print(f"\ndearest: {dearest:,} trips, {costs[dearest] / costs[SIZES[0]]:.2f} of the cost of a trip at {SIZES[0]:,}")


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-", dir=WORK))
    try:
        flat(folder) if os.environ.get("MILLRACE_BENCH_FLAT") else compare(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
