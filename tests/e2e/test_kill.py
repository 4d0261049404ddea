"""SIGKILL at 50 random moments of one import, restarted each time: nothing lost, nothing invented."""
import os
import random
import signal
import subprocess

from harness import FAST_RETRY, MillraceTest, main
from oracle import expected_events, judge

KILLS = 50
ROWS = 120_000


class KillTest(MillraceTest):
    def test_killed_fifty_times(self):
        seed = int(os.environ.get("MILLRACE_TEST_SEED", "1"))
        randomness = random.Random(seed)
        sandbox = self.sandbox("--fault", "slow=80ms", "--fault", "reply_lost:0.02", "--seed", str(seed))
        folder = self.generate(ROWS, "--format", "ndjson", "--files", "3")
        arguments = ["import", folder, "--config", folder / "sources.json", "--mixpanel-url", sandbox.url,
                     "--connections", "1", "--batch-events", "500", "--json", *FAST_RETRY]
        killed = 0
        while killed < KILLS:
            process = self.start(*arguments)
            try:
                process.communicate(timeout=randomness.uniform(0.02, 0.4))
                break  # it came to its end
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                killed += 1
        self.assertEqual(killed, KILLS, "the import ended before it was killed often enough")
        sandbox.set_faults()
        code, out, err = self.run_program(*arguments)
        self.assertEqual(code, 0, err)

        status = self.run_json("status")
        self.assertEqual(status["totals"]["accepted"], ROWS)
        self.assertEqual(status["totals"]["done"], 3)
        again = judge(self, expected_events(folder), sandbox.export())
        print(f"{killed} kills, seed {seed}: {again} of {ROWS} events arrived more than once, none was lost")

        report = self.import_json(sandbox, folder, "--config", folder / "sources.json")
        self.assertEqual((report["read"], report["objects_skipped"], report["requests"]), (0, 3, 0))


if __name__ == "__main__":
    main()
