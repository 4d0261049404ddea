#!/usr/bin/env python3
"""What an import into BigQuery by load jobs and by insertAll costs the machine that runs it.

A server in this process answers as BigQuery does when all is well, and looks at nothing; files for load jobs go to
fake-gcs-server. The CPU time is that of `millrace import` alone. What a real service takes is not measured.

    ./dev bench bigquery_files          (MILLRACE_BENCH_ROWS, MILLRACE_BENCH_ROUNDS change the sizes)
"""
import http.server
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))
import cloud_servers  # noqa: E402

PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("MILLRACE_BENCH_ROUNDS", "3"))
COLUMNS = {"event": "STRING", "event_time": "TIMESTAMP", "insert_time": "TIMESTAMP", "token": "STRING", "device_id": "STRING",
           "insert_id": "STRING", "user_id": "STRING", "distinct_id": "STRING", "properties": "JSON"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    jobs = {}
    requests = 0

    def do_GET(self):
        if "/jobs/" in self.path:
            job = self.jobs.get(self.path.partition("/jobs/")[2].partition("?")[0])
            return self.answer(200, job) if job else self.missing()
        if "/tables/" in self.path:
            return self.answer(200, {"type": "TABLE", "etag": "1", "schema": {
                "fields": [{"name": name, "type": kind, "mode": "NULLABLE"} for name, kind in COLUMNS.items()]}})
        return self.answer(200, {"location": "US"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Handler.requests += 1
        if self.path.endswith("/insertAll"):
            return self.answer(200, {})
        job = json.loads(body) | {"status": {"state": "DONE"}}
        self.jobs[job["jobReference"]["jobId"]] = job
        return self.answer(200, job)

    def missing(self):
        self.answer(404, {"error": {"code": 404, "message": "Not found", "errors": [{"reason": "notFound"}]}})

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Bench:
    def __init__(self, folder, server, gcs):
        self.folder, self.runs = folder, 0
        address = f"127.0.0.1:{server.server_port}"
        self.environment = os.environ | gcs.variables() | {
            "BIGQUERY_EMULATOR_HOST": address, "BIGQUERY_STORAGE_EMULATOR_HOST": address}
        self.run([PROGRAM, "generate", "events", "--rows", str(ROWS), "--seed", "1", "--format", "ndjson",
                  "--output", str(folder / "generated")])

    def run(self, command):
        done = subprocess.run(command, capture_output=True, text=True, env=getattr(self, "environment", None))
        if done.returncode != 0:
            sys.exit(f"{command[:3]} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def measure(self, parameters):
        """Seconds, CPU seconds, peak MB, requests."""
        self.runs += 1
        generated, requests = self.folder / "generated", Handler.requests
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        report = json.loads(self.run([
            PROGRAM, "import", str(generated), "--config", str(generated / "sources.json"), "--to",
            f"bigquery://bench/d?table=events&{parameters}", "--state", str(self.folder / f"state-{self.runs}"), "--quiet",
            "--json"]))
        wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if report["accepted"] != ROWS:
            sys.exit(f"{report['accepted']} of {ROWS} rows: {report['first_error']}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return wall, cpu, report["peak_memory_bytes"] / 1e6, Handler.requests - requests


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gcs = cloud_servers.FakeGcs()
    try:
        with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
            bench = Bench(pathlib.Path(folder), server, gcs)
            kinds = {"load": "bucket=gs://test-bucket/bench/", "insert_all": "method=insert_all"}
            results = {name: [] for name in kinds}
            for _ in range(ROUNDS):
                for name, parameters in kinds.items():
                    results[name].append(bench.measure(parameters))
            print(f"{ROWS:,} events, medians of {ROUNDS}")
            print(f"{'method':<12}{'s':>8}{'CPU s':>8}{'peak MB':>9}{'requests':>10}")
            for name, runs in results.items():
                wall, cpu, memory, requests = [statistics.median(column) for column in zip(*runs)]
                print(f"{name:<12}{wall:>8.2f}{cpu:>8.2f}{memory:>9.0f}{requests:>10.0f}")
    finally:
        gcs.stop()
        server.shutdown()


if __name__ == "__main__":
    main()
