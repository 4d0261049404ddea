"""SIGKILL of the proxy at random moments under load, with Snowflake (by method=sql, faults on) and a lake as its destinations:
every record that was answered with 200 is in both, exactly once."""
import collections
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import snowflake_packages
import test_proxy_kill
from harness import main

UNAVAILABLE = "" if snowflake_packages.available() else "fakesnow is not installed"
KILLS = 10
LONGEST = float(os.environ.get("MILLRACE_TEST_SECONDS", "2"))  # that a proxy runs
FAULTS = {"lost": 0.02, "503": 0.01, "slow": 0.02, "expired": 0.01}


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class SnowflakeKillTest(test_proxy_kill.ProxyKillTest):
    test_killed_fifty_times = test_killed_while_segments_are_reused = None  # those of the base class

    def setUp(self):
        super().setUp()
        import snowflake_front
        self.front = snowflake_front.Front()
        self.addCleanup(self.front.close)
        self.key = self.write("key.p8", self.front.tokens.add_key("LOADER_USER"))

    def environment(self):
        return super().environment() | {"SNOWFLAKE_USER": "LOADER_USER", "SNOWFLAKE_PRIVATE_KEY_FILE": str(self.key)}

    def test_rows_arrive_exactly_once(self):
        arguments = ["--to", self.front.destination("method=sql"), "--to", self.to_lake]
        self.front.faults.rates = dict(FAULTS)
        load = test_proxy_kill.Load(self.seed)
        load.start()
        self.addCleanup(load.stop)
        listened = sum(self.run_and_kill(arguments, load, longest=LONGEST) for _ in range(KILLS))
        proxy = self.proxy(*arguments)
        load.set_url(proxy.url)
        answered, _ = load.counts()
        self.poll(lambda: load.counts()[0] > answered + 100, "the last proxy does not answer")
        load.stop()
        self.assertEqual(load.statuses, {})
        destinations = proxy.wait_until_delivered()
        in_lake = self.check_lake(load)
        rows = collections.Counter()
        for table, key in (("EVENTS", "INSERT_ID"), ("USERS", "DISTINCT_ID"), ("GROUPS", "GROUP_ID")):
            rows.update(key for [key] in self.front.database.query(f'SELECT {key} FROM "ANALYTICS"."RAW"."{table}"'))
        self.check_found(load, rows, "Snowflake")
        self.assertEqual([key for key, count in rows.items() if count > 1], [])
        self.assertEqual(len(rows), in_lake)
        self.assertEqual(self.front.problems, [])
        for name, one in destinations.items():
            self.assertEqual((one["accepted"], one["rejected"], one["filtered"]), (in_lake, 0, 0), name)
        self.assertEqual(proxy.stop(), 3)
        print(f"{KILLS} kills, {listened} while it listened, seed {self.seed}: {len(load.attempted)} records sent, "
              f"{len(load.answered)} answered with 200, {len(rows)} rows; faults {dict(self.front.faults.met)}")


if __name__ == "__main__":
    main()
