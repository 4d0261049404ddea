"""Imports into PostgreSQL, killed (SIGKILL) at random moments and started again: each row is there once, as an
independent reader of the files sees it.
"""
import time
import unittest

from harness import SANITIZED, main
from postgres_events import UNAVAILABLE, PostgresEventsTest

ROWS, FILE_ROWS = (100_000, 20_000) if SANITIZED else (1_000_000, 200_000)
FILES, WORKERS = 2000, 4
KILLS_OF_ONE, KILLS_OF_FOUR = 10, 10


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class KillTest(PostgresEventsTest):
    def kill(self, process):
        # Not always after a commit.
        return self.kill_after(process, self.randomness.uniform(0, 0.1))

    def test_one_process_killed_ten_times(self):
        folder = self.events(ROWS, "--format", "parquet", "--files", "3")
        self.create()
        self.slow_down(0.03)
        started = time.monotonic()
        kills = 0
        while kills < KILLS_OF_ONE:
            goal = ROWS * (kills + self.randomness.uniform(0.1, 0.9)) / KILLS_OF_ONE
            process = self.start(*self.command(folder, "--quiet"))
            self.wait_for_rows(goal, process)
            kills += self.kill(process)
        self.server.query("DROP TRIGGER slow ON events")
        report = self.load(folder)
        self.assertEqual(report["rejected"] + report["pending"], 0)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        elapsed = time.monotonic() - started
        self.assert_rows(folder)
        print(f"{kills} kills, seed {self.seed}: {ROWS} rows once each, in {elapsed:.1f} s")

    def test_four_processes_and_a_ledger_in_postgresql_killed_ten_times(self):
        folder = self.events(FILE_ROWS, "--format", "ndjson", "--files", str(FILES))
        self.create()
        self.slow_down(0.03)
        self.server.query("CREATE DATABASE ledger")
        command = self.command(folder, "--ledger", self.server.uri_of("tester", "ledger"), "--quiet", "--json")
        started = time.monotonic()
        workers = [self.start(*command) for _ in range(WORKERS)]
        kills = 0
        while kills < KILLS_OF_FOUR:
            self.wait_for_rows(FILE_ROWS * (kills + self.randomness.uniform(0.1, 0.9)) / KILLS_OF_FOUR, *workers)
            victim = workers.pop(self.randomness.randrange(WORKERS))
            kills += self.kill(victim)
            workers.append(self.start(*command))
        self.server.query("DROP TRIGGER slow ON events")
        for worker in workers:
            self.finish(worker, expect=0)
        elapsed = time.monotonic() - started
        self.assert_rows(folder)
        status = self.run_json("status", "--ledger", self.server.uri_of("tester", "ledger"))
        self.assertEqual((status["totals"]["done"], status["totals"]["accepted"]), (FILES, FILE_ROWS))
        print(f"{kills} kills of {WORKERS} processes, seed {self.seed}: {FILE_ROWS} rows of {FILES} files once each, "
              f"in {elapsed:.1f} s")


if __name__ == "__main__":
    main()
