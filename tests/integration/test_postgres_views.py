"""The views that `millrace destinations create` makes in PostgreSQL: profiles folded from updates, also from those that
were imported, and events without repeats."""
import json
import unittest

import postgres_server
import profile_rules
from harness import FAST_RETRY, MillraceTest, main
from profile_views import ProfileViewTests


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class ViewsTest(ProfileViewTests, MillraceTest):
    COLUMN = "it's"

    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)
        self.to = self.server.uri

    def create(self, options=""):
        code, out, err = self.run_program("destinations", "create", f"{self.to}&{options}" if options else self.to)
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

    def view(self, *columns):
        rows = self.server.query(f"SELECT to_json(distinct_id), {', '.join(columns)} FROM users_current")
        return [(json.loads(row[0]), *row[2:]) for row in rows]

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
