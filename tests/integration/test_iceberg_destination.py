"""Imports into Iceberg tables on disk, read back by pyiceberg, pyarrow, two versions of DuckDB and Millrace itself.

Skipped and counted where pyiceberg, pyarrow or DuckDB is not installed (tools/setup.sh --tests).
"""
import contextlib
import datetime
import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import duck_iceberg
import packages
from generated_events import IDS, PROPERTIES, TABLE_ROW
from harness import ROOT, main
from iceberg_destination import IcebergDestinationTest
from iceberg_places import UNAVAILABLE, DiskTables

if packages.available():
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyiceberg.catalog.rest import RestCatalog as RestClient
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import BucketTransform, DayTransform, HourTransform, IdentityTransform, MonthTransform
    from pyiceberg.types import NestedField, TimestamptzType

ROWS = 20_000
UTC = datetime.timezone.utc


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class DiskTest(IcebergDestinationTest):
    def place(self, name):
        return DiskTables(self.folder / name)

    def check(self, place, rows, db, name="events"):
        """A table that one or more imports have made is right in every respect."""
        self.assert_readers_agree(place, db, name=name)
        self.assert_history(place.table(name), rows)
        self.assert_statistics(place, name)
        self.assertEqual(self.stray(place, name), [])
        self.assertEqual(place.hint(name), place.version(name))

    def test_each_partition(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "5")
        db = self.expected_rows(folder)
        partitions = {"none": 1, "hour": 720, "day": 30, "month": 1, "year": 1}
        for unit, count in partitions.items():
            for time, column in (("event", "event_time"), ("arrival", "insert_time")):
                with self.subTest(f"{unit} of {column}"):
                    place = self.place(f"{unit}-{time}")
                    self.assertEqual(self.load(folder, place.to(f"partition={unit}&time={time}"))["accepted"], ROWS)
                    self.check(place, ROWS, db)
                    table = place.table()
                    fields = [(field.name, str(field.transform)) for field in table.spec().fields]
                    self.assertEqual(fields, [(f"{column}_{unit}", unit)] if unit != "none" else [])
                    if time == "event":
                        self.assertEqual(len(self.listed(place)), count)

    def test_the_default_is_days_and_a_repeat_sends_nothing(self):
        folder = self.events(ROWS, "--format", "parquet", "--files", "5")
        self.assertEqual(self.load(folder, self.disk.to())["accepted"], ROWS)
        before = self.disk.keys()
        self.assertIn("data/event_time_day=2026-10-", "".join(before))
        for _ in range(2):
            report = self.load(folder, self.disk.to())
            self.assertEqual((report["objects_skipped"], report["read"], report["requests"]), (5, 0, 0))
        # Another partition is said of new tables only.
        self.assertEqual(self.load(folder, self.disk.to("partition=none&file_size=1&age=1s"))["objects_skipped"], 5)
        self.assertEqual(self.disk.keys(), before)
        self.check(self.disk, ROWS, self.expected_rows(folder))

    def test_days_prune_files(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "5")
        self.load(folder, self.disk.to())
        table = self.disk.table()
        begin, end = "2026-10-10T06:00:00+00:00", "2026-10-12T06:00:00+00:00"
        scan = table.scan(row_filter=f"event_time >= '{begin}' and event_time < '{end}'")
        days = sorted(pathlib.Path(task.file.file_path).parent.name for task in scan.plan_files())
        self.assertEqual(days, [f"event_time_day=2026-10-{day}" for day in (10, 11, 12)])
        db = self.expected_rows(folder)
        db.execute(f"DELETE FROM expected WHERE event_time < '{begin}' OR event_time >= '{end}'")
        db.register("arrow", scan.to_arrow())
        self.assert_same_rows(db, f"SELECT {TABLE_ROW} FROM arrow", "pyiceberg with a filter")
        self.assertEqual(list(table.scan(row_filter="event_time < '2026-01-01T00:00:00+00:00'").plan_files()), [])

    def test_bounds_prune_files(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "5")
        for file in sorted(folder.glob("*.ndjson.gz")):
            self.run_json("import", file, "--config", folder / "sources.json", "--to", self.disk.to("partition=none"))
        table = self.disk.table()
        bounds = table.inspect.files()["readable_metrics"].combine_chunks().field("event_time")
        ranges = sorted(zip(bounds.field("lower_bound").to_pylist(), bounds.field("upper_bound").to_pylist()))
        self.assertEqual(len(ranges), 5)
        for i, (lower, upper) in enumerate(ranges):
            row_filter = f"event_time >= '{lower.isoformat()}' and event_time <= '{upper.isoformat()}'"
            tasks = list(table.scan(row_filter=row_filter).plan_files())
            self.assertEqual(len(tasks), 1 + sum(low <= upper and lower <= high for low, high in ranges[:i] + ranges[i + 1:]))
            self.assertLess(len(tasks), 3)
        self.check(self.disk, ROWS, self.expected_rows(folder))

    def test_millrace_reads_it(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "5")
        self.load(folder, self.disk.to())
        names = {"event_time": "time", "distinct_id": "distinct_id", "user_id": "$user_id", "device_id": "$device_id",
                 "insert_id": "$insert_id", "properties": "properties"}
        config = self.write_config({
            "config_id": "back", "source_prefix": f"iceberg:{self.disk.root}/events", "mixpanel_event_name_from_field": "event",
            "field_mappings": [{"source_field": name, "mixpanel_field": field,
                                **({"type": "unix_timestamp_auto"} if field == "time" else {"type": "string"})}
                               for name, field in names.items()]}, name="back.json")
        report = self.run_json("import", f"iceberg:{self.disk.root}/events", "--config", config, "--to", f"{self.folder}/lake/")
        self.assertEqual((report["accepted"], report["rejected"], report["objects"]), (ROWS, 0, 30))
        row = ", ".join([IDS, *(f"((properties->>'properties')->>'{name}')::{type} AS {name}" for name, type in PROPERTIES.items())])
        db = self.expected_rows(folder)
        self.assert_same_rows(db, f"SELECT {row} FROM read_parquet('{self.folder}/lake/events/**/*.parquet', "
                                  "hive_partitioning=false)", "Millrace")
        self.assertEqual(self.run_json("import", f"iceberg:{self.disk.root}/events", "--config", config, "--to",
                                       f"{self.folder}/lake/")["objects_skipped"], 30)

    def test_users_and_groups(self):
        people = [{"id": f"u{i}", "plan": "pro" if i % 3 else None, "seats": i} for i in range(300)]
        files = [self.write_ndjson("in/users.ndjson", people), self.write_ndjson("in/companies.ndjson", people[:50])]
        mapped = [{"source_field": "*", "mixpanel_field": "*"}]
        config = self.write_config(
            {"config_id": "users", "source_prefix": f"{files[0]}", "record_type": "user",
             "field_mappings": [{"source_field": "id", "mixpanel_field": "$distinct_id"}, *mapped]},
            {"config_id": "companies", "source_prefix": f"{files[1]}", "record_type": "group", "group_key": "company",
             "operation": "$set_once", "field_mappings": [{"source_field": "id", "mixpanel_field": "$group_id"}, *mapped]})
        begun = datetime.datetime.now(UTC)
        report = self.run_json("import", *files, "--config", config, "--to", self.disk.to("columns=seats:integer"))
        self.assertEqual((report["accepted"], report["rejected"]), (350, 0))
        self.assertEqual(self.disk.version("events"), 0, "a table without records was created")
        for name, count, names in (("users", 300, {"distinct_id": "id"}), ("groups", 50, {"group_id": "id"})):
            expected = [{column: row[field] for column, field in names.items()}
                        | {"operation": "$set" if name == "users" else "$set_once", "seats": row["seats"],
                           "properties": {"plan": row["plan"]} if row["plan"] else None} for row in people[:count]]
            table = self.disk.table(name)
            rows = table.scan().to_arrow().to_pylist()
            self.assertEqual({row["group_key"] for row in rows} if name == "groups" else {"company"}, {"company"})
            self.assertTrue(all(begun <= row["insert_time"] <= datetime.datetime.now(UTC) for row in rows))
            found = [{column: json.loads(row[column]) if column == "properties" and row[column] else row[column]
                      for column in expected[0]} for row in rows]
            self.assertEqual(sorted(found, key=str), sorted(expected, key=str))
            self.assertEqual([str(field.name) for field in table.spec().fields], ["insert_time_day"])
            self.assert_history(table, count)
            self.assert_statistics(self.disk, name)
            [[duck_rows]] = duck_iceberg.query(f"SELECT count(DISTINCT seats) FROM {self.disk.scan(name)}")
            self.assertEqual(duck_rows, count)
            self.assertEqual(self.stray(self.disk, name), [])
        self.assertEqual(self.run_json("import", *files, "--config", config, "--to", self.disk.to())["objects_skipped"], 2)

    def test_columns_are_added_later(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "4")
        files = sorted(folder.glob("*.ndjson.gz"))
        columns = ["", "columns=country", "columns=country,amount:number,session_id:integer,is_new:boolean", "columns=country"]
        for file, query in zip(files, columns):
            self.run_json("import", file, "--config", folder / "sources.json", "--to", self.disk.to(query))
        table = self.disk.table()
        self.assertEqual([(field.name, str(field.field_type), field.required) for field in table.schema().fields][9:],
                         [("country", "string", False), ("amount", "double", False), ("session_id", "long", False),
                          ("is_new", "boolean", False)])
        self.assertEqual([snapshot.schema_id for snapshot in table.metadata.snapshots], [0, 1, 2, 2])
        # A property is in its column, if the import that wrote the row named one, else in `properties`.
        row = ", ".join([IDS, *(f"coalesce({name if name in columns[2] else 'NULL'}, (properties->>'{name}')::{type}) AS {name}"
                                for name, type in PROPERTIES.items())])
        self.assert_readers_agree(self.disk, self.expected_rows(folder), row)
        self.assert_history(table, ROWS)
        self.assert_statistics(self.disk)
        added = [{name for name in PROPERTIES if name in query} for query in columns]
        for snapshot, filled in zip(table.metadata.snapshots, added):
            [manifest] = [manifest for manifest in snapshot.manifests(table.io) if manifest.added_snapshot_id == snapshot.snapshot_id]
            rows = [row for entry in manifest.fetch_manifest_entry(table.io)
                    for row in pq.read_table(entry.data_file.file_path).to_pylist()]
            self.assertEqual({name for name in added[2] if any(row.get(name) is not None for row in rows)}, filled)
            for name in filled:
                self.assertTrue(all(name not in json.loads(row["properties"]) for row in rows))
        new = table.scan(row_filter="session_id is not null").to_arrow()
        self.assertEqual(new.num_rows, ROWS // 4)

    def test_times_before_1970_and_none(self):
        times = ["0001-01-01T00:00:00.001Z", "1968-02-29T22:00:00Z", "1969-12-31T22:59:59Z", "1969-12-31T23:59:59Z",
                 "1970-01-01T00:00:00Z", "1972-02-29T00:00:00Z", "5138-11-16T09:00:00Z"]
        file = self.write_ndjson("in/events.ndjson", [
            *({"event": "a", "properties": {"time": time, "distinct_id": "u", "$insert_id": f"id-{i}"}}
              for i, time in enumerate(times)),
            {"event": "$identify", "properties": {"$identified_id": "a", "$anon_id": "b"}}])
        for unit in ("none", "hour", "day", "month", "year"):
            with self.subTest(unit):
                place = self.place(unit)
                self.load(file.parent, place.to(f"partition={unit}"))
                self.assert_statistics(place)
                table = place.table()
                for i, time in enumerate(times):
                    scan = table.scan(row_filter=f"event_time = '{time.replace('Z', '+00:00')}'")
                    self.assertEqual(len(list(scan.plan_files())), 1)
                    self.assertEqual(scan.to_arrow()["insert_id"].to_pylist(), [f"id-{i}"])
                self.assertEqual(table.scan(row_filter="event_time is null").to_arrow()["event"].to_pylist(), ["$identify"])
                # DuckDB 1.5.5 finds no day and no month before 1970, whoever wrote the table.
                where = [f"event_time = '{time}'" for time in times if time >= "1970"] + ["event_time IS NULL"]
                counts = ", ".join(f"(SELECT count(*) FROM {place.scan()} WHERE {one})" for one in where)
                self.assertEqual(duck_iceberg.query(f"SELECT {counts}"), [[1] * len(where)])

    def test_commits_by_age(self):
        folder = self.events(200_000, "--format", "ndjson", "--files", "10")
        self.load(folder, self.disk.to("age=10ms&partition=none"))
        self.assertGreater(len(self.disk.table().metadata.snapshots), 3)
        self.check(self.disk, 200_000, self.expected_rows(folder))

    def test_large_partitions_become_several_files(self):
        folder = self.events(200_000, "--format", "parquet", "--files", "2")
        self.load(folder, self.disk.to("file_size=1&partition=none"))
        sizes = [pathlib.Path(file).stat().st_size for file in self.listed(self.disk)]
        self.assertGreater(len(sizes), 5)
        self.assertLess(max(sizes), 2_000_000)
        self.check(self.disk, 200_000, self.expected_rows(folder))

    def test_check_create_and_drop(self):
        to = self.disk.to("columns=amount:number,is_new:boolean&partition=hour")
        code, out, err = self.run_program("destinations", "check", to)
        self.assertEqual(code, 0, out + err)
        self.assertIn(f"creating the table {self.disk.root}/events/", out)
        self.assertEqual([path for path in self.disk.folder.rglob("*") if path.is_file()], [])
        for _ in range(2):
            code, out, err = self.run_program("destinations", "create", to)
            self.assertEqual(code, 0, out + err)
            self.assertEqual([self.disk.version(name) for name in ("events", "users", "groups")], [1, 1, 1])
        for name, column in (("events", "event_time"), ("users", "insert_time"), ("groups", "insert_time")):
            table = self.disk.table(name)
            self.assertEqual([(field.name, str(field.transform)) for field in table.spec().fields], [(f"{column}_hour", "hour")])
            self.assertEqual(table.scan().to_arrow().num_rows, 0)
            self.assertEqual(self.disk.keys(name), ["metadata/v1.metadata.json", "metadata/version-hint.text"])
        folder = self.events(ROWS, "--format", "ndjson", "--files", "1")
        self.load(folder, self.disk.to())
        # The columns stay empty, since this import does not name them.
        self.assert_readers_agree(self.disk, self.expected_rows(folder))
        code, out, err = self.run_program("destinations", "check", to)
        self.assertEqual(code, 0, out + err)
        self.assertIn(f"appending to the table {self.disk.root}/events/", out)

        only = self.disk.to("table=events")
        code, out, err = self.run_program("destinations", "drop", only)
        self.assertEqual(code, 2, out + err)
        self.assertIn(f"{self.disk.root}/events/", out)
        self.assertEqual(self.disk.version(), 2)
        for _ in range(2):
            code, out, err = self.run_program("destinations", "drop", only, "--yes")
            self.assertEqual(code, 0, out + err)
            self.assertFalse((self.disk.folder / "events").exists())
            self.assertEqual([self.disk.version(name) for name in ("users", "groups")], [1, 1])

    def test_the_documentation_reads_the_table(self):
        """Its statements for DuckDB and pyiceberg."""
        page = (ROOT / "docs/connectors/iceberg.md").read_text()
        folder = self.events(ROWS, "--format", "ndjson", "--files", "1")
        self.load(folder, "iceberg:tables/", cwd=self.folder)
        statement = re.search(r"^-- DuckDB\n(.*?);$", page, re.DOTALL | re.MULTILINE)[1]
        # Instead of the example's date one that the events have.
        statement = statement.replace("'tables/events'", f"'{self.disk.root}/events'").replace("2026-11-29", "2026-10-20")
        db = self.expected_rows(folder)
        counts = "SELECT event, count(*) FROM expected WHERE event_time >= '2026-10-20' GROUP BY 1"
        self.assertEqual(sorted(map(tuple, duck_iceberg.query(statement))), sorted(db.execute(counts).fetchall()))
        program = re.search(r"```py\n(# pyiceberg.*?)```", page, re.DOTALL)[1]
        found = {}
        with contextlib.chdir(self.folder):
            exec(program, found)
        self.assertEqual(found["events"].num_rows, ROWS)

    def test_what_a_table_cannot_be_is_refused(self):
        folder = self.events(10, "--format", "ndjson", "--files", "1")
        for query, text in (("partition=minute", "none, hour, day, month or year"), ("time=now", "event or arrival"),
                            ("colour=red", "table, events, users, groups"), ("columns=a:b", "columns="), ("table=_x", "readers skip"),
                            ("age=soon", "30s"), ("file_size=0", "megabytes"), ("format=parquet", "partition"),
                            ("namespace=a", "partition")):
            code, _, err = self.run_program(*self.command(folder, self.disk.to(query)))
            self.assertEqual(code, 2, query)
            self.assertIn(text, err, query)
        self.assertFalse(self.disk.folder.exists())


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class CatalogTest(IcebergDestinationTest):
    """Tables in a REST catalog that Millrace or others have created."""
    TYPES = {"properties": "string", "insert_id": "string", "insert_time": "timestamptz", "event_time": "timestamptz", "note": "string",
             "event": "string", "user_id": "string", "device_id": "string", "distinct_id": "string", "token": "string",
             "score": "double"}

    def setUp(self):
        super().setUp()
        self.source = self.events(ROWS, "--format", "ndjson", "--files", "3")
        self.place = self.serve_catalog(credential="us:er")
        self.client = RestClient("client", uri=self.place.url, warehouse="w", credential="us:er", scope="catalog",
                                 **{"oauth2-server-uri": f"{self.place.url}/v1/oauth/tokens"})
        self.client.create_namespace("analytics")

    def create(self, name, *fields, properties=None, required=(), **types):
        """A table that pyiceberg creates: other columns in another order; `fields` are (column, transform)."""
        columns = self.TYPES | types
        ids = {column: 10 + i for i, column in enumerate(columns)}
        schema = Schema(*(NestedField(id, column, columns[column], required=column in required) for column, id in ids.items()))
        spec = PartitionSpec(*(PartitionField(ids[column], 1000 + i, transform, f"part_{i}")
                               for i, (column, transform) in enumerate(fields)))
        return self.client.create_table(f"analytics.{name}", schema, partition_spec=spec, properties=properties or {})

    def tearDown(self):
        self.assertEqual(self.place.catalog.unexpected, [])
        super().tearDown()

    def check(self, name, rows=ROWS):
        self.assert_readers_agree(self.place, self.expected_rows(self.source), name=name)
        self.assert_history(self.place.table(name), rows)
        self.assert_statistics(self.place, name)
        self.assertEqual(self.stray(self.place, name), [])

    def load_into(self, name, *more, **options):
        return self.load(self.source, self.place.to(f"table={name}"), *more, env=self.place.variables, **options)

    def test_a_new_table(self):
        for query in ("", "partition=hour&time=arrival", "partition=none&columns=amount:number"):
            name = f"table{len(query)}"
            self.load(self.source, self.place.to(f"table={name}&{query}".rstrip("&")), env=self.place.variables)
            self.assertEqual(self.load_into(name)["objects_skipped"], 3)
            if "columns" not in query:
                self.check(name)
        self.assertEqual([(name, str(table.spec().fields[0].transform) if table.spec().fields else "none") for name, table in
                          ((name, self.place.table(name)) for name in ("table0", "table27", "table36"))],
                         [("table0", "day"), ("table27", "hour"), ("table36", "none")])

    def test_tables_of_others(self):
        tables = {"plain": [], "by_day": [("event_time", DayTransform())], "by_hour": [("event_time", HourTransform())],
                  "by_month": [("event_time", MonthTransform())], "by_arrival": [("insert_time", DayTransform())]}
        for name, fields in tables.items():
            with self.subTest(name):
                created = self.create(name, *fields)
                self.assertEqual(self.load_into(name)["accepted"], ROWS)
                self.check(name)
                table = self.place.table(name)
                self.assertEqual((table.schema(), table.spec()), (created.schema(), created.spec()))
                found = table.scan(selected_fields=("note", "score")).to_arrow()
                self.assertEqual([found[column].null_count for column in ("note", "score")], [ROWS, ROWS])

    def test_a_partition_field_whose_name_is_no_name_in_avro(self):
        """Writers of manifests must encode such names (Java's and pyiceberg's do), or readers refuse the table."""
        for i, name in enumerate(("my day", "day-1", "1st")):
            with self.subTest(name):
                schema = Schema(NestedField(1, "event_time", TimestamptzType(), required=False),
                                *(NestedField(2 + j, column, type, required=False)
                                  for j, (column, type) in enumerate(self.TYPES.items()) if column != "event_time"))
                spec = PartitionSpec(PartitionField(1, 1000, DayTransform(), name))
                self.client.create_table(f"analytics.t{i}", schema, partition_spec=spec)
                self.load_into(f"t{i}")
                self.check(f"t{i}")

    def test_both_write_in_turn(self):
        table = self.create("shared", ("event_time", DayTransform()))
        time = datetime.datetime(2026, 10, 5, 12, tzinfo=UTC)
        names = [field.name for field in table.schema().fields]
        row = pa.table({name: pa.array([{"event_time": time, "event": "theirs"}.get(name)], field.type)
                        for name, field in zip(names, table.schema().as_arrow())})
        files = sorted(self.source.glob("*.ndjson.gz"))
        for file in files:
            self.run_json("import", file, "--config", self.source / "sources.json", "--to", self.place.to("table=shared"),
                          env=self.place.variables)
            table = self.client.load_table("analytics.shared")
            table.append(row)
        found = table.scan().to_arrow()
        self.assertEqual(found.num_rows, ROWS + len(files))
        db = self.expected_rows(self.source)
        db.register("arrow", found)
        self.assert_same_rows(db, f"SELECT {TABLE_ROW} FROM arrow WHERE event <> 'theirs'", "pyiceberg")
        [[rows]] = duck_iceberg.query(*self.place.setup, f"SELECT count(*) FROM {self.place.scan('shared')}")
        self.assertEqual(rows, ROWS + len(files))
        snapshots = table.metadata.snapshots
        self.assertEqual([snapshot.parent_snapshot_id for snapshot in snapshots],
                         [None, *(snapshot.snapshot_id for snapshot in snapshots[:-1])])
        totals = [int(snapshot.summary.additional_properties["total-records"]) for snapshot in snapshots]
        self.assertEqual(totals[-1], ROWS + len(files))
        self.assertEqual(self.load_into("shared")["objects_skipped"], 3)

    def test_missing_columns_are_added(self):
        schema = Schema(NestedField(7, "event_time", TimestamptzType(), required=False), NestedField(9, "extra", "long", required=False),
                        NestedField(11, "event", "string", required=False))
        self.client.create_table("analytics.small", schema)
        self.load_into("small")
        table = self.place.table("small")
        self.assertEqual([field.name for field in table.schema().fields],
                         ["event_time", "extra", "event", "insert_time", "token", "device_id", "insert_id", "user_id", "distinct_id",
                          "properties"])
        self.assertEqual({field.required for field in table.schema().fields}, {False})
        self.check("small")

    def test_tables_that_do_not_fit_are_refused(self):
        """The message names the table, the column and what to do, and neither the table nor its folder is changed."""
        remedy = ["appends to tables without partitions, or with one of the hour, day, month or year of event_time or insert_time"]
        cases = {
            "strict": ((), {"required": ("event",)}, ["column event", "make the column optional"]),
            "more": ((), {"required": ("note",)}, ["column note", "make the column optional"]),
            "numbers": ((), {"event": "long"}, ["column event", "long", "string", "name another table, or drop or rename the column"]),
            "zoneless": ((), {"event_time": "timestamp"}, ["column event_time", "timestamp", "timestamptz", "name another table"]),
            "buckets": ((("user_id", BucketTransform(4)),), {}, ["bucket[4] of user_id", *remedy]),
            "by_name": ((("event", IdentityTransform()),), {}, ["identity of event", *remedy]),
            "twice": ((("event_time", DayTransform()), ("event", IdentityTransform())), {}, ["several fields", *remedy]),
            "old": ((), {"properties": {"format-version": "1"}}, ["format version 1", "upgrade it to version 2"])}
        for name, (fields, options, texts) in cases.items():
            with self.subTest(name):
                before = self.create(name, *fields, **options).metadata_location
                report = self.load_into(name, expect=3)
                self.assertEqual((report["accepted"], report["rejected"]), (0, 0))
                code, out, err = self.run_program("destinations", "check", self.place.to(f"table={name}"), env=self.place.variables)
                self.assertEqual(code, 2, err)
                for text in [f"{self.place.url} analytics.{name}", *texts]:
                    self.assertIn(text, report["first_error"])
                    self.assertIn(text, out)
                self.assertEqual(self.place.table(name).metadata_location, before)
                self.assertEqual([key for key in self.place.keys(name) if not key.startswith("metadata/")], [])

    def test_check_create_and_drop(self):
        to = self.place.to("events=e&users=u")
        for verb, code, text in (("check", 0, "creating the table"), ("create", 0, ""), ("check", 0, "appending to the table"),
                                 ("create", 0, ""), ("drop", 2, "analytics.e")):
            found, out, err = self.run_program("destinations", verb, to, env=self.place.variables)
            self.assertEqual(found, code, f"{verb}: {out}{err}")
            self.assertIn(text, out)
        self.assertEqual([self.place.table(name).spec().fields[0].name for name in ("e", "u")], ["event_time_day", "insert_time_day"])
        self.load_into("e")
        folder = self.place.path(self.place.table("e").location())
        code, out, err = self.run_program("destinations", "drop", self.place.to("table=e"), "--yes", env=self.place.variables)
        self.assertEqual(code, 0, out + err)
        self.assertEqual([self.client.table_exists(f"analytics.{name}") for name in ("e", "u")], [False, True])
        self.assertEqual([path for path in folder.rglob("*") if path.is_file()], [])


if __name__ == "__main__":
    main()
