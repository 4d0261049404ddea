"""millrace export --deletions and --properties: users who are deleted everywhere, and properties that are left out.

What needs PostgreSQL is skipped and counted where it is not installed (tools/setup.sh --tests).
"""
import gzip
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import postgres_server
from export_harness import ExportTest, day_of
from harness import FAST_RETRY, main


class DeletionsTest(ExportTest):
    def setUp(self):
        super().setUp()
        self.started = self.sandbox()
        self.list = self.folder / "deletions"

    def export(self, verb, *args, expect=0):
        days = ["--since", day_of(3), "--time-zone", "utc"] if verb == "events" else []
        report = self.run_json("export", verb, "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", *FAST_RETRY,
                               *days, *args, expect=expect)
        self.assert_adds_up(report)
        return report


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresTest(DeletionsTest):
    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)

    def ids(self, sql):
        return {row[0] for row in self.server.query(sql)}

    def test_events_are_deleted_and_not_exported_again(self):
        for form, column in (("table", "distinct_id"), ("flat", "record->>'distinct_id'"),
                             ("raw", "record->'properties'->>'distinct_id'")):
            with self.subTest(form=form):
                to = ["--to", f"{self.server.uri}&events=t_{form}&form={form}", "--state", self.folder / form]
                gone, other = "user-'1", f"other-{form}"
                self.send(self.started, [event | {"properties": event["properties"] | {"distinct_id": id_}}
                                         for id_ in (gone, other) for event in [self.event(1) for _ in range(5)]])
                self.export("events", *to)
                count = int(self.server.query(f"SELECT count(*) FROM t_{form} WHERE {column} = 'user-''1'")[0][0])
                self.assertGreaterEqual(count, 5)
                self.list.write_text(f"{gone}\nunknown\n")
                report = self.export("events", "--deletions", self.list, *to)
                self.assertEqual((report["deleted"], report["destinations"][0]["deleted"], report["left_out"]),
                                 (count, count, count))
                self.assertNotIn(gone, self.ids(f"SELECT {column} FROM t_{form}"))
                self.assertIn(other, self.ids(f"SELECT {column} FROM t_{form}"))
                # Without the flag, and for events that arrive later.
                event = self.event(1)
                self.send(self.started, [event | {"properties": event["properties"] | {"distinct_id": gone}}])
                report = self.export("events", *to)
                self.assertEqual((report["accepted"], report["deleted"], report["left_out"]), (0, 0, count + 1))
                self.assertNotIn(gone, self.ids(f"SELECT {column} FROM t_{form}"))
                kept = (self.folder / form / "export" / "1-deleted-ids").read_text()
                self.assertNotIn("user", kept)

    def test_profiles(self):
        updates = [{"$token": "test-token", "$distinct_id": f"user-{i}", "$set": {"n": i}} for i in range(10)]
        self.started.request("POST", "/engage?verbose=1", json.dumps(updates), {"Content-Type": "application/json"})
        to = ["--append", "--to", f"{self.server.uri}&users=people"]
        self.export("users", *to)
        self.list.write_text(json.dumps({"distinct_ids": ["user-3", "user-4"], "compliance_type": "GDPR"}))
        report = self.export("users", "--deletions", self.list, *to)
        self.assertEqual((report["deleted"], report["left_out"], report["accepted"]), (2, 2, 8))
        self.assertEqual(self.ids("SELECT distinct_id FROM people"), {f"user-{i}" for i in range(10) if i not in (3, 4)})

    def test_a_table_that_is_not_there_has_no_rows(self):
        self.list.write_text("user-1\n")
        report = self.export("users", "--deletions", self.list, "--to", f"{self.server.uri}&users=people")
        self.assertEqual((report["deleted"], report["accepted"]), (0, 0))


class LakeTest(DeletionsTest):
    def setUp(self):
        super().setUp()
        self.to = ["--to", f"{self.folder / 'lake'}?format=ndjson.gz"]

    def command(self, *args):
        return ["export", "events", "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", *FAST_RETRY,
                "--time-zone", "utc", "--since", day_of(3), *self.to, *args]

    def test_a_lake_refuses_and_the_ids_are_remembered(self):
        events = [self.event(1) for _ in range(6)]
        events[0]["properties"]["distinct_id"] = "gone"
        self.send(self.started, events)
        self.list.write_text("gone\n")
        code, out, err = self.run_program(*self.command("--deletions", self.list))
        self.assertNotEqual(code, 0)
        self.assertIn("cannot delete rows", out + err)
        report = self.export("events", *self.to)
        self.assertEqual((report["accepted"], report["left_out"]), (5, 1))

    def test_a_bad_list_is_refused_before_anything_is_read(self):
        for text, why in (("", "no distinct_id"), ('{"ids": []}', "distinct_ids"), ("x" * 2000, "one distinct_id a line")):
            self.list.write_text(text)
            code, _, err = self.run_program(*self.command("--deletions", self.list))
            self.assertEqual(code, 2, err)
            self.assertIn(why, err)

    def test_only_some_properties(self):
        self.send(self.started, [self.event(1) for _ in range(20)])
        self.export("events", "--properties", "amount,missing", *self.to)
        self.assert_same(self.lake_keys(self.folder / "lake"), self.expected(self.started))
        rows = list(self.rows())
        self.assertTrue(all("amount" in row and "note" not in row for row in rows), rows[:1])
        code, _, err = self.run_program(*self.command("--properties", "note"))
        self.assertEqual(code, 2, err)
        self.assertIn("another filter", err)

    def rows(self):
        for path in (self.folder / "lake").rglob("*.ndjson.gz"):
            with gzip.open(path, "rt") as lines:
                yield from map(json.loads, lines)


if __name__ == "__main__":
    main()
