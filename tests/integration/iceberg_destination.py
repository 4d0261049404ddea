"""Shared by tests of imports into Iceberg tables: what a table must be after them, by readers that are not Millrace's."""
import collections
import pathlib

import duck_iceberg
import packages
from generated_events import TABLE_ROW, GeneratedEventsTest
from harness import FAST_RETRY
from iceberg_places import CatalogTables, DiskTables
from iceberg_rest_server import RestCatalog

if packages.available():
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from pyiceberg.conversions import from_bytes

PATIENCE = 120  # seconds that anything may take on a busy machine
TOTALS = {"total-data-files": "added-data-files", "total-records": "added-records", "total-files-size": "added-files-size"}


class IcebergDestinationTest(GeneratedEventsTest):
    def setUp(self):
        super().setUp()
        self.disk = DiskTables(self.folder / "tables")

    def environment(self):
        return super().environment() | {"AWS_EC2_METADATA_DISABLED": "true"}

    def serve_catalog(self, **options):
        """A REST catalog of its own, and its tables."""
        catalog = RestCatalog(**options)
        self.addCleanup(catalog.stop)
        return CatalogTables(catalog)

    def command(self, folder, to, *more):
        config = folder / "sources.json"
        return ["import", folder, *(["--config", config] if config.exists() else []), "--to", to, *FAST_RETRY, *more]

    def load(self, folder, to, *more, expect=0, **options):
        """The report of an import, which adds up."""
        report = self.run_json(*self.command(folder, to, *more), expect=expect, **options)
        self.assert_adds_up(report)
        return report

    def listed(self, place, name="events"):
        """The data files that the current snapshot lists, on disk."""
        files = place.table(name).inspect.files()["file_path"].to_pylist()
        self.assertEqual(len(set(files)), len(files), "a file is listed twice")
        return [str(place.path(file)) for file in files]

    def assert_readers_agree(self, place, db, row=TABLE_ROW, name="events"):
        """Each reader finds the rows of the table `expected` of `db`, and no other."""
        files = self.listed(place, name)
        self.assert_same_rows(db, f"SELECT {row} FROM read_parquet({files}, union_by_name=true, hive_partitioning=false)",
                              "DuckDB, in the files that are listed")
        db.register("arrow", pa.concat_tables([pq.ParquetFile(file).read() for file in files], promote_options="default"))
        self.assert_same_rows(db, f"SELECT {row} FROM arrow", "pyarrow")
        db.register("arrow", place.table(name).scan().to_arrow())
        self.assert_same_rows(db, f"SELECT {row} FROM arrow", "pyiceberg")
        db.unregister("arrow")
        self.assert_duck_iceberg_agrees(place, db, row, name)

    def assert_duck_iceberg_agrees(self, place, db, row=TABLE_ROW, name="events"):
        copy = duck_iceberg.save(place.scan(name), self.folder / "duck_iceberg.parquet", *place.setup)
        self.assert_same_rows(db, f"SELECT {row} FROM read_parquet('{copy}')", "DuckDB's iceberg extension")

    def assert_history(self, table, rows):
        """Each snapshot has the one before as its parent, and says correctly what it adds and what there is then."""
        snapshots = table.metadata.snapshots
        self.assertEqual([snapshot.sequence_number for snapshot in snapshots], list(range(1, len(snapshots) + 1)))
        self.assertEqual([snapshot.parent_snapshot_id for snapshot in snapshots],
                         [None, *(snapshot.snapshot_id for snapshot in snapshots[:-1])])
        self.assertEqual(table.metadata.last_sequence_number, len(snapshots))
        self.assertEqual(table.current_snapshot(), snapshots[-1])
        times = [snapshot.timestamp_ms for snapshot in snapshots]
        self.assertEqual(times, sorted(times))
        self.assertEqual([(entry.snapshot_id, entry.timestamp_ms) for entry in table.metadata.snapshot_log],
                         [(snapshot.snapshot_id, snapshot.timestamp_ms) for snapshot in snapshots])
        added = collections.defaultdict(collections.Counter)
        for manifest in snapshots[-1].manifests(table.io):
            for entry in manifest.fetch_manifest_entry(table.io):
                self.assertEqual((entry.snapshot_id, entry.sequence_number), (manifest.added_snapshot_id, manifest.sequence_number))
                added[entry.snapshot_id].update({"added-data-files": 1, "added-records": entry.data_file.record_count,
                                                 "added-files-size": entry.data_file.file_size_in_bytes})
        totals, commits = collections.Counter(), []
        for snapshot in snapshots:
            summary = snapshot.summary.additional_properties
            self.assertEqual({name: int(summary.get(name, 0)) for name in TOTALS.values()},
                             {name: added[snapshot.snapshot_id][name] for name in TOTALS.values()})
            totals.update(added[snapshot.snapshot_id])
            self.assertEqual({name: int(summary[name]) for name in TOTALS}, {name: totals[more] for name, more in TOTALS.items()})
            carried = summary["millrace.commits"].split(",")
            commits.append(carried[-1])
            self.assertEqual(carried, commits[-len(carried):])
            self.assertGreaterEqual(len(carried), min(len(commits), 10))
            self.assertEqual(set(summary.get(f"total-{kind}") for kind in ("delete-files", "position-deletes", "equality-deletes")), {"0"})
        self.assertEqual(len(set(commits)), len(commits), "a commit was made twice")
        self.assertEqual(totals["added-records"], rows)
        return snapshots

    def assert_statistics(self, place, name="events"):
        """What the manifests say of each file is what pyarrow finds in it."""
        table = place.table(name)
        schema = {field.field_id: field for field in table.schema().fields}
        for listed in table.inspect.files().to_pylist():
            path = place.path(listed["file_path"])
            file = pq.ParquetFile(path)
            self.assertEqual((listed["content"], listed["file_format"]), (0, "PARQUET"))
            self.assertEqual(listed["file_size_in_bytes"], path.stat().st_size)
            self.assertEqual(listed["record_count"], file.metadata.num_rows)
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            data, expected = file.read(), collections.defaultdict(dict)
            for i, field in enumerate(file.schema_arrow):
                id = int(field.metadata[b"PARQUET:field_id"])
                self.assertEqual(schema[id].name, field.name)
                expected["column_sizes"][id] = sum(group.column(i).total_compressed_size for group in groups)
                expected["value_counts"][id] = len(data)
                expected["null_value_counts"][id] = data[field.name].null_count
                if str(schema[id].field_type) in ("timestamptz", "long") and data[field.name].null_count < len(data):
                    for bound, value in pc.min_max(data[field.name].cast("int64")).as_py().items():
                        expected[{"min": "lower_bounds", "max": "upper_bounds"}[bound]][id] = value
            for kind, values in expected.items():
                found = dict(listed[kind])
                if kind.endswith("bounds"):
                    found = {id: from_bytes(schema[id].field_type, value) for id, value in found.items()}
                self.assertEqual(found, values, f"{kind} of {path}")
            for column, value in (listed.get("partition") or {}).items():
                self.assert_partition(table, data, column, value)

    def assert_partition(self, table, data, column, value):
        """All rows of a file are in its partition."""
        [field] = [field for field in table.spec().fields if field.name == column]
        source = table.schema().find_field(field.source_id)
        transform = field.transform.pyarrow_transform(source.field_type)
        days = pc.unique(transform(data[source.name])).cast("int32").to_pylist()
        if hasattr(value, "toordinal"):
            value = value.toordinal() - 719_163  # days since 1970
        self.assertEqual(days, [value], column)

    def stray(self, place, name="events"):
        """Data files that no reader sees, and what is left of commits that were not made."""
        listed = set(self.listed(place, name))
        folder = pathlib.Path(place.path(place.table(name).location()))
        return [key for key in place.keys(name) if not key.startswith("metadata/") and str(folder / key) not in listed]
