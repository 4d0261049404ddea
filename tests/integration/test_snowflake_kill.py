"""Imports into Snowflake with faults on, killed (SIGKILL) at random moments and started again: each row is there once, as an
independent reader of the files sees it. MILLRACE_TEST_ROWS sets how many rows."""
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness import SANITIZED, main
from snowflake_events import UNAVAILABLE, SnowflakeEventsTest

ROWS = int(os.environ.get("MILLRACE_TEST_ROWS", "30000" if SANITIZED else "150000"))
KILLS = 10
FAULTS = {"lost": 0.02, "drop": 0.01, "503": 0.01, "429": 0.005, "slow": 0.05, "expired": 0.005, "locked": 0.005}


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class KillTest(SnowflakeEventsTest):
    def test_killed_ten_times(self):
        folder = self.events(ROWS, "--format", "parquet", "--files", "3")
        self.destinations("create")
        self.front.faults.rates = dict(FAULTS)
        started = time.monotonic()
        kills = 0
        while kills < KILLS:
            goal = ROWS * (kills + self.randomness.uniform(0.1, 0.9)) / KILLS
            process = self.start(*self.command(folder, "--quiet"))
            self.wait_for_rows(goal, process)
            kills += self.kill_after(process, self.randomness.uniform(0, 0.1))
        report = self.load(folder)
        self.assertEqual(report["rejected"] + report["pending"], 0)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        elapsed = time.monotonic() - started
        met = dict(self.front.faults.met)
        self.front.faults.clear()
        self.assert_rows(folder)
        print(f"{kills} kills, seed {self.seed}: {ROWS} rows once each, in {elapsed:.1f} s; faults {met}")


if __name__ == "__main__":
    main()
