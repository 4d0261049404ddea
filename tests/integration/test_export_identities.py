"""millrace export identities: ids that belong together, in files and in PostgreSQL, against a simple oracle.

What needs PostgreSQL is skipped and counted where it is not installed (tools/setup.sh --tests).
"""
import collections
import json
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import postgres_server
from export_harness import ExportTest, day_of, midnight
from harness import FAST_RETRY, main

KILLS = 6


def oracle(links):
    """{id: resolved id} of those that differ. A link: (user or None, id, id, time); the first is that which is identified."""
    neighbours, keys = collections.defaultdict(set), {}
    for identified, a, b, time in links:
        neighbours[a].add(b)
        neighbours[b].add(a)
        for one in (a, b):
            key = (one != identified, time, one)
            keys[one] = min(keys.get(one, key), key)
    result = {}
    for start in neighbours:
        seen, waiting = {start}, [start]
        while waiting:
            for other in neighbours[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        best = min(keys[one] for one in seen)[2]
        if best != start:
            result[start] = best
    return result


class IdentitiesTest(ExportTest):
    def setUp(self):
        super().setUp()
        self.started = self.sandbox()
        self.links = []
        self.clock = midnight(9)

    def command(self, *args, merge="original"):
        return ["export", "identities", "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", *FAST_RETRY,
                "--id-merge", merge, "--time-zone", "utc", "--since", day_of(9), *args]

    def export(self, *args, merge="original"):
        report = self.run_json(*self.command(*args, merge=merge))
        self.assert_adds_up(report)
        return report

    def send_links(self, count, ids=40):
        """Random identity events, one after another by the sandbox's clock, which says when they arrived."""
        events = []
        for _ in range(count):
            a, b = (f"id-{self.randomness.randrange(ids)}" for _ in range(2))
            time = midnight(self.randomness.randrange(4)) + next(self.numbers)
            kind = self.randomness.choice(["$identify", "$create_alias", "$merge"])
            properties = {"$identify": {"$identified_id": a, "$anon_id": b}, "$create_alias": {"distinct_id": a, "alias": b},
                          "$merge": {"$distinct_ids": [a, b]}}[kind]
            events.append({"event": kind, "properties": {"time": time, "$insert_id": f"{self.seed}-{next(self.numbers)}",
                                                         "distinct_id": a} | properties})
        for begin in range(0, count, 50):
            self.clock += 1000
            self.set_clock(self.started, self.clock + 9 * 86_400_000)
            self.send(self.started, events[begin:begin + 50])
            for one in events[begin:begin + 50]:
                p = one["properties"]
                a, b = {"$identify": lambda: (p["$identified_id"], p["$anon_id"]),
                        "$create_alias": lambda: (p["distinct_id"], p["alias"]),
                        "$merge": lambda: p["$distinct_ids"]}[one["event"]]()
                self.links.append((None if one["event"] == "$merge" else a, a, b, self.clock))
        self.started.request("DELETE", "/sandbox/clock")


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresTest(IdentitiesTest):
    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)
        self.to = ["--to", f"{self.server.uri}&users=identities"]

    def found(self):
        rows = self.server.query("SELECT distinct_id, properties->>'resolved_distinct_id' FROM identities")
        self.assertEqual(len(rows), len({row[0] for row in rows}))
        return dict(rows)

    def test_runs_that_follow_each_other_give_what_the_oracle_says(self):
        for _ in range(4):
            self.send_links(100, ids=200)
            self.send(self.started, [self.event(1) for _ in range(20)])
            self.export(*self.to)
            self.assertEqual(self.found(), oracle(self.links), f"seed {self.seed}")

    def test_days_that_are_closed_are_not_read_again(self):
        self.send_links(60)
        first = self.export(*self.to)
        self.assertGreater(first["bytes_read"], 0)
        path = next(self.state.glob("export/1-identities-original.ndjson.zst"))
        second = self.export("--late", "0s", *self.to)
        third = self.export("--late", "0s", *self.to)
        self.assertLess(third["bytes_read"], second["bytes_read"])
        self.assertEqual(self.found(), oracle(self.links))
        # A lost state costs queries, and nothing else.
        path.unlink()
        self.export(*self.to)
        self.assertEqual(self.found(), oracle(self.links))

    def test_failing_queries_and_killed_processes(self):
        self.started.set_faults("cut_export:0.3", "terminated_early:0.2", "export_status=503:0.2")
        kills = 0
        for number in range(60):
            self.send_links(30, ids=100)
            kills += self.kill_after(self.start(*self.command(*self.to)), random.uniform(0, 0.3))
            if kills >= KILLS:
                break
        self.export(*self.to)
        self.assertEqual(self.found(), oracle(self.links), f"seed {self.seed}")


class LakeTest(IdentitiesTest):
    def setUp(self):
        super().setUp()
        self.to = ["--to", f"{self.folder / 'lake'}?format=ndjson.gz"]

    def test_simplified_projects_join_devices_with_users(self):
        events = [self.event(1) for _ in range(5)]
        for number, event in enumerate(events):
            event["properties"] |= {"$device_id": f"d{number}", "$user_id": f"u{number % 2}"}
        self.send(self.started, events + [self.event(1) for _ in range(5)])
        self.assertEqual(self.export(*self.to, merge="simplified")["accepted"], 5)

    def test_errors_say_what_is_wrong(self):
        code, _, err = self.run_program(*self.command(*self.to, merge="both"))
        self.assertEqual(code, 2, err)
        self.assertIn("--id-merge", err)
        self.send_links(50)
        code, _, err = self.run_program(*self.command("--max-ids", "5", *self.to))
        self.assertNotEqual(code, 0)
        self.assertIn("--max-ids", err)
        self.export(*self.to)
        path = next(self.state.glob("export/1-identities-original.ndjson.zst"))
        path.write_bytes(json.dumps({}).encode())
        code, _, err = self.run_program(*self.command(*self.to))
        self.assertNotEqual(code, 0)
        self.assertIn("is damaged", err)


if __name__ == "__main__":
    main()
