"""SIGKILL of the proxy at random moments under load, with Snowflake (Snowpipe Streaming, faults on) and a lake as its
destinations: every record that was answered with 200 is in both, exactly once."""
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

KILLS = int(os.environ.get("MILLRACE_TEST_KILLS", "10"))
LONGEST = float(os.environ.get("MILLRACE_TEST_SECONDS", "1.5"))  # between two kills
FAULTS = {"lost": 0.02, "drop": 0.01, "503": 0.01, "429": 0.005, "expired": 0.005, "no_channel": 0.01, "reopen": 0.01,
          "gap": 0.005}
TOKEN = "eyJ0ZXN0cyI6MX0.cHJveHk.dG9rZW4"


@unittest.skipUnless(snowflake_packages.available(), "fakesnow is not installed (tools/setup.sh --tests)")
class SnowflakeKillTest(test_proxy_kill.ProxyKillTest):
    test_killed_fifty_times = test_killed_while_segments_are_reused = None  # those of the base class

    def environment(self):
        keep = {name: value for name, value in super().environment().items() if not name.startswith("SNOWFLAKE_")}
        return keep | {"SNOWFLAKE_TOKEN": TOKEN, "SNOWFLAKE_AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN"}

    def test_rows_arrive_exactly_once(self):
        import snowflake_streaming_front
        front = snowflake_streaming_front.StreamingFront()
        self.addCleanup(front.close)
        front.tokens.access_tokens[TOKEN] = ("LOADER_USER", 4_000_000_000)
        front.faults.rates = dict(FAULTS)
        arguments = ["--to", front.destination("method=streaming"), "--to", self.to_lake]
        load = test_proxy_kill.Load(self.seed)
        load.start()
        self.addCleanup(load.stop)
        listened = sum(self.run_and_kill(arguments, load, longest=LONGEST) for _ in range(KILLS))
        proxy = self.proxy(*arguments)
        load.set_url(proxy.url)
        answered, _ = load.counts()
        self.poll(lambda: load.counts()[0] > answered + 100, "the last proxy does not answer")
        self.check_status(proxy, load)
        load.stop()
        self.assertEqual(load.statuses, {})
        destinations = proxy.wait_until_delivered()
        in_lake = self.check_lake(load)
        met = dict(front.faults.met)
        front.faults.clear()
        rows = collections.Counter()
        for table, key in (("EVENTS", "INSERT_ID"), ("USERS", "DISTINCT_ID"), ("GROUPS", "GROUP_ID")):
            rows.update(key for [key] in front.database.query(f'SELECT {key} FROM "ANALYTICS"."RAW"."{table}"'))
        self.check_found(load, rows, "Snowflake")
        self.assertEqual([key for key, count in rows.items() if count > 1], [])
        for name, one in destinations.items():
            self.assertEqual((one["accepted"], one["rejected"], one["filtered"]), (in_lake, 0, 0), name)
        self.assertEqual(len(rows), in_lake)
        self.assertEqual(proxy.stop(), 3)
        self.assertEqual(front.problems, [])
        print(f"{KILLS} kills, {listened} while it listened, seed {self.seed}: {len(load.attempted)} records sent, "
              f"{len(load.answered)} answered with 200, {len(rows)} rows; faults {met}")


if __name__ == "__main__":
    main()
