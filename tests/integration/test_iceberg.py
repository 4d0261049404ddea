"""Staypoints of real Iceberg tables, written by pyiceberg, compared with pyiceberg and DuckDB on the same tables.

Skipped and counted where pyiceberg, pyarrow or DuckDB is not installed (tools/setup.sh --tests).
"""
import datetime
import gzip
import json
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import packages
from harness import main
from iceberg_tables import BEGIN, COLUMNS, IcebergTablesTest, make_trips

if packages.available():
    import pyarrow as pa
    from pyiceberg.manifest import DataFileContent
    from pyiceberg.typedef import Record


@unittest.skipUnless(packages.available(), "pyiceberg, pyarrow or DuckDB is not installed")
class IcebergTest(IcebergTablesTest):
    def test_hourly_partitions_two_snapshots_and_a_delete(self):
        table = self.create()
        self.append(table, make_trips(600, 1))
        first = table.current_snapshot()
        self.append(table, make_trips(500, 2))
        table.delete("user_id == 'u007'")
        report, found = self.staypoints(table)
        self.assertEqual(report["trips"], self.assert_same(table, found))
        self.assertNotIn("u007", found)
        self.assertEqual(report["rejected"], 0)
        # The first snapshot, by its id and by a time at which it was current.
        for choice in (["--snapshot-id", first.snapshot_id],
                       ["--as-of", datetime.datetime.fromtimestamp(first.timestamp_ms / 1000, datetime.timezone.utc)
                        .isoformat(timespec="milliseconds")]):
            report, found = self.staypoints(table, *choice)
            self.assertEqual(report["trips"], 600)
            self.assert_same(table, found, table.scan(snapshot_id=first.snapshot_id))

    def test_version_1(self):
        table = self.create(version=1)
        self.append(table, make_trips(300, 3))
        self.append(table, make_trips(300, 4))
        report, found = self.staypoints(table)
        self.assertEqual(report["trips"], self.assert_same(table, found))

    def test_a_time_range_prunes_and_is_exact(self):
        table = self.create()
        self.append(table, make_trips(800, 5))
        begin, end = BEGIN + datetime.timedelta(hours=2, minutes=30), BEGIN + datetime.timedelta(hours=4, minutes=15)
        # Files of other hours are not even opened: break them.
        for file in self.location(table).glob("data/trip_start_time_hour=2026-03-01-1*/*.parquet"):
            file.write_bytes(b"x" * file.stat().st_size)
        report, found = self.staypoints(table, "--from", begin.isoformat(), "--to", end.isoformat())
        scan = table.scan(row_filter=f"trip_start_time >= '{begin.isoformat()}' and trip_start_time < '{end.isoformat()}'")
        self.assertEqual(report["trips"], self.assert_same(table, found, scan))

    def test_renamed_columns(self):
        table = self.create()
        self.append(table, make_trips(300, 6))
        with table.update_schema() as update:
            update.rename_column("user_id", "rider")
            update.rename_column("end_lat", "to_lat")
        self.append(table, make_trips(300, 7))
        report, found = self.staypoints(table, "--column", "user_id=rider", "--column", "end_lat=to_lat")
        self.assertEqual(report["trips"], self.assert_same(table, found))
        code, _, err = self.run_program("staypoints", "--input", f"iceberg:{self.location(table)}", "--output", self.folder / "x")
        self.assertEqual(code, 2)
        self.assertIn("no column 'user_id'; it has: rider, trip_start_time", err)

    def test_a_moved_table(self):
        table = self.create()
        self.append(table, make_trips(300, 8))
        expected = self.expected(table.scan().to_arrow())
        moved = self.folder / "elsewhere"
        shutil.move(self.location(table), moved)
        self.assertEqual(self.staypoints(moved)[1], expected)
        newest = sorted((moved / "metadata").glob("*.metadata.json"))[-1]
        self.assertEqual(self.staypoints(newest)[1], expected)
        # As a catalog of folders writes it: a hint, and compressed metadata.
        (moved / "metadata/v3.gz.metadata.json").write_bytes(gzip.compress(newest.read_bytes()))
        for file in (moved / "metadata").glob("0*.metadata.json"):
            file.unlink()
        (moved / "metadata/version-hint.text").write_text("3")
        self.assertEqual(self.staypoints(moved)[1], expected)

    def test_files_without_field_ids_are_read_by_the_name_mapping(self):
        table = self.create(partitioned=False)
        self.append(table, make_trips(200, 20))
        old, new = make_trips(200, 21), make_trips(200, 22)
        self.add_file(table, "old.parquet", old)
        with table.update_schema() as update:
            update.rename_column("user_id", "rider")
        # The mapping now has both names: this file's column has the second.
        self.add_file(table, "new.parquet", new, {"user_id": "rider"})
        report, found = self.staypoints(table, "--column", "user_id=rider")
        self.assertEqual((report["trips"], report["rejected"]), (600, 0))
        self.assertEqual(self.assert_same(table, found), 600)
        begin = BEGIN + datetime.timedelta(hours=2)
        report, found = self.staypoints(table, "--column", "user_id=rider", "--from", begin.isoformat())
        scan = table.scan(row_filter=f"trip_start_time >= '{begin.isoformat()}'")
        self.assertEqual(report["trips"], self.assert_same(table, found, scan))
        # Equality deletes find their columns by the mapping too.
        deletes = pa.table({"rider": [old[0]["user_id"]]})
        table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", Record(), [1], equality_ids=[1])
        report, found = self.staypoints(table, "--column", "user_id=rider")
        self.assertNotIn(old[0]["user_id"], found)
        self.assertGreater(report["deleted"], 0)

    def test_only_the_name_mapping_identifies_columns(self):
        rows = make_trips(200, 23)
        names = {**{i + 1: [column] for i, column in enumerate(COLUMNS)}, 6: ["end_lng"], 7: ["end_lat", "nowhere"]}
        mapping = [{"field-id": id, "names": list} for id, list in names.items()]
        table = self.create(partitioned=False, properties={"schema.name-mapping.default": json.dumps(mapping)})
        self.add_file(table, "data.parquet", rows)
        report, found = self.staypoints(table)
        swapped = [row | {"end_lat": row["end_lng"], "end_lng": row["end_lat"]} for row in rows]
        self.assertEqual(found, self.expected(pa.Table.from_pylist(swapped).select(COLUMNS)))
        # A column that the mapping does not have is null in these files, whatever they call their own.
        with table.transaction() as transaction:
            transaction.set_properties({"schema.name-mapping.default": json.dumps(mapping[1:])})
        report = self.run_json("staypoints", "--input", f"iceberg:{self.location(table)}", "--output", self.folder / "null", expect=1)
        self.assertEqual((report["trips"], report["rejected"]), (200, 200))
        self.assertIn("user_id is null", report["first_error"])
        # Without a mapping the columns cannot be identified.
        with table.transaction() as transaction:
            transaction.remove_properties("schema.name-mapping.default")
        self.fails(self.location(table), "data.parquet", "field ids", "schema.name-mapping.default")

    def test_position_deletes(self):
        table = self.create(partitioned=False)
        self.append(table, make_trips(200, 9))
        self.append(table, make_trips(200, 10))
        file = next(iter(table.scan().plan_files())).file
        deletes = pa.table({"file_path": [file.file_path] * 3, "pos": pa.array([0, 17, 199], pa.int64())})
        table = self.commit_deletes(table, DataFileContent.POSITION_DELETES, deletes, "pos.parquet", Record(), [2147483546, 2147483545])
        report, found = self.staypoints(table)
        self.assertEqual((report["trips"], report["deleted"]), (397, 3))
        self.assertEqual(self.assert_same(table, found), 397)  # pyiceberg applies them as well

    def test_equality_deletes_apply_to_older_rows_only(self):
        table = self.create(partitioned=False)
        old = make_trips(300, 11)
        self.append(table, old)
        deletes = pa.table({"user_id": ["u003", "u004", None]})
        table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", Record(), [1], equality_ids=[1])
        new = make_trips(50, 12, users=5)
        self.append(table, new)
        report, found = self.staypoints(table)
        kept = [row for row in old if row["user_id"] not in ("u003", "u004")] + new
        self.assertEqual(report["trips"], len(kept))
        self.assertEqual(report["deleted"], 350 - len(kept))
        self.assertEqual(found, self.expected(pa.Table.from_pylist(kept).select(COLUMNS)))

    def assert_deleted(self, table, rows, is_deleted, *args):
        kept = [row for row in rows if not is_deleted(row)]
        report, found = self.staypoints(table, *args)
        self.assertEqual((report["trips"], report["deleted"]), (len(kept), len(rows) - len(kept)))
        self.assertLess(len(kept), len(rows))
        self.assertEqual(found, self.expected(pa.Table.from_pylist(kept).select(COLUMNS)))

    def test_equality_deletes_of_a_partition_apply_in_it_only(self):
        table = self.create()
        rows = make_trips(600, 24, users=6, hours=3)
        self.append(table, rows)
        hour = int(BEGIN.replace(tzinfo=datetime.timezone.utc).timestamp()) // 3600
        deletes = pa.table({"user_id": ["u003", "u004"]})
        table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", Record(hour + 1), [1], equality_ids=[1])
        in_it = lambda row: row["trip_start_time"].hour == BEGIN.hour + 1
        self.assert_deleted(table, rows, lambda row: in_it(row) and row["user_id"] in ("u003", "u004"))
        begin = BEGIN + datetime.timedelta(hours=1, minutes=30)
        report, _ = self.staypoints(table, "--from", begin.isoformat())
        left = [row for row in rows if row["trip_start_time"] >= begin and not (in_it(row) and row["user_id"] in ("u003", "u004"))]
        self.assertEqual(report["trips"], len(left))
        # A table that is no longer partitioned: deletes of the new spec apply everywhere.
        with table.update_spec() as update:
            update.remove_field("trip_start_time_hour")
        table = self.catalog.load_table(table.name())
        deletes = pa.table({"user_id": ["u005"]})
        table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "all.parquet", Record(), [1], equality_ids=[1])
        self.assert_deleted(table, rows, lambda row: row["user_id"] == "u005" or in_it(row) and row["user_id"] in ("u003", "u004"))

    def test_equality_deletes_of_a_spec_of_voids_apply_everywhere(self):
        """Version 1 keeps a partition field that is removed, as a void one: all partitions are null then."""
        table = self.create(version=1)
        rows = make_trips(300, 25, users=6, hours=3)
        self.append(table, rows)
        with table.update_spec() as update:
            update.remove_field("trip_start_time_hour")
        with table.transaction() as transaction:
            transaction.upgrade_table_version(2)
        table = self.catalog.load_table(table.name())
        self.assertEqual([str(field.transform) for field in table.spec().fields], ["void"])
        deletes = pa.table({"user_id": ["u003"]})
        table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", Record(None), [1], equality_ids=[1])
        self.assert_deleted(table, rows, lambda row: row["user_id"] == "u003")

    def fails(self, path, *words, code=2, args=()):
        status, out, err = self.run_program("staypoints", "--input", f"iceberg:{path}", "--output", self.folder / "bad", *args)
        self.assertEqual(status, code, err)
        for word in words:
            self.assertIn(word, err)
        self.assertFalse((self.folder / "bad").exists())

    def test_bad_tables(self):
        table = self.create()
        self.append(table, make_trips(200, 13))
        where = self.location(table)
        self.fails(where, "no snapshot 42", str(table.current_snapshot().snapshot_id), args=["--snapshot-id", 42])
        self.fails(where, "no snapshot was current", args=["--as-of", "2001-01-01T00:00:00Z"])
        self.fails(self.folder / "nowhere", "nowhere")
        manifest = next(where.glob("metadata/*-m0.avro"))
        whole = manifest.read_bytes()
        manifest.write_bytes(whole[:len(whole) // 2])
        self.fails(where, manifest.name, "Avro", code=3)
        manifest.unlink()
        self.fails(where, manifest.name)
        manifest.write_bytes(whole)
        data = next(where.glob("data/**/*.parquet"))
        whole = data.read_bytes()
        data.write_bytes(whole[:-1])
        self.fails(where, data.name, "bytes, but the table says", code=3)
        data.unlink()
        self.fails(where, data.name, "the table lists a file that no longer exists")
        newest = sorted((where / "metadata").glob("*.metadata.json"))[-1]
        metadata = json.loads(newest.read_text())
        newest.write_text(json.dumps(metadata | {"format-version": 3}))
        self.fails(where, "format version 3")
        newest.write_text("[" * 100_000)
        self.fails(where, "not Iceberg table metadata")


if __name__ == "__main__":
    main()
