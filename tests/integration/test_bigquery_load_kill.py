"""Imports into BigQuery by load jobs, killed (SIGKILL) ten times on the way while calls fail, answers are lost and jobs
fail: each row is there once, and the bucket is empty afterwards.

Skipped and counted where bqemulator, fake-gcs-server, pyarrow or DuckDB is not installed (tools/setup.sh --tests).
MILLRACE_TEST_ROWS: how many rows, if not 100,000.
"""
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import cloud_servers
import duck
from bigquery_server import PROJECT, BigqueryServer
from generated_events import TABLE_ROW, GeneratedEventsTest
from harness import FAST_RETRY, SANITIZED, main

ROWS = int(os.environ.get("MILLRACE_TEST_ROWS", "20000" if SANITIZED else "100000"))
COMMITS = 12  # of the import, about
KILLS = 10
PATIENCE = 120
# The calls during which the process dies; None: a random moment.
MOMENTS = [("jobs.insert", "before"), ("jobs.insert", "after"), ("job", "before"), ("job", "after"), ("jobs.get", "before"),
           None]


@unittest.skipUnless(bigquery_server.available() and duck.duckdb, "bqemulator or DuckDB is not installed")
class KillTest(GeneratedEventsTest):
    def setUp(self):
        super().setUp()
        self.gcs = cloud_servers.FakeGcs()
        self.addCleanup(self.gcs.stop)
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)
        self.server.read_bucket_of(self.gcs)

    def environment(self):
        return super().environment() | self.server.environment() | self.gcs.variables()

    def kill(self, command, moment):
        process = self.start(*command, "--quiet")
        if moment:
            self.server.hold(*moment, skip=self.randomness.randrange(2))
            self.assertTrue(self.server.is_held(PATIENCE), f"no {moment} comes")
        killed = self.kill_after(process, 0 if moment else self.randomness.uniform(0.1, 0.5))
        self.server.release()  # what was held arrives after the death
        self.assertTrue(killed, "the import ended before it was killed")

    def test_killed_ten_times_with_faults(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "80")
        command = ["import", folder, "--config", folder / "sources.json", "--to",
                   f"bigquery://{PROJECT}/d?table=events&bucket=gs://test-bucket/s/&file_size=1",
                   f"--staging-max={max(1, 250 * ROWS // COMMITS // 1_000_000)}MB", *FAST_RETRY]
        for method in ("jobs.insert", "jobs.get"):
            for how, every in (("unavailable", 5), ("lost", 4), ("rate", 11)):
                self.server.fault(method, how, count=10**9, skip=every, every=every)
        self.server.fault("job", "backendError", count=10**9, skip=3, every=4)
        started = time.monotonic()
        for kill in range(KILLS):
            self.kill(command, MOMENTS[kill % len(MOMENTS)])
        report = self.run_json(*command, timeout=900)
        elapsed = time.monotonic() - started
        self.assert_adds_up(report)
        self.assertEqual(report["rejected"] + report["pending"], 0)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        self.assertEqual(self.server.violations(), {})
        self.assertEqual(self.gcs.keys(""), [])
        path = self.folder / "arrived.parquet"
        self.server.save("d", "events", path)
        self.assert_same_rows(self.expected_rows(folder), f"""
            SELECT {TABLE_ROW} FROM (SELECT * REPLACE (properties::JSON AS properties) FROM read_parquet('{path}'))""")
        calls = {method: self.server.calls(method) for method in ("jobs.insert", "jobs.get", "job")}
        print(f"{KILLS} kills, seed {self.seed}: {ROWS} rows once each, in {elapsed:.1f} s; {calls}")


if __name__ == "__main__":
    main()
