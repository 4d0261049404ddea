"""COPY INTO from a bucket into Snowflake: files are staged in a real S3 server, and the stand-in reads them from there."""
import os
import pathlib
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import cloud_servers
from harness import FAST_RETRY, SANITIZED, main
from snowflake_events import PATIENCE, TABLES, UNAVAILABLE, SnowflakeEventsTest

ROWS = int(os.environ.get("MILLRACE_TEST_ROWS", "30000" if SANITIZED else "60000"))
FILES = int(os.environ.get("MILLRACE_TEST_FILES", "100"))
KILLS = 10
FAULTS = {"lost": 0.05, "drop": 0.03, "503": 0.03, "429": 0.02, "slow": 0.1, "locked": 0.02}
STAGE = ("ANALYTICS", "RAW", "FILES")


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class CopyTest(SnowflakeEventsTest):
    options = "bucket=s3://test-bucket/staged/&stage=files&age=1s&file_size=1"

    def new_front(self):
        import snowflake_front
        import snowflake_stages
        self.bucket = cloud_servers.VersityGateway()
        self.addCleanup(self.bucket.stop)
        database = snowflake_stages.StagedDatabase(self.bucket)
        database.stages[STAGE] = "s3://test-bucket/staged/"
        return snowflake_front.Front(database=database)

    def environment(self):
        return super().environment() | self.bucket.variables()

    def commits(self):
        return self.query(f'SELECT STATE, COUNT(*) FROM {TABLES}."MILLRACE_COMMITS" GROUP BY STATE')

    def test_rows_arrive_once_and_files_are_removed(self):
        folder = self.events(ROWS, "--format", "parquet", "--files", "2")
        self.destinations("create")
        self.assertNotIn("missing", self.destinations("check"))
        self.assertEqual(self.load(folder)["accepted"], ROWS)
        self.assert_rows(folder)
        self.assertEqual([name for name in self.bucket.keys("staged/") if name.endswith(".gz")], [])
        self.assertEqual({state for state, _ in self.commits()}, {"committed"})
        self.destinations("drop", "--yes")
        self.assertEqual(self.tables(), [])

    def test_many_small_files(self):
        folder = self.events(FILES, "--format", "ndjson", "--files", str(FILES))
        report = self.load(folder)
        self.assertEqual(report["accepted"], FILES)
        self.assert_rows(folder)
        print(f"{FILES} files in {dict(self.commits())} commits, {report['elapsed_s']:.1f} s, "
              f"{report['peak_memory_bytes'] >> 20} MB")

    def test_a_lost_record_of_commits_stops_the_import_while_one_is_open(self):
        import snowflake_sql
        folder = self.events(100, "--format", "ndjson")
        self.destinations("create")
        run, asked = self.front._run, threading.Event()

        def fail_copies(body, count, values):
            if "COPY INTO" in body["statement"]:
                asked.set()
                raise snowflake_sql.SqlFailed("000603", "XX000", "internal error")
            return run(body, count, values)
        self.front._run = fail_copies
        process = self.start(*self.command(folder, "--quiet"))
        self.assertTrue(asked.wait(PATIENCE), "nothing is copied")
        self.kill_after(process, 0)
        self.front._run = run
        self.query(f'DROP TABLE {TABLES}."MILLRACE_COMMITS"')
        code, out, err = self.run_program(*self.command(folder, "--quiet"))
        self.assertNotEqual(code, 0)
        self.assertIn("the record of commits of", out + err)
        self.assertEqual(self.count(), 0)

    def test_a_stage_is_made_for_a_storage_integration(self):
        self.to = self.front.destination("bucket=s3://test-bucket/other/&storage_integration=s3_int&columns=amount:number")
        folder = self.events(1000, "--format", "ndjson")
        self.assertEqual(self.load(folder)["accepted"], 1000)
        self.assertEqual(self.count(), 1000)
        self.assertEqual(len(self.front.database.stages), 2)
        self.destinations("drop", "--yes")
        self.assertEqual(list(self.front.database.stages), [STAGE])

    def test_a_stage_that_does_not_exist_or_is_elsewhere_stops_the_import(self):
        folder = self.events(100, "--format", "ndjson")
        self.front.database.stages[STAGE] = "s3://test-bucket/elsewhere/"
        self.assertIn("does the stage's URL begin with bucket=", str(self.load(folder, expect=3)))
        self.front.database.stages = {}
        self.assertIn("002003", str(self.load(folder, expect=3)))
        self.front.database.stages = {STAGE: "s3://test-bucket/staged/"}
        self.load(folder)
        self.assert_rows(folder)

    def test_a_commit_that_is_asked_for_again_is_made_once(self):
        folder = self.events(2000, "--format", "ndjson")
        # The transaction is executed, and an error of the service is its answer.
        lost = []
        import snowflake_sql
        run = self.front._run

        def run_and_lose(body, count, values):
            results = run(body, count, values)
            if "COPY INTO" in body["statement"] and not lost:
                lost.append(body["statement"])
                raise snowflake_sql.SqlFailed("000603", "XX000", "internal error")
            return results

        self.front._run = run_and_lose
        self.load(folder)
        self.assertEqual(len(lost), 1)
        self.assertEqual(self.commits(), [("committed", 1)])
        for _, name in self.front.database.loaded:
            self.assertRegex(name, r"[0-9a-f]{32}")  # the id of the commit
        self.assert_rows(folder)

    def test_killed_ten_times_with_faults_on(self):
        folder = self.events(ROWS, "--format", "parquet", "--files", str(KILLS))
        files = sorted(folder.rglob("*.parquet"))
        self.destinations("create")
        self.front.faults.rates = dict(FAULTS)
        copying = threading.Event()
        self.front.database.before_commit = copying.set
        started = time.monotonic()
        kills = 0

        def command(count):
            return ["import", *files[:count], "--config", folder / "sources.json", "--to", self.to, *FAST_RETRY]
        for count in range(1, KILLS + 1):
            # While it stages a file, or when the COPY of it is executed and not yet committed.
            copying.clear()
            process = self.start(*command(count), "--quiet")
            if count % 2:
                kills += self.kill_after(process, self.randomness.uniform(0.1, 0.6))
            else:
                self.assertTrue(copying.wait(PATIENCE), "nothing is copied")
                kills += self.kill_after(process, 0)
        self.assertGreater(kills, KILLS // 2)
        report = self.run_json(*command(KILLS))
        self.assertEqual(report["rejected"] + report["pending"], 0)
        elapsed = time.monotonic() - started
        met = dict(self.front.faults.met)
        self.front.faults.clear()
        self.assert_rows(folder)
        print(f"{kills} kills, seed {self.seed}: {ROWS} rows once each, {self.commits()}, in {elapsed:.1f} s; faults {met}")


if __name__ == "__main__":
    main()
