"""millrace export users|groups: snapshots of a sandbox's profiles, in files and in PostgreSQL.

What needs PostgreSQL is skipped and counted where it is not installed (tools/setup.sh --tests).
"""
import gzip
import json
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import postgres_server
from harness import FAST_RETRY, MillraceTest, main

KILLS = 10


class ProfilesTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.started = self.sandbox("--page-size", "50")

    def set_users(self, users):
        updates = [{"$token": "test-token", "$distinct_id": user, "$set": values} for user, values in users.items()]
        self.started.request("POST", "/engage?verbose=1", json.dumps(updates), {"Content-Type": "application/json"})

    def command(self, verb, *args):
        return ["export", verb, "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", *FAST_RETRY, *args]

    def export_json(self, verb, *args, **options):
        report = self.run_json(*self.command(verb, *args), **options)
        self.assert_adds_up(report)
        return report

    @staticmethod
    def rows_of(folder):
        for path in sorted(folder.rglob("*.ndjson.gz")):
            with gzip.open(path, "rt") as lines:
                yield from map(json.loads, lines)


class LakeTest(ProfilesTest):
    def test_snapshots_of_users_are_added(self):
        users = {f"user-{i}": {"plan": "pro" if i % 3 else "free", "n": i, "Straße": "ß"} for i in range(333)}
        self.set_users(users)
        lake = self.folder / "lake"
        report = self.export_json("users", "--to", f"{lake}?format=ndjson.gz")
        self.assertEqual((report["windows"], report["read"], report["accepted"], report["queries"]), (1, 333, 333, 1))
        rows = list(self.rows_of(lake))
        found = {row["distinct_id"]: row for row in rows}
        self.assertEqual(found.keys(), users.keys())
        self.assertEqual({row["operation"] for row in rows}, {"$set"})
        for user, values in users.items():
            self.assertEqual({key: found[user][key] for key in values}, values)
        self.set_users({"user-0": {"plan": "new"}})
        self.assertEqual(self.export_json("users", "--to", f"{lake}?format=ndjson.gz")["accepted"], 333)
        self.assertEqual(len(list(self.rows_of(lake))), 666)

    def test_filters_and_properties(self):
        self.set_users({f"user-{i}": {"plan": "pro" if i % 2 else "free", "n": i} for i in range(20)})
        lake = self.folder / "lake"
        report = self.export_json("users", "--where", 'properties["plan"] == "pro"', "--properties", "n,other", "--to",
                                  f"{lake}?format=ndjson.gz")
        self.assertEqual(report["accepted"], 10)
        self.assertNotIn("plan", str(list(self.rows_of(lake))))
        self.assertTrue(all("n" in row for row in self.rows_of(lake)))

    def test_groups(self):
        updates = [{"$token": "test-token", "$group_key": "company", "$group_id": f"c{i}", "$set": {"n": i}} for i in range(120)]
        self.started.request("POST", "/groups?verbose=1", json.dumps(updates), {"Content-Type": "application/json"})
        lake = self.folder / "lake"
        report = self.export_json("groups", "--group-key", "company", "--to", f"{lake}?format=ndjson.gz")
        self.assertEqual(report["accepted"], 120)
        self.assertEqual({(row["group_key"], row["group_id"], row["n"]) for row in self.rows_of(lake)},
                         {("company", f"c{i}", i) for i in range(120)})

    def test_failing_queries_are_repeated(self):
        self.set_users({f"user-{i}": {"n": i} for i in range(300)})
        self.started.set_faults("query_status=503:0.3", "query_status=429:0.2")
        lake = self.folder / "lake"
        self.assertEqual(self.export_json("users", "--to", f"{lake}?format=ndjson.gz")["accepted"], 300)
        self.assertEqual(len({row["distinct_id"] for row in self.rows_of(lake)}), 300)


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresTest(ProfilesTest):
    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)

    def found(self):
        return {user: json.loads(properties) for user, properties
                in self.server.query("SELECT distinct_id, properties FROM users")}

    def test_a_snapshot_replaces_the_one_before(self):
        self.set_users({f"user-{i}": {"n": i} for i in range(220)})
        self.export_json("users", "--to", self.server.uri)
        self.assertEqual(len(self.found()), 220)
        self.set_users({"user-0": {"n": -1}})
        delete = [{"$token": "test-token", "$distinct_id": "user-1", "$delete": ""}]
        self.started.request("POST", "/engage?verbose=1", json.dumps(delete), {"Content-Type": "application/json"})
        report = self.export_json("users", "--to", self.server.uri)
        self.assertEqual(report["accepted"], 219)
        self.assertEqual(self.server.query("SELECT count(*) FROM users"), [["219"]])
        found = self.found()
        self.assertNotIn("user-1", found)
        self.assertEqual(found["user-0"]["n"], -1)

    def test_a_snapshot_without_profiles_changes_nothing_unless_that_is_allowed(self):
        self.set_users({f"user-{i}": {"n": i} for i in range(20)})
        self.export_json("users", "--to", self.server.uri)
        self.started.reset()
        code, _, err = self.run_program(*self.command("users", "--to", self.server.uri))
        self.assertEqual(code, 0, err)
        self.assertIn("give --allow-empty", err)
        self.assertEqual(len(self.found()), 20)
        report = self.export_json("users", "--allow-empty", "--to", self.server.uri)
        self.assertEqual((report["windows"], report["read"]), (1, 0))
        self.assertEqual(self.found(), {})

    def test_append(self):
        self.set_users({f"user-{i}": {"n": i} for i in range(20)})
        for _ in range(2):
            self.export_json("users", "--append", "--to", self.server.uri)
        self.assertEqual(self.server.query("SELECT count(*) FROM users"), [["40"]])

    def test_a_process_that_is_killed_leaves_a_whole_snapshot(self):

        self.set_users({f"user-{i}": {"n": 0} for i in range(1000)})
        self.export_json("users", "--to", self.server.uri)
        kills, number = 0, 0
        while kills < KILLS:
            number += 1
            for begin in range(0, 1000, 200):
                self.set_users({f"user-{i}": {"n": number} for i in range(begin, begin + 200)})
            kills += self.kill_after(self.start(*self.command("users", "--to", self.server.uri)), random.uniform(0, 0.3))
            values = {values["n"] for values in self.found().values()}
            self.assertEqual(len(values), 1, f"rows of several snapshots: {values}")
            self.assertEqual(self.server.query("SELECT count(*) FROM users"), [["1000"]])
            self.assertLess(number, 100)
        self.export_json("users", "--to", self.server.uri)
        self.assertEqual({values["n"] for values in self.found().values()}, {number})


if __name__ == "__main__":
    main()
