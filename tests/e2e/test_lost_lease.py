"""A worker that is silent for longer than its lease continues, and finds that another worker has its object."""
import json
import signal
import sqlite3
import time

from harness import FAST_RETRY, MillraceTest, main
from oracle import expected_events, judge

ROWS = 12_000


class LostLeaseTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.server = self.sandbox("--fault", "slow=100ms")
        self.input = self.generate(ROWS, "--format", "ndjson", "--files", "1")

    def start_import(self, *more):
        return self.start("import", self.input, "--config", self.input / "sources.json", "--mixpanel-url",
                          self.server.url, "--connections", "1", "--batch-events", "250", "--lease", "2s", "--quiet",
                          "--json", *FAST_RETRY, *more)

    def owners(self):
        with sqlite3.connect(self.state / "ledger.db") as ledger:
            return {owner.split("/")[-2] for owner, in ledger.execute("SELECT owner FROM objects WHERE owner <> ''")}

    def wait_for_owner(self, process):
        while str(process.pid) not in self.owners():
            self.assertIsNone(process.poll(), "it ended before it had the object")
            time.sleep(0.02)

    def silence_one_until_another_has_its_object(self, *more):
        """Both processes."""
        one = self.start_import(*more)
        while self.server.stats()["received"] < ROWS / 10:
            self.assertIsNone(one.poll(), "it ended before it was silent")
            time.sleep(0.02)
        one.send_signal(signal.SIGSTOP)
        self.addCleanup(one.kill)
        another = self.start_import()
        self.wait_for_owner(another)
        one.send_signal(signal.SIGCONT)
        return one, another

    def report_of(self, process, expect):
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, expect, err[-3000:])
        report = json.loads(out)
        self.assert_adds_up(report)
        return report

    def check_all_is_done(self, reports):
        totals = self.run_json("status")["totals"]
        self.assertEqual((totals["accepted"], totals["done"], totals["pending"]), (ROWS, 1, 0))
        self.assertEqual(sum(report["accepted"] for report in reports), ROWS, "what each has recorded is counted once")
        again = judge(self, expected_events(self.input), self.server.export())
        print(f"taken over: {again} of {ROWS} events arrived more than once, none was lost")

    def test_it_ends_when_the_object_is_done(self):
        one, another = self.silence_one_until_another_has_its_object()
        reports = [self.report_of(one, expect=0), self.report_of(another, expect=0)]
        self.assertEqual([report["objects_lost"] for report in reports], [1, 0])
        self.assertEqual([report["objects_held"] for report in reports], [0, 0])
        self.check_all_is_done(reports)

    def test_it_takes_back_what_the_other_worker_leaves(self):
        one, another = self.silence_one_until_another_has_its_object()
        another.send_signal(signal.SIGTERM)
        reports = [self.report_of(one, expect=0), self.report_of(another, expect=3)]
        self.assertEqual(reports[0]["objects_lost"], 1)
        self.check_all_is_done(reports)

    def test_without_waiting_it_says_that_it_is_not_done(self):
        one, another = self.silence_one_until_another_has_its_object("--no-wait")
        report = self.report_of(one, expect=3)
        self.assertFalse(report["success"])
        self.assertEqual((report["objects_lost"], report["objects_held"]), (1, 1))
        self.assertIn("held by other workers", report["stopped_by"])
        self.check_all_is_done([report, self.report_of(another, expect=0)])


if __name__ == "__main__":
    main()
