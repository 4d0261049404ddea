"""Every fault of the sandbox, in turn and together: the run ends with right accounting and exit status."""
import json

from harness import MillraceTest, main
from oracle import expected_events, judge

ROWS = 20_000


class FaultTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.folder_of_events = self.generate(ROWS, "--format", "ndjson", "--files", "2")
        self.box = self.sandbox()

    def import_with(self, *faults, expect, more=()):
        self.box.set_faults(*faults)
        return self.import_json(self.box, self.folder_of_events, "--config",
                                self.folder_of_events / "sources.json", "--batch-events", "500", *more,
                                expect=expect)

    def judge(self, refused=()):
        self.box.set_faults()
        return judge(self, expected_events(self.folder_of_events), self.box.export(), refused)

    def refused_ids(self):
        return [json.loads(record["payload_after"])["properties"]["$insert_id"] for record in self.dead_letters()]

    def assert_all_accepted(self, report):
        self.assertEqual((report["accepted"], report["rejected"], report["pending"]), (ROWS, 0, 0))
        self.assertTrue(report["success"])
        self.assertIsNone(report["first_error"])
        self.judge()

    def assert_run_again_completes(self, before):
        self.assertEqual(before["rejected"], 0)
        self.assertFalse(before["success"])
        self.assertTrue(before["first_error"])
        self.import_with(expect=0)
        totals = self.run_json("status")["totals"]
        self.assertEqual((totals["accepted"], totals["rejected"], totals["pending"]), (ROWS, 0, 0))
        self.judge()

    def test_partial_400_rejects_the_listed_records_alone(self):
        report = self.import_with("partial_400=0.01", expect=1)
        self.assertGreater(report["rejected"], 0)
        self.assertEqual(report["accepted"] + report["rejected"], ROWS)
        refused = self.refused_ids()
        self.assertEqual(len(refused), report["rejected"])
        self.assertEqual(self.box.stats()["unique"], report["accepted"])
        self.judge(refused)

    def test_strings_400_refuses_every_record_when_it_lasts(self):
        report = self.import_with("strings_400", expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (0, ROWS))
        self.assertEqual(self.box.stats()["stored"], 0)
        self.assertEqual(len(self.refused_ids()), ROWS)

    def test_strings_400_costs_requests_when_it_passes(self):
        # A refusal that names no record is halved until the bad ones are found; here there are none.
        report = self.import_with("strings_400:0.2", expect=0)
        self.assertGreater(report["requests"], ROWS / 500)
        self.assert_all_accepted(report)

    def test_401_stops_the_run_which_goes_on_later(self):
        report = self.import_with("401", expect=3)
        self.assertEqual(report["accepted"], 0)
        self.assertIn("401", report["first_error"])
        self.assert_run_again_completes(report)

    def test_413_splits_requests(self):
        for fault in ("413_2mb", "413_10mb"):
            with self.subTest(fault):
                self.box.reset()
                report = self.import_with(fault, expect=0, more=("--force",))
                self.assert_all_accepted(report)

    def test_passing_faults_cost_retries_only(self):
        for fault in ("429:0.3", "503_retry_after=0:0.3", "slow=20ms", "cut:0.3", "reply_lost:0.3"):
            with self.subTest(fault):
                self.box.reset()
                report = self.import_with(fault, expect=0, more=("--force",))
                self.assertEqual(report["retries"] > 0, not fault.startswith("slow"))
                self.assert_all_accepted(report)

    def test_lasting_faults_stop_the_run_which_goes_on_later(self):
        for fault in ("429", "503_retry_after=0", "cut", "reply_lost"):
            with self.subTest(fault):
                self.box.reset()
                self.state = self.folder / f"state-{fault}"
                report = self.import_with(fault, expect=3, more=("--retry-for", "200ms"))
                self.assertEqual(report["accepted"], 0)
                self.assert_run_again_completes(report)

    def test_all_faults_together(self):
        report = self.import_with("partial_400=0.01", "strings_400:0.05", "413_2mb:0.1", "429:0.1",
                                  "503_retry_after=0:0.1", "slow=5ms:0.5", "cut:0.1", "reply_lost:0.1", expect=1)
        self.assertEqual(report["accepted"] + report["rejected"], ROWS)
        self.assertGreater(report["retries"], 0)
        refused = self.refused_ids()
        self.assertEqual(len(refused), report["rejected"])
        self.judge(refused)

    def test_an_unreachable_server_stops_the_run(self):
        gone = self.sandbox()
        gone.stop()
        report = self.import_json(gone, self.folder_of_events, "--config",
                                  self.folder_of_events / "sources.json", "--retry-for", "100ms", expect=3)
        self.assertEqual(report["accepted"], 0)
        self.assertIn("127.0.0.1", report["first_error"])


if __name__ == "__main__":
    main()
