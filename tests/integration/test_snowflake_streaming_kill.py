"""Imports by Snowpipe Streaming with faults on, killed (SIGKILL) at random moments and started again: each row is there once,
as an independent reader of the files sees it. MILLRACE_TEST_ROWS sets how many rows."""
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness import SANITIZED, main
from snowflake_events import PATIENCE, UNAVAILABLE, SnowflakeEventsTest

ROWS = int(os.environ.get("MILLRACE_TEST_ROWS", "20000" if SANITIZED else "80000"))
KILLS = 10
FAULTS = {"lost": 0.02, "drop": 0.01, "500": 0.005, "503": 0.01, "429": 0.005, "expired": 0.005, "no_channel": 0.01,
          "reopen": 0.01, "gap": 0.005, "retry_request": 0.005, "rate": 0.005}


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class StreamingKillTest(SnowflakeEventsTest):
    options = "method=streaming"

    def new_front(self):
        import snowflake_streaming_front
        return snowflake_streaming_front.StreamingFront()

    def wait_for_appends(self, count, process):
        """Until so many requests with rows have come, since the last time."""
        deadline = time.monotonic() + PATIENCE
        until = self.front.requests["append"] + count
        while self.front.requests["append"] < until and process.poll() is None:
            self.assertLess(time.monotonic(), deadline, "no rows come")
            time.sleep(0.002)

    def kill_and_finish(self, folder, appends):
        self.destinations("create")
        self.front.commit_after = 2
        self.front.faults.rates = dict(FAULTS)
        started, kills = time.monotonic(), 0
        while kills < KILLS:
            process = self.start(*self.command(folder, "--quiet"))
            self.wait_for_appends(self.randomness.randint(1, appends), process)
            kills += self.kill_after(process, self.randomness.uniform(0, 0.1))
            if process.returncode == 0:
                break
        self.assertEqual(kills, KILLS, "it ended before it was killed that often")
        report = self.load(folder)
        self.assertEqual(report["rejected"] + report["pending"], 0)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        elapsed = time.monotonic() - started
        met = dict(self.front.faults.met)
        self.front.faults.clear()
        self.assert_rows(folder)
        print(f"{kills} kills, seed {self.seed}: {ROWS} rows once each, in {elapsed:.1f} s; {len(self.front.channels)} "
              f"channels are left, of {self.front.requests['open']} opened; faults {met}")

    def test_large_files(self):
        self.kill_and_finish(self.events(ROWS, "--format", "parquet", "--files", "3"), max(2, ROWS // 10_000 // KILLS))

    def test_small_files(self):
        self.kill_and_finish(self.events(ROWS, "--format", "ndjson", "--files", "150"), 12)


if __name__ == "__main__":
    main()
