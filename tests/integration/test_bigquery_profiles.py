"""millrace export users|groups with profiles=upsert: a table of BigQuery that has one row for each profile of the last
snapshot, also if calls fail, if processes are killed, and if their requests arrive late.

Skipped and counted where bqemulator is not installed (tools/setup.sh --tests).
"""
import json
import pathlib
import random
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import wrong_clock
from bigquery_server import PROJECT, USERS, BigqueryServer
from harness import FAST_RETRY, main
from test_export_profiles import ProfilesTest

PATIENCE = 60  # seconds
TO = f"bigquery://{PROJECT}/d?profiles=upsert&users=users&groups=groups"
KILLS = 10


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class UpsertTest(ProfilesTest):
    def setUp(self):
        super().setUp()
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.server.violations(), {})

    def environment(self):
        return super().environment() | self.server.environment()

    def delete_users(self, *users):
        updates = [{"$token": "test-token", "$distinct_id": user, "$delete": ""} for user in users]
        self.started.request("POST", "/engage?verbose=1", json.dumps(updates), {"Content-Type": "application/json"})

    def found(self):
        """n of each user. There is one row for each."""
        rows = self.server.query("SELECT distinct_id, JSON_VALUE(properties, '$.n') FROM `test.d.users`")
        found = {user: int(n) for user, n in rows}
        self.assertEqual(len(found), len(rows), "profiles with several rows")
        return found

    def export_users(self, expect=0):
        return self.export_json("users", "--to", TO, expect=expect)

    def refusal(self, *command):
        """What a command says that is refused."""
        code, out, err = self.run_program(*command)
        self.assertEqual(code, 3, out + err)
        return out + err


class Snapshots(UpsertTest):
    def test_a_table_has_one_row_for_each_profile(self):
        self.set_users({f"user-{i}": {"n": i, "old": True} for i in range(220)})
        report = self.export_users()
        self.assertEqual((report["accepted"], report["rejected"]), (220, 0))
        self.assertEqual(self.found(), {f"user-{i}": i for i in range(220)})
        table = self.server.table("d", "users")
        self.assertEqual(table["tableConstraints"], {"primaryKey": {"columns": ["distinct_id"]}})
        self.assertNotIn("timePartitioning", table)

        self.set_users({"user-0": {"n": -1}, "ü\"\\user": {"n": 7}})
        self.delete_users("user-1", "user-2")
        self.assertEqual(self.export_users()["accepted"], 219)
        expected = {f"user-{i}": i for i in range(3, 220)} | {"user-0": -1, "ü\"\\user": 7}
        self.assertEqual(self.found(), expected)
        self.assertEqual(self.server.query("SELECT COUNT(DISTINCT insert_time), MIN(operation) FROM `test.d.users`"),
                         [["1", "$set"]])
        self.delete_users("ü\"\\user")
        self.export_users()
        del expected["ü\"\\user"]
        self.assertEqual(self.found(), expected)

    def test_groups_are_known_by_key_and_id(self):
        def set_groups(key, groups):
            updates = [{"$token": "test-token", "$group_key": key, "$group_id": group, "$set": {"n": n}}
                       for group, n in groups.items()]
            self.started.request("POST", "/groups?verbose=1", json.dumps(updates), {"Content-Type": "application/json"})

        set_groups("company", {f"c{i}": i for i in range(60)})
        command = ["groups", "--group-key", "company", "--to", TO]
        self.assertEqual(self.export_json(*command)["accepted"], 60)
        set_groups("company", {"c0": 100, "c60": 60})
        delete = [{"$token": "test-token", "$group_key": "company", "$group_id": "c1", "$delete": ""}]
        self.started.request("POST", "/groups?verbose=1", json.dumps(delete), {"Content-Type": "application/json"})
        self.export_json(*command)
        rows = self.server.query("SELECT group_key, group_id, JSON_VALUE(properties, '$.n') FROM `test.d.groups`")
        self.assertEqual(sorted(rows), sorted(["company", f"c{i}", str(i or 100)] for i in range(61) if i != 1))

    def test_many_profiles_that_vanish_are_deleted(self):
        self.started = self.sandbox("--page-size", "1000")
        users = [f"user-{i}" for i in range(12_000)]  # more than a page of the query
        for begin in range(0, len(users), 2000):
            self.set_users({user: {"n": 0} for user in users[begin:begin + 2000]})
        self.assertEqual(self.export_users()["accepted"], len(users))
        for begin in range(0, len(users), 2000):
            self.delete_users(*users[begin + 1:begin + 2000])
        self.assertEqual(self.export_users()["accepted"], 6)
        self.assertEqual(self.found(), {user: 0 for user in users[::2000]})

    def test_a_clock_that_was_ahead_hides_no_profile(self):
        """BigQuery remembers deleted rows, which no query shows: their version counts, too."""
        users = [f"user-{i}" for i in range(5)]
        self.set_users({user: {"n": 0} for user in users})
        self.export_users()
        self.delete_users(*users)
        ahead = wrong_clock.variables(FAKETIME="+1h")
        self.assertEqual(self.run_program(*self.command("users", "--allow-empty", "--to", TO), env=ahead)[0], 0)
        self.assertEqual(self.found(), {})
        self.set_users({user: {"n": 1} for user in users})
        self.assertEqual(self.export_users()["accepted"], 5)
        self.assertEqual(self.found(), {user: 1 for user in users})

    def test_a_table_that_is_made_anew_on_the_way_is_noticed(self):
        users = {f"user-{i}": {"n": 0} for i in range(50)}
        self.set_users(users)
        self.export_users()
        self.server.hold("append", "after")
        process = self.start(*self.command("users", "--to", TO))
        self.assertTrue(self.server.is_held(PATIENCE))
        for verb in (("drop", "--yes"), ("create",)):
            self.assertEqual(self.run_program("destinations", verb[0], TO, *verb[1:])[0], 0)
        self.server.release()
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 3, out + err)
        self.assertIn("was deleted and created while the snapshot was written", out + err)
        self.export_users()
        self.assertEqual(self.found(), {user: 0 for user in users})

    def test_options_of_the_table(self):
        to = f"{TO}&max_staleness=90m"
        self.assertEqual(self.run_program("destinations", "create", to)[0], 0)
        self.assertEqual(self.server.table("d", "groups")["tableConstraints"],
                         {"primaryKey": {"columns": ["group_key", "group_id"]}})
        self.assertEqual(self.server.table("d", "users")["maxStaleness"], "0-0 0 1:30:0")
        self.assertEqual(self.run_program("destinations", "check", to)[0], 0)
        code, out, err = self.run_program("destinations", "check", f"bigquery://{PROJECT}/d?users=users")
        self.assertEqual(code != 0, True, out + err)
        self.assertIn("one row for each profile", out + err)
        self.assertEqual(self.run_program("destinations", "drop", to, "--yes")[0], 0)
        self.assertEqual(self.server.request("GET", "/datasets/d/tables").get("tables", []), [])


class Refusals(UpsertTest):
    def import_users(self, to):
        path = self.write_ndjson("in/users.ndjson", [{"user": "u", "plan": "free"}])
        return ["import", path, "--config", self.write_config(USERS), "--to", to, *FAST_RETRY]

    def test_updates_and_upserts_do_not_share_a_table(self):
        self.set_users({"user-0": {"n": 0}})
        appended = f"bigquery://{PROJECT}/d?users=users"
        self.run_json(*self.import_users(appended))
        text = self.refusal(*self.command("users", "--to", TO))
        self.assertIn("the table test.d.users does not have the primary key (distinct_id)", text)
        self.assertEqual(self.server.query("SELECT COUNT(*) FROM `test.d.users`"), [["1"]])

        upserted = f"bigquery://{PROJECT}/d?users=people&profiles=upsert"
        self.export_json("users", "--to", upserted)
        for to, words in ((f"bigquery://{PROJECT}/d?users=people", "one row for each profile"),
                          (f"bigquery://{PROJECT}/d?users=people&method=default_stream", "one row for each profile"),
                          (f"bigquery://{PROJECT}/d?users=people&method=insert_all", "one row for each profile"),
                          (upserted, "profiles=upsert is for whole profiles")):
            self.assertIn(words, self.refusal(*self.import_users(to)))
        self.assertIn("without --append", self.refusal(*self.command("users", "--append", "--to", upserted)))
        self.assertEqual(self.server.query("SELECT distinct_id FROM `test.d.people`"), [["user-0"]])

    def test_rows_of_others_are_not_deleted(self):
        self.set_users({"user-0": {"n": 0}})
        self.export_users()
        for row in ({"distinct_id": "user-0", "operation": "$set", "insert_time": "2026-11-30T00:00:00Z"},
                    {"distinct_id": "user-1", "operation": "$add", "insert_time": "2026-11-30T00:00:00Z"}):
            self.server.request("POST", "/datasets/d/tables/users/insertAll", {"rows": [{"json": row}]})
            self.assertIn("name a table of its own", self.refusal(*self.command("users", "--to", TO)))
        self.assertEqual(self.server.query("SELECT COUNT(*) FROM `test.d.users`"), [["3"]])

    def test_a_profile_that_bigquery_refuses_is_a_dead_letter(self):
        self.set_users({"user-0": {"n": 0}, "user-1": {"n": 1}})
        self.server.ask(refuse={"field": "distinct_id", "value": "user-1"})
        report = self.export_users(expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (1, 1))
        self.assertEqual([letter["code"] for letter in self.dead_letters()], ["rejected_by_destination"])
        self.assertEqual(self.found(), {"user-0": 0})


class Failures(UpsertTest):
    def await_late_append(self):
        deadline = time.monotonic() + PATIENCE
        while not self.server.take_sizes():
            self.assertLess(time.monotonic(), deadline, "the held call is not executed")

    def test_storms_of_errors_and_lost_answers(self):
        self.set_users({f"user-{i}": {"n": 0} for i in range(300)})
        for number in range(1, 4):
            for method, how, every in (("append", "lost", 2), ("append", "unavailable", 3), ("append", "quota", 5),
                                       ("rest:POST", "unavailable", 3), ("rest:GET", "internal", 3)):
                self.server.fault(method, how, count=10**6, every=every)
            self.set_users({f"user-{i}": {"n": number} for i in range(number * 10, 300)})
            self.delete_users(*(f"user-{i}" for i in range(number * 10)))
            self.export_users()
            self.server.ask(clear_faults=True)
            self.assertEqual(self.found(), {f"user-{i}": number for i in range(number * 10, 300)})

    def test_processes_that_are_killed_leave_one_row_for_each_profile(self):
        randomness = random.Random(seed := random.randrange(2**32))
        self.set_users({f"user-{i}": {"n": 0} for i in range(600)})
        self.export_users()
        kills, number, users = 0, 0, 600
        while kills < KILLS:
            number += 1
            self.assertLess(number, 100, f"seed {seed}")
            self.delete_users(f"user-{users - 1}")
            users -= 1
            for begin in range(0, users, 200):
                self.set_users({f"user-{i}": {"n": number} for i in range(begin, min(begin + 200, users))})
            when = randomness.choice(["before", "after"])
            self.server.hold("append", when, skip=randomness.randrange(2))
            process = self.start(*self.command("users", "--to", TO))
            held = self.server.is_held(5)
            kills += self.kill_after(process, 0)
            if held and randomness.random() < 0.5:
                self.export_users()  # and then the request of the dead process arrives
                self.server.take_sizes()
                self.server.release()
                if when == "before":
                    self.await_late_append()
                self.assertEqual(self.found(), {f"user-{i}": number for i in range(users)}, f"seed {seed}")
            self.server.release()
            self.found()
        self.export_users()
        self.assertEqual(self.found(), {f"user-{i}": number for i in range(users)}, f"seed {seed}")

    def test_what_a_dead_process_sent_before_a_profile_was_deleted_comes_too_late(self):
        self.set_users({"user-0": {"n": 0}, "user-1": {"n": 0}})
        self.export_users()
        self.set_users({"user-0": {"n": 1}, "user-1": {"n": 1}})
        self.server.hold("append", "before")
        process = self.start(*self.command("users", "--to", TO))
        self.assertTrue(self.server.is_held(PATIENCE))
        self.assertTrue(self.kill_after(process, 0))
        self.set_users({"user-0": {"n": 2}})
        self.delete_users("user-1")
        self.export_users()
        self.assertEqual(self.found(), {"user-0": 2})
        self.server.take_sizes()
        self.server.release()
        self.await_late_append()
        self.assertEqual(self.found(), {"user-0": 2})


if __name__ == "__main__":
    main()
