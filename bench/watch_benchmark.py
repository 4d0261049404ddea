#!/usr/bin/env python3
"""From an object's being written to its events' arrival in the sandbox, over Pub/Sub: latency percentiles.

fake-gcs-server stores the object and publishes its notification to pstest; `millrace watch` receives it over
StreamingPull, reads the object and posts its events to the sandbox, whose statistics are polled. One object after
another; and the time for a burst. Prints a table.

    ./dev bench watch            (MILLRACE_BENCH_OBJECTS changes the number)
"""
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/integration")]
from pubsub_watch import WatchWorld  # noqa: E402

OBJECTS = int(os.environ.get("MILLRACE_BENCH_OBJECTS", "100"))
ROWS = 100


def main():
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        world = WatchWorld(pathlib.Path(folder))
        try:
            world.start_watch()
            world.write("warm-up.ndjson", ROWS)
            world.wait_for(ROWS)
            latencies = []
            for number in range(OBJECTS):
                begin = time.monotonic()
                world.write(f"one/{number}.ndjson", ROWS)
                world.wait_for(ROWS * (number + 2), poll=0.001)
                latencies.append(time.monotonic() - begin)
            begin = time.monotonic()
            for number in range(OBJECTS):
                world.write(f"burst/{number}.ndjson", ROWS)
            world.wait_for(ROWS * (2 * OBJECTS + 1))
            burst = time.monotonic() - begin
        finally:
            world.stop()
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    print(json.dumps({"objects": OBJECTS, "rows_per_object": ROWS,
                      "p50_ms": round(cuts[49] * 1000, 1), "p95_ms": round(cuts[94] * 1000, 1),
                      "max_ms": round(max(latencies) * 1000, 1),
                      "burst_objects_per_s": round(OBJECTS / burst, 1)}))


if __name__ == "__main__":
    main()
