"""SIGKILL of the proxy at random moments under load, with BigQuery as its destination, by the Storage Write API, load jobs and
insertAll, while calls fail and answers are lost: every record that was answered with 200 is there, exactly once where the
method promises that.

Skipped and counted where bqemulator or fake-gcs-server is not installed (tools/setup.sh --tests).
"""
import unittest

import bigquery_server
import cloud_servers
from bigquery_server import PROJECT, BigqueryServer
from harness import main
from proxy_kills import DatabaseKillTest


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class BigqueryKillTest(DatabaseKillTest):
    def setUp(self):
        super().setUp()
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)
        self.variables = self.server.environment()

    def environment(self):
        return super().environment() | self.variables

    def disturb(self, faults):
        """`faults`: (method, how, every which call)."""
        for method, how, every in faults:
            self.server.fault(method, how, count=10**9, skip=every, every=every)

    def query(self, table, column):
        self.assertEqual(self.server.violations(), {})
        self.server.ask(clear_faults=True)
        return self.server.query(f"SELECT {column} FROM `{PROJECT}.d.{table}`")

    def test_pending_streams_deliver_exactly_once(self):
        self.disturb([("any", "unavailable", 7), ("any", "lost", 5), ("any", "internal", 31)])
        self.kill_and_check_exactly_once(f"bigquery://{PROJECT}/d?age=1s", self.query, longest=3)

    def test_load_jobs_deliver_exactly_once(self):
        gcs = cloud_servers.FakeGcs()
        self.addCleanup(gcs.stop)
        self.server.read_bucket_of(gcs)
        self.variables |= gcs.variables()
        self.disturb([(method, how, every) for method in ("jobs.insert", "jobs.get") for how, every in (("unavailable", 7), ("lost", 5))])
        self.kill_and_check_exactly_once(f"bigquery://{PROJECT}/d?bucket=gs://test-bucket/s/", self.query, longest=3)
        self.assertEqual(gcs.keys(""), [])

    def test_insert_all_delivers_at_least_once(self):
        self.disturb([("insertAll", "unavailable", 7), ("insertAll", "lost", 5)])
        self.kill_and_check(f"bigquery://{PROJECT}/d?method=insert_all", self.query, longest=3)


if __name__ == "__main__":
    main()
