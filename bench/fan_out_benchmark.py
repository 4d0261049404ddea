#!/usr/bin/env python3
"""Peak memory of an import whose JavaScript transform turns each row into many events of 1 kB.

`millrace import --memory 64` of 4,000 rows, 1, 200 and 1,000 events a row, into `sandbox --discard` over loopback.
Prints events/s and the peak memory of the client as a table; memory must not depend on how many events a row
becomes.

    ./dev bench fan_out           (MILLRACE_BENCH_ROWS changes the number of rows)
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "4000"))
MEMORY = "64"
TRANSFORM = """export default function (event) {
  const events = [];
  for (let i = 0; i < COUNT; i++) {
    const properties = { distinct_id: event.properties.distinct_id, time: event.properties.time + i,
                         n: i, filler: 'x'.repeat(900) };
    events.push({ event: 'part', properties });
  }
  return events;
}
"""


def measure(folder, url, count):
    """Peak MB and wall s of one import in which each row becomes `count` events."""
    (folder / "transform.js").write_text(TRANSFORM.replace("COUNT", str(count)))
    (folder / "sources.json").write_text(json.dumps([{
        "config_id": "fan-out", "source_prefix": str(folder / "rows"), "transform": "transform.js",
        "mixpanel_event_name": "row",
        "field_mappings": [{"source_field": "user", "mixpanel_field": "distinct_id"},
                           {"source_field": "ts", "mixpanel_field": "time"}]}]))
    environment = os.environ | {"MILLRACE_STATE": str(folder / f"state-{count}"), "MIXPANEL_TOKEN": "bench"}
    begin = time.monotonic()
    process = subprocess.Popen(
        [PROGRAM, "import", str(folder / "rows"), "--config", str(folder / "sources.json"), "--mixpanel-url", url,
         "--memory", MEMORY, "--events-per-second", "0", "--gigabytes-per-minute", "0", "--quiet", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    report = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    process.stdout.close()
    if status != 0 or report["accepted"] != ROWS:
        sys.exit(f"the import failed: {report}")
    return usage.ru_maxrss / 1000, time.monotonic() - begin


def main():
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "rows").mkdir()
        with open(folder / "rows/rows.ndjson", "w") as rows:
            for i in range(ROWS):
                rows.write(json.dumps({"user": f"user-{i}", "ts": 1_760_000_000_000 + i}) + "\n")
        sandbox = subprocess.Popen([PROGRAM, "sandbox", "--discard", "--json"], stdout=subprocess.PIPE, text=True)
        try:
            url = json.loads(sandbox.stdout.readline())["url"]
            print(f"{ROWS:,} rows, --memory {MEMORY}, {os.cpu_count()} cores\n")
            print("| events a row | events | wall s | events/s | peak MB |")
            print("|---|---|---|---|---|")
            for count in (1, 200, 1000):
                peak, wall = measure(folder, url, count)
                print(f"| {count} | {ROWS * count:,} | {wall:.1f} | {ROWS * count / wall:,.0f} | {peak:.0f} |", flush=True)
        finally:
            sandbox.terminate()
            sandbox.wait()
            sandbox.stdout.close()


if __name__ == "__main__":
    main()
