#!/usr/bin/env python3
"""What `millrace proxy` needs to follow its log: memory through an outage, and how fast destinations catch up.

Outage: 10,000 requests per second of an open loop, while one of two destinations is down; then the load ends, the
destination comes back, and gets what has waited. Prints the proxy's memory, minute by minute, and the rate at which it
catches up.

Lake and PostgreSQL: 50,000 events per second, 50 in a request, into one destination each; what is still pending when
the load ends shows whether it keeps up. The PostgreSQL server is a private one that syncs to disk.

    ./dev bench proxy_delivery

MILLRACE_BENCH_OUTAGE_SECONDS (60; the figures in docs/benchmarks.md are of 600), MILLRACE_BENCH_SECONDS (30) of the
others, MILLRACE_BENCH_DIR (the temporary folder): a local disk with 500 bytes for each event.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

from proxy_processes import BUILD, destinations, load_command, machine, memory_megabytes, port_in, proxy, running

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/integration"))
import postgres_server  # noqa: E402

OUTAGE_SECONDS = float(os.environ.get("MILLRACE_BENCH_OUTAGE_SECONDS", "60"))
SECONDS = float(os.environ.get("MILLRACE_BENCH_SECONDS", "30"))
FOLDER = os.environ.get("MILLRACE_BENCH_DIR")
REQUESTS_PER_SECOND = 10_000
MAX_MEGABYTES = 150
EVENTS_PER_SECOND, EVENTS_PER_REQUEST = 50_000, 50
MAX_SECONDS_BEHIND = 5  # of a destination that keeps up; commits of lakes are seconds apart
MAX_CATCH_UP_SECONDS = 1800


def verdict(is_met):
    return "met" if is_met else "MISSED"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def sandbox(folder, port):
    command = [BUILD / "millrace", "sandbox", "--listen", f"127.0.0.1:{port}", "--discard", "--json"]
    return running(command, port_in, cwd=folder, stderr=subprocess.DEVNULL)


def watch_memory(load, process):
    """The peaks of each minute until the load ends."""
    minutes, begin = [], time.monotonic()
    while load.poll() is None:
        minute = int((time.monotonic() - begin) / 60)
        minutes += [0] * (minute + 1 - len(minutes))
        minutes[minute] = max(minutes[minute], memory_megabytes(process))
        try:
            load.wait(0.5)
        except subprocess.TimeoutExpired:
            pass
    return minutes


def catch_up(line, name):
    """Events that a destination gets until nothing is pending, and the seconds that takes."""
    before, begin = destinations(line)[name]["pending"], time.monotonic()
    while destinations(line)[name]["pending"] > 0:
        if time.monotonic() > begin + MAX_CATCH_UP_SECONDS:
            sys.exit(f"{name} does not catch up: {destinations(line)[name]}")
        time.sleep(0.2)
    return before, time.monotonic() - begin


def outage(folder):
    port = free_port()
    # Mixpanel's limits would decide how fast it catches up.
    to_mixpanel = ["--to", "mixpanel", "--mixpanel-url", f"http://127.0.0.1:{port}", "--events-per-second", "0",
                   "--gigabytes-per-minute", "0", "--retry-max", "1s", "--retry-timeout", "10s"]
    with proxy(folder, ["--to", "null:", *to_mixpanel], MIXPANEL_TOKEN="token") as (proxy_port, process, line):
        command = load_command(proxy_port, process, "--rate", REQUESTS_PER_SECOND, "--seconds", OUTAGE_SECONDS)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
            minutes = watch_memory(load, process)
            result = json.loads(load.stdout.read())
        with sandbox(folder, port):
            events, seconds = catch_up(line, "mixpanel")
        peak = memory_megabytes(process, "VmHWM")
        got = destinations(line)
    print(f"outage: {result['requests_per_s']:,.0f} requests/s for {OUTAGE_SECONDS:.0f} s, {result['not_200']} not "
          f"answered by 200, p99 {result['p99_ms']:.1f} ms")
    print("  memory by minute:", ", ".join(f"{megabytes:.0f}" for megabytes in minutes), "MB;",
          f"peak with catching up {peak:.0f} MB (goal: {MAX_MEGABYTES}, {verdict(peak <= MAX_MEGABYTES)})")
    print(f"  then {events:,} events in {seconds:.1f} s, {events / max(seconds, 0.1):,.0f}/s")
    counts = {name: one["accepted"] for name, one in got.items()}
    print(f"  accepted: {counts} ({verdict(len(set(counts.values())) == 1)}: all have the same)")


def keeps_up(folder, label, to):
    with proxy(folder, ["--to", to]) as (port, process, line):
        command = load_command(port, process, "--body", "batch", "--rate", EVENTS_PER_SECOND // EVENTS_PER_REQUEST,
                               "--seconds", SECONDS)
        result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        [name] = destinations(line)
        events, seconds = catch_up(line, name)
        peak = memory_megabytes(process, "VmHWM")
    is_met = events <= MAX_SECONDS_BEHIND * EVENTS_PER_SECOND and result["events_per_s"] > 0.99 * EVENTS_PER_SECOND
    print(f"{label}: {result['events_per_s']:,.0f} events/s for {SECONDS:.0f} s, then {events:,} pending, for "
          f"{seconds:.1f} s more ({verdict(is_met)}); {result['server_us_per_request'] / EVENTS_PER_REQUEST:.2f} us of "
          f"CPU per event, peak {peak:.0f} MB")


def main():
    with tempfile.TemporaryDirectory(prefix="millrace-bench-", dir=FOLDER) as folder:
        print(machine(folder))
        outage(folder)
        keeps_up(folder, "lake, Parquet", f"{folder}/lake/?format=parquet")
        keeps_up(folder, "lake, NDJSON.gz", f"{folder}/lines/?format=ndjson.gz")
        server = postgres_server.PostgresServer("fsync=on", "max_wal_size=4GB", "shared_buffers=512MB")
        try:
            keeps_up(folder, "PostgreSQL", f"{server.uri}&table=events")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
