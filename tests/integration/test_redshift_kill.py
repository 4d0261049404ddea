"""Imports into Redshift and proxy traffic, killed (SIGKILL) at random moments while the service has faults: each row is
there once, as an independent reader of the files sees it. MILLRACE_TEST_ROWS asks for a long run."""
import gzip
import json
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import postgres_server
import redshift_front
from harness import SANITIZED, main
from proxy_kills import DatabaseKillTest
from redshift_events import UNAVAILABLE, RedshiftEventsTest

ROWS = int(os.environ.get("MILLRACE_TEST_ROWS", "40000" if SANITIZED else "100000"))
KILLS = 10
# Of each request: lost before or after it was executed, refused, or executed with an error in its place.
FAULTS = {"lost_before": 0.01, "lost": 0.02, "500": 0.02, "503": 0.01, "throttle": 0.01, "expired": 0.005,
          "fail_before": 0.01, "fail_after": 0.02}


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class KillTest(RedshiftEventsTest):
    def rates(self):
        return {}

    def kill_imports(self, faults):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "3")
        # Rows that no statement can hold: each of them is a dead letter, once.
        large = [{"event_name": "large", "business_ts": "2026-10-02T00:00:00Z", "user_id": "u", "insert_id": f"large-{i}",
                  "comment": "x" * 70_000} for i in range(3)]
        with gzip.open(next(folder.rglob("*.ndjson.gz")), "at") as file:
            file.writelines(json.dumps(row) + "\n" for row in large)
        self.create()
        started = time.monotonic()
        self.front.random_faults = faults
        kills = 0
        while kills < KILLS:
            goal = ROWS * (kills + self.randomness.uniform(0.1, 0.9)) / KILLS
            process = self.start(*self.command(folder, "--quiet"))
            self.wait_for_rows(goal, process)
            kills += self.kill_after(process, self.randomness.uniform(0, 0.3))
        code, out, err = self.run_program(*self.command(folder, "--quiet"))
        self.front.random_faults = {}
        self.assertIn(code, (0, 1), out + err)  # 1: the large rows are in the last part
        totals = self.run_json("status", expect=1)["totals"]
        self.assertEqual((totals["accepted"], totals["rejected"]), (ROWS, len(large)))
        letters = [json.loads(letter["payload_after"]) for letter in self.dead_letters()]
        self.assertEqual(sorted(letter["properties"]["$insert_id"] for letter in letters),
                         ["large-0", "large-1", "large-2"])
        elapsed = time.monotonic() - started
        self.assert_rows(folder, where="event <> 'large'")
        print(f"{kills} kills, seed {self.seed}: {ROWS} rows once each, in {elapsed:.1f} s; {dict(self.front.counts)}")

    def test_imports_by_the_data_api(self):
        self.kill_imports(FAULTS)

    def test_imports_by_a_connection(self):
        self.to = self.connection()
        self.kill_imports({})


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class ProxyKillTest(DatabaseKillTest):
    def environment(self):
        return super().environment() | self.front.variables()

    def test_rows_arrive_exactly_once(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        self.front = redshift_front.RedshiftFront(server, rates={})
        self.addCleanup(self.front.stop)
        self.front.random_faults = FAULTS

        def calm():
            self.front.random_faults = {}

        self.kill_and_check_exactly_once("redshift://work/dev/public",
                                         lambda table, column: server.query(f"SELECT {column} FROM {table}", "dev"), calm=calm)
        print(dict(self.front.counts))


if __name__ == "__main__":
    main()
