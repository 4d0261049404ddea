"""Disks that fill up under a lake or an Iceberg table, clocks that jump, and a partition for each second."""
import json
import os
import subprocess
import unittest

import duck
import wrong_clock
from generated_events import GeneratedEventsTest
from harness import FAST_RETRY, main

ROWS = 60_000


def commands():
    """How a lake and a table are written, and where their rows are then."""
    yield "lake", "{folder}/lake/?format=parquet", "{folder}/lake/**/*.parquet"
    yield "iceberg", "iceberg:{folder}/tables/", "{folder}/tables/events/data/**/*.parquet"


@unittest.skipIf(duck.duckdb is None, "DuckDB is not installed (tools/setup.sh --tests)")
class LakeFaultsTest(GeneratedEventsTest):
    def small_disk(self, megabytes):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)], capture_output=True).returncode == 0
        if not mounted:
            self.skipTest("a small disk cannot be mounted")
        self.addCleanup(subprocess.run, ["umount", "-l", str(disk)])
        return disk

    def load(self, folder, to, expect=0, **options):
        report = self.run_json("import", folder, "--config", folder / "sources.json", "--to", to, *FAST_RETRY,
                               expect=expect, **options)
        self.assert_adds_up(report)
        return report

    def rows(self, files):
        return duck.connect().execute(
            f"SELECT count(*), count(DISTINCT insert_id) FROM read_parquet('{files}', hive_partitioning=false)").fetchone()

    def test_the_disk_of_the_files_is_full(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "4")
        for name, to, files in commands():
            with self.subTest(name):
                disk = self.small_disk(2)
                report = self.load(folder, to.format(folder=disk), expect=3)
                self.assertIn("No space left on device", report["stopped_by"])
                self.assertEqual(report["accepted"], 0)
                subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
                report = self.load(folder, to.format(folder=disk))
                self.assertEqual(report["accepted"], ROWS)
                self.assertEqual(self.rows(files.format(folder=disk)), (ROWS, ROWS))
                left = [path for path in disk.rglob("*") if path.is_file() and "/staged/" in str(path)]
                self.assertEqual(left, [])
                subprocess.run(["umount", str(disk)], check=True)
                disk.rmdir()

    def test_the_disk_of_temporary_files_is_full(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "4")
        disk = self.small_disk(1)
        for name, to, files in commands():
            with self.subTest(name):
                # Blocks are written to TMPDIR once a partition has megabytes: here in one partition.
                one = to.format(folder=self.folder) + ("&path=" if name == "lake" else "?partition=none")
                report = self.load(folder, one, expect=3, env={"TMPDIR": str(disk)})
                self.assertIn("No space left on device", report["stopped_by"])
                self.assertEqual(self.load(folder, one)["accepted"], ROWS)
                self.assertEqual(self.rows(files.format(folder=self.folder)), (ROWS, ROWS))

    def test_the_clock_jumps(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "12")
        clock = self.folder / "clock"
        for name, to, files in commands():
            with self.subTest(name):
                clock.write_text("+0d")
                process = self.start("import", folder, "--config", folder / "sources.json", "--json",
                                     "--to", to.format(folder=self.folder) + ("&" if "?" in to else "?") + "age=20ms",
                                     *FAST_RETRY, env=wrong_clock.variables(FAKETIME_TIMESTAMP_FILE=str(clock)))
                jumps = 0
                while True:
                    try:
                        out, err = process.communicate(timeout=0.005)
                        break
                    except subprocess.TimeoutExpired:
                        # Days ahead and back, years back: leases, ages and names of commits must not care.
                        replacement = clock.with_suffix(".new")
                        replacement.write_text(("+3d", "-3d", "-20y", "+40d")[jumps % 4])
                        replacement.rename(clock)
                        jumps += 1
                self.assertEqual(process.returncode, 0, err)
                self.assertGreater(jumps, 4)
                report = json.loads(out)
                self.assert_adds_up(report)
                self.assertEqual(report["accepted"], ROWS)
                self.assertEqual(self.rows(files.format(folder=self.folder)), (ROWS, ROWS))
                # A later run, with the right clock, finds everything done.
                self.assertEqual(self.load(folder, to.format(folder=self.folder))["objects_skipped"], 12)

    def test_a_partition_for_each_second(self):
        folder = self.events(10_000, "--format", "ndjson")
        report = self.load(folder, f"{self.folder}/lake/?path=dt={{date}}/{{hour}}/{{minute}}/{{second}}")
        self.assertEqual(report["accepted"], 10_000)
        self.assertLess(report["peak_memory_bytes"], 200 << 20)
        found = list((self.folder / "lake").rglob("*.parquet"))
        self.assertGreater(len(found), 5_000)
        self.assertEqual(self.rows(f"{self.folder}/lake/**/*.parquet"), (10_000, 10_000))


if __name__ == "__main__":
    main()
