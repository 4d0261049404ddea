"""The views that `millrace destinations create` makes in PostgreSQL: profiles folded from updates that were imported,
compared with Mixpanel's rules, and events without repeats."""
import json
import unittest

import postgres_server
import profile_rules
from harness import FAST_RETRY, MillraceTest, main


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class ViewsTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)

    def create(self, query=""):
        code, out, err = self.run_program("destinations", "create", self.server.uri + query)
        self.assertEqual(code, 0, out + err)

    def insert(self, rows, table="users"):
        """Rows of {column: value}; objects and lists become JSON."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        path = self.folder / "rows.json"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        path.chmod(0o644)
        self.server.query("CREATE TABLE IF NOT EXISTS arriving (row jsonb); TRUNCATE arriving")
        self.server.query(f"\\copy arriving FROM '{path}' WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')")
        self.server.query(f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join('r.' + name for name in names)} "
                          f"FROM arriving, jsonb_populate_record(NULL::{table}, row) AS r")

    def profiles(self, view="users_current", ids="distinct_id", unfolded=0):
        rows = self.server.query(f"SELECT to_json({ids}), properties, unfolded_updates FROM {view}")
        self.assertEqual({int(row[2]) for row in rows} - {0}, {unfolded} - {0})
        return {json.loads(row[0]): json.loads(row[1]) for row in rows}

    def assert_profiles(self, found, expected):
        self.assertEqual(found.keys(), expected.keys())
        for name, profile in expected.items():
            self.assertTrue(profile_rules.same(found[name], profile), f"{name}: {found[name]}, not {profile}")

    @staticmethod
    def row(number, name, operation, value, **columns):
        properties = value if isinstance(value, dict) else {operation: value}
        return {"token": "t", "distinct_id": name, "operation": operation, "insert_time": "2026-11-30T00:00:00Z",
                "properties": properties | {"time": 1796000000000 + number, "mp_metadata": {"x": number}}} | columns

    def test_profiles_are_folded_as_mixpanel_does(self):
        self.create()
        updates = profile_rules.corpus(20_000, 1500, seed=18)
        self.insert([self.row(i, *update) for i, update in enumerate(updates)])
        expected = profile_rules.fold(updates)
        self.assertGreater(len(expected), 1000)
        self.assert_profiles(self.profiles(), expected)

    def test_imported_updates_are_the_profiles_of_the_sandbox(self):
        """The same files into both."""
        sandbox = self.sandbox()
        self.create()
        updates = profile_rules.corpus(1500, 100, seed=7)
        users = [{"$distinct_id": name, "$time": 1796000000 + i, operation: value}
                 for i, (name, operation, value) in enumerate(updates)]
        in_one = {"$distinct_id": "several", "$set": {"n": 4, "gone": 1}, "$add": {"n": 1}, "$unset": ["gone"]}
        groups = [{"$group_key": "company", "$group_id": "acme", "$time": 1796000000, "$set": {"plan": "a", "tags": ["x"]}},
                  {"$group_key": "company", "$group_id": "acme", "$time": 1796000001, "$union": {"tags": ["x", "y"]}},
                  {"$group_key": "team", "$group_id": "acme", "$time": 1796000001, "$set": {"plan": "b"}}]
        self.write_ndjson("users.ndjson", [*users, in_one])
        self.write_ndjson("groups.ndjson", groups)
        config = self.write_config(
            {"config_id": "u", "source_prefix": str(self.folder / "users"), "record_type": "user"},
            {"config_id": "g", "source_prefix": str(self.folder / "groups"), "record_type": "group"})
        one_by_one = ["--config", config, "--connections", "1"]
        files = [self.folder / "users.ndjson", self.folder / "groups.ndjson"]
        self.import_json(sandbox, *files, *one_by_one)
        self.run_json("import", *files, *one_by_one, "--to", self.server.uri, *FAST_RETRY)
        expected = {profile["$distinct_id"]: profile["$properties"] for profile in sandbox.profiles()}
        self.assertGreater(len(expected), 80)
        self.assertEqual(expected["several"], {"n": 5})
        self.assert_profiles(self.profiles(), expected)
        self.assertEqual(self.server.query("SELECT group_key, group_id, properties ->> 'plan', properties ->> 'tags', "
                                           "update_time AT TIME ZONE 'UTC' FROM groups_current ORDER BY 1"),
                         [["company", "acme", "a", '["x", "y"]', "2026-11-30 00:53:21"],
                          ["team", "acme", "b", "", "2026-11-30 00:53:21"]])

    def test_what_is_not_folded_is_counted(self):
        self.create()
        self.insert([self.row(1, "u", "$set", {"a": 1, "mixed": 5}),
                     self.row(2, "u", "$append", {"mixed": 1}),
                     self.row(3, "u", "$add", {"a": 1, "mixed": 2, "text": "no number"}),
                     self.row(4, "u", "$union", {"a": "no list"}),
                     self.row(5, "u", "$increment", {"a": 1}),
                     self.row(6, "u", None, {"b": 1}),
                     self.row(7, "u", "$unset", {"a": 1}),
                     self.row(8, "u", "$set", {"$set": 7, "user_id": "of the SDK"})])
        # mixed: 3 rows, with its base; a text, no list, an unknown operation, none, no list of names.
        self.assert_profiles(self.profiles(unfolded=8), {"u": {"a": 2}})

    def test_updates_apply_in_the_order_of_their_times(self):
        self.create()
        noon = "2026-11-30T12:00:00Z"  # 1796040000
        plain = {"token": "t", "operation": "$set"}
        rows = []
        for name, first, second in [("number", 1796040001, None), ("milliseconds", 1796040001000, None),
                                    ("text", "1796040001", None), ("microseconds", 1796040001 * 10**6, None),
                                    ("nanoseconds", 1796040001 * 10**9, None), ("none", None, 1796039999)]:
            for value, time in (("last", first), ("first", second)):
                rows.append(plain | {"distinct_id": name, "insert_time": noon,
                                     "properties": {"a": value} | ({"time": time} if time else {})})
        rows.append(plain | {"distinct_id": "words", "insert_time": noon, "properties": {"a": "last", "time": "no"}})
        rows.append(plain | {"distinct_id": "words", "insert_time": "2026-11-30T11:00:00Z", "properties": {"a": 0}})
        self.insert(rows)
        self.assertEqual({profile["a"] for profile in self.profiles().values()}, {"last"})

    def test_requested_columns_are_properties(self):
        self.create("&columns=plan,amount:double,active:boolean,list:jsonb,since:timestamptz,it's")
        rows = [{"$distinct_id": "u", "$time": i, operation: value} for i, (operation, value) in enumerate([
            ("$set", {"$plan": "a", "amount": 1.5, "active": False, "list": [1], "it's": 7, "z": None}),
            ("$set", {"amount": "much", "since": 1796040000}),
            ("$append", {"list": 2}), ("$set", {"amount": 2}), ("$add", {"amount": 0.5}), ("$unset", ["$active"])], 1)]
        config = self.write_config({"config_id": "u", "source_prefix": str(self.folder), "record_type": "user"})
        self.run_json("import", self.write_ndjson("users.ndjson", rows), "--config", config, *FAST_RETRY, "--to",
                      self.server.uri + "&columns=plan,amount:double,active:boolean,list:jsonb,since:timestamptz,it's")
        self.assert_profiles(self.profiles(), {"u": {"plan": "a", "amount": 2.5, "list": [1, 2], "it's": "7", "z": None,
                                                     "since": "2026-11-30T12:00:00.000000Z"}})

    def test_repeated_events_are_shown_once(self):
        self.create()
        event = {"event": "Buy", "event_time": "2026-11-30T00:00:00Z", "token": "t", "distinct_id": "u",
                 "insert_id": "i", "insert_time": "2026-11-30T01:00:00Z", "properties": {"n": 1}}
        last = event | {"insert_time": "2026-11-30T02:00:00Z", "properties": {"n": 2}}
        others = [event | {name: f"2026-11-30T00:00:01Z" if name == "event_time" else "other"}
                  for name in ("event", "event_time", "token", "distinct_id", "insert_id")]
        without_id = event | {"insert_id": None}
        self.insert([event, last, event, *others, without_id, without_id], "events")
        self.assertEqual(self.server.query("SELECT count(*), count(DISTINCT insert_id) FROM events_deduped"), [["8", "2"]])
        self.assertEqual(self.server.query("SELECT properties FROM events_deduped WHERE event = 'Buy' AND insert_id = 'i' "
                                           "AND token = 't' AND distinct_id = 'u' AND event_time = "
                                           "'2026-11-30T00:00:00Z'"), [['{"n": 2}']])


if __name__ == "__main__":
    main()
