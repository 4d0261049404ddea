"""Imports into Snowflake by Snowpipe Streaming: named channels (exactly once) and elastic ones (at least once)."""
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness import main
from snowflake_events import TABLES, UNAVAILABLE, USER, SnowflakeEventsTest

FILES = int(os.environ.get("MILLRACE_TEST_FILES", "150"))


class StreamingTest(SnowflakeEventsTest):
    options = "method=streaming"

    def new_front(self):
        import snowflake_streaming_front
        return snowflake_streaming_front.StreamingFront()

    def fail_import(self, folder, expect=3):
        """The error of an import that stops."""
        report = self.load(folder, expect=expect)
        return report["first_error"]


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class NamedChannelsTest(StreamingTest):
    def test_rows_arrive_and_channels_of_delivered_files_are_dropped(self):
        folder = self.events(20_000, "--format", "ndjson", "--files", "4")
        report = self.load(folder)
        self.assertEqual(report["accepted"], 20_000)
        self.assert_rows(folder)
        self.assertEqual(self.front.channels, {})
        self.assertEqual(self.load(folder)["objects_skipped"], 4)
        self.assertEqual(self.tables(), ["EVENTS"])

    def test_what_was_not_delivered_is_known_without_the_ledger(self):
        folder = self.events(3000, "--format", "ndjson", "--files", "1")
        self.destinations("create")
        self.front.commit_after = None
        process = self.start(*self.command(folder, "--quiet"))
        self.poll(lambda: self.front.uncommitted() > 0, "nothing is appended", process)
        process.kill()
        process.communicate()
        self.front.commit()
        shutil.rmtree(self.state)
        self.front.commit_after = 1
        self.load(folder)
        self.assert_rows(folder)
        self.load(folder, "--force")
        self.assertEqual(self.count(), 6000)

    def test_many_small_files(self):
        folder = self.events(FILES * 20, "--format", "ndjson", "--files", str(FILES))
        report = self.load(folder)
        self.assertEqual((report["accepted"], report["objects"]), (FILES * 20, FILES))
        self.assert_rows(folder)
        self.assertEqual(self.front.channels, {})
        self.assertLessEqual(self.front.max_channels, 1100)

    def test_faults_change_nothing(self):
        folder = self.events(30_000, "--format", "ndjson", "--files", "12")
        self.destinations("create")
        self.front.faults.rates = {"lost": 0.03, "drop": 0.02, "500": 0.02, "503": 0.02, "429": 0.02, "expired": 0.02,
                                   "no_channel": 0.02, "reopen": 0.02, "gap": 0.02, "retry_request": 0.02, "rate": 0.02}
        report = self.load(folder)
        self.assertEqual((report["accepted"], report["rejected"]), (30_000, 0))
        self.assertGreater(report["retries"], 0)
        self.front.faults.clear()
        self.assert_rows(folder)

    def test_tokens_that_expire_are_renewed_and_a_key_that_is_revoked_stops_the_run(self):
        folder = self.events(4000, "--format", "ndjson", "--files", "4")
        self.destinations("create")
        self.front.commit_after = 3
        self.front.expire_tokens()
        self.load(folder)
        del self.front.tokens.keys[USER]
        shutil.rmtree(self.state)
        error = self.fail_import(folder)
        self.assertIn("SNOWFLAKE_PRIVATE_KEY_FILE", error)
        self.assertIn("RSA_PUBLIC_KEY_FP", error)
        self.assertEqual(self.count(), 4000)

    def test_rows_that_snowflake_counts_as_errors_stop_the_run(self):
        folder = self.events(1000, "--format", "ndjson", "--files", "1")
        self.destinations("create")
        self.query(f'ALTER TABLE {TABLES}."EVENTS" DROP COLUMN "DEVICE_ID"')
        self.query(f'ALTER TABLE {TABLES}."EVENTS" ADD COLUMN "DEVICE_ID" NUMBER(38,0)')
        self.front.database.strict = False
        error = self.fail_import(folder)
        self.assertTrue("has not stored" in error or "DEVICE_ID" in error, error)

    def test_a_table_that_is_dropped_while_rows_are_on_their_way_stops_the_run(self):
        folder = self.events(2000, "--format", "ndjson", "--files", "1")
        self.destinations("create")
        self.front.commit_after = None
        process = self.start(*self.command(folder, "--quiet", "--json"))
        self.poll(lambda: self.front.uncommitted() > 0, "nothing is appended", process)
        self.query(f'DROP TABLE {TABLES}."EVENTS"')
        report, _ = self.finish(process, 3)
        self.assertIn("EVENTS-STREAMING", report["first_error"])
        self.front.commit_after = 1
        self.destinations("create")
        self.load(folder)
        self.assert_rows(folder)

    def test_a_process_whose_channel_another_has_taken_over_stores_nothing_more(self):
        folder = self.events(3000, "--format", "ndjson", "--files", "1")
        self.destinations("create")
        self.front.commit_after = None
        command = self.command(folder, "--lease", "2s", "--quiet", "--json")
        first = self.start(*command)
        self.addCleanup(first.kill)
        self.poll(lambda: self.front.uncommitted() > 0, "nothing is appended", first)
        first.send_signal(signal.SIGSTOP)
        second = self.start(*command)
        self.poll(lambda: self.front.requests["open"] > 1, "the other does not open it", second)
        self.front.commit_after = 2
        first.send_signal(signal.SIGCONT)
        reports = [self.finish(process, 0)[0] for process in (first, second)]
        self.assertEqual(sum(report["accepted"] for report in reports), 3000)
        self.assert_rows(folder)

    def test_a_pipe_can_be_named(self):
        self.to = self.front.destination("method=streaming&pipe=mixpanel")
        folder = self.events(500, "--format", "ndjson", "--files", "1")
        self.destinations("create")
        self.assertIn("MIXPANEL_EVENTS", self.fail_import(folder))
        self.front.add_pipe("ANALYTICS", "RAW", "MIXPANEL_EVENTS", "EVENTS")
        self.load(folder)
        self.assert_rows(folder)

    def test_refused_rows_are_dead_letters(self):
        rows = [{"event": "e", "time": 1_700_000_000 + n, "insert_id": f"i{n}", "user": "u\0" if n % 3 == 0 else "u"}
                for n in range(300)]
        folder = self.write_ndjson("in/rows.ndjson", rows).parent
        self.write(folder / "sources.json", json.dumps([{
            "config_id": "rows", "source_prefix": str(folder) + "/rows", "file_type": "ndjson", "field_mappings": [
                {"source_field": "event", "mixpanel_field": "event", "type": "string"},
                {"source_field": "time", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
                {"source_field": "user", "mixpanel_field": "distinct_id", "type": "string"},
                {"source_field": "insert_id", "mixpanel_field": "$insert_id", "type": "string"}]}]))
        report = self.load(folder, expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (200, 100))
        self.assertEqual(self.count(), 200)
        self.assertEqual({one["code"] for one in self.dead_letters()}, {"nul_in_text"})

    def test_check_says_whether_the_pipe_can_be_used(self):
        self.destinations("create")
        self.assertIn("Snowpipe Streaming into pipe ANALYTICS.RAW.EVENTS-STREAMING", self.destinations("check"))

    def poll(self, is_so, message, process):
        deadline = time.monotonic() + 60
        while not is_so():
            self.assertIsNone(process.poll(), f"{message}: the process has ended")
            self.assertLess(time.monotonic(), deadline, message)


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class ElasticTest(StreamingTest):
    options = "method=elastic"

    def test_rows_arrive(self):
        folder = self.events(20_000, "--format", "ndjson", "--files", "4")
        self.assertEqual(self.load(folder)["accepted"], 20_000)
        self.assert_rows(folder)

    def test_faults_lose_nothing_and_repeat_whole_requests(self):
        folder = self.events(20_000, "--format", "ndjson", "--files", "8")
        self.destinations("create")
        self.front.faults.rates = {"lost": 0.05, "drop": 0.05, "503": 0.05, "429": 0.05, "expired": 0.03}
        self.load(folder)
        self.front.faults.clear()
        [(rows, ids)] = self.query(f'SELECT COUNT(*), COUNT(DISTINCT INSERT_ID) FROM {TABLES}."EVENTS"')
        self.assertEqual(ids, 20_000)
        self.assertGreaterEqual(rows, 20_000)
        self.assertEqual(self.front.problems, [])


if __name__ == "__main__":
    main()
