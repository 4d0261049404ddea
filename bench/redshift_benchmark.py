#!/usr/bin/env python3
"""What an import into Redshift costs the client: CPU seconds per million events, and peak memory, for each method.

The service is the front of the tests, which executes everything in PostgreSQL on the same machine, so wall times say
nothing of Redshift and are not shown. The last row is null:, which shows what is not the destination's.

    ./dev bench redshift          (MILLRACE_BENCH_ROWS changes the size)
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/e2e")]
import cloud_servers  # noqa: E402
import postgres_server  # noqa: E402
import redshift_front  # noqa: E402

PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "500000"))


def run(command, environment):
    """The report, CPU seconds."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[:3]} failed: {out.decode()}")
    return json.loads(out), usage.ru_utime + usage.ru_stime


def main():
    if not redshift_front.AVAILABLE:
        sys.exit("PostgreSQL, psycopg2 or boto3 is not installed: tools/setup.sh --tests")
    try:
        s3 = cloud_servers.VersityGateway()
    except unittest.SkipTest as missing:
        sys.exit(str(missing))
    server = postgres_server.PostgresServer("max_wal_size=4GB")
    front = redshift_front.RedshiftFront(server, rates={}, region="us-east-1")
    front.keys.add("test-key", "test-secret")
    front.bucket = redshift_front.redshift_copy.Bucket(s3.url, "test-key", "test-secret")
    environment = os.environ | front.variables() | s3.variables()
    try:
        with tempfile.TemporaryDirectory() as folder:
            events = pathlib.Path(folder) / "events"
            run([PROGRAM, "generate", "events", "--rows", str(ROWS), "--seed", "1", "--format", "ndjson", "--output",
                 str(events), "--json"], environment)
            print("| method | CPU s per million events | requests | SQL or files, MB | peak MB |\n|---|---|---|---|---|")
            for name, to in (("`insert`, Data API", "redshift://work/dev/api"),
                             ("`insert`, connection", f"redshift://tester@db:5439/dev/libpq?host={server.folder}&port=5432"
                              "&sslmode=disable"),
                             ("`copy`", "redshift://work/dev/copied?bucket=s3%3A%2F%2Ftest-bucket%2Fbench%2F"),
                             ("`null:`", "null:")):
                report, cpu = run([PROGRAM, "import", str(events), "--config", str(events / "sources.json"), "--to", to,
                                   "--state", str(pathlib.Path(folder) / name.strip("`:").replace(" ", "")), "--quiet",
                                   "--json"], environment)
                if report["accepted"] != ROWS:
                    sys.exit(f"the import failed: {report}")
                print(f"| {name} | {cpu / ROWS * 1e6:.2f} | {report['requests']} | {report['bytes_sent'] / 1e6:.0f} | "
                      f"{report['peak_memory_bytes'] / 1e6:.0f} |", flush=True)
    finally:
        front.stop()
        server.stop()
        s3.stop()


if __name__ == "__main__":
    main()
