"""Shared by tests that kill an export (SIGKILL) at random moments, while events arrive late and twice and Mixpanel's answers
are cut at any byte, refused or damaged. MILLRACE_TEST_ROWS: how many events are there at the beginning."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from export_harness import ExportTest, day_of
from harness import SANITIZED

ROWS = int(os.environ.get("MILLRACE_TEST_ROWS", "4000" if SANITIZED else "20000"))
KILLS = 5 if SANITIZED else 20
# Of Mixpanel; the share of queries that meet them.
FAULTS = ("cut_export:0.05", "terminated_early:0.03", "short_gzip:0.03", "export_status=429:0.05", "export_status=503:0.05",
          "split_records=0.001")


class ExportKillTest(ExportTest):
    zone = None  # of a project that exports local time; None: in UTC

    def kill_often(self, to, found, kills=KILLS, longest=0.4, calm=lambda: None):
        """Kills exports to `to` until they were killed so often, of which some while rows were on their way there. Then one
        runs to its end, and found() has each event of the sandbox once: a dict of how often each is there, by the four keys.
        calm() ends the faults of the destination, after that run."""
        sandbox = self.sandbox("--project-id", "1", *(["--time-zone", self.zone] if self.zone else []))
        sandbox.set_faults(*FAULTS)
        self.send(sandbox, [self.some_event() for _ in range(ROWS)])
        flags = ["--since", day_of(8), "--late", "30d", "--to", to]
        command = self.export_command(sandbox, "--time-zone", self.zone or "utc", *flags)
        killed, delivering, runs = 0, 0, 0
        while killed < kills or delivering < kills // 4:
            was_killed = self.kill_after(self.start(*command), self.randomness.uniform(0, longest))
            killed += was_killed
            is_delivering = any((self.state / "export").rglob("*.pending"))
            delivering += is_delivering
            if not was_killed:
                longest /= 1.1
            elif not is_delivering:
                longest *= 1.1  # a busy machine gets that far later
            runs += 1
            self.assertLess(runs, 20 * kills, f"{killed} kills, {delivering} on the way")
            late = [self.some_event() for _ in range(ROWS // 50)]
            self.send(sandbox, late + late[::9])
        self.export_json(sandbox, *flags, zone=self.zone or "utc")
        calm()
        expected = self.expected(sandbox)
        self.assert_same(found(), expected)
        # Nothing is left but what is known to be delivered.
        kept = {path.suffix for path in (self.state / "export").rglob("*") if path.is_file()}
        self.assertEqual(kept, {".delivered"})
        print(f"{self.id()}: {killed} kills in {runs} runs, {delivering} with rows on their way, seed {self.seed}: each of "
              f"{len(expected)} events once")

    def some_event(self):
        """Of one of the last days that are over, wherever the project is."""
        return self.event(self.randomness.randrange(1, 7))
