"""reconcile compares files with an Iceberg table, and brings back what somebody has deleted from it; also if it is killed.

Skipped and counted where pyiceberg, pyarrow or DuckDB is not installed (tools/setup.sh --tests).
"""
import collections
import datetime
import json
import pathlib
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import cloud_servers
import packages
from generated_events import TABLE_ROW
from harness import SANITIZED, main
from iceberg_destination import PATIENCE, IcebergDestinationTest
from iceberg_places import UNAVAILABLE, S3Tables

if packages.available():
    import pyarrow as pa

ROWS = 20_000
KILLS = 6 if SANITIZED else 12
UTC = datetime.timezone.utc


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class IcebergReconcileTest(IcebergDestinationTest):
    def setUp(self):
        super().setUp()
        self.source = self.events(ROWS, "--format", "ndjson", "--files", "4")

    def reconcile(self, place, *args, expect=0, query=""):
        report = self.run_json("reconcile", self.source, "--config", self.source / "sources.json", "--to", place.to(query), *args,
                               expect=expect, env=place.variables)
        self.assertEqual(report["expected"], report["found"] + report["missing"])
        self.assertEqual(list(self.state.glob("reconcile.*")), [], "a temporary folder was not removed")
        return report

    def assert_numbers(self, report, **numbers):
        self.assertEqual({key: report[key] for key in numbers}, numbers)

    def assert_clean(self, place, rows=ROWS, **options):
        self.assert_numbers(self.reconcile(place, **options), success=True, expected=rows, found=rows, missing=0, unexpected=0,
                            duplicates=0, first_error=None)

    def assert_rows(self, place, rows=ROWS):
        """pyiceberg finds each event of the source once."""
        db = self.expected_rows(self.source)
        db.register("arrow", place.table().scan().to_arrow())
        self.assert_same_rows(db, f"SELECT {TABLE_ROW} FROM arrow", "pyiceberg")

    def ids(self, place):
        return collections.Counter(place.table().scan(selected_fields=("insert_id",)).to_arrow()["insert_id"].to_pylist())

    def check_repair(self, place, missing):
        """So many rows are missing, --repair writes exactly those, and then nothing is to be done."""
        before = self.ids(place)
        report = self.reconcile(place, expect=1)
        self.assert_numbers(report, success=False, expected=ROWS, missing=missing, unexpected=0, duplicates=0)
        self.assertEqual(self.ids(place), before, "a reconcile without --repair has changed the table")
        report = self.reconcile(place, "--repair")
        self.assert_numbers(report, success=True, repaired=missing, missing=0, unexpected=0, duplicates=0)
        self.assertEqual(sum((self.ids(place) - before).values()), missing)
        self.assertEqual(before - self.ids(place), collections.Counter())
        self.assert_clean(place)
        snapshots = len(place.table().metadata.snapshots)
        self.assert_numbers(self.reconcile(place, "--repair"), success=True, repaired=0)
        self.assertEqual(len(place.table().metadata.snapshots), snapshots, "a repair committed something although nothing was missing")
        self.assert_rows(place)
        self.assert_duck_iceberg_agrees(place, self.expected_rows(self.source))
        self.assertEqual(self.unknown_files(place), [])

    def unknown_files(self, place):
        """Data files that no snapshot has, and what is staged."""
        known = {str(place.path(file)) for file in place.table().inspect.all_data_files()["file_path"].to_pylist()}
        return [key for key in self.stray(place) if str(place.path(place.table().location()) / key) not in known]


class CatalogTest(IcebergReconcileTest):
    """Changes by others through a REST catalog."""

    def setUp(self):
        super().setUp()
        self.place = self.serve_catalog(credential="us:er")
        self.addCleanup(lambda: self.assertEqual(self.place.catalog.unexpected, []))

    def test_a_day_is_deleted(self):
        self.load(self.source, self.place.to(), env=self.place.variables)
        self.assert_clean(self.place)
        table = self.place.table()
        files = len(self.listed(self.place))
        table.delete("event_time >= '2026-10-07T00:00:00+00:00' and event_time < '2026-10-08T00:00:00+00:00'")
        self.assertEqual(len(self.listed(self.place)), files - 1)
        self.check_repair(self.place, ROWS - self.place.table().scan().to_arrow().num_rows)

    def test_rows_are_deleted(self):
        """pyiceberg rewrites their files."""
        self.load(self.source, self.place.to("partition=none"), env=self.place.variables)
        table = self.place.table()
        table.delete("event == 'purchase'")
        self.check_repair(self.place, ROWS - table.scan().to_arrow().num_rows)

    def test_rows_of_others_are_unexpected(self):
        self.load(self.source, self.place.to(), env=self.place.variables)
        table = self.place.table()
        names = table.schema().as_arrow()
        time = datetime.datetime(2026, 10, 5, 12, tzinfo=UTC)

        def append(*rows):
            table.append(pa.table({name.name: pa.array([row.get(name.name) for row in rows], name.type) for name in names}))

        append({"event": "purchase", "event_time": time, "distinct_id": "x", "insert_id": "strange\tid"},
               {"event": "of another name", "event_time": time, "insert_id": "a"},
               {"event": "purchase", "event_time": time.replace(year=2020), "insert_id": "of another day"},
               {"event": "purchase", "insert_id": "without a time"})
        report = self.reconcile(self.place, expect=1)
        self.assert_numbers(report, success=False, expected=ROWS, found=ROWS, missing=0, unexpected=1, duplicates=0)
        self.assertEqual([one["$insert_id"] for one in report["unexpected_events"]], ["strange\tid"])
        self.assert_numbers(self.reconcile(self.place, "--ignore-unexpected"), success=True)
        # A copy of a row is a duplicate.
        copied = table.scan(row_filter="event == 'purchase' and event_time > '2026-10-06T00:00:00+00:00'", limit=1).to_arrow()
        table.append(copied)
        report = self.reconcile(self.place, "--ignore-unexpected", expect=1)
        self.assert_numbers(report, success=False, found=ROWS, unexpected=1, duplicates=1)
        self.reconcile(self.place, "--repair", expect=1)
        self.assertEqual(self.place.table().scan().to_arrow().num_rows, ROWS + 5, "a repair deletes nothing and adds nothing")

    def test_a_table_that_is_gone_is_written_again(self):
        self.load(self.source, self.place.to(), env=self.place.variables)
        self.place.catalog.catalog.purge_table("analytics.events")
        self.assert_numbers(self.reconcile(self.place, expect=1), missing=ROWS, unexpected=0)
        self.assert_numbers(self.reconcile(self.place, "--repair"), success=True, repaired=ROWS)
        self.assert_clean(self.place)
        self.assert_rows(self.place)

    def test_repairs_are_killed(self):
        """In whatever moment: the next one brings each row back once."""
        self.load(self.source, self.place.to(), env=self.place.variables)
        moments = [r"_millrace/staged/.*\.part", r"_millrace/staged/.*\.json", r"data/.*\.parquet", r"metadata/\w+-m0\.avro",
                   r"metadata/snap-.*\.avro", r"metadata/\d+-.*\.metadata\.json"]
        committed = 0
        for kill in range(KILLS + 1):
            table = self.place.table()
            table.delete("event == 'purchase' or event_time < '2026-10-09T00:00:00+00:00'")
            if kill < KILLS:
                self.kill_a_repair(moments[kill % len(moments)])
            missing = ROWS - self.place.table().scan().to_arrow().num_rows
            report = self.reconcile(self.place, "--repair")
            self.assert_numbers(report, success=True, expected=ROWS, missing=0, unexpected=0, duplicates=0)
            # The catalog may receive the last request of a process after its end.
            self.assertIn(report["repaired"], (0, missing))
            missing = report["repaired"]
            self.assert_rows(self.place)
            committed += missing == 0
            # A repair that has nothing to write removes nothing.
            if missing:
                self.assertEqual([key for key in self.place.keys() if key.startswith("_millrace/staged/")], [])
        print(f"{KILLS} repairs killed, {committed} of them after their commit, seed {self.seed}; "
              f"{len(self.unknown_files(self.place))} data files are left that no snapshot has")

    def kill_a_repair(self, moment):
        """As soon as it has written a file of this kind."""
        before = set(self.place.keys())
        process = self.start("reconcile", self.source, "--config", self.source / "sources.json", "--to", self.place.to(), "--repair",
                             env=self.place.variables)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and not any(re.fullmatch(moment, key) for key in set(self.place.keys()) - before):
            self.assertLess(time.monotonic(), deadline, "the file does not come")
        self.kill_after(process, 0)


    def test_a_repair_that_arrives_after_the_next_one(self):
        """The catalog receives the commit of a killed repair, and executes it when the repeated one is made."""
        self.load(self.source, self.place.to(), env=self.place.variables)
        self.place.table().delete("event == 'purchase'")
        missing = ROWS - self.place.table().scan().to_arrow().num_rows
        catalog = self.place.catalog
        catalog.hold_commits(1)
        process = self.start("reconcile", self.source, "--config", self.source / "sources.json", "--to", self.place.to(), "--repair",
                             env=self.place.variables)
        catalog.wait_until_held()
        self.kill_after(process, 0)
        self.assert_numbers(self.reconcile(self.place, "--repair"), success=True, repaired=missing)
        catalog.release()
        deadline = time.monotonic() + PATIENCE
        while catalog.requests[-1].status != 409:
            self.assertLess(time.monotonic(), deadline, "the first repair is not refused")
        self.assert_clean(self.place)
        self.assert_rows(self.place)


class DiskTest(IcebergReconcileTest):
    def roll_back(self, place, to=0):
        """Makes an earlier snapshot the current one, as engines do on request: in a new version of the metadata."""
        version = place.version()
        metadata = json.loads(place.path(f"{place.root}/events/metadata/v{version}.metadata.json").read_text())
        snapshot = metadata["snapshots"][to]["snapshot-id"]
        metadata["current-snapshot-id"] = metadata["refs"]["main"]["snapshot-id"] = snapshot
        metadata["snapshot-log"].append({"snapshot-id": snapshot, "timestamp-ms": metadata["last-updated-ms"]})
        place.write(f"events/metadata/v{version + 1}.metadata.json", json.dumps(metadata).encode())
        place.write("events/metadata/version-hint.text", f"{version + 1}".encode())
        return ROWS - place.table().scan().to_arrow().num_rows

    def check_rolled_back(self, place):
        for file in sorted(self.source.glob("*.ndjson.gz")):
            self.run_json("import", file, "--config", self.source / "sources.json", "--to", place.to(), env=place.variables)
        self.assert_clean(place)
        missing = self.roll_back(place)
        self.assertGreater(missing, ROWS // 2)
        self.check_repair(place, missing)
        # Nothing of it is imported again.
        self.assertEqual(self.load(self.source, place.to(), env=place.variables)["objects_skipped"], 4)
        self.assert_rows(place)

    def test_a_table_that_was_rolled_back(self):
        self.check_rolled_back(self.disk)

    def test_a_table_that_was_rolled_back_in_a_bucket(self):
        server = cloud_servers.VersityGateway()
        self.addCleanup(server.stop)
        self.check_rolled_back(S3Tables(server, "some/tables"))

    def test_the_same_after_imports(self):
        for query in ("partition=none", "partition=hour", "partition=month&time=arrival", "columns=country,amount:number"):
            with self.subTest(query):
                self.disk.__init__(self.folder / "".join(c if c.isalnum() else "-" for c in query))
                self.load(self.source, self.disk.to(query))
                self.assert_clean(self.disk, query=query)

    def test_a_missing_file_is_named(self):
        self.load(self.source, self.disk.to())
        victim = pathlib.Path(self.listed(self.disk)[3])
        content = victim.read_bytes()
        for damage in (victim.unlink, lambda: victim.write_bytes(content[:len(content) // 2]), lambda: victim.write_bytes(b"")):
            damage()
            for args in ((), ("--repair",)):
                code, _, err = self.run_program("reconcile", self.source, "--config", self.source / "sources.json", "--to",
                                                self.disk.to(), *args)
                self.assertEqual(code, 2, err)
                self.assertIn(str(victim), err)
                self.assertIn("restore the file, or remove it from the table", err)
                self.assertIn("--repair` writes them again", err)
        victim.write_bytes(content)
        self.assert_clean(self.disk)
        self.assertEqual(self.disk.version(), 2)


if __name__ == "__main__":
    main()
