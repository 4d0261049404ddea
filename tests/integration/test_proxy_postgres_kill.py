"""SIGKILL of the proxy at random moments under load, with PostgreSQL and a lake as its destinations: every record that was
answered with 200 is in both, exactly once."""
import collections
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import postgres_server
import test_proxy_kill
from harness import SANITIZED, main

KILLS = 8 if SANITIZED else 30


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresKillTest(test_proxy_kill.ProxyKillTest):
    test_killed_fifty_times = test_killed_while_segments_are_reused = None  # those of the base class

    def test_rows_arrive_exactly_once(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        arguments = ["--to", server.uri, "--to", self.to_lake]
        load = test_proxy_kill.Load(self.seed)
        load.start()
        self.addCleanup(load.stop)
        listened = sum(self.run_and_kill(arguments, load, longest=1) for _ in range(KILLS))
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
        for table, key in (("events", "insert_id"), ("users", "distinct_id"), ("groups", "group_id")):
            rows.update(key for [key] in server.query(f"SELECT {key} FROM {table}"))
        self.check_found(load, rows, "PostgreSQL")
        self.assertEqual([key for key, count in rows.items() if count > 1], [])
        for name, one in destinations.items():
            self.assertEqual((one["accepted"], one["rejected"], one["filtered"]), (in_lake, 0, 0), name)
        self.assertEqual(len(rows), in_lake)
        self.assertEqual(proxy.stop(), 3)
        print(f"{KILLS} kills, {listened} while it listened, seed {self.seed}: {len(load.attempted)} records sent, "
              f"{len(load.answered)} answered with 200, {len(rows)} rows")


if __name__ == "__main__":
    main()
