"""millrace export: the events of a sandbox in files, each once, with late events, repeats and killed processes."""
import json
import os
import signal
import socket
import time

from export_harness import ExportTest, day_of
from harness import SANITIZED, main

ROWS, KILLS = (4_000, 5) if SANITIZED else (20_000, 20)
KEYS = {"success", "windows", "windows_skipped", "read", "accepted", "rejected", "filtered", "pending", "queries", "retries",
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

    def test_wrong_usage_says_what_to_do(self):
        for flags, text in ((["--since", "yesterday", "--time-zone", "utc", *self.to], "--since must be a day"),
                            (["--since", day_of(1), *self.to], "give --time-zone"),
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


if __name__ == "__main__":
    main()
