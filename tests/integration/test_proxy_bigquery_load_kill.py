"""SIGKILL of the proxy at random moments under load, with BigQuery as its destination by load jobs and by insertAll, while
calls fail and answers are lost: every record that was answered with 200 is there, by load jobs exactly once.

Skipped and counted where bqemulator or fake-gcs-server is not installed (tools/setup.sh --tests).
"""
import collections
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import bigquery_server
import cloud_servers
import test_proxy_kill
from bigquery_server import PROJECT, BigqueryServer
from harness import main

KILLS = 10


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class BigqueryLoadKillTest(test_proxy_kill.ProxyKillTest):
    test_killed_fifty_times = test_killed_while_segments_are_reused = None  # those of the base class

    def setUp(self):
        super().setUp()
        self.gcs = cloud_servers.FakeGcs()
        self.addCleanup(self.gcs.stop)
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)
        self.server.read_bucket_of(self.gcs)

    def environment(self):
        return super().environment() | self.server.environment() | self.gcs.variables()

    def deliver(self, parameters, methods):
        """How often each record is in BigQuery, after proxies were killed."""
        arguments = ["--to", f"bigquery://{PROJECT}/d?{parameters}", "--to", self.to_lake]
        for method in methods:
            for how, every in (("unavailable", 7), ("lost", 5)):
                self.server.fault(method, how, count=10**9, skip=every, every=every)
        load = test_proxy_kill.Load(self.seed)
        load.start()
        self.addCleanup(load.stop)
        listened = sum(self.run_and_kill(arguments, load, longest=3) for _ in range(KILLS))
        proxy = self.proxy(*arguments)
        load.set_url(proxy.url)
        answered, _ = load.counts()
        self.poll(lambda: load.counts()[0] > answered + 100, "the last proxy does not answer")
        load.stop()
        self.assertEqual(load.statuses, {})
        proxy.wait_until_delivered()
        in_lake = self.check_lake(load)
        rows = collections.Counter()
        for table, key in (("events", "insert_id"), ("users", "distinct_id"), ("groups", "group_id")):
            rows.update(key for [key] in self.server.query(f"SELECT {key} FROM `{PROJECT}.d.{table}`"))
        self.check_found(load, rows, "BigQuery")
        self.assertEqual(len(rows), in_lake)
        self.assertEqual(self.server.violations(), {})
        self.assertEqual(proxy.stop(), 3)
        print(f"{KILLS} kills, {listened} while it listened, seed {self.seed}: {len(load.attempted)} records sent, "
              f"{len(load.answered)} answered with 200, {len(rows)} rows, {rows.total() - len(rows)} twice")
        return rows

    def test_load_jobs_deliver_exactly_once(self):
        rows = self.deliver("bucket=gs://test-bucket/s/", ["jobs.insert", "jobs.get"])
        self.assertEqual([key for key, count in rows.items() if count > 1], [])
        self.assertEqual(self.gcs.keys(""), [])

    def test_insert_all_delivers_at_least_once(self):
        self.deliver("method=insert_all", ["insertAll"])


if __name__ == "__main__":
    main()
