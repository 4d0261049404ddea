"""`import`, `plan`, `reconcile`, `init` and `dlq replay` of real Iceberg tables, written by pyiceberg; what arrives is
compared with pyiceberg's own scan of the table.

Skipped and counted where pyiceberg, pyarrow or DuckDB is not installed (tools/setup.sh --tests).
"""
import collections
import datetime
import json
import pathlib
import random
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import cloud_servers
import packages
from harness import FAST_RETRY, main
from iceberg_tables import BEGIN, COLUMNS, catalog_of, make_trips
from import_iceberg import POSITION_IDS, ImportIcebergBase
from test_staypoints_stores import BucketTest

if packages.available():
    import pyarrow as pa
    from pyiceberg.manifest import DataFileContent
    from pyiceberg.schema import Schema
    from pyiceberg.typedef import Record
    from pyiceberg.types import ListType, LongType, NestedField, StringType, StructType, TimestamptzType


@unittest.skipUnless(packages.available(), "pyiceberg, pyarrow or DuckDB is not installed")
class ImportIcebergTest(ImportIcebergBase):
    def test_the_current_rows_and_then_only_new_files(self):
        table, sandbox = self.create(), self.sandbox()
        self.append(table, make_trips(600, 1))
        (self.location(table) / "data/orphan.parquet").write_bytes(b"not listed")
        report = self.load(sandbox, table)
        self.assertEqual((report["accepted"], report["objects"]), (600, len(self.files(table))))
        self.assertEqual(self.arrived(sandbox), self.trips(table.scan()))
        old = len(self.files(table))
        self.append(table, make_trips(500, 2))
        report = self.load(sandbox, table)
        self.assertEqual((report["accepted"], report["objects_skipped"]), (500, old))
        self.assertEqual(self.arrived(sandbox), self.trips(table.scan()))
        report = self.load(sandbox, table)
        self.assertEqual((report["read"], report["requests"]), (0, 0))
        # The metadata file names the same objects; the location without "iceberg:" matches the table too.
        newest = sorted((self.location(table) / "metadata").glob("*.metadata.json"))[-1]
        self.assertEqual(self.load(sandbox, newest, config=self.config_for(table))["read"], 0)
        config = self.config_for(table, source_prefix=f"{self.location(table)}/", config_id="by_location")
        self.assertEqual(self.load(sandbox, newest, "--force", config=config)["read"], 1100)

    def test_position_and_equality_deletes(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        old = make_trips(3000, 3)
        self.append(table, old)
        first, file = table.current_snapshot().snapshot_id, self.files(table)[0]
        table = self.delete_positions(table, file, [0, 17, 2047, 2048, 2999], "pos.parquet")
        deletes = pa.table({"user_id": ["u003", "u004", None]})
        table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", Record(), [1], equality_ids=[1])
        new = make_trips(50, 12, users=5)
        self.append(table, new)
        kept = [row for i, row in enumerate(old)
                if i not in (0, 17, 2047, 2048, 2999) and row["user_id"] not in ("u003", "u004")] + new
        # The column of the equality deletes is read although it is not mapped.
        config = json.loads(self.config_for(table).read_text())
        config[0]["field_mappings"][0] = {"source_field": "start_lat", "mixpanel_field": "distinct_id", "type": "string"}
        report = self.load(sandbox, table, config=self.write_config(*config, name="unmapped.json"))
        self.assertEqual((report["read"], report["accepted"], report["filtered"]), (3050, len(kept), 3050 - len(kept)))
        self.assertEqual(sum(self.arrived(sandbox).values()), len(kept))
        self.assertNotIn("user_id", sandbox.export()[0]["properties"])
        sandbox.reset()
        shutil.rmtree(self.state)
        report = self.load(sandbox, table)
        self.assertEqual((report["accepted"], report["filtered"]), (len(kept), 3050 - len(kept)))
        self.assertEqual(self.arrived(sandbox), self.trips(kept))
        # Rows that are deleted later stay where they were sent, and their file is not sent again.
        table = self.delete_positions(table, file, [1], "late.parquet")
        report = self.load(sandbox, table)
        self.assertEqual((report["read"], report["objects_skipped"]), (0, 2))
        # An older snapshot, without the deletes, is of the same files: only --force reads them again.
        self.assertEqual(self.load(sandbox, table, "--snapshot-id", first)["read"], 0)
        report = self.load(sandbox, table, "--snapshot-id", first, "--force")
        self.assertEqual((report["read"], report["filtered"]), (3000, 0))

    def test_equality_deletes_of_numbers_that_are_not_finite(self):
        for number, accepted in ((1.5, True), (float("nan"), False), (float("inf"), False), (None, False)):
            with self.subTest(number=number):
                table = self.create(f"number{number}".replace(".", "_"), partitioned=False)
                rows = make_trips(4, 0)
                for row, value in zip(rows, (1.5, float("nan"), float("-inf"), None)):
                    row["start_lat"] = value
                self.append(table, rows)
                deletes = pa.table({"start_lat": pa.array([number], pa.float64())})
                table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", Record(), [4],
                                            equality_ids=[4])
                if accepted:
                    self.assertEqual(self.load(self.sandbox(), table)["accepted"], 3)
                else:
                    self.config_for(table)
                    self.fails(["start_lat", "eq.parquet"], table, code=2)

    def test_snapshots_and_schema_evolution(self):
        table, sandbox = self.create(), self.sandbox()
        self.append(table, make_trips(300, 6))
        first = table.current_snapshot()
        with table.update_schema() as update:
            update.rename_column("user_id", "rider")
            update.rename_column("end_lat", "to_lat")
            update.add_column("note", StringType())
        self.append(table, make_trips(300, 7))
        config = json.loads(self.config_for(table).read_text())
        config[0]["field_mappings"].append({"source_field": "note", "mixpanel_field": "note"})
        report = self.load(sandbox, table, config=self.write_config(*config, name="note.json"))
        self.assertEqual((report["accepted"], report["warnings"]), (600, []))
        self.assertEqual(self.arrived(sandbox), self.trips(table.scan(selected_fields=[
            field.name for field in table.schema().fields if field.name != "note"])))
        # With an older snapshot, columns have the names of then.
        for choice in (["--snapshot-id", first.snapshot_id],
                       ["--as-of", datetime.datetime.fromtimestamp(first.timestamp_ms / 1000, datetime.timezone.utc)
                        .isoformat(timespec="milliseconds")]):
            sandbox.reset()
            shutil.rmtree(self.state)
            config[0]["field_mappings"][0]["source_field"] = "user_id"
            config[0]["field_mappings"][5]["source_field"] = "end_lat"
            report = self.load(sandbox, table, *choice, config=self.write_config(*config[:1], name="old.json"))
            self.assertEqual(report["accepted"], 300)
            self.assertEqual(self.arrived(sandbox), self.trips(table.scan(snapshot_id=first.snapshot_id)))

    def test_members_of_structs_are_found_by_id(self):
        schema = Schema(NestedField(1, "at", TimestamptzType(), required=False),
                        NestedField(2, "who", StructType(NestedField(3, "name", StringType(), required=False),
                                                         NestedField(4, "gone", StringType(), required=False)), required=False),
                        NestedField(5, "items", ListType(6, StructType(NestedField(7, "sku", StringType(), required=False)),
                                                         element_required=False), required=False))
        table, sandbox = self.catalog.create_table("db.nested", schema), self.sandbox()
        at = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)

        def append(*rows):
            table.append(pa.Table.from_pylist(list(rows), table.schema().as_arrow()))

        append({"at": at, "who": {"name": "a", "gone": "x"}, "items": [{"sku": "1"}, {"sku": "2"}]})
        with table.update_schema() as update:
            update.rename_column(("who", "name"), "title")
            update.delete_column(("who", "gone"))
            update.rename_column(("items", "element", "sku"), "code")
            update.add_column(("who", "count"), LongType())
        append({"at": at, "who": {"title": "b", "count": 3}, "items": [{"code": "3"}]})
        config = self.write_config({
            "config_id": "nested", "source_prefix": f"iceberg:{self.location(table)}", "mixpanel_event_name": "e",
            "field_mappings": [{"source_field": "at", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
                               {"source_field": "who.title", "mixpanel_field": "distinct_id"},
                               {"source_field": "*", "mixpanel_field": "*"}]})
        self.assertEqual(self.load(sandbox, table, config=config)["accepted"], 2)
        found = {event["properties"]["distinct_id"]: event["properties"] for event in sandbox.export()}
        self.assertEqual((found["a"]["who"], found["a"]["items"]), ({"title": "a"}, [{"code": "1"}, {"code": "2"}]))
        self.assertEqual((found["b"]["who"], found["b"]["items"]), ({"title": "b", "count": 3}, [{"code": "3"}]))

    def test_time_ranges_of_rows(self):
        table, sandbox = self.create(), self.sandbox()
        rows = make_trips(800, 5)
        self.append(table, rows)
        hours = [BEGIN, BEGIN + datetime.timedelta(hours=2, minutes=30), BEGIN + datetime.timedelta(hours=4, minutes=15),
                 BEGIN + datetime.timedelta(hours=9)]
        ranges = [["--until", hours[1].isoformat()], ["--since", hours[1].isoformat(), "--until", hours[2].isoformat()],
                  ["--since", hours[2].isoformat()]]
        arrived = collections.Counter()
        for i, range in enumerate(ranges):
            self.load(sandbox, table, *range)
            arrived += self.trips([row for row in rows if hours[i] <= row["trip_start_time"] < hours[i + 1]])
            self.assertEqual(self.arrived(sandbox), arrived)
            # Each again: nothing is sent.
            self.assertEqual(self.load(sandbox, table, *range)["read"], 0)
        self.assertEqual(sandbox.stats()["received"], len(rows))
        # Files of other hours are not even opened: break them.
        for file in self.location(table).glob("data/trip_start_time_hour=2026-03-01-1*/*.parquet"):
            file.write_bytes(b"x" * file.stat().st_size)
        self.load(sandbox, table, *ranges[0], "--force")
        self.fails("maps no column to", table, "--since", "2026-01-01",
                   config=self.write_config({"config_id": "t", "source_prefix": "", "record_type": "user",
                                             "field_mappings": [{"source_field": "user_id", "mixpanel_field": "$distinct_id"}]}))
        config = json.loads(self.config_for(table).read_text())
        config[0]["field_mappings"][1]["source_field"] = "start_lat"
        self.fails("is of the type double", table, "--since", "2026-01-01", config=self.write_config(*config))
        self.fails("--since must be before --until", table, "--since", "2026-01-02", "--until", "2026-01-01")

    def fails(self, words, table, *args, code=2, config=None, verb="import"):
        place = table if isinstance(table, (str, pathlib.Path)) else self.location(table)
        status, out, err = self.run_program(verb, f"iceberg:{place}", "--config", config or self.folder / "config.json",
                                            "--mixpanel-url", "http://127.0.0.1:9", *args)
        self.assertEqual(status, code, out + err)
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, out + err)

    def test_files_without_field_ids_are_read_by_the_name_mapping(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        self.append(table, make_trips(200, 20))
        old, new = make_trips(200, 21), make_trips(200, 22)
        self.add_file(table, "old.parquet", old)
        with table.update_schema() as update:
            update.rename_column("user_id", "rider")
        self.add_file(table, "new.parquet", new, {"user_id": "rider"})
        deletes = pa.table({"rider": [old[0]["user_id"]]})
        table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", Record(), [1], equality_ids=[1])
        kept = [row for row in make_trips(200, 20) + old + new if row["user_id"] != old[0]["user_id"]]
        # Two of the files are outside of the table's folder.
        self.assertEqual(self.load(sandbox, table)["accepted"], len(kept))
        self.assertEqual(self.arrived(sandbox), self.trips(kept))

    def test_kills_in_the_middle(self):
        table = self.create(partitioned=False)
        rows = make_trips(8000, 0, users=500)
        self.append(table, rows)
        file = self.files(table)[0]
        for seed in (1, 2):
            rows += make_trips(8000, seed, users=500)
            self.append(table, rows[8000 * seed:])
        table = self.delete_positions(table, file, list(range(0, 8000, 7)), "pos.parquet")
        deleted = {f"u{i:03}" for i in range(0, 100, 3)}
        deletes = pa.table({"user_id": sorted(deleted)})
        table = self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", Record(), [1], equality_ids=[1])
        expected = [row for i, row in enumerate(rows) if (i >= 8000 or i % 7) and row["user_id"] not in deleted]
        sandbox = self.sandbox("--fault", "slow=40ms")
        command = ["import", f"iceberg:{self.location(table)}", "--config", self.config_for(table), "--mixpanel-url", sandbox.url,
                   "--connections", "1", "--batch-events", "400", "--json", *FAST_RETRY]
        dice, killed = random.Random(1), 0
        for _ in range(12):
            process = self.start(*command)
            killed += self.kill_after(process, dice.uniform(0.1, 0.5))
        self.assertGreater(killed, 5)
        sandbox.set_faults()
        code, _, err = self.run_program(*command)
        self.assertEqual(code, 0, err)
        # A batch whose answer a kill has prevented comes again, under the same ids.
        events = {event["properties"]["$insert_id"]: event for event in sandbox.export()}
        found = collections.Counter((event["properties"]["distinct_id"], event["properties"]["time"],
                                     *(event["properties"][column] for column in COLUMNS[3:])) for event in events.values())
        self.assertEqual(found, self.trips(expected))
        totals = self.run_json("status")["totals"]
        self.assertEqual((totals["accepted"], totals["read"]), (len(expected), 24_000))

    def test_plan_reconcile_init_and_watch(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        self.append(table, make_trips(400, 30))
        table = self.delete_positions(table, self.files(table)[0], [3, 5], "pos.parquet")
        place, config = f"iceberg:{self.location(table)}", self.config_for(table)
        plan = self.run_json("plan", place, "--config", config)
        self.assertEqual((plan["entries"][0]["objects"], plan["entries"][0]["sample"]["rows"]), (1, 398))
        self.load(sandbox, table)
        args = ["reconcile", place, "--config", config, "--mixpanel-url", sandbox.url]
        report = self.run_json(*args)
        self.assertEqual((report["expected"], report["found"], report["missing"], report["unexpected"]), (398, 398, 0, 0))
        # Missing rows are sent again from the data file, with the ids that they had.
        sandbox.reset()
        report = self.run_json(*args, "--repair", "--wait-after-repair", "0s")
        self.assertEqual((report["repaired"], report["missing"]), (398, 0))
        self.assertEqual(sum(self.arrived(sandbox).values()), 398)
        code, out, err = self.run_program("init", place)
        self.assertEqual(code, 0, err)
        entry = json.loads(out)[0] if out.lstrip().startswith("[") else None
        self.assertIsNotNone(entry, out)
        self.assertEqual(entry.get("source_gcs_prefix", entry.get("source_prefix")), place + "/")
        self.fails("watch cannot follow the Iceberg table", table, verb="watch")

    def test_replay_reads_rows_of_renamed_columns(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        self.append(table, make_trips(100, 31))
        with table.update_schema() as update:
            update.rename_column("user_id", "rider")
        config = json.loads(self.config_for(table).read_text())
        sandbox.set_faults("partial_400:1")
        report = self.load(sandbox, table, config=self.write_config(*config, name="before.json"), expect=1)
        self.assertGreater(report["rejected"], 0)
        sandbox.set_faults()
        # The rows of events that Mixpanel refused are not stored: under a new config they are read again.
        config[0]["field_mappings"].append({"source_field": "rider", "mixpanel_field": "who"})
        code, out, err = self.run_program("dlq", "replay", "--config", self.write_config(*config, name="after.json"),
                                          "--mixpanel-url", sandbox.url, "--json")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.arrived(sandbox), self.trips(table.scan()))
        self.assertEqual(sum("who" in event["properties"] for event in sandbox.export()), report["rejected"])

    def test_bad_tables(self):
        table = self.create()
        self.append(table, make_trips(200, 13))
        where = self.location(table)
        self.config_for(table)
        self.fails(["no snapshot 42", str(table.current_snapshot().snapshot_id)], where, "--snapshot-id", "42")
        self.fails("no snapshot was current", where, "--as-of", "2001-01-01T00:00:00Z")
        self.fails("nowhere", self.folder / "nowhere")
        code, _, err = self.run_program("import", where, "--config", self.folder / "config.json")
        self.assertEqual(code, 2)
        self.assertIn(f"name it iceberg:{where}", err)
        code, _, err = self.run_program("import", where / "x", "--snapshot-id", "1")
        self.assertEqual(code, 2)
        self.assertIn("need an input iceberg:TABLE", err)
        manifest = next(where.glob("metadata/*-m0.avro"))
        whole = manifest.read_bytes()
        manifest.write_bytes(whole[:len(whole) // 2])
        self.fails([manifest.name, "Avro", str(table.current_snapshot().snapshot_id)], where, code=3)
        manifest.write_bytes(whole)
        data = next(where.glob("data/**/*.parquet"))
        whole = data.read_bytes()
        data.write_bytes(whole[:-1])
        self.fails([data.name, "bytes, but the table says"], where, code=3)
        # Of the right size but no Parquet: only this object fails.
        data.write_bytes(b"x" * len(whole))
        sandbox = self.sandbox()
        report = self.load(sandbox, table, expect=1)
        self.assertEqual(report["objects_failed"], 1)
        self.assertIn("not a Parquet file", report["first_error"])
        data.unlink()
        self.fails([data.name, "the table lists a file that no longer exists"], where)
        newest = sorted((where / "metadata").glob("*.metadata.json"))[-1]
        metadata = json.loads(newest.read_text())
        newest.write_text(json.dumps(metadata | {"format-version": 3}))
        self.fails("format version 3", where)
        newest.write_text("[" * 100_000)
        self.fails("not Iceberg table metadata", where)
        with open(newest, "w") as file:
            file.truncate(65 << 20)
        self.fails("larger than 64 MiB", where, code=3)


@unittest.skipUnless(packages.available(), "pyiceberg, pyarrow or DuckDB is not installed")
class BucketImportTest(BucketTest, ImportIcebergBase):
    def check(self, kind):
        self.serve(kind)
        self.open_catalog(self.server.root + "warehouse", **catalog_of(self.server))
        table, sandbox, bucket = self.create(), self.sandbox(), {"env": self.server.variables()}
        self.append(table, make_trips(300, 41))
        place = table.location()
        config = self.config_for(table, source_prefix=f"{place}/")
        self.assertEqual(self.load(sandbox, place, config=config, **bucket)["accepted"], 300)
        self.append(table, make_trips(200, 42))
        file = next(iter(table.scan().plan_files())).file
        deletes = pa.table({"file_path": [file.file_path], "pos": pa.array([0], pa.int64())})
        table = self.commit_deletes(table, DataFileContent.POSITION_DELETES, deletes, "pos.parquet", file.partition, POSITION_IDS)
        table = self.rewrite(table, [task.file for task in table.scan().plan_files()], table.scan().to_arrow())
        report = self.load(sandbox, place, config=config, **bucket)
        # Rewritten files with rows of both are read whole; the deleted row is an old or a new one.
        self.assertEqual((report["read"], [warning["code"] for warning in report["warnings"]]), (499, ["rewritten_rows"]))
        self.assertEqual(self.trips(table.scan()) - self.arrived(sandbox), collections.Counter())
        self.assertEqual(self.load(sandbox, place, config=config, **bucket)["read"], 0)

    def test_gcs(self):
        self.check(cloud_servers.FakeGcs)

    def test_s3(self):
        self.check(cloud_servers.VersityGateway)


if __name__ == "__main__":
    main()
