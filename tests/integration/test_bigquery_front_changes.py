"""Google's own clients judge what the front that plays BigQuery makes of change data capture: keys of tables, and rows that
replace or delete the row with their key.

Skipped and counted where they are not installed (tools/setup.sh --tests).
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import harness
from bigquery_server import PROJECT
from test_bigquery_front import PARENT, TABLE, WriterTest

if bigquery_server.available():
    from google.api_core import exceptions
    from google.cloud import bigquery
    from google.cloud.bigquery.table import PrimaryKey, TableConstraints


class ChangesTest(WriterTest):
    def setUp(self):
        super().setUp()
        table = bigquery.Table(f"{PROJECT}.d.users", [
            bigquery.SchemaField(name, kind) for name, kind in
            [("id", "STRING"), ("place", "STRING"), ("n", "INTEGER"), ("properties", "JSON")]])
        table.clustering_fields = ["id"]
        table.max_staleness = "0-0 0 0:15:0"
        table.table_constraints = TableConstraints(PrimaryKey(["id", "place"]), None)
        self.users = self.client.create_table(table)
        self.parent = f"projects/{PROJECT}/datasets/d/tables/users"
        self.name = f"{self.parent}/streams/_default"
        self.use_columns("id", "place", "n", "properties", "_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER")

    def use_columns(self, *names):
        self.use([(name, "TYPE_INT64" if name == "n" else "TYPE_STRING") for name in names])

    def change(self, *changes):
        rows = []
        for kind, key, n, sequence in changes:
            row = self.row(id=key[0], place=key[1], _CHANGE_TYPE=kind)
            if n is not None:
                row.n = n
            if sequence is not None:
                row._CHANGE_SEQUENCE_NUMBER = sequence
            rows.append(row)
        self.append(self.writer(self.name), rows)

    def found(self):
        rows = self.server.query("SELECT id, place, n FROM `test.d.users` ORDER BY id, place")
        return [(key, place, int(n)) for key, place, n in rows]

    def test_a_table_keeps_its_key(self):
        for table in (self.users, self.client.get_table(f"{PROJECT}.d.users")):
            self.assertEqual(table.table_constraints.primary_key.columns, ["id", "place"])
            self.assertEqual(table.max_staleness, "0-0 0 0:15:0")
        self.assertIsNone(self.client.get_table(TABLE).table_constraints)
        for columns in (["none"], ["properties"], []):
            table = bigquery.Table(f"{PROJECT}.d.bad", self.users.schema)
            table.table_constraints = TableConstraints(PrimaryKey(columns), None)
            with self.assertRaises(exceptions.BadRequest):
                self.client.create_table(table)

    def test_rows_replace_and_delete_those_with_their_key(self):
        self.change(("UPSERT", "ax", 1, "1"), ("UPSERT", "ay", 2, "1"), ("UPSERT", "bx", 3, "1"), ("UPSERT", "ax", 4, "2"))
        self.assertEqual(self.found(), [("a", "x", 4), ("a", "y", 2), ("b", "x", 3)])
        self.change(("DELETE", "ay", None, "2"), ("UPSERT", "bx", 5, "2"), ("DELETE", "cx", None, "2"))
        self.assertEqual(self.found(), [("a", "x", 4), ("b", "x", 5)])

    def test_sequence_numbers_decide_and_not_the_order_of_arrival(self):
        self.change(("UPSERT", "ax", 1, "FF/1"), ("DELETE", "bx", None, "FF/0"))
        self.change(("UPSERT", "ax", 2, "FE/2"), ("DELETE", "ax", None, "ff/0"), ("UPSERT", "bx", 3, "FE/1"))
        self.assertEqual(self.found(), [("a", "x", 1)])
        self.change(("UPSERT", "ax", 4, "FF/1"), ("UPSERT", "bx", 5, "100"))
        self.assertEqual(self.found(), [("a", "x", 4), ("b", "x", 5)], "equal numbers: the last one counts")
        self.change(("DELETE", "ax", None, "FF/A"), ("UPSERT", "bx", 6, "0FF/FFFFFFFFFFFFFFFF/0/0"))
        self.assertEqual(self.found(), [("b", "x", 5)])

    def test_rows_that_are_no_changes_are_refused(self):
        for kind, sequence in (("INSERT", "1"), ("", "1"), ("upsert", "1"), ("UPSERT", ""), ("UPSERT", "1/2/3/4/5"),
                               ("UPSERT", "1/"), ("UPSERT", "x"), ("UPSERT", "0" * 17)):
            with self.assertRaises(exceptions.InvalidArgument, msg=(kind, sequence)):
                self.change(("UPSERT", "ax", 1, "1"), (kind, "bx", 2, sequence))
        with self.assertRaises(exceptions.InvalidArgument):
            self.append(self.writer(self.name), [self.row(id="a", place="x")])
        self.assertEqual(self.found(), [])

    def test_changes_need_a_key_and_the_default_stream(self):
        with self.assertRaises(exceptions.InvalidArgument):
            self.append(self.writer(self.stream(parent=self.parent)), [self.row(id="a", place="x", _CHANGE_TYPE="UPSERT")], 0)
        self.use_columns("id", "n", "_CHANGE_TYPE")
        with self.assertRaises(exceptions.InvalidArgument):  # it lacks a part of the key
            self.append(self.writer(self.name), [self.row(id="a", _CHANGE_TYPE="UPSERT")])
        self.use_columns("id", "place", "_CHANGE_SEQUENCE_NUMBER")
        with self.assertRaises(exceptions.InvalidArgument):
            self.append(self.writer(self.name), [self.row(id="a", place="x", _CHANGE_SEQUENCE_NUMBER="1")])
        self.use_columns("event", "_CHANGE_TYPE")
        with self.assertRaises(exceptions.InvalidArgument):
            self.append(self.writer(f"{PARENT}/streams/_default"), [self.row(event="a", _CHANGE_TYPE="UPSERT")])
        self.assertEqual((self.found(), self.events()), ([], []))

    def test_statements_do_not_change_such_a_table(self):
        self.change(("UPSERT", "ax", 1, "1"))
        with self.assertRaises(exceptions.BadRequest):
            self.client.query_and_wait("DELETE FROM `test.d.users` WHERE true")
        self.assertEqual(self.found(), [("a", "x", 1)])

    def test_a_table_that_is_made_again_has_no_changes(self):
        self.change(("UPSERT", "ax", 1, "9"))
        self.client.delete_table(self.users)
        table = bigquery.Table(f"{PROJECT}.d.users", self.users.schema)
        self.assertIsNone(self.client.create_table(table).table_constraints)
        self.client.delete_table(table)
        table.table_constraints = TableConstraints(PrimaryKey(["id", "place"]), None)
        self.client.create_table(table)
        self.change(("UPSERT", "ax", 2, "1"))
        self.assertEqual(self.found(), [("a", "x", 2)])


if __name__ == "__main__":
    harness.main()
