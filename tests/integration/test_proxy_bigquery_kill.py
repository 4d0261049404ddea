"""SIGKILL of the proxy at random moments under load, with BigQuery as its destination, whose calls fail and whose answers
are lost: every record that was answered with 200 is there, exactly once.

Skipped and counted where bqemulator is not installed (tools/setup.sh --tests).
"""
import collections
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import bigquery_server
import test_proxy_kill
from bigquery_server import PROJECT, BigqueryServer
from harness import main

KILLS = 10


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class BigqueryKillTest(test_proxy_kill.ProxyKillTest):
    test_killed_fifty_times = test_killed_while_segments_are_reused = None  # those of the base class

    def setUp(self):
        super().setUp()
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)

    def environment(self):
        return super().environment() | self.server.environment()

    def test_rows_arrive_exactly_once(self):
        arguments = ["--to", f"bigquery://{PROJECT}/d?age=1s", "--to", self.to_lake]
        for how, every in (("unavailable", 7), ("lost", 5), ("internal", 31)):
            self.server.fault("any", how, count=10**9, skip=every, every=every)
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
        self.server.ask(clear_faults=True)
        in_lake = self.check_lake(load)
        rows = collections.Counter()
        for table, key in (("events", "insert_id"), ("users", "distinct_id"), ("groups", "group_id")):
            rows.update(key for [key] in self.server.query(f"SELECT {key} FROM `{PROJECT}.d.{table}`"))
        self.check_found(load, rows, "BigQuery")
        self.assertEqual([key for key, count in rows.items() if count > 1], [])
        self.assertEqual(len(rows), in_lake)
        self.assertEqual(self.server.violations(), {})
        self.assertEqual(proxy.stop(), 3)
        print(f"{KILLS} kills, {listened} while it listened, seed {self.seed}: {len(load.attempted)} records sent, "
              f"{len(load.answered)} answered with 200, {len(rows)} rows")


if __name__ == "__main__":
    main()
