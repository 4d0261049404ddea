#!/usr/bin/env python3
"""What imports into Snowflake cost the client, for each method, beside an import into null:.

Generated events (NDJSON) are imported into the stand-in of the tests, which takes rows without storing them. It is written
in Python and slower than the client, so the seconds of the processor are what counts, not the time on the clock.

    ./dev bench snowflake          (MILLRACE_BENCH_ROWS, MILLRACE_BENCH_ROUNDS change the sizes)
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/e2e")]
import cloud_servers  # noqa: E402
import snowflake_packages  # noqa: E402

PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("MILLRACE_BENCH_ROUNDS", "3"))


def discarding(base):
    """A database that takes rows of events and forgets them."""
    class Discarding(base):
        def execute_one(self, cursor, sql, context, bindings):
            if sql.lstrip().startswith("INSERT INTO") and '"EVENTS"' in sql:
                return ["number of rows inserted"], [["0"]]
            if sql.lstrip().startswith("COPY INTO"):
                return ["status"], [["Copy executed with 0 files processed."]]
            return super().execute_one(cursor, sql, context, bindings)
    return Discarding


def run(command, environment):
    """What it prints, and the seconds of the processor that it used."""
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)
    after = os.times()
    if done.returncode != 0:
        sys.exit(f"{command[:3]} failed: {done.stdout}{done.stderr}")
    return done.stdout, (after.children_user + after.children_system) - (before.children_user + before.children_system)


def main():
    if not snowflake_packages.available():
        sys.exit("fakesnow is not installed: tools/setup.sh --tests")
    import snowflake_front
    import snowflake_stages
    bucket = cloud_servers.VersityGateway()
    database = discarding(snowflake_stages.StagedDatabase)(bucket)
    database.stages["ANALYTICS", "RAW", "FILES"] = "s3://test-bucket/staged/"
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as name, \
            snowflake_front.Front(database=database) as front:
        folder = pathlib.Path(name)
        (folder / "key.p8").write_text(front.tokens.add_key("LOADER"))
        environment = {"SNOWFLAKE_USER": "LOADER", "SNOWFLAKE_PRIVATE_KEY_FILE": str(folder / "key.p8")} | bucket.variables()
        run([PROGRAM, "generate", "events", "--rows", str(ROWS), "--seed", "1", "--format", "ndjson",
             "--output", str(folder / "events")], {})
        methods = {"null:": "null:", "sql": front.destination("method=sql"),
                   "copy": front.destination("bucket=s3://test-bucket/staged/&stage=files")}
        measured = {method: [] for method in methods}
        for _ in range(ROUNDS):
            for method, to in methods.items():
                out, seconds = run([PROGRAM, "import", str(folder / "events"), "--config",
                                    str(folder / "events/sources.json"), "--to", to, "--state",
                                    str(folder / f"state-{method}"), "--force", "--quiet", "--json"], environment)
                report = json.loads(out)
                if report["accepted"] != ROWS:
                    sys.exit(f"the import failed: {report}")
                measured[method].append((seconds * 1e6 / ROWS, report["peak_memory_bytes"] / 1e6))
    bucket.stop()
    print(f"{ROWS:,} events, {os.cpu_count()} cores, medians of {ROUNDS}\n")
    print("| method | CPU s per million events | peak MB |")
    print("|---|---|---|")
    for method, runs in measured.items():
        print(f"| {method} | {statistics.median(cpu for cpu, _ in runs):.2f} | "
              f"{statistics.median(peak for _, peak in runs):.0f} |")


if __name__ == "__main__":
    main()
