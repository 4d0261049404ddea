"""Shared by tests that kill a proxy which delivers into a database and a lake. With MILLRACE_TEST_SECONDS, it has traffic for
about so long, which is a run by hand."""
import collections
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import test_proxy_kill

SECONDS = float(os.environ.get("MILLRACE_TEST_SECONDS", "0"))
IDS = (("events", "insert_id"), ("users", "distinct_id"), ("groups", "group_id"))


class DatabaseKillTest(test_proxy_kill.ProxyKillTest):
    test_killed_fifty_times = test_killed_while_segments_are_reused = None  # those of the base class

    def kill_and_check(self, to, query, kills=10, longest=2, calm=lambda: None):
        """How often each record is in the database `to`, after the proxy was killed under load; every record that was answered
        with 200 is there, and in a lake exactly once. query(table, column) gives the values of a column, one row each.
        calm() ends the faults, after the last kill."""
        arguments = ["--to", to, "--to", self.to_lake]
        load = test_proxy_kill.Load(self.seed, pause=0.1 if SECONDS else 0)
        load.start()
        self.addCleanup(load.stop)
        listened = 0
        for _ in range(kills):
            seconds = SECONDS / kills * self.randomness.uniform(0.5, 1.5) if SECONDS else None
            listened += self.run_and_kill(arguments, load, longest, seconds)
        calm()
        proxy = self.proxy(*arguments)
        load.set_url(proxy.url)
        answered, _ = load.counts()
        self.poll(lambda: load.counts()[0] > answered + 100, "the last proxy does not answer")
        self.check_status(proxy, load)
        load.stop()
        self.assertEqual(load.statuses, {})
        destinations = proxy.wait_until_delivered()
        in_lake = self.check_lake(load)
        rows = collections.Counter()
        for table, column in IDS:
            rows.update(value for [value] in query(table, column))
        self.check_found(load, rows, to)
        for name, one in destinations.items():
            self.assertEqual((one["accepted"], one["rejected"], one["filtered"]), (in_lake, 0, 0), name)
        self.assertEqual(len(rows), in_lake)
        self.assertEqual(proxy.stop(), 3)
        print(f"{self._testMethodName}: {kills} kills, {listened} while it listened, seed {self.seed}: {len(load.attempted)} "
              f"records sent, {len(load.answered)} answered with 200, {len(rows)} in the database, "
              f"{sum(count > 1 for count in rows.values())} more than once")
        return rows

    def kill_and_check_exactly_once(self, to, query, **options):
        rows = self.kill_and_check(to, query, **options)
        self.assertEqual([key for key, count in rows.items() if count > 1], [])
