"""Imports into Redshift and proxy traffic, killed (SIGKILL) at random moments while the service has faults: each row is
there once, as an independent reader of the files sees it. MILLRACE_KILL_ROWS asks for a long run."""
import collections
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
import test_proxy_kill
from harness import SANITIZED, main
from redshift_events import UNAVAILABLE, RedshiftEventsTest

ROWS = int(os.environ.get("MILLRACE_KILL_ROWS", "40000" if SANITIZED else "100000"))
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
class ProxyKillTest(test_proxy_kill.ProxyKillTest):
    test_killed_fifty_times = test_killed_while_segments_are_reused = None  # those of the base class

    def environment(self):
        return super().environment() | self.front.variables()

    def test_rows_arrive_exactly_once(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        self.front = redshift_front.RedshiftFront(server, rates={})
        self.addCleanup(self.front.stop)
        arguments = ["--to", "redshift://work/dev/public", "--to", self.to_lake]
        load = test_proxy_kill.Load(self.seed)
        load.start()
        self.addCleanup(load.stop)
        self.front.random_faults = FAULTS
        listened = sum(self.run_and_kill(arguments, load, longest=2) for _ in range(KILLS))
        self.front.random_faults = {}
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
            rows.update(key for [key] in server.query(f"SELECT {key} FROM {table}", "dev"))
        self.check_found(load, rows, "Redshift")
        self.assertEqual([key for key, count in rows.items() if count > 1], [])
        for name, one in destinations.items():
            self.assertEqual((one["accepted"], one["rejected"], one["filtered"]), (in_lake, 0, 0), name)
        self.assertEqual(len(rows), in_lake)
        self.assertEqual(proxy.stop(), 3)
        print(f"{KILLS} kills, {listened} while it listened, seed {self.seed}: {len(load.attempted)} records sent, "
              f"{len(load.answered)} answered with 200, {len(rows)} rows; {dict(self.front.counts)}")


if __name__ == "__main__":
    main()
