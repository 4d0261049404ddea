#!/usr/bin/env python3
"""`millrace proxy` beside a tuned Boost.Beast server that stores the same requests as durably (proxy_yardstick.cc).

Prints durable single-event POSTs at 64 and 256 connections, 50 events a POST plain and gzip, latency at 10,000
requests per second of an open loop, and beside them: the proxy without fdatasync, the disk's own fdatasync rate, and a
Node server that only answers. The load generator (proxy_load.cc) shares the processors with the server. Servers take
turns, and the figures are medians; CPU time per request is the lowest one, because other programs only add to it.

    ./dev bench proxy

MILLRACE_BENCH_SECONDS (3) of each measurement, MILLRACE_BENCH_REPEATS (3) of all, MILLRACE_BENCH_DIR (the temporary
folder) for the logs: a local disk. MILLRACE_BENCH_THREADS of the proxy (2, as by default) and
MILLRACE_BENCH_YARDSTICK_THREADS (1, which is the fastest on two processors) serve connections.
"""
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from proxy_processes import BUILD, destinations, load_command, machine, memory_megabytes, proxy, running

SECONDS = float(os.environ.get("MILLRACE_BENCH_SECONDS", "3"))
REPEATS = int(os.environ.get("MILLRACE_BENCH_REPEATS", "3"))
THREADS = os.environ.get("MILLRACE_BENCH_THREADS", "2")
YARDSTICK_THREADS = os.environ.get("MILLRACE_BENCH_YARDSTICK_THREADS", "1")
FOLDER = os.environ.get("MILLRACE_BENCH_DIR")

# Name: arguments of the load generator, the figure that counts.
LOADS = {
    "1 event, 64 connections": (["--connections", "64"], "requests_per_s"),
    "1 event, 256 connections": (["--connections", "256"], "requests_per_s"),
    "50 events, 64 connections": (["--connections", "64", "--body", "batch"], "events_per_s"),
    "50 events gzip, 64 connections": (["--connections", "64", "--body", "gzip"], "events_per_s"),
    "10,000 requests/s": (["--connections", "64", "--rate", "10000"], "p99_ms"),
}
SINGLE = list(LOADS)[:2]
# Of the proxy's figure divided by the yardstick's.
GOALS = dict(zip(LOADS, (None, 0.67, 0.7, 0.7)))
MAX_P99_MS = 5
NODE_SERVER = """
const server = require("http").createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, {"Content-Length": 1}).end("1"));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


def yardstick(folder):
    return running([BUILD / "bench/proxy_yardstick", YARDSTICK_THREADS, f"{folder}/yardstick.log"], int)


def proxy_under_test(folder, **environment):
    return proxy(folder, ["--to", "null:", "--threads", THREADS], **environment)


def node():
    return running(["node", "-e", NODE_SERVER], int)


def measure(port, process, name):
    command = load_command(port, process, *LOADS[name][0], "--seconds", SECONDS)
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def disk_syncs(folder, size):
    """fdatasync calls per second, each after `size` bytes over blocks that were written before."""
    path = f"{folder}/syncs"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    data, blocks = b"x" * size, max(1, (8 << 20) // size)
    for block in range(blocks):
        os.pwrite(file, data, block * size)
    os.fsync(file)
    count, begin = 0, time.monotonic()
    while time.monotonic() < begin + 1:
        os.pwrite(file, data, count % blocks * size)
        os.fdatasync(file)
        count += 1
    seconds = time.monotonic() - begin
    os.close(file)
    os.remove(path)
    return count / seconds


class Figures:
    """All measurements, by server and load."""

    def __init__(self):
        self.all = {}

    def add(self, server, load, result):
        self.all.setdefault((server, load), []).append(result)

    def median(self, server, load, key):
        return statistics.median(one[key] for one in self.all[server, load])

    def cpu(self, server, load):
        return min(one["server_us_per_request"] for one in self.all[server, load])

    def print_row(self, server, load):
        row = [f"{self.median(server, load, 'requests_per_s'):11,.0f}",
               f"{self.median(server, load, 'events_per_s'):11,.0f}", f"{self.cpu(server, load):8.1f}"]
        row += [f"{self.median(server, load, key):8.2f}" for key in ("p50_ms", "p99_ms", "p999_ms")]
        bad = sum(one["not_200"] for one in self.all[server, load])
        print(f"{server:27} {load:31}", *row, f"  {bad} NOT 200" if bad else "")


def main():
    figures, memory, lag, syncs = Figures(), [], [], {4096: [], 65536: []}
    with tempfile.TemporaryDirectory(prefix="millrace-bench-", dir=FOLDER) as folder:
        print(machine(folder))
        without_syncs = {"LD_PRELOAD": str(BUILD / "bench/libwithout_fdatasync.so")}
        for _ in range(REPEATS):
            for size, rates in syncs.items():
                rates.append(disk_syncs(folder, size))
            with yardstick(folder) as (port, process, _):
                for load in LOADS:
                    figures.add("yardstick", load, measure(port, process, load))
            with proxy_under_test(folder) as (port, process, line):
                for load in LOADS:
                    figures.add("proxy", load, measure(port, process, load))
                lag.append(sum(one["pending"] for one in destinations(line).values()))
                memory.append(memory_megabytes(process, "VmHWM"))
            with proxy_under_test(folder, **without_syncs) as (port, process, _):
                for load in LOADS:
                    figures.add("proxy without fdatasync", load, measure(port, process, load))
            if shutil.which("node"):
                with node() as (port, process, _):
                    for load in SINGLE:
                        figures.add("node that only answers", load, measure(port, process, load))
    print(f"{'server':27} {'load':31}  requests/s    events/s   CPU us   p50 ms   p99 ms p99.9 ms")
    for server, load in figures.all:
        figures.print_row(server, load)
    print()
    for load, goal in GOALS.items():
        key = LOADS[load][1]
        ratio = figures.median("proxy", load, key) / figures.median("yardstick", load, key)
        cpu = figures.cpu("yardstick", load) / figures.cpu("proxy", load)
        verdict = "" if goal is None else f" (goal: {goal}, {'met' if ratio >= goal else 'MISSED'})"
        print(f"{load}: {ratio:.2f} of the yardstick{verdict}; by CPU time {cpu:.2f}")
    p99 = figures.median("proxy", "10,000 requests/s", "p99_ms")
    print(f"p99 at 10,000 requests/s: {p99:.2f} ms (goal: {MAX_P99_MS}, {'met' if p99 <= MAX_P99_MS else 'MISSED'})")
    print("fdatasync calls of the disk per second:",
          ", ".join(f"{statistics.median(rates):,.0f} after {size} bytes" for size, rates in syncs.items()))
    print(f"proxy: peak memory {max(memory):.0f} MB, {max(lag):,} events not delivered yet when the load ended")


if __name__ == "__main__":
    main()
