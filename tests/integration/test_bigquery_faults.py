"""What an import into BigQuery does when the service fails: storms of errors, lost answers, tokens that expire, a key that
is revoked, a table that is dropped and made again or loses a column, quotas, and rows that are refused. Counts are exact.

Skipped and counted where bqemulator is not installed (tools/setup.sh --tests).
"""
import collections
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import harness
from bigquery_server import PROJECT
from test_bigquery import PATIENCE, BigqueryTest as Base

ROWS = 6000


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class FaultTest(Base):
    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.server.violations(), {})

    def start_held(self, path, method, when, to=None, **options):
        """An import, once a call is held."""
        self.server.hold(method, when)
        process = self.start(*self.command(path, to or self.to()), "--quiet", **options)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.assertTrue(self.server.is_held(PATIENCE), f"no {method} comes")
        return process

    def finish(self, process, expect=0):
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, expect, err)
        return err

    def assert_in_table(self, rows):
        self.assertEqual(self.numbers(), collections.Counter(rows))


class Calls(FaultTest):
    def test_storms_of_errors_and_lost_answers(self):
        for how, every in (("unavailable", 7), ("lost", 5), ("internal", 31), ("quota", 41)):
            self.server.fault("any", how, count=10**9, skip=1, every=every)
        report = self.load(self.rows(ROWS), self.to())
        self.server.ask(clear_faults=True)
        self.assertEqual((report["accepted"], report["rejected"]), (ROWS, 0))
        self.assert_in_table(range(ROWS))

    def test_quotas_that_are_exceeded(self):
        for method in ("create", "append", "commit", "rest:POST"):
            self.server.fault(method, "quota")
        report = self.load(self.rows(20), self.to())
        self.assertEqual(report["accepted"], 20)
        self.assert_in_table(range(20))

    def test_no_permission_stops_the_run(self):
        self.load(self.rows(20), self.to())
        self.server.fault("create", "denied")
        path = self.rows(40, name="in/more.ndjson")
        code, out, err = self.run_program(*self.command(path, self.to()))
        self.assertEqual(code, 3, err)
        self.assertIn("grant the role roles/bigquery.dataEditor", err)
        self.load(path, self.to())
        self.assert_in_table([*range(20), *range(40)])

    def test_a_table_that_was_just_made_is_unknown_for_a_while(self):
        self.load(self.rows(20), self.to())
        self.server.ask(hide_columns=["text"])
        path = self.rows(40, name="in/more.ndjson")
        process = self.start(*self.command(path, self.to("table=events&columns=text")), "--quiet")
        appends = self.server.calls("append")
        while self.server.calls("append") < appends + 3:
            self.assertIsNone(process.poll(), "the import does not wait for the column")
        self.server.ask(hide_columns=[])
        self.finish(process)
        self.assert_in_table([*range(20), *range(40)])


class Tokens(FaultTest):
    """Addresses by variables for endpoints, and credentials: as BigQuery itself, and not an emulator."""

    def environment(self):
        names = ("BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST")
        variables = {name: value for name, value in super().environment().items() if name not in names}
        return variables | {"CLOUD_BIGQUERY_ENDPOINT": f"http://{self.server.rest}",
                            "CLOUD_BIGQUERY_STORAGE_ENDPOINT": f"http://{self.server.storage}"}

    def to(self, parameters="table=events"):
        return super().to(f"{parameters}&credentials_file={self.server.key_file()}")

    def setUp(self):
        super().setUp()
        self.server.ask(tokens=3600)

    def test_tokens_that_expire_early_are_fetched_again(self):
        path = self.rows(ROWS)
        process = self.start_held(path, "append", "after")
        self.server.ask(expire_tokens=True)
        self.server.release()
        self.finish(process)
        self.server.ask(tokens=None)
        self.assert_in_table(range(ROWS))

    def test_a_revoked_key_stops_the_run(self):
        path = self.rows(ROWS)
        process = self.start_held(path, "append", "after")
        self.server.ask(revoke_key=True)
        self.server.release()
        err = self.finish(process, expect=3)
        self.assertIn("Invalid JWT Signature", err)
        self.assertNotIn("PRIVATE KEY", err)


class Tables(FaultTest):
    def setUp(self):
        super().setUp()
        # A table that an import makes itself may be unknown for ten minutes, in which it retries.
        code, out, err = self.run_program("destinations", "create", self.to("table=events&columns=text"))
        self.assertEqual(code, 0, err)

    def test_a_table_that_is_dropped_while_rows_are_staged(self):
        path = self.rows(ROWS)
        process = self.start_held(path, "append", "before")
        self.server.request("DELETE", "/datasets/analytics/tables/events")
        self.server.release()
        process.communicate(timeout=PATIENCE)
        self.load(path, self.to())
        self.assert_in_table(range(ROWS))

    def test_a_table_that_is_dropped_and_made_again_before_the_commit(self):
        path = self.rows(ROWS)
        process = self.start_held(path, "commit", "before")
        self.assertTrue(self.kill_after(process, 0))
        table = self.server.table("analytics", "events")
        self.server.request("DELETE", "/datasets/analytics/tables/events")
        self.server.release()
        self.server.request("POST", "/datasets/analytics/tables", {
            "tableReference": table["tableReference"], "schema": table["schema"]})
        # The streams are gone, and the table is not the one that they were of: their rows are nowhere.
        self.load(path, self.to())
        self.assert_in_table(range(ROWS))

    def test_a_column_that_is_removed(self):
        path = self.rows(ROWS)
        process = self.start_held(path, "append", "before", self.to("table=events&columns=text"))
        self.server.ask(drop_column=[PROJECT, "analytics", "events", "text"])
        self.server.release()
        process.communicate(timeout=PATIENCE)
        self.load(path, self.to("table=events&columns=text"))
        self.assert_in_table(range(ROWS))
        self.assertEqual(self.server.query("SELECT COUNT(text) FROM `test.analytics.events`"), [[str(ROWS)]])


class Rows(FaultTest):
    def check_refused(self, to):
        self.server.ask(refuse={"field": "distinct_id", "value": "u3"})
        report = self.load(self.rows(200), to, expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (180, 20))
        letters = self.dead_letters()
        self.assertEqual({letter["code"] for letter in letters}, {"rejected_by_destination"})
        self.assertEqual(len(letters), 20)
        self.assert_in_table([n for n in range(200) if n % 10 != 3])

    def test_refused_rows_are_dead_letters_one_by_one(self):
        self.check_refused(self.to())

    def test_refused_rows_of_the_default_stream(self):
        self.check_refused(self.to("table=events&method=default_stream"))

    def test_a_row_that_is_too_large(self):
        rows = [{"user": "u", "when": 1_796_008_365, "n": n, "text": "x" * (9_000_000 if n == 1 else 10)}
                for n in range(3)]
        report = self.load(self.write_ndjson("in/rows.ndjson", rows), self.to(), expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (2, 1))
        self.assertEqual([letter["code"] for letter in self.dead_letters()], ["event_too_large"])
        self.assert_in_table([0, 2])

    def test_the_default_stream_repeats_rows_whose_answer_was_lost(self):
        self.server.fault("append", "lost")
        report = self.load(self.rows(20), self.to("table=events&method=default_stream"))
        self.assertEqual(report["accepted"], 20)
        self.assert_in_table([*range(20), *range(20)])

    def test_columns_of_a_schema_file(self):
        path = self.write("schema.json", '[{"name":"event","type":"STRING"},{"name":"n","type":"INTEGER"},'
                          '{"name":"text","type":"STRING","mode":"NULLABLE"}]')
        self.load(self.rows(20), self.to(f"table=events&schema={path}"))
        self.assertEqual(self.server.query("SELECT SUM(n), COUNT(DISTINCT text) FROM `test.analytics.events`"),
                         [[str(sum(range(20))), "20"]])


del Base  # or its tests would run here

if __name__ == "__main__":
    harness.main()
