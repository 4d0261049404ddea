"""Iceberg tables that pyiceberg writes for tests, on disk or in a bucket, and the staypoints of their trips by DuckDB."""
import datetime
import gzip
import json
import pathlib
import random
import time

import packages
from harness import MillraceTest

if packages.available():
    from duck import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.io.pyarrow import _dataframe_to_data_files
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestContent, ManifestEntry
    from pyiceberg.manifest import ManifestEntryStatus, ManifestWriterV2, write_manifest_list
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.snapshots import Operation, Snapshot, Summary
    from pyiceberg.table.update import AddSnapshotUpdate, SetSnapshotRefUpdate
    from pyiceberg.transforms import HourTransform
    from pyiceberg.typedef import Record
    from pyiceberg.types import DoubleType, NestedField, StringType, TimestampType

    class DeleteManifestWriter(ManifestWriterV2):
        """pyiceberg has no writer of delete manifests yet: the same, except for its declared content."""

        def content(self):
            return ManifestContent.DELETES

        @property
        def _meta(self):
            return super()._meta | {"content": "deletes"}


COLUMNS = ["user_id", "trip_start_time", "trip_end_time", "start_lat", "start_lng", "end_lat", "end_lng"]
BEGIN = datetime.datetime(2026, 3, 1, 4)


def make_trips(count, seed, users=40, hours=8):
    dice, rows = random.Random(seed), []
    for _ in range(count):
        start = BEGIN + datetime.timedelta(milliseconds=dice.randrange(hours * 3_600_000))
        rows.append({"user_id": f"u{dice.randrange(users):03}", "trip_start_time": start,
                     "trip_end_time": start + datetime.timedelta(milliseconds=dice.randrange(900_000)),
                     **{name: round(dice.uniform(-80, 80), 5) for name in COLUMNS[3:]}})
    return rows


def catalog_of(server):
    """What pyiceberg needs to read and write tables in the bucket of a server of cloud_servers.py."""
    hour = str(int(time.time() + 3600) * 1000)
    return {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
            "gcs.service.host": server.url, "gcs.oauth2.token": "any", "gcs.oauth2.token-expires-at": hour,
            "s3.endpoint": server.url, "s3.access-key-id": "test-key", "s3.secret-access-key": "test-secret",
            "s3.region": "us-east-1"}


class IcebergTablesTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.runs = 0
        (self.folder / "warehouse").mkdir()
        self.open_catalog(f"file://{self.folder}/warehouse")

    def open_catalog(self, warehouse, **properties):
        """A new catalog, in which later tables are created."""
        self.catalog = SqlCatalog("test", uri="sqlite:///:memory:", warehouse=warehouse, **properties)
        self.catalog.create_namespace("db")

    def create(self, name="trips", version=2, partitioned=True, properties=None):
        types = [StringType(), TimestampType(), TimestampType()] + [DoubleType()] * 4
        schema = Schema(*[NestedField(i + 1, column, type, required=False) for i, (column, type) in enumerate(zip(COLUMNS, types))])
        spec = PartitionSpec(PartitionField(2, 1000, HourTransform(), "trip_start_time_hour")) if partitioned else PartitionSpec()
        return self.catalog.create_table(f"db.{name}", schema, partition_spec=spec,
                                         properties={"format-version": str(version), **(properties or {})})

    def append(self, table, rows):
        types = [pa.string(), pa.timestamp("us"), pa.timestamp("us")] + [pa.float64()] * 4
        names = [field.name for field in table.schema().fields][:7]
        data = pa.table({new: pa.array([row[old] for row in rows], type)
                         for new, old, type in zip(names, COLUMNS, types)})
        table.append(data)

    def location(self, table):
        return pathlib.Path(table.location().removeprefix("file://"))

    def staypoints(self, table, *args, **options):
        """The report of a run over a table or a place of one, and the staypoints of each user."""
        self.runs += 1
        output = self.folder / f"out{self.runs}"
        path = table if isinstance(table, (str, pathlib.Path)) else self.location(table)
        report = self.run_json("staypoints", "--input", f"iceberg:{path}", "--output", output, *args, **options)
        found = {}
        for file in sorted(output.rglob("*.json*")):
            text = gzip.decompress(file.read_bytes()) if file.name.endswith(".gz") else file.read_bytes()
            for line in text.decode().splitlines():
                row = json.loads(line)
                if "user_id" in row:
                    found[row["user_id"]] = [(s["enter_time"], s["exit_time"], s["lat"], s["lng"]) for s in row["staypoints"]]
        return report, found

    def expected(self, data):
        """The staypoints of a pyarrow table, by DuckDB."""
        connection = duckdb.connect()
        connection.register("trips", data.rename_columns(COLUMNS))
        rows = connection.execute("""
            SELECT user_id, strftime(trip_end_time, '%Y-%m-%d %H:%M:%S.%g'), strftime(exit_time, '%Y-%m-%d %H:%M:%S.%g'), end_lat, end_lng
            FROM (SELECT *, lead(trip_start_time) OVER w AS exit_time, row_number() OVER w AS place FROM trips
                  WINDOW w AS (PARTITION BY user_id ORDER BY trip_start_time, trip_end_time, start_lat, start_lng, end_lat, end_lng))
            WHERE exit_time IS NOT NULL ORDER BY user_id, place""").fetchall()
        users = {}
        for user, *stay in rows:
            users.setdefault(user, []).append(tuple(stay))
        return users

    def assert_same(self, table, found, scan=None):
        data = (scan or table.scan()).to_arrow()
        expected = self.expected(data)
        self.assertEqual(found, expected)
        self.assertTrue(found)
        return data.num_rows

    def add_file(self, table, name, rows, renamed=None):
        """Adds a Parquet file that no Iceberg writer wrote: its columns have names and no field ids."""
        columns = {(renamed or {}).get(column, column): [row[column] for row in rows] for column in COLUMNS}
        file = self.folder / name
        pq.write_table(pa.table(columns), file)
        table.add_files([f"file://{file}"])

    def commit_deletes(self, table, content, data, name, partition, schema_ids, equality_ids=None):
        """Adds a delete file to the table as an engine that merges on read does."""
        file = f"{table.location()}/data/{name}"
        fields = [field.with_metadata({"PARQUET:field_id": str(id)}) for field, id in zip(data.schema, schema_ids)]
        with table.io.new_output(file).create() as out:
            pq.write_table(data.cast(pa.schema(fields)), out)
        current = table.current_snapshot()
        snapshot_id = table.metadata.new_snapshot_id()
        sequence = table.metadata.last_sequence_number + 1
        base = f"{table.location()}/metadata/{snapshot_id}"
        delete_file = DataFile.from_args(
            content=content, file_path=file, file_format=FileFormat.PARQUET, partition=partition,
            record_count=data.num_rows, file_size_in_bytes=len(table.io.new_input(file)), equality_ids=equality_ids,
            column_sizes={}, value_counts={}, null_value_counts={}, nan_value_counts={}, lower_bounds={}, upper_bounds={},
            key_metadata=None, split_offsets=None, sort_order_id=None, spec_id=table.spec().spec_id)
        with DeleteManifestWriter(table.spec(), table.schema(), table.io.new_output(base + "-d0.avro"), snapshot_id, "deflate") as writer:
            writer.add_entry(ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id,
                                                     sequence_number=None, file_sequence_number=None, data_file=delete_file))
        manifest = writer.to_manifest_file()
        with write_manifest_list(2, table.io.new_output(base + "-list.avro"), snapshot_id, current.snapshot_id, sequence, "deflate") as writer:
            writer.add_manifests([*current.manifests(table.io), manifest])
        snapshot = Snapshot(snapshot_id=snapshot_id, parent_snapshot_id=current.snapshot_id, sequence_number=sequence,
                            timestamp_ms=max(current.timestamp_ms + 1, table.metadata.last_updated_ms + 1),
                            manifest_list=base + "-list.avro", summary=Summary(Operation.DELETE), schema_id=table.schema().schema_id)
        self.catalog.commit_table(table, (), (AddSnapshotUpdate(snapshot=snapshot),
                                              SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=snapshot_id)))
        return self.catalog.load_table(table.name())

    def rewrite(self, table, files, data, operation=None):
        """Writes `data` in the place of data files of the table, by default as a compaction does."""
        with table.transaction() as transaction:
            with transaction.update_snapshot().overwrite() as update:
                # pyiceberg has no compaction, but the snapshots of one differ only in what they are called.
                update._summary = lambda properties: Summary(operation or Operation.REPLACE)
                for file in files:
                    update.delete_data_file(file)
                for file in _dataframe_to_data_files(table.metadata, data, table.io):
                    update.append_data_file(file)
        return self.catalog.load_table(table.name())
