"""Imports into lakes on disk and in buckets, killed (SIGKILL) on the way and started again: each row is there once, and
nothing else is left."""
import json
import time
import unittest

import cloud_servers
import duck
from harness import SANITIZED, main
from lake_import import LakeImportTest, download

ROWS, FILE_ROWS = (50_000, 20_000) if SANITIZED else (1_000_000, 200_000)
KILLS = 8 if SANITIZED else 20
PATIENCE = 120


class DiskLake:
    """A lake in a folder."""
    variables = {}

    def __init__(self, folder):
        self.root = self.folder = folder

    def commits(self):
        """How many were made; also while others are."""
        return sum(1 for _ in self.folder.glob("*/_millrace/commits/*.json"))

    def download(self):
        """The folder with its files."""
        return self.folder


class BucketLake:
    """A lake in a bucket of cloud_servers.py."""

    def __init__(self, server, folder):
        self.server = server
        self.root = f"{server.root}some/lake"
        self.variables = server.variables()
        self.folder = folder

    def commits(self):
        return len(self.server.keys("some/lake/events/_millrace/commits/"))

    def download(self):
        download(self.server, "some/lake/", self.folder)
        return self.folder / "some/lake"


@unittest.skipIf(duck.duckdb is None, "DuckDB is not installed (tools/setup.sh --tests)")
class LakeKillTest(LakeImportTest):
    def wait_for_commits(self, lake, count, *processes):
        """Until there are so many commits; False if all processes have ended before."""
        deadline = time.monotonic() + PATIENCE
        while lake.commits() < count:
            if all(process.poll() is not None for process in processes):
                return False
            self.assertLess(time.monotonic(), deadline, "the files do not come")
            time.sleep(0.001)
        return True

    def kill(self, process):
        """Kills it at a moment of its next 200 ms, unless it ends before."""
        return self.kill_after(process, self.randomness.uniform(0, 0.2))

    def kill_and_resume(self, lake, kind):
        """Imports ROWS events by one process at a time, killed KILLS times."""
        folder = self.events(ROWS, "--format", "parquet", "--files", "40")
        to = f"{lake.root}/?format={kind}&age=20ms"
        started = time.monotonic()
        kills = 0
        while kills < KILLS:
            process = self.start(*self.command(folder, to, "--quiet"), env=lake.variables)
            # Every second run is killed before its first commit, while it stages or recovers.
            if kills % 2 and not self.wait_for_commits(lake, lake.commits() + 1, process):
                break
            if not self.kill(process):
                break
            kills += 1
        report = self.load(folder, to, env=lake.variables)
        elapsed = time.monotonic() - started
        self.assertEqual(report["rejected"] + report["pending"], 0)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        self.assertGreater(report["accepted"], 0, f"all rows had arrived after {kills} kills")
        files = lake.download()
        self.assert_rows(folder, files, kind)
        self.assertEqual(self.stray(files), [])
        print(f"{self._testMethodName}: {kills} kills, seed {self.seed}: {ROWS} rows once each, in {elapsed:.1f} s")
        self.assertEqual(kills, KILLS)

    def test_on_disk(self):
        self.kill_and_resume(DiskLake(self.lake), "parquet")

    def check_bucket(self, kind):
        server = kind()
        self.addCleanup(server.stop)
        self.kill_and_resume(BucketLake(server, self.folder / "downloaded"), "parquet")

    def test_gcs(self):
        self.check_bucket(cloud_servers.FakeGcs)

    def test_s3(self):
        self.check_bucket(cloud_servers.VersityGateway)

    def test_azure(self):
        self.check_bucket(cloud_servers.Azurite)

    def test_four_processes(self):
        lake = DiskLake(self.lake)
        folder = self.events(FILE_ROWS, "--format", "ndjson", "--files", "2000")
        command = self.command(folder, f"{self.lake}/?format=ndjson.gz&age=50ms", "--quiet", "--json")
        started = time.monotonic()
        workers = [self.start(*command) for _ in range(4)]
        kills = 0
        while kills < KILLS:
            if not self.wait_for_commits(lake, lake.commits() + 1, *workers):
                break
            victim = workers.pop(self.randomness.randrange(4))
            kills += self.kill(victim)
            workers.append(self.start(*command))
        for worker in workers:
            out, err = worker.communicate(timeout=PATIENCE)
            self.assertEqual(worker.returncode, 0, err[-2000:])
            self.assert_adds_up(json.loads(out))
        elapsed = time.monotonic() - started
        self.assertGreater(kills, 0)
        self.assert_rows(folder, self.lake, "ndjson.gz")
        self.assertEqual(self.stray(self.lake), [])
        print(f"{kills} kills of 4 processes, seed {self.seed}: {FILE_ROWS} rows of 2000 files once each, "
              f"in {elapsed:.1f} s")


if __name__ == "__main__":
    main()
