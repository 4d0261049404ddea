#!/usr/bin/env python3
"""What an import into Snowflake by Snowpipe Streaming costs the client: processor time and memory.

Generated events (NDJSON) go into the stand-in of tests/integration, which counts the rows that it is sent and stores none;
rows are committed when the second request for the status of a channel comes. `null:` shows what everything but the
destination costs. The stand-in shares the machine, so the time says little.

    ./dev bench snowflake_streaming          (MILLRACE_BENCH_ROWS, MILLRACE_BENCH_ROUNDS change the sizes)
"""
import json
import os
import pathlib
import statistics
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/e2e")]
import snowflake_packages  # noqa: E402

PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("MILLRACE_BENCH_ROUNDS", "3"))
TOKEN = "eyJ0ZXN0cyI6MX0.YmVuY2g.dG9rZW4"


def run(arguments, output):
    """Runs the program; seconds of processor time, and what it printed."""
    environment = {**os.environ, "SNOWFLAKE_TOKEN": TOKEN, "SNOWFLAKE_AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN"}
    with open(output, "w+b") as file:
        process = os.posix_spawn(PROGRAM, [PROGRAM, *map(str, arguments)], environment,
                                 file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 1)])
        _, status, usage = os.wait4(process, 0)
        file.seek(0)
        text = file.read().decode()
    if status:
        sys.exit(f"{arguments[:2]} failed: {text}")
    return usage.ru_utime + usage.ru_stime, text


def main():
    if not snowflake_packages.available():
        print("skipped: fakesnow is not installed (tools/setup.sh --tests)")
        return
    import snowflake_streaming_front

    class Counting(snowflake_streaming_front.Database):
        rows = 0

        def load(self, database, schema, table, text):
            count = text.count("\n")
            self.rows += count
            return count, 0, None

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        events = folder / "events"
        run(["generate", "events", "--rows", ROWS, "--seed", 1, "--format", "ndjson", "--output", events], folder / "out")
        print(f"{'':12}{'CPU s per million':>20}{'peak MB':>10}{'requests':>10}{'MB sent':>10}")
        for method in ("streaming", "elastic", "null:"):
            measured = []
            for turn in range(ROUNDS):
                with snowflake_streaming_front.StreamingFront(database=Counting()) as front:
                    front.tokens.access_tokens[TOKEN] = ("BENCH", 4_000_000_000)
                    front.commit_after = 2
                    to = method if method == "null:" else front.destination(f"method={method}")
                    cpu, text = run(["import", events, "--config", events / "sources.json", "--to", to, "--state",
                                     folder / f"state-{method.strip(':')}-{turn}", "--quiet", "--json"], folder / "out")
                    report = json.loads(text)
                    if report["accepted"] != ROWS or (method != "null:" and front.database.rows != ROWS):
                        sys.exit(f"rows are missing: {report}")
                    if front.problems:
                        sys.exit(f"the client broke rules: {front.problems[:3]}")
                    measured.append((cpu * 1e6 / ROWS, report["peak_memory_bytes"] / 1e6, report["requests"],
                                     report["bytes_sent"] / 1e6))
            cpu, memory, requests, sent = [statistics.median(column) for column in zip(*measured)]
            print(f"{method:12}{cpu:20.2f}{memory:10.0f}{requests:10.0f}{sent:10.1f}")


if __name__ == "__main__":
    main()
