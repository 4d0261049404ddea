"""Imports into BigQuery, killed (SIGKILL) ten times on the way while calls fail and answers are lost: each row is there once.

Skipped and counted where bqemulator, pyarrow or DuckDB is not installed (tools/setup.sh --tests). MILLRACE_TEST_ROWS: how
many rows, if not 100,000.
"""
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import duck
from bigquery_server import PROJECT, BigqueryServer
from generated_events import TABLE_ROW, GeneratedEventsTest
from harness import FAST_RETRY, SANITIZED, main

ROWS = int(os.environ.get("MILLRACE_TEST_ROWS", "20000" if SANITIZED else "100000"))
KILLS = 10
PATIENCE = 120
# The calls during which the process dies; None: a random moment.
MOMENTS = [("append", "before"), ("append", "after"), ("finalize", "before"), ("finalize", "after"), ("commit", "before"),
           ("commit", "after"), ("create", "after"), None]


@unittest.skipUnless(bigquery_server.available() and duck.duckdb, "bqemulator or DuckDB is not installed")
class KillTest(GeneratedEventsTest):
    def setUp(self):
        super().setUp()
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)

    def environment(self):
        return super().environment() | self.server.environment()

    def wait_until_held(self, process, moment):
        deadline = time.monotonic() + PATIENCE
        while not self.server.is_held(1):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                self.fail(f"no {moment} comes: {process.communicate()[1][-2000:]}")

    def test_killed_ten_times_with_faults(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "40")
        command = ["import", folder, "--config", folder / "sources.json", "--to",
                   f"bigquery://{PROJECT}/d?table=events&age=1s", *FAST_RETRY]
        for how, every in (("unavailable", 7), ("lost", 5), ("internal", 31), ("quota", 101)):
            self.server.fault("any", how, count=10**9, skip=every, every=every)
        self.server.ask(append_seconds=0.4 * 100_000 / ROWS)  # so that an import has several commits
        started = time.monotonic()
        kills = 0
        while kills < KILLS:
            process = self.start(*command, "--quiet")
            moment = MOMENTS[kills % len(MOMENTS)]
            if moment:
                self.server.hold(*moment, skip=self.randomness.randrange(8) if moment[0] == "append" else 0)
                self.wait_until_held(process, moment)
            killed = self.kill_after(process, 0 if moment else self.randomness.uniform(1, 3))
            self.server.release()
            self.assertTrue(killed, f"the import ended before kill {kills + 1}")
            kills += 1
        report = self.run_json(*command, timeout=600)
        self.assert_adds_up(report)
        self.assertEqual(report["rejected"] + report["pending"], 0)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        elapsed = time.monotonic() - started
        self.assertEqual(self.server.violations(), {})
        path = self.folder / "arrived.parquet"
        self.server.save("d", "events", path)
        self.assert_same_rows(self.expected_rows(folder), f"""
            SELECT {TABLE_ROW} FROM (SELECT * REPLACE (properties::JSON AS properties) FROM read_parquet('{path}'))""")
        calls = {method: self.server.calls(method) for method in ("create", "append", "finalize", "commit", "get")}
        print(f"{kills} kills, seed {self.seed}: {ROWS} rows once each, in {elapsed:.1f} s; {calls}")


if __name__ == "__main__":
    main()
