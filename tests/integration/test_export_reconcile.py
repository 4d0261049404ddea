"""millrace export reconcile: rows that were deleted, doubled, changed or added at the destination are found, and repaired.
millrace export events --replace: days become what Mixpanel has now.

What needs PostgreSQL or pyiceberg is skipped and counted where it is not installed (tools/setup.sh --tests).
"""
import collections
import json
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import iceberg_places
import postgres_server
from export_harness import ExportTest, day_of
from harness import SANITIZED, main
from iceberg_rest_server import RestCatalog

DAYS, ROWS = 8, 3_000
KILLS = 5 if SANITIZED else 15
NAMES = ("expected", "found", "missing", "unexpected", "duplicates", "repaired", "removed")


class ReconcileTest(ExportTest):
    zone = "utc"

    def setUp(self):
        super().setUp()
        zone = ["--time-zone", self.zone] if self.zone != "utc" else []
        self.started = self.sandbox("--project-id", "1", *zone)
        self.events = [self.some_event() for _ in range(ROWS)]
        self.send(self.started, self.events + self.events[::13])

    def some_event(self):
        """Of one of the last days that are over, wherever the project is."""
        return self.event(self.randomness.randrange(1, DAYS))

    def flags(self):
        return ["--since", day_of(DAYS + 1), "--to", self.to]

    def export(self, *args):
        return self.export_json(self.started, *self.flags(), *args, zone=self.zone)

    def reconcile(self, *args, expect=0):
        command = ["export", "reconcile", "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", "--time-zone",
                   self.zone, *self.flags(), *args]
        return self.run_json(*command, expect=expect)

    def assert_numbers(self, report, **numbers):
        expected = {"expected": len(self.sent), "found": len(self.sent) - numbers.get("missing", 0)}
        self.assertEqual({name: report[name] for name in NAMES}, dict.fromkeys(NAMES, 0) | expected | numbers)

    def assert_clean(self):
        report = self.reconcile()
        self.assert_numbers(report)
        self.assertTrue(report["success"])


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresTest(ReconcileTest):
    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)
        self.to = self.server.uri

    def found(self):
        rows = self.server.query("SELECT event, distinct_id, round(extract(epoch FROM event_time) * 1000)::bigint, insert_id "
                                 "FROM events")
        return collections.Counter((row[0], row[1], int(row[2]), row[3]) for row in rows)

    def assert_exact(self):
        self.assert_same(self.found(), self.expected(self.started))

    def some(self, count):
        return "(SELECT ctid FROM events ORDER BY insert_id LIMIT %d)" % count

    def harm(self):
        """Deletes 30 rows, doubles 7, and changes the key of 5. All are different ones."""
        self.server.query(f"DELETE FROM events WHERE ctid IN {self.some(30)}")
        self.server.query("INSERT INTO events SELECT * FROM events ORDER BY insert_id LIMIT 7")
        self.server.query("UPDATE events SET insert_id = 'changed-' || insert_id, event = 'unknown' WHERE ctid IN "
                          "(SELECT ctid FROM events ORDER BY insert_id DESC LIMIT 5)")

    def test_what_was_harmed_is_found_and_replaced(self):
        self.export()
        self.assert_clean()
        self.harm()
        report = self.reconcile(expect=1)
        self.assert_numbers(report, missing=35, duplicates=7, unexpected=5)
        self.assertEqual(len(report["duplicate_events"]), 7)
        self.assertEqual({event["event"] for event in report["unexpected_events"]}, {"unknown"})
        report = self.reconcile("--replace")
        self.assert_numbers(report, repaired=35, removed=12)
        self.assert_exact()
        self.assert_clean()
        # Exports know what is there.
        self.send(self.started, [self.event(2), self.event(3)])
        self.assertEqual(self.export()["accepted"], 2)
        self.assert_exact()

    def test_a_repair_delivers_what_is_missing_and_deletes_nothing(self):
        self.export()
        self.harm()
        late = [self.event(2), self.event(DAYS)]  # the second one after its day was closed
        self.send(self.started, late)
        report = self.reconcile("--repair", expect=1)
        self.assert_numbers(report, repaired=37, duplicates=7, unexpected=5)
        self.assertEqual(self.export()["accepted"], 0)
        self.server.query("DELETE FROM events WHERE event = 'unknown'")
        self.server.query("DELETE FROM events a USING events b WHERE a.insert_id = b.insert_id AND a.ctid < b.ctid")
        self.assert_exact()
        self.assert_clean()

    def test_a_table_that_lost_everything_is_filled_again(self):
        self.export()
        self.server.query("DELETE FROM events")
        self.assert_numbers(self.reconcile("--repair"), repaired=len(self.sent))
        self.server.query("DELETE FROM events")
        self.assert_numbers(self.reconcile("--repair"), repaired=len(self.sent))
        self.assert_exact()

    def test_days_without_events_are_compared_too(self):
        self.export()
        self.server.query(f"INSERT INTO events (event, event_time, insert_time, distinct_id, insert_id) "
                          f"VALUES ('other', '{day_of(DAYS + 1)} 12:00+00', now(), 'u', 'i')")
        self.assert_numbers(self.reconcile(expect=1), unexpected=1)
        self.assert_numbers(self.reconcile("--replace", "--ignore-unexpected"), unexpected=1)
        self.assert_numbers(self.reconcile("--replace"), removed=1)
        self.assert_exact()

    def test_killed_repairs_leave_no_repeat(self):
        self.export("--late", "1d")
        command = ["export", "reconcile", "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", "--time-zone",
                   self.zone, *self.flags()]
        kills, runs = 0, 0
        while kills < KILLS:
            self.server.query(f"DELETE FROM events WHERE ctid IN {self.some(200)}")
            self.send(self.started, [self.some_event() for _ in range(20)])
            verb = self.randomness.choice(["--repair", "--replace"])
            kills += self.kill_after(self.start(*command, verb), self.randomness.uniform(0, 1.2))
            repeats = [key for key, count in self.found().items() if count > 1]
            self.assertEqual(repeats, [], f"seed {self.seed}")
            runs += 1
            self.assertLess(runs, 20 * KILLS)
        self.reconcile("--repair")
        self.assert_exact()
        self.assertEqual(self.export()["accepted"], 0)
        print(f"{self.id()}: {kills} kills in {runs} runs, seed {self.seed}")

    def test_replacing_days_takes_what_mixpanel_has_now(self):
        self.export("--late", "1d")
        self.harm()
        self.server.query("UPDATE events SET properties = '{}' WHERE insert_id < 'id-~'")
        self.send(self.started, [self.event(DAYS - 1)])
        report = self.export("--replace")
        self.assertEqual((report["accepted"], report["windows_skipped"]), (len(self.sent), 0))
        self.assert_exact()
        self.assertEqual(self.server.query("SELECT count(*) FROM events WHERE properties = '{}'"), [["0"]])
        self.assertEqual(self.export()["accepted"], 0)
        self.assert_clean()

    def test_killed_replacements_leave_whole_days(self):
        self.export()
        command = self.export_command(self.started, "--time-zone", self.zone, *self.flags(), "--replace")
        kills, runs = 0, 0
        while kills < KILLS:
            self.send(self.started, [self.some_event() for _ in range(20)])
            kills += self.kill_after(self.start(*command), self.randomness.uniform(0, 1.2))
            found = self.found()
            self.assertEqual(max(found.values()), 1, f"seed {self.seed}")
            self.assertFalse(dict.fromkeys(map(tuple, self.keys_at_first())).keys() - found.keys(), f"seed {self.seed}")
            runs += 1
            self.assertLess(runs, 20 * KILLS)
        self.export("--replace")
        self.assert_exact()

    def keys_at_first(self):
        return list(self.sent)[:ROWS]

    def test_what_cannot_be_compared_is_said(self):
        code, _, err = self.run_program("export", "reconcile", "--project-id", "1", "--mixpanel-url", self.started.url,
                                        "--time-zone", self.zone, *self.flags(), "--to", str(self.folder / "lake"))
        self.assertEqual(code, 2, err)
        self.assertIn("one --to", err)
        self.export()
        code, _, err = self.run_program("export", "reconcile", "--project-id", "1", "--mixpanel-url", self.started.url,
                                        "--time-zone", self.zone, *self.flags(), "--event", "buy")
        self.assertEqual(code, 2, err)
        self.assertIn("another filter", err)

    def test_status_shows_windows_and_queries(self):
        self.export("--queries-per-hour", "60")
        report = self.run_json("status")
        windows = [row for row in report["objects"] if "window" in row]
        self.assertEqual(sum(row["delivered"] for row in windows), len(self.sent))
        self.assertEqual(report["totals"]["accepted"], len(self.sent))
        self.assertEqual(report["totals"]["windows"], len(windows))
        self.assertGreater(report["totals"]["queries_last_hour"], 0)
        self.assertNotIn("mixpanel:queries", json.dumps(report))
        code, out, err = self.run_program("status")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, rf"closed +[0-9,]+ +window  mixpanel:1/events/{day_of(DAYS - 1)}\n")
        self.assertRegex(out, r"\d+ windows of exports, \d+ closed; \d+ quer(y|ies) of Mixpanel in the last hour")


class LocalTimeTest(PostgresTest):
    zone = "Asia/Kolkata"
    test_what_cannot_be_compared_is_said = test_status_shows_windows_and_queries = None
    test_killed_replacements_leave_whole_days = None


class LakeTest(ReconcileTest):
    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"
        self.to = f"{self.lake}?format=ndjson.gz"

    def test_deleted_and_copied_files(self):
        self.export()
        self.assert_clean()
        files = sorted(self.lake.rglob("*.ndjson.gz"))
        before = self.lake_keys(self.lake)
        files[0].unlink()
        missing = sum(before.values()) - sum(self.lake_keys(self.lake).values())
        self.assert_numbers(self.reconcile(expect=1), missing=missing)
        self.assert_numbers(self.reconcile("--repair"), repaired=missing)
        self.assert_same(self.lake_keys(self.lake), self.expected(self.started))
        self.assertEqual(self.export()["accepted"], 0)
        shutil.copy(files[1], files[1].with_name("copy.ndjson.gz"))
        report = self.reconcile("--repair", expect=1)
        self.assertGreater(report["duplicates"], 0)
        files[1].with_name("copy.ndjson.gz").unlink()
        self.assert_clean()

    def test_days_cannot_be_replaced(self):
        self.export()
        for verb in (["events"], ["reconcile"]):
            code, _, err = self.run_program("export", *verb, "--project-id", "1", "--mixpanel-url", self.started.url,
                                            "--time-zone", self.zone, *self.flags(), "--replace")
            self.assertEqual(code, 2, err)
            self.assertIn("cannot be replaced: it only appends", err)


@unittest.skipIf(iceberg_places.UNAVAILABLE, iceberg_places.UNAVAILABLE)
class IcebergTest(ReconcileTest):
    def setUp(self):
        super().setUp()
        catalog = RestCatalog()
        self.addCleanup(catalog.stop)
        self.place = iceberg_places.CatalogTables(catalog)
        self.to = self.place.to()

    def test_deleted_and_doubled_rows(self):
        self.export()
        self.assert_clean()
        table = self.place.table()
        table.delete("event == 'buy'")
        missing = sum(key[0] == "buy" for key in self.sent)
        self.assert_numbers(self.reconcile(expect=1), missing=missing)
        self.assert_numbers(self.reconcile("--repair"), repaired=missing)
        self.assertEqual(self.export()["accepted"], 0)
        table = self.place.table()
        table.append(table.scan("event == 'view'").to_arrow())
        report = self.reconcile("--repair", expect=1)
        self.assert_numbers(report, duplicates=sum(key[0] == "view" for key in self.sent))


if __name__ == "__main__":
    main()
