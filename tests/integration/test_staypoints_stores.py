"""Staypoints of Iceberg tables in buckets, and staypoints that are written to buckets, over real servers.

What is found and what is written is the same as on disk, byte for byte. The servers are those of tools/test_servers.sh.
"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import cloud_servers
import harness
import packages
from iceberg_tables import BEGIN, IcebergTablesTest, catalog_of, make_trips

if packages.available():
    import pyarrow as pa
    from pyiceberg.manifest import DataFileContent
    from pyiceberg.typedef import Record


class BucketTest(harness.MillraceTest):
    def environment(self):
        return super().environment() | {"AWS_EC2_METADATA_DISABLED": "true"}

    def serve(self, kind):
        self.server = kind()
        self.addCleanup(self.server.stop)


@unittest.skipUnless(packages.available(), "pyiceberg, pyarrow or DuckDB is not installed")
class IcebergInBucketsTest(BucketTest, IcebergTablesTest):
    def table_in(self, kind):
        """A table that pyiceberg writes into the bucket, with deletes of both kinds."""
        self.serve(kind)
        self.open_catalog(self.server.root + "warehouse", **catalog_of(self.server))
        table = self.create()
        self.append(table, make_trips(400, 31))
        self.append(table, make_trips(400, 32))
        file = next(iter(table.scan().plan_files())).file
        deletes = pa.table({"file_path": [file.file_path] * 2, "pos": pa.array([0, 3], pa.int64())})
        table = self.commit_deletes(table, DataFileContent.POSITION_DELETES, deletes, "pos.parquet", file.partition, [2147483546, 2147483545])
        deletes = pa.table({"user_id": ["u003", "u004"]})
        return self.commit_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, "eq.parquet", file.partition, [1], equality_ids=[1])

    def check(self, kind):
        table = self.table_in(kind)
        bucket = {"env": self.server.variables()}
        copy = self.folder / "copy"
        for key, content in self.server.objects("warehouse/").items():
            path = copy / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        on_disk = copy / table.location().removeprefix(self.server.root)
        metadata = max(path.name for path in on_disk.glob("metadata/*.metadata.json"))
        begin = BEGIN.replace(hour=BEGIN.hour + 2, minute=30).isoformat()
        for args in ([], ["--from", begin], ["--snapshot-id", table.history()[0].snapshot_id]):
            report, found = self.staypoints(on_disk, *args)
            self.assertTrue(found)
            for place in (table.location(), f"{table.location()}/metadata/{metadata}"):
                there, same = self.staypoints(place, *args, **bucket)
                self.assertEqual(same, found)
                self.assertEqual([there[key] for key in ("trips", "deleted")], [report[key] for key in ("trips", "deleted")])
            if not args:
                self.assertEqual(report["trips"] + report["deleted"], 800)
                self.assertGreater(report["deleted"], 2)
        self.check_copied()

    def check_copied(self):
        """The reverse: a table on disk, copied into the bucket."""
        bucket = {"env": self.server.variables()}
        self.open_catalog(f"file://{self.folder}/warehouse")
        table = self.create("moved")
        self.append(table, make_trips(300, 33))
        where = self.location(table)
        for path in where.rglob("*"):
            if path.is_file():
                self.server.put(f"moved/trips/{path.relative_to(where)}", path.read_bytes())
        report, found = self.staypoints(self.server.root + "moved/trips/", **bucket)
        self.assertEqual(report["trips"], self.assert_same(table, found))
        code, _, err = self.run_program("staypoints", "--input", f"iceberg:{self.server.root}no/table", "--output",
                                        self.folder / "bad", **bucket)
        self.assertEqual(code, 2, err)
        self.assertIn(self.server.root + "no/table", err)

    def test_gcs(self):
        self.check(cloud_servers.FakeGcs)

    def test_s3(self):
        self.check(cloud_servers.VersityGateway)

    def test_azure(self):
        self.serve(cloud_servers.Azurite)
        self.check_copied()


class OutputInBucketsTest(BucketTest):
    # Names that a url, a shell or a server could misinterpret.
    USERS = ["plain", "a b+c", "50%", "a/b", "..", "what?#", "ü€", "_x", "[a]*", "~", "x=y&z", "\\b"]

    def trips(self):
        rows = [f'"{user}",2025-01-01 {hour:02}:00:00,2025-01-01 {hour:02}:30:00,1,2,{hour},{i}'
                for i, user in enumerate(self.USERS) for hour in range(3)]
        rows += [f"user{i},2025-01-01 {hour:02}:00:00,2025-01-01 {hour:02}:30:00,1,2,{hour},4" for i in range(50) for hour in range(3)]
        header = "user_id,trip_start_time,trip_end_time,start_lat,start_lng,end_lat,end_lng"
        return self.write("trips.csv", "\n".join([header, *rows]) + "\n")

    def check(self, kind):
        self.serve(kind)
        bucket = {"env": self.server.variables()}
        trips = self.trips()
        self.server.put("results-of-others/x", b"stays")  # not part of the prefix "results"
        for format in ("hive", "json", "csv"):  # each replaces the one before
            local = self.run_json("staypoints", trips, "--output", self.folder / "local", "--output-format", format)
            there = self.run_json("staypoints", trips, "--output", self.server.root + "results", "--output-format", format, **bucket)
            self.assertEqual(there["staypoints"], local["staypoints"])
            files = {str(path.relative_to(self.folder / "local")): path.read_bytes()
                     for path in (self.folder / "local").rglob("*") if path.is_file()}
            self.assertGreater(len(files), 10 if format == "hive" else 1)
            objects = {key.removeprefix("results/"): content for key, content in self.server.objects("results/").items()}
            self.assertEqual(sorted(objects), sorted(files))
            self.assertEqual(objects, files)
        # A failed run leaves nothing, and objects that this program did not write stay.
        bad = self.write("bad.parquet", b"PAR1\x15\x04" + bytes(300))  # a page header without a page
        code, _, err = self.run_program("staypoints", bad, "--output", self.server.root + "new", **bucket)
        self.assertEqual(code, 3, err)
        self.assertEqual(self.server.objects("new/"), {})
        code, _, err = self.run_program("staypoints", trips, "--output", self.server.root + "results-of-others", **bucket)
        self.assertEqual(code, 2, err)
        self.assertIn("_SUCCESS", err)
        self.assertEqual(self.server.objects("results-of-others/"), {"results-of-others/x": b"stays"})

    def test_gcs(self):
        self.check(cloud_servers.FakeGcs)

    def test_s3(self):
        self.check(cloud_servers.VersityGateway)

    def test_azure(self):
        self.check(cloud_servers.Azurite)


if __name__ == "__main__":
    harness.main()
