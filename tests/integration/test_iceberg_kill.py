"""Imports into Iceberg tables, killed (SIGKILL) twenty times on the way and started again, on disk and in buckets: each row
is there once, whoever reads the table, and nothing else is left.

Skipped and counted where pyiceberg, pyarrow, DuckDB or a server is not installed (tools/setup.sh --tests).
"""
import contextlib
import pathlib
import re
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import cloud_servers
from harness import SANITIZED, main
from iceberg_destination import PATIENCE, IcebergDestinationTest
from iceberg_places import UNAVAILABLE, GcsTables, S3Tables

ROWS, GCS_ROWS = (50_000, 50_000) if SANITIZED else (1_000_000, 500_000)
KILLS, AGE = (8, "5ms") if SANITIZED else (20, "50ms")
# The files that a commit writes, in this order. None: a random moment.
MOMENTS = [r"_millrace/staged/.*\.part", r"_millrace/staged/.*\.json", r"data/.*\.parquet", r"metadata/\w+-m0\.avro",
           r"metadata/snap-.*\.avro", r"metadata/v\d+\.metadata\.json", None]


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class KillTest(IcebergDestinationTest):
    def wait_for_rows(self, place, count, process):
        """Until about so many rows are committed, or the process has ended."""
        deadline = time.monotonic() + PATIENCE
        version = 0
        while process.poll() is None:
            if place.version() > version:
                version = place.version()
                snapshot = place.table().current_snapshot()
                if snapshot and int(snapshot.summary.additional_properties["total-records"]) >= count:
                    return
            self.assertLess(time.monotonic(), deadline, "the rows do not come")
            time.sleep(0.001)

    def wait_for_file(self, place, pattern, process):
        """Until there is a new file of this kind, or the process has ended."""
        deadline = time.monotonic() + PATIENCE
        before = set(place.keys())
        while process.poll() is None and not any(re.fullmatch(pattern, key) for key in set(place.keys()) - before):
            self.assertLess(time.monotonic(), deadline, "the file does not come")

    def announced(self):
        """Whether the ledger has a commit that is not finished."""
        with contextlib.closing(sqlite3.connect(self.state / "ledger.db")) as ledger:
            return ledger.execute("SELECT count(*) FROM intents").fetchone()[0] > 0

    def kill_and_resume(self, place, rows):
        """The generated events, once all of them are in the table. The process is killed when a part of the rows is
        committed: at a random moment, or as soon as it has written the next file of some kind."""
        folder = self.events(rows, "--format", "parquet", "--files", "40")
        command = self.command(folder, place.to(f"age={AGE}"))
        started = time.monotonic()
        announced = 0
        for kills in range(KILLS):
            process = self.start(*command, "--quiet", env=place.variables)
            self.wait_for_rows(place, 0.8 * rows * (kills + self.randomness.uniform(0, 1)) / KILLS, process)
            moment = MOMENTS[kills % len(MOMENTS)]
            if moment:
                self.wait_for_file(place, moment, process)
            killed = self.kill_after(process, 0 if moment else self.randomness.uniform(0, 0.1))
            self.assertTrue(killed, f"the import ended before kill {kills + 1}")
            announced += self.announced()
        report = self.run_json(*command, env=place.variables)
        elapsed = time.monotonic() - started
        self.assert_adds_up(report)
        self.assertEqual(report["rejected"] + report["pending"], 0)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], rows)
        self.assertGreater(announced, 0, "no kill was in the middle of a commit")
        self.figures = (f"{KILLS} kills, {announced} of them in a commit, seed {self.seed}: {rows} rows once each, "
                        f"in {elapsed:.1f} s")
        return folder

    def check(self, place, folder, rows):
        started = time.monotonic()
        snapshots = self.assert_history(place.table(), rows)
        self.assert_readers_agree(place, self.expected_rows(folder))
        self.assert_statistics(place)
        self.assertEqual(self.stray(place), [])
        self.assertEqual(place.hint(), place.version())
        metadata = {key for key in place.keys() if key.startswith("metadata/")}
        used = {f"metadata/v{i + 1}.metadata.json" for i in range(place.version())} | {"metadata/version-hint.text"}
        used |= {f"metadata/{snapshot.manifest_list.rpartition('/')[2]}" for snapshot in snapshots}
        used |= {f"metadata/{manifest.manifest_path.rpartition('/')[2]}" for manifest in snapshots[-1].manifests(place.table().io)}
        self.assertEqual(used - metadata, set())
        abandoned = sum("added-records" not in snapshot.summary.additional_properties for snapshot in snapshots)
        print(f"{self._testMethodName}: {self.figures}; {len(snapshots)} snapshots, {abandoned} of them empty, "
              f"{len(self.listed(place))} files, {len(metadata - used)} unused metadata files; checked in "
              f"{time.monotonic() - started:.1f} s")

    def test_on_disk(self):
        folder = self.kill_and_resume(self.disk, ROWS)
        self.check(self.disk, folder, ROWS)

    def test_s3(self):
        server = cloud_servers.VersityGateway()
        self.addCleanup(server.stop)
        place = S3Tables(server, "some/tables")
        folder = self.kill_and_resume(place, ROWS)
        self.check(place, folder, ROWS)

    def test_gcs(self):
        server = cloud_servers.FakeGcs()
        self.addCleanup(server.stop)
        place = GcsTables(server, "some/tables", self.folder / "downloaded")
        folder = self.kill_and_resume(place, GCS_ROWS)
        place.download()
        self.check(place, folder, GCS_ROWS)


if __name__ == "__main__":
    main()
