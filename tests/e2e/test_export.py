"""millrace export: the events of a sandbox in files, each once, with late events, repeats and killed processes."""
import datetime
import json
import os
import signal
import socket
import time

from export_harness import DAY_MS, ExportTest, day_of, midnight
from harness import SANITIZED, main

ROWS, KILLS = (4_000, 5) if SANITIZED else (20_000, 20)
KEYS = {"success", "windows", "windows_skipped", "read", "accepted", "rejected", "filtered", "pending", "deleted", "left_out", "queries", "retries",
        "bytes_read", "elapsed_s", "peak_memory_bytes", "stopped_by", "first_error", "destinations"}


class LakeTest(ExportTest):
    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"
        self.to = ["--to", f"{self.lake}?format=ndjson.gz"]
        self.started = self.sandbox()

    def assert_lake(self):
        self.assert_same(self.lake_keys(self.lake), self.expected(self.started))

    def test_days_late_events_and_repeats(self):
        events = [self.event(days) for days in range(10) for _ in range(50)]
        self.send(self.started, events + events[::7])
        report = self.export_json(self.started, "--since", day_of(9), *self.to)
        self.assertEqual(set(report), KEYS)
        self.assertEqual((report["windows"], report["read"], report["accepted"], report["filtered"]),
                         (10, 500 + len(events[::7]), 500, len(events[::7])))
        self.assertLess(report["queries"], 4)
        self.assert_lake()
        # Days of which the end is less than five days ago are read again.
        self.send(self.started, [self.event(days) for days in (0, 1, 4)] + events[:1])
        report = self.export_json(self.started, "--since", day_of(9), *self.to)
        self.assertEqual((report["windows"], report["windows_skipped"], report["accepted"]), (6, 4, 3))
        self.assert_lake()
        self.assertEqual(self.export_json(self.started, "--since", day_of(9), *self.to)["accepted"], 0)

    def test_an_event_that_is_too_late_is_not_exported(self):
        self.export_json(self.started, "--since", day_of(9), *self.to)
        self.send(self.started, [self.event(9), self.event(3)])
        report = self.export_json(self.started, "--since", day_of(9), *self.to)
        self.assertEqual((report["windows_skipped"], report["accepted"]), (4, 1))

    def test_the_log_says_what_each_window_had(self):
        self.send(self.started, [self.event(1)])
        code, out, err = self.run_program(*self.export_command(self.started, "--time-zone", "utc", "--since", day_of(2),
                                                               "--until", day_of(0), *self.to))
        self.assertEqual(code, 0, err)
        lines = [line for line in map(json.loads, err.splitlines()) if line["message"].startswith("retrieved")]
        self.assertEqual([(line["window"], line["message"]) for line in lines],
                         [(day_of(2), "retrieved: 0 records"), (day_of(1), "retrieved: 1 records")])
        self.assertRegex(out, r"accepted +1\n")

    def test_filters_are_a_selection_of_their_own(self):
        events = [self.event(1, name) for name in ("view", "buy", "buy")]
        self.send(self.started, events)
        since = ["--since", day_of(1)]
        self.assertEqual(self.export_json(self.started, *since, "--event", "buy", *self.to)["accepted"], 2)
        code, _, err = self.run_program(*self.export_command(self.started, "--time-zone", "utc", *since, *self.to))
        self.assertEqual(code, 2, err)
        self.assertIn("another filter", err)

    def test_local_time_becomes_utc(self):
        event = self.event(2)
        self.send(self.started, [event])
        self.export_json(self.started, "--since", day_of(3), "--until", day_of(0), *self.to, zone="Asia/Kolkata")
        [(key, count)] = self.lake_keys(self.lake).items()
        self.assertEqual(key[2], event["properties"]["time"] - 5.5 * 3_600_000)
        self.assertEqual(count, 1)

    def test_whatever_happens_to_queries_no_event_is_lost_or_doubled(self):
        events = [self.event(self.randomness.randrange(6)) for _ in range(ROWS)]
        self.send(self.started, events + events[::11])
        flags = ["--since", day_of(6), *self.to]
        self.started.set_faults("cut_export:0.2", "terminated_early:0.15", "short_gzip:0.15", "export_status=429:0.1",
                                "export_status=503:0.1", "split_records=0.01")
        report = self.export_json(self.started, *flags)
        self.assertEqual(report["accepted"], ROWS)
        self.assert_lake()
        self.send(self.started, [self.event(self.randomness.randrange(6)) for _ in range(100)])
        retries = report["retries"]
        while retries < 20:  # some runs are lucky
            retries += self.export_json(self.started, *flags)["retries"]
            self.send(self.started, [self.event(1)])
        self.export_json(self.started, *flags)
        self.assert_lake()

    def test_no_credentials_or_no_access_is_said(self):
        for fault, text in (("export_status=402", "no API access"), ("export_status=401", "401")):
            self.started.set_faults(fault)
            code, _, err = self.run_program(*self.export_command(self.started, "--time-zone", "utc", "--since", day_of(1),
                                                                 *self.to))
            self.assertIn(code, (2, 3), err)
            self.assertIn(text, err)

    def test_by_processing_time_each_event_once_however_late(self):
        flags = ["--by", "processing-time", "--settle", "0s", "--look-back", "60d", "--since", day_of(3), *self.to]
        arrivals = [midnight(3) + hours * 3_600_000 + 1_800_000 for hours in range(0, 60, 7)]
        for arrival in arrivals:
            self.set_clock(self.started, arrival)
            late = [self.event_at(arrival - age * DAY_MS) for age in (0, 1, 6, 20, 50)]
            self.send(self.started, late)
        self.started.request("DELETE", "/sandbox/clock")
        report = self.export_json(self.started, *flags)
        self.assertEqual((report["accepted"], report["filtered"]), (len(self.sent), 0))
        self.assert_lake()
        again = self.export_json(self.started, *flags)
        self.assertEqual((again["read"], again["windows"]), (0, 0))
        self.assertGreaterEqual(again["windows_skipped"], 72)
        # The look-back: what was older on arrival is not found.
        other = self.folder / "other"
        report = self.export_json(self.started, "--by", "processing-time", "--settle", "0s", "--look-back", "10d", "--since",
                                  day_of(3), "--to", f"{other}?format=ndjson.gz")
        self.assertEqual(report["accepted"], 3 * len(arrivals))

    def test_a_plan_says_how_many_queries_and_reads_nothing(self):
        flags = ["--project-id", "1", "--mixpanel-url", self.started.url, "--since", day_of(9), *self.to]
        plan = self.run_json("export", "plan", *flags)
        self.assertEqual((plan["windows"], plan["queries_min"], plan["queries_max"]), (10, 1, 10))
        self.send(self.started, [self.event(days) for days in range(10)])
        self.export_json(self.started, "--since", day_of(9), *self.to)
        plan = self.run_json("export", "plan", *flags)
        self.assertEqual((plan["windows"], plan["windows_skipped"], plan["rows_known"], plan["queries_max"]), (6, 4, 6, 1))

    def test_wrong_usage_says_what_to_do(self):
        for flags, text in ((["--since", "yesterday", "--time-zone", "utc", *self.to], "--since must be a day"),
                            (["--since", day_of(1), "--time-zone", "Mars/Base", *self.to], "is not known"),
                            (["--since", day_of(1), "--time-zone", "utc"], "give --to"),
                            (["--since", day_of(1), "--until", day_of(1), "--time-zone", "utc", *self.to], "before --until")):
            code, _, err = self.run_program(*self.export_command(self.started, *flags))
            self.assertEqual(code, 2, err)
            self.assertIn(text, err)

    def test_two_exports_of_a_day_to_one_destination_are_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and does not answer
            silent.settimeout(60)
            first = self.start("export", "events", "--project-id", "1", "--quiet", "--time-zone", "utc", "--since", day_of(3),
                               "--mixpanel-url", f"http://127.0.0.1:{silent.getsockname()[1]}", *self.to)
            self.addCleanup(first.kill)
            connection, _ = silent.accept()
            with connection:
                code, _, err = self.run_program(*self.export_command(self.started, "--time-zone", "utc", "--since", day_of(4),
                                                                     *self.to))
                self.assertEqual(code, 3, err)
                self.assertIn("another export writes", err)
                self.assertIn(str(first.pid), err)
                first.send_signal(signal.SIGINT)
                first.communicate(timeout=60)
                self.assertEqual(first.returncode, 3)
        self.export_json(self.started, "--since", day_of(4), *self.to)

    def test_two_destinations_share_the_queries(self):
        self.send(self.started, [self.event(days) for days in range(3) for _ in range(20)])
        other = self.folder / "other"
        report = self.export_json(self.started, "--since", day_of(2), *self.to, "--to", f"{other}?format=ndjson.gz")
        self.assertEqual([one["accepted"] for one in report["destinations"]], [60, 60])
        self.assertLess(report["queries"], 4)
        self.assert_lake()
        self.assert_same(self.lake_keys(other), self.expected(self.started))

    def test_a_process_that_is_killed_leaves_no_hole_and_no_repeat(self):
        self.send(self.started, [self.event(self.randomness.randrange(6)) for _ in range(ROWS)])
        command = self.export_command(self.started, "--time-zone", "utc", "--since", day_of(6), "--late", "30d", *self.to)
        kills, runs = 0, 0
        while kills < KILLS:
            began = time.monotonic()
            process = self.start(*command)
            kills += self.kill_after(process, self.randomness.uniform(0, 0.4))
            runs += 1
            self.assertLess(runs, 20 * KILLS, f"{time.monotonic() - began} s")
            late = [self.event(self.randomness.randrange(6)) for _ in range(ROWS // 50)]
            self.send(self.started, late + late[::9])
        self.export_json(self.started, "--since", day_of(6), "--late", "30d", *self.to)
        self.assert_lake()
        # Nothing is left but what is known to be delivered.
        kept = {path.suffix for path in (self.state / "export").rglob("*") if path.is_file()}
        self.assertEqual(kept, {".delivered"})
        self.assertEqual([name for name in os.listdir(self.state) if name.startswith("export.")], [])
        print(f"{kills} kills in {runs} runs, seed {self.seed}: each of {len(self.expected(self.started))} events once")


class ZoneTest(ExportTest):
    """Exports of a project with a time zone, over the night in which its clocks are turned back."""

    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"
        self.to = ["--since", "2025-11-01", "--until", "2025-11-03", "--to", f"{self.lake}?format=ndjson.gz"]

    def project(self, *args):
        started = self.sandbox("--project-id", "1", *args)
        begin = int(datetime.datetime(2025, 11, 1, 22, tzinfo=datetime.timezone.utc).timestamp() * 1000)
        for minutes in range(0, 14 * 60, 10):  # 01:00 to 02:00 in New York are there twice
            time = begin + minutes * 60_000
            self.set_clock(started, time + 2000)
            self.track(started, [self.event_at(time), self.event_at(time)])
        started.request("DELETE", "/sandbox/clock")
        return started

    def test_local_times(self):
        started = self.project("--time-zone", "America/New_York")
        self.export_json(started, *self.to, zone=None, env={"MIXPANEL_SERVICE_ACCOUNT": "user:secret"})
        self.assert_same(self.lake_keys(self.lake), self.expected(started))

    def test_utc_times_of_a_project_with_a_zone(self):
        started = self.project("--time-zone", "America/New_York", "--export-times", "utc")
        self.export_json(started, *self.to, zone=None, env={"MIXPANEL_SERVICE_ACCOUNT": "user:secret"})
        self.assert_same(self.lake_keys(self.lake), self.expected(started))

    def test_a_zone_that_was_given_is_not_probed(self):
        started = self.project("--time-zone", "America/New_York")
        self.export_json(started, *self.to, zone="America/New_York")
        self.assert_same(self.lake_keys(self.lake), self.expected(started))

    def test_an_undecided_probe_asks_for_the_flag(self):
        started = self.sandbox("--project-id", "1", "--time-zone", "America/New_York")
        code, _, err = self.run_program(*self.export_command(started, *self.to),
                                        env={"MIXPANEL_SERVICE_ACCOUNT": "user:secret"})
        self.assertEqual(code, 2, err)
        self.assertIn("give --time-zone", err)


if __name__ == "__main__":
    main()
