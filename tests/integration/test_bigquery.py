"""BigQuery as a destination: the tables that it makes and changes, the rows that arrive, and what a run does that is
killed between the steps of a commit. bqemulator plays BigQuery; its REST API says what is in the tables.

Skipped and counted where bqemulator is not installed (tools/setup.sh --tests).
"""
import collections
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import harness
import bigquery_server
from bigquery_server import EVENTS, PROJECT, USERS, BigqueryServer

PATIENCE = 60  # seconds
ROWS = 3000
ONE_BATCH = 1500  # rows that one stream gets


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class BigqueryTest(harness.MillraceTest):
    def setUp(self):
        super().setUp()
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)
        self.config = self.write_config(EVENTS)

    def environment(self):
        return super().environment() | self.server.environment()

    @staticmethod
    def to(parameters="table=events"):
        return f"bigquery://{PROJECT}/analytics?{parameters}"

    def rows(self, count, name="in/rows.ndjson"):
        return self.write_ndjson(name, [{"user": f"u{i % 10}", "when": 1_796_008_365_123 + i, "n": i, "text": f"ä{i}"}
                                        for i in range(count)])

    def command(self, path, to):
        return ["import", path, "--config", self.config, "--to", to, *harness.FAST_RETRY]

    def load(self, path, to, *args, expect=0):
        report = self.run_json(*self.command(path, to), *args, expect=expect)
        self.assert_adds_up(report)
        return report

    def numbers(self):
        """n of each event -> how often it is in the table."""
        rows = self.server.query("SELECT JSON_VALUE(properties, '$.n') FROM `test.analytics.events`")
        return collections.Counter(int(n) for [n] in rows)

    def create_table(self, fields):
        self.server.request("POST", "/datasets", {"datasetReference": {"projectId": PROJECT, "datasetId": "analytics"}})
        self.server.request("POST", "/datasets/analytics/tables", {
            "tableReference": {"projectId": PROJECT, "datasetId": "analytics", "tableId": "events"},
            "schema": {"fields": fields}})


class Tables(BigqueryTest):
    def test_rows_arrive_in_a_table_that_is_made(self):
        report = self.load(self.rows(ROWS), self.to("table=events&columns=n:integer"))
        self.assertEqual((report["accepted"], report["rejected"]), (ROWS, 0))
        table = self.server.table("analytics", "events")
        self.assertEqual(table["timePartitioning"]["field"], "event_time")
        self.assertEqual(table["clustering"]["fields"], ["event", "distinct_id"])
        rows = self.server.query(
            "SELECT event, UNIX_MICROS(event_time), distinct_id, n, JSON_VALUE(properties, '$.text'), token, "
            "LENGTH(insert_id), insert_time IS NOT NULL FROM `test.analytics.events` ORDER BY n")
        self.assertEqual(len(rows), ROWS)
        for i in (0, 7, ROWS - 1):
            self.assertEqual(rows[i], ["Click", str((1_796_008_365_123 + i) * 1000), f"u{i % 10}", str(i), f"ä{i}",
                                       None, "32", "true"])
        # The object is done; only --force sends it again.
        self.assertEqual(self.load(self.folder / "in/rows.ndjson", self.to())["read"], 0)

    def test_repeats_are_not_in_the_view(self):
        to = self.to("events=events&users=users&columns=plan")
        code, out, err = self.run_program("destinations", "create", to)
        self.assertEqual(code, 0, err)
        path = self.write_ndjson("in/rows.ndjson", [{"user": "u", "when": 1_796_008_365_123 + i % 2, "plan": "pro"}
                                                    for i in range(4)])
        self.load(path, to)
        self.load(path, to, "--force")
        self.server.request("POST", "/datasets/analytics/tables/events/insertAll",
                            {"rows": [{"json": {"event": "Click", "insert_time": "2026-11-30T00:00:00Z"}}] * 2})
        self.assertEqual(self.server.query("SELECT COUNT(*) FROM `test.analytics.events`"), [["10"]])
        self.assertEqual(self.server.query("SELECT insert_id IS NULL, plan, COUNT(*) FROM `test.analytics.events_deduped` "
                                           "GROUP BY 1, 2 ORDER BY 1"),
                         [["false", "pro", "2"], ["true", None, "2"]])
        code, out, err = self.run_program("destinations", "drop", to, "--yes")
        self.assertEqual((code, "the view test.analytics.events_deduped" in out), (0, True), out + err)
        self.assertEqual(self.server.request("GET", "/datasets/analytics/tables").get("tables", []), [])

    def test_a_view_of_somebody_else_stays(self):
        self.create_table([{"name": "n", "type": "INTEGER"}])
        self.server.request("POST", "/datasets/analytics/tables", {
            "tableReference": {"projectId": PROJECT, "datasetId": "analytics", "tableId": "clicks_deduped"},
            "view": {"query": "SELECT n FROM `test.analytics.events`", "useLegacySql": False}})
        to = self.to("events=clicks")
        self.assertEqual(self.run_program("destinations", "create", to)[0], 0)
        self.assertEqual(self.run_program("destinations", "drop", to, "--yes")[0], 0)
        left = self.server.request("GET", "/datasets/analytics/tables")["tables"]
        self.assertEqual({table["tableReference"]["tableId"] for table in left}, {"events", "clicks_deduped"})
        self.assertEqual(self.run_program("destinations", "create", self.to("events=others&views=false"))[0], 0)
        left = self.server.request("GET", "/datasets/analytics/tables")["tables"]
        self.assertNotIn("others_deduped", {table["tableReference"]["tableId"] for table in left})

    def test_profiles_have_tables_of_their_own(self):
        self.config = self.write_config(USERS)
        path = self.write_ndjson("in/users.ndjson", [{"user": f"u{i}", "plan": "free"} for i in range(20)])
        self.load(path, self.to("users=people"))
        self.assertEqual(self.server.query("SELECT COUNT(DISTINCT distinct_id), MIN(operation), "
                                           "MIN(JSON_VALUE(properties, '$.plan')) FROM `test.analytics.people`"),
                         [["20", "$set", "free"]])

    def test_what_bigquery_cannot_hold_is_a_dead_letter(self):
        path = self.write("in/rows.ndjson", '{"user":"u","when":1796008365,"n":0}\n'
                          '{"user":"u","when":1796008366,"n":12345678901234567890123}\n')
        report = self.load(path, self.to(), expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (1, 1))
        self.assertEqual([letter["code"] for letter in self.dead_letters()], ["number_not_exact"])
        self.assertEqual(set(self.numbers()), {0})

    def test_columns_are_added_and_required_ones_relaxed(self):
        # As mixpanel-dwh-proxy makes them.
        self.create_table([{"name": "event", "type": "STRING", "mode": "REQUIRED"},
                           {"name": "event_time", "type": "TIMESTAMP", "mode": "NULLABLE"},
                           {"name": "device_id", "type": "STRING", "mode": "REQUIRED"},
                           {"name": "insert_id", "type": "STRING", "mode": "REQUIRED"},
                           {"name": "properties", "type": "JSON", "mode": "NULLABLE"}])
        self.load(self.rows(20), self.to("table=events&columns=n:integer"))
        modes = {field["name"]: field.get("mode", "NULLABLE")
                 for field in self.server.table("analytics", "events")["schema"]["fields"]}
        self.assertEqual(modes["event"], "REQUIRED")
        self.assertEqual({modes[name] for name in ("device_id", "insert_id", "distinct_id", "n")}, {"NULLABLE"})
        self.assertEqual(self.server.query("SELECT SUM(n), COUNT(device_id) FROM `test.analytics.events`"),
                         [[str(sum(range(20))), "0"]])

    def test_a_table_that_does_not_fit_stops_the_run(self):
        self.create_table([{"name": "event", "type": "INTEGER", "mode": "NULLABLE"}])
        code, out, err = self.run_program(*self.command(self.rows(20), self.to()))
        self.assertEqual(code, 3, err)
        self.assertIn("the table test.analytics.events has a column event of the type INTEGER", err)

    def test_destinations(self):
        code, out, err = self.run_program("destinations", "check", self.to())
        self.assertNotEqual(code, 0)
        self.assertIn("millrace destinations create", out + err)
        code, out, err = self.run_program("destinations", "create", self.to())
        self.assertEqual(code, 0, err)
        code, out, err = self.run_program("destinations", "check", self.to())
        self.assertEqual(code, 0, out + err)
        code, out, err = self.run_program("destinations", "drop", self.to(), "--yes")
        self.assertEqual(code, 0, err)
        with self.assertRaises(OSError):
            self.server.table("analytics", "events")


class Kills(BigqueryTest):
    """The run is killed (SIGKILL) while the service holds a call; the next run finishes the work."""

    def kill_while_held(self, method, when, skip=0, rows=ONE_BATCH):
        path = self.rows(rows)
        self.server.hold(method, when, skip)
        process = self.start(*self.command(path, self.to()), "--quiet")
        self.assertTrue(self.server.is_held(PATIENCE), f"no {method} comes")
        self.assertTrue(self.kill_after(process, 0))
        return path

    def assert_in_table(self, rows):
        self.assertEqual(self.numbers(), collections.Counter(range(rows)))

    def resume(self, path, rows=ONE_BATCH):
        report = self.load(path, self.to())
        self.assertEqual((report["rejected"], report["pending"]), (0, 0))
        self.assertEqual(self.run_json("status")["totals"]["accepted"], rows)
        self.assert_in_table(rows)

    def check(self, method, when, skip=0, rows=ONE_BATCH):
        path = self.kill_while_held(method, when, skip, rows)
        self.server.release()
        self.assert_in_table(0)
        self.resume(path, rows)

    def test_before_the_first_append(self):
        self.check("append", "before")

    def test_after_the_first_append(self):
        self.check("append", "after")

    def test_after_a_later_append(self):
        self.check("append", "after", skip=1, rows=3 * ONE_BATCH)

    def test_between_append_and_finalize(self):
        self.check("finalize", "before")

    def test_between_the_stream_and_its_fence(self):
        self.check("finalize", "after")

    def test_between_the_fence_and_the_announcement(self):
        self.check("finalize", "after", skip=1)

    def test_a_restart_has_other_batches(self):
        """What is appended and not committed, in whatever pieces, counts for nothing: the rows of a committed stream would be
        lost (test_bigquery_front.py)."""
        rows = 3 * ONE_BATCH
        path = self.write_ndjson("in/rows.ndjson", [{"user": "u", "when": 1_796_008_365_123, "n": i // 2, "text": "x" * 500}
                                                    for i in range(rows)])
        sizes = []
        for memory, moment in ((64, ("append", "after", 1)), (1, ("append", "before", 2)), (2, ("finalize", "before", 0))):
            self.server.hold(*moment)
            process = self.start(*self.command(path, self.to()), "--memory", str(memory), "--quiet")
            self.assertTrue(self.server.is_held(PATIENCE), f"{moment} does not come")
            self.assertTrue(self.kill_after(process, 0))
            self.server.release()
            sizes.append(max(self.server.take_sizes()))
            self.assert_in_table(0)
        report = self.load(path, self.to(), "--memory", "3")
        sizes.append(max(self.server.take_sizes()))
        self.assertEqual((report["accepted"], report["rejected"], report["pending"]), (rows, 0, 0))
        self.assertEqual(len(set(sizes)), 4, f"all runs have the same batches: {sizes}")
        self.assertEqual(self.numbers(), collections.Counter(i // 2 for i in range(rows)))

    def test_between_the_announcement_and_the_commit(self):
        path = self.kill_while_held("commit", "before")
        self.assert_in_table(0)
        # The next run commits what is announced. Then the request of the dead one arrives.
        self.resume(path)
        self.server.release()
        self.assertEqual(self.server.calls("commit"), 2)
        self.assert_in_table(ONE_BATCH)

    def test_after_the_commit(self):
        path = self.kill_while_held("commit", "after")
        self.assert_in_table(ONE_BATCH)
        self.server.release()
        creates = self.server.calls("create")
        self.resume(path)
        self.assertEqual(self.server.calls("create"), creates, "nothing is staged again")


if __name__ == "__main__":
    harness.main()
