#!/usr/bin/env python3
"""The same files imported from disk, from GCS and from S3 servers on loopback: events/s and requests.

Beside each server's figure stands its own read rate: the bytes of the same files by four plain ranged reads at
once, without Millrace. Where that rate is not far above what the import takes, the server (which shares the cores)
is the limit. Servers that are not installed are left out; a GCS scripted in Python is always there.

    ./dev bench stores            (MILLRACE_BENCH_ROWS and MILLRACE_BENCH_RUNS change the size)
"""
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time
import unittest
import urllib.parse

import import_benchmark as base

sys.path.insert(0, str(base.ROOT / "tests/integration"))
import cloud_servers  # noqa: E402

ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "1500000"))
RUNS = int(os.environ.get("MILLRACE_BENCH_RUNS", "3"))
BLOCK = 4 << 20


def plain_read_rate(server, key, size):
    """MB/s of four connections that read the object in ranges and throw it away."""
    def read(index):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for first in range(index * BLOCK, size, 4 * BLOCK):
            last = min(first + BLOCK, size) - 1
            path, headers = server.read_request(key)
            connection.request("GET", path, headers=headers | {"Range": f"bytes={first}-{last}"})
            answer = connection.getresponse()
            while answer.read(1 << 20):
                pass
        connection.close()
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))
    return size / (time.monotonic() - begin) / 1e6


def config_for(folder, root):
    entries = json.loads((folder / "sources.json").read_text())
    for entry in entries:
        entry["source_gcs_prefix"] = root + entry["source_gcs_prefix"].strip("/").rsplit("/", 1)[-1] + "/"
    path = folder / f"{urllib.parse.urlsplit(root).scheme}-{urllib.parse.urlsplit(root).netloc}.json"
    path.write_text(json.dumps(entries))
    return path


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-data-"))
    base.ROWS = ROWS
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        base.generate(folder, ROWS)
        files = {kind: next((folder / kind).iterdir()) for kind in ("parquet", "ndjson")}
        places = {"disk": (f"{folder}/", folder / "sources.json", {}, None)}
        for kind in (cloud_servers.FakeGcs, cloud_servers.VersityGateway):
            try:
                server = kind()
            except unittest.SkipTest as missing:
                print(missing, file=sys.stderr)
                continue
            stack.callback(server.stop)
            for name, file in files.items():
                server.put(f"{name}/{file.name}", file.read_bytes())
            places[kind.__name__] = (server.root, config_for(folder, server.root), server.variables(), server)
        gcs = cloud_servers.ScriptedGcs({f"{name}/{file.name}": file.read_bytes() for name, file in files.items()})
        stack.callback(gcs.cloud.stop)
        places["scripted GCS"] = ("gs://bucket/", config_for(folder, "gs://bucket/"), gcs.variables, gcs)
        sandbox = stack.enter_context(base.Sandbox())
        runs = {}
        for turn in range(RUNS + 1):  # the first warms caches
            for name, file in files.items():
                for place, (root, config, variables, server) in places.items():
                    os.environ.update(variables)
                    command = [base.PROGRAM, "import", f"{root}{name}", "--config", str(config), "--mixpanel-url",
                               sandbox.url, "--events-per-second", "0", "--gigabytes-per-minute", "0", "--quiet",
                               "--json"]
                    asked = len(gcs.cloud.requests)
                    figures = base.measure(command, ROWS, sandbox)
                    figures["requests"] = len(gcs.cloud.requests) - asked
                    figures["alone"] = 0 if server is None else plain_read_rate(server, f"{name}/{file.name}",
                                                                                file.stat().st_size)
                    if turn > 0:
                        runs.setdefault((name, place), []).append(figures)
        print(f"{ROWS:,} events in one file a format, {RUNS} runs each in turn, medians, {os.cpu_count()} cores\n")
        print("| file | from | events/s | against disk | MB/s taken | server alone MB/s | client CPU s | requests |")
        print("|---|---|---|---|---|---|---|---|")
        for (name, place), figures in runs.items():
            m = {key: statistics.median(run[key] for run in figures) for key in figures[0]}
            disk = statistics.median(run["rate"] for run in runs[(name, "disk")])
            taken = files[name].stat().st_size / m["wall"] / 1e6
            alone = f"{m['alone']:.0f}" if m["alone"] else ""
            requests = f"{m['requests']:.0f}" if m["requests"] else ""
            print(f"| {name} | {place} | {m['rate']:,.0f} | {m['rate'] / disk:.3f} | {taken:.0f} | {alone} "
                  f"| {m['cpu']:.2f} | {requests} |")


if __name__ == "__main__":
    main()
