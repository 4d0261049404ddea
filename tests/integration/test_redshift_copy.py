"""Imports into Redshift through a bucket: files in S3, loaded by COPY; killed on the way, too."""
import json
import os
import pathlib
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import cloud_servers
import redshift_front
from harness import SANITIZED, main
from redshift_events import UNAVAILABLE, RedshiftEventsTest

if redshift_front.AVAILABLE:
    import redshift_copy
    import redshift_sql

FILES = int(os.environ.get("MILLRACE_TEST_FILES", "100"))
ROWS = 20_000 if SANITIZED else 100_000
KILLS = 5
FAULTS = {"lost_before": 0.02, "lost": 0.03, "500": 0.03, "throttle": 0.01, "fail_before": 0.03, "fail_after": 0.04}


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class CopyTest(RedshiftEventsTest):
    TO = "redshift://work/dev/public?bucket=s3%3A%2F%2Ftest-bucket%2Fmillrace%2F&age=1s&file_size=1"

    def setUp(self):
        super().setUp()
        self.s3 = cloud_servers.VersityGateway()
        self.addCleanup(self.s3.stop)
        self.front.region = "us-east-1"
        self.front.keys.add("test-key", "test-secret")
        self.front.bucket = redshift_copy.Bucket(self.s3.url, "test-key", "test-secret")

    def rates(self):
        return {}

    def environment(self):
        return super().environment() | self.s3.variables()

    def count(self, table="events"):
        return int(self.server.query(f"SELECT count(*) FROM {table}")[0][0])

    def test_each_row_arrives_once(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "3")
        code, out, err = self.run_program("destinations", "create", self.to)
        self.assertEqual(code, 0, out + err)
        code, out, err = self.run_program("destinations", "check", self.to)
        self.assertEqual(code, 0, out + err)
        report = self.load(folder)
        self.assertEqual((report["accepted"], report["rejected"]), (ROWS, 0))
        self.assertLess(report["peak_memory_bytes"], 200 << 20)
        self.assert_rows(folder)
        self.assertEqual(self.s3.keys(), [])
        self.assertEqual(self.server.query("SELECT DISTINCT outcome FROM millrace_events_commits"), [["committed"]])
        code, out, err = self.run_program("destinations", "drop", self.to, "--yes")
        self.assertEqual(code, 0, out + err)

    def test_many_small_files(self):
        folder = self.events(FILES, "--format", "ndjson", "--files", str(FILES))
        report = self.load(folder)
        self.assertEqual(report["accepted"], FILES)
        self.assert_rows(folder)
        [[commits]] = self.server.query("SELECT count(*) FROM millrace_events_commits")
        print(f"{FILES} files in {commits} commits, {report['elapsed_s']:.1f} s, "
              f"{report['peak_memory_bytes'] >> 20} MB; {dict(self.front.counts)}")

    def test_a_lost_record_of_commits_stops_the_import_while_one_is_open(self):
        self.create()
        self.load(self.events(100, "--format", "ndjson"))
        copying, killed = threading.Event(), threading.Event()

        class Unreadable:
            @staticmethod
            def read(uri):
                copying.set()
                killed.wait(60)
                raise redshift_sql.Failed(f"ERROR: internal error while {uri} is read")
        readable, self.front.bucket = self.front.bucket, Unreadable
        # The commit of one process is announced and not made, and another one begins with other rows.
        process = self.start(*self.command(self.more_events("killed"), "--quiet"))
        self.wait_until(copying.is_set, process)
        self.assertTrue(self.kill_after(process, 0))
        killed.set()
        self.front.bucket = readable
        self.server.query("DROP TABLE millrace_events_commits")
        code, out, err = self.run_program(*self.command(self.more_events("another"), "--quiet"))
        self.assertNotEqual(code, 0, out + err)
        self.assertIn("the record of commits of public.events is gone", out + err)
        self.assertIn("which is open in the ledger", out + err)
        self.assertEqual(self.count(), 100)

    def more_events(self, name):
        """A folder with rows of its own."""
        self.write_ndjson(f"{name}/rows.ndjson", [{"n": n, "time": 1796008365 + n} for n in range(100)])
        config = [{"config_id": name, "source_prefix": str(self.folder / name), "mixpanel_event_name": "e",
                   "field_mappings": [{"source_field": "*", "mixpanel_field": "*"}]}]
        (self.folder / name / "sources.json").write_text(json.dumps(config))
        return self.folder / name

    def test_killed_while_the_service_has_faults(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "3")
        self.create()
        self.front.random_faults = FAULTS
        started = time.monotonic()
        kills = 0
        while kills < KILLS:
            before = self.count()
            process = self.start(*self.command(folder, "--quiet"))
            self.wait_until(lambda: self.s3.keys() or self.count() > before or process.poll() is not None, process)
            kills += self.kill_after(process, self.randomness.uniform(0.1, 1.5))
            if process.returncode == 0:
                break
        code, out, err = self.run_program(*self.command(folder, "--quiet"))
        self.front.random_faults = {}
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        self.assert_rows(folder)
        self.assertEqual(self.s3.keys(), [])
        print(f"{kills} kills, seed {self.seed}: {ROWS} rows once each, in {time.monotonic() - started:.1f} s; "
              f"{dict(self.front.counts)}")


if __name__ == "__main__":
    main()
