"""BigQuery as a destination by load jobs, of files in a bucket, and by insertAll: what arrives, what a job or a row that is
refused does, and imports that are killed and meet faults. bigquery_front.py plays BigQuery, fake-gcs-server the bucket.

Skipped and counted where one of them is not installed (tools/setup.sh --tests).
"""
import collections
import json
import pathlib
import sys
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import cloud_servers
import harness
from bigquery_server import EVENTS, PROJECT, USERS, BigqueryServer

PATIENCE = 60  # seconds
ROWS = 3000
BUCKET = "bucket=gs://test-bucket/staging/"


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class LoadsTest(harness.MillraceTest):
    def setUp(self):
        super().setUp()
        self.gcs = cloud_servers.FakeGcs()
        self.addCleanup(self.gcs.stop)
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)
        self.server.read_bucket_of(self.gcs)
        self.config = self.write_config(EVENTS)

    def environment(self):
        return super().environment() | self.server.environment() | self.gcs.variables()

    @staticmethod
    def to(parameters=BUCKET):
        return f"bigquery://{PROJECT}/analytics?table=events&{parameters}"

    def rows(self, count, name="in/rows.ndjson", first=0):
        return self.write_ndjson(name, [{"user": f"u{i % 10}", "when": 1_796_008_365_123 + i, "n": i, "text": f"ä{i}",
                                         "nested": {"a": [1, None, {"b": "\""}]}} for i in range(first, first + count)])

    def command(self, path, to):
        return ["import", path, "--config", self.config, "--to", to, *harness.FAST_RETRY]

    def load(self, path, to=None, *args, expect=0):
        report = self.run_json(*self.command(path, to or self.to()), *args, expect=expect)
        self.assert_adds_up(report)
        return report

    def numbers(self):
        """n of each event -> how often it is in the table."""
        rows = self.server.query("SELECT JSON_VALUE(properties, '$.n') FROM `test.analytics.events`")
        return collections.Counter(int(n) for [n] in rows)

    def assert_in_table(self, rows):
        self.assertEqual(self.numbers(), collections.Counter(range(rows)))

    def staged(self):
        return self.gcs.keys("")


class Loads(LoadsTest):
    def test_rows_arrive_as_they_are(self):
        big = 2**62 + 1
        path = self.write_ndjson("in/rows.ndjson", [{"user": f"u{i}", "when": 1_796_008_365_123 + i, "n": i, "big": big + i,
                                                     "x": 0.1, "ok": i == 0, "o": {"a": [1, "\""]}} for i in range(ROWS)])
        report = self.load(path, self.to(BUCKET + "&columns=big:integer,x:number,ok:boolean"))
        self.assertEqual((report["accepted"], report["rejected"]), (ROWS, 0))
        rows = self.server.query(
            "SELECT event, UNIX_MICROS(event_time), distinct_id, big, x, ok, TO_JSON_STRING(properties), LENGTH(insert_id), "
            "insert_time IS NOT NULL FROM `test.analytics.events` ORDER BY big")
        self.assertEqual(len(rows), ROWS)
        for i in (0, 7, ROWS - 1):
            self.assertEqual(rows[i][:6], ["Click", str((1_796_008_365_123 + i) * 1000), f"u{i}", str(big + i), "0.1",
                                           "true" if i == 0 else "false"])
            self.assertEqual(json.loads(rows[i][6]), {"n": i, "o": {"a": [1, "\""]}})
            self.assertEqual(rows[i][7:], ["32", "true"])
        self.assertEqual(self.server.calls("job"), 1)
        self.assertEqual(self.staged(), [])
        self.assertEqual(self.server.violations(), {})
        # The object is done; only --force sends it again.
        self.assertEqual(self.load(path)["read"], 0)

    def test_profiles_have_tables_of_their_own(self):
        self.config = self.write_config(USERS)
        path = self.write_ndjson("in/users.ndjson", [{"user": f"u{i}", "plan": "free"} for i in range(20)])
        self.load(path, f"bigquery://{PROJECT}/analytics?users=people&{BUCKET}")
        self.assertEqual(self.server.query("SELECT COUNT(DISTINCT distinct_id), MIN(operation), "
                                           "MIN(JSON_VALUE(properties, '$.plan')) FROM `test.analytics.people`"),
                         [["20", "$set", "free"]])

    def test_what_bigquery_cannot_hold_is_a_dead_letter(self):
        path = self.write("in/rows.ndjson", '{"user":"u","when":1796008365,"n":0}\n'
                          '{"user":"u","when":1796008366,"n":12345678901234567890123}\n')
        report = self.load(path, expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (1, 1))
        self.assertEqual([letter["code"] for letter in self.dead_letters()], ["number_not_exact"])
        self.assert_in_table(1)

    def test_a_commit_has_several_files(self):
        path = self.write_ndjson("in/rows.ndjson", [
            {"user": "u", "when": 1_796_008_365_123 + i, "n": i, "noise": f"{i * 7919 ** 40 % 10 ** 400}"}
            for i in range(20_000)])
        self.server.hold("job", "before")
        process = self.start(*self.command(path, self.to(BUCKET + "&file_size=1")), "--quiet")
        self.assertTrue(self.server.is_held(PATIENCE))
        self.assertGreater(len([key for key in self.staged() if key.endswith(".ndjson.gz")]), 1)
        for key in self.staged():
            self.assertRegex(key, r"^staging/bigquery/test/analytics/events[^/]*/staged/[^/]+/[0-9a-f]{32}[-.]")
        self.server.release()
        process.communicate(timeout=PATIENCE)
        self.assert_in_table(20_000)
        self.assertEqual(self.staged(), [])

    def test_destinations_check_looks_at_the_bucket(self):
        code, out, err = self.run_program("destinations", "create", self.to())
        self.assertEqual(code, 0, err)
        code, out, err = self.run_program("destinations", "check", self.to())
        self.assertEqual(code, 0, out + err)
        self.assertIn("deleting below gs://test-bucket/staging/", out)
        code, out, err = self.run_program("destinations", "check", self.to("bucket=gs://no-such-bucket/x"))
        self.assertNotEqual(code, 0)
        self.assertIn("writing below gs://no-such-bucket/x/", out + err)


class Faults(LoadsTest):
    def check(self, rows=ROWS):
        report = self.load(self.rows(rows))
        self.assertEqual((report["accepted"], report["pending"]), (rows, 0))
        self.assert_in_table(rows)
        self.assertEqual(self.staged(), [])
        self.assertEqual(self.server.violations(), {})

    def test_an_answer_that_is_lost(self):
        self.server.fault("jobs.insert", "lost", count=1)
        self.check()
        self.assertEqual(self.server.calls("job"), 1)

    def test_answers_that_are_lost_while_the_job_runs(self):
        self.server.fault("jobs.get", "lost", count=5)
        self.check()
        self.assertEqual(self.server.calls("job"), 1)

    def test_a_storm_of_errors(self):
        for method in ("jobs.insert", "jobs.get", "rest:GET", "rest:POST"):
            self.server.fault(method, "unavailable", count=4, every=2)
        self.check()
        self.assertEqual(self.server.calls("job"), 1)

    def test_a_job_that_fails_is_repeated_under_another_id(self):
        self.server.fault("job", "backendError", count=2)
        self.check()
        self.assertEqual(self.server.calls("job"), 3)

    def test_a_job_that_says_that_a_row_is_bad_stops_the_run(self):
        path = self.rows(20)
        self.server.fault("job", "invalid")
        code, out, err = self.run_program(*self.command(path, self.to()))
        self.assertEqual(code, 3, err)
        self.assertIn("the load job failed, invalid: invalid, as the test wants", err)
        self.assertEqual(len(self.staged()), 2)
        # Nothing is read again: the files are there.
        report = self.load(path)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], 20)
        self.assertEqual(report["pending"], 0)
        self.assert_in_table(20)
        self.assertEqual(self.staged(), [])

    def test_a_table_that_is_dropped_is_made_again_by_the_next_run(self):
        self.load(self.rows(20))
        self.server.hold("jobs.insert", "before")
        path = self.rows(20, "in/more.ndjson", first=20)
        process = self.start(*self.command(path, self.to()), "--quiet")
        self.assertTrue(self.server.is_held(PATIENCE))
        self.server.request("DELETE", "/datasets/analytics/tables/events")
        self.server.release()
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 3)
        self.load(path)
        self.assertEqual(self.numbers(), collections.Counter(range(20, 40)))

    def test_a_table_that_does_not_fit_stops_the_run(self):
        self.server.request("POST", "/datasets", {"datasetReference": {"projectId": PROJECT, "datasetId": "analytics"}})
        self.server.request("POST", "/datasets/analytics/tables", {
            "tableReference": {"projectId": PROJECT, "datasetId": "analytics", "tableId": "events"},
            "schema": {"fields": [{"name": "event", "type": "INTEGER", "mode": "NULLABLE"}]}})
        code, out, err = self.run_program(*self.command(self.rows(20), self.to()))
        self.assertEqual(code, 3, err)
        self.assertIn("has a column event of the type INTEGER", err)
        self.assertEqual(self.staged(), [])

    def test_files_that_vanish_are_read_again(self):
        path = self.rows(20)
        self.server.hold("jobs.insert", "before")
        process = self.start(*self.command(path, self.to()), "--quiet")
        self.assertTrue(self.server.is_held(PATIENCE))
        for key in self.staged():
            if key.endswith(".gz"):
                cloud_servers.send("DELETE", f"{self.gcs.url}/storage/v1/b/test-bucket/o/{urllib.parse.quote(key, safe='')}")
        self.server.release()
        process.communicate(timeout=PATIENCE)
        self.load(path)
        self.assert_in_table(20)
        self.assertEqual(self.staged(), [])

    def test_another_method_does_not_touch_a_commit(self):
        path = self.rows(20)
        self.server.fault("job", "invalid")
        self.assertEqual(self.run_program(*self.command(path, self.to()))[0], 3)
        code, out, err = self.run_program(*self.command(path, f"bigquery://{PROJECT}/analytics?table=events"))
        self.assertEqual(code, 3, err)
        self.assertIn("was begun with bucket=", err)
        self.load(path)
        self.assert_in_table(20)


class Kills(LoadsTest):
    """The run is killed (SIGKILL) while the service holds a call; the next run finishes the work."""

    def kill_while_held(self, method, when, skip=0):
        path = self.rows(ROWS)
        self.server.hold(method, when, skip)
        process = self.start(*self.command(path, self.to()), "--quiet")
        self.assertTrue(self.server.is_held(PATIENCE), f"no {method} comes")
        self.assertTrue(self.kill_after(process, 0))
        return path

    def resume(self, path):
        report = self.load(path)
        self.assertEqual((report["rejected"], report["pending"]), (0, 0))
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        self.assert_in_table(ROWS)
        self.assertEqual(self.staged(), [])
        self.assertEqual(self.server.violations(), {})

    def test_before_the_job_is_created(self):
        path = self.kill_while_held("jobs.insert", "before")
        self.resume(path)
        # The request of the dead run arrives.
        self.server.release()
        self.assertEqual(self.server.calls("jobs.insert"), 2)
        self.assert_in_table(ROWS)

    def test_while_the_job_runs(self):
        path = self.kill_while_held("job", "before")
        self.server.release()
        self.resume(path)
        self.assertEqual(self.server.calls("job"), 1)

    def test_after_the_job(self):
        path = self.kill_while_held("job", "after")
        self.server.release()
        self.resume(path)
        self.assertEqual(self.server.calls("job"), 1)


class InsertAll(LoadsTest):
    TO = "method=insert_all"

    def test_rows_arrive_as_they_are(self):
        big = 2**62 + 1
        path = self.write_ndjson("in/rows.ndjson", [{"user": f"u{i}", "when": 1_796_008_365_123 + i, "n": i, "big": big + i,
                                                     "x": 0.1, "o": {"a": [1, "\""]}} for i in range(ROWS)])
        report = self.load(path, self.to(self.TO + "&columns=big:integer,x:number"))
        self.assertEqual((report["accepted"], report["rejected"]), (ROWS, 0))
        rows = self.server.query("SELECT event, UNIX_MICROS(event_time), distinct_id, big, x, TO_JSON_STRING(properties) "
                                 "FROM `test.analytics.events` ORDER BY big")
        self.assertEqual(len(rows), ROWS)
        for i in (0, 7, ROWS - 1):
            self.assertEqual(rows[i][:5], ["Click", str((1_796_008_365_123 + i) * 1000), f"u{i}", str(big + i), "0.1"])
            self.assertEqual(json.loads(rows[i][5]), {"n": i, "o": {"a": [1, "\""]}})
        self.assertEqual(self.server.violations(), {})

    def test_a_row_that_bigquery_refuses_is_a_dead_letter(self):
        self.server.ask(refuse={"field": "distinct_id", "value": "u3"})
        report = self.load(self.rows(100), self.to(self.TO), expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (90, 10))
        self.assertEqual({(letter["code"], letter["field"]) for letter in self.dead_letters()},
                         {("rejected_by_destination", "distinct_id")})
        self.assertEqual(self.numbers(), collections.Counter(i for i in range(100) if i % 10 != 3))

    def test_faults(self):
        for how in ("lost", "unavailable", "rate", "internal"):
            self.server.fault("insertAll", how, count=2, skip=1)
        report = self.load(self.rows(5 * ROWS), self.to(self.TO))
        self.assertEqual(report["accepted"], 5 * ROWS)
        # All answers that were lost came within a minute, so BigQuery has dropped what was sent again.
        self.assert_in_table(5 * ROWS)

    def test_a_killed_run_sends_rows_again_and_loses_none(self):
        path = self.rows(5 * ROWS)
        self.server.hold("insertAll", "after", skip=3)
        process = self.start(*self.command(path, self.to(self.TO)), "--quiet")
        self.assertTrue(self.server.is_held(PATIENCE))
        self.assertTrue(self.kill_after(process, 0))
        self.server.release()
        self.load(path, self.to(self.TO))
        self.assertEqual(set(self.numbers()), set(range(5 * ROWS)))

    def test_without_permission_the_run_stops(self):
        self.load(self.rows(10), self.to(self.TO))
        self.server.fault("insertAll", "denied", count=100)
        code, out, err = self.run_program(*self.command(self.rows(10, "in/more.ndjson"), self.to(self.TO)))
        self.assertEqual(code, 3)
        self.assertIn("accessDenied", err)


if __name__ == "__main__":
    harness.main()
