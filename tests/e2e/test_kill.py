"""SIGKILL at random moments of one import, restarted each time: nothing lost, nothing invented, and little sent
again."""
import json
import os
import random
import signal
import subprocess

from harness import FAST_RETRY, MillraceTest, main
from oracle import FAN_OUT, expected_events, fanned_out, judge

KILLS = 50
ROWS = 120_000


class KillTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("MILLRACE_TEST_SEED", "1"))
        self.randomness = random.Random(self.seed)

    def kill_often(self, times, arguments, prepare=lambda run: True):
        """Starts the import `times` times and kills it. prepare(run) is called before each; it says whether the run
        must be killed before it comes to its end. Returns how many were."""
        killed = 0
        for run in range(times):
            must_be_killed = prepare(run)
            process = self.start(*arguments)
            try:
                process.communicate(timeout=self.randomness.uniform(0.02, 0.4))
                self.assertFalse(must_be_killed, f"run {run} ended before it was killed")
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                killed += 1
        return killed

    def test_killed_fifty_times(self):
        sandbox = self.sandbox("--fault", "slow=80ms", "--fault", "reply_lost:0.02", "--seed", str(self.seed))
        folder = self.generate(ROWS, "--format", "ndjson", "--files", "3")
        arguments = ["import", folder, "--config", folder / "sources.json", "--mixpanel-url", sandbox.url,
                     "--connections", "1", "--batch-events", "500", "--json", *FAST_RETRY]
        self.kill_often(KILLS, arguments)
        sandbox.set_faults()
        code, out, err = self.run_program(*arguments)
        self.assertEqual(code, 0, err)

        status = self.run_json("status")
        self.assertEqual(status["totals"]["accepted"], ROWS)
        self.assertEqual(status["totals"]["done"], 3)
        again = judge(self, expected_events(folder), sandbox.export())
        print(f"{KILLS} kills, seed {self.seed}: {again} of {ROWS} events arrived more than once, none was lost")

        report = self.import_json(sandbox, folder, "--config", folder / "sources.json")
        self.assertEqual((report["read"], report["objects_skipped"], report["requests"]), (0, 3, 0))

    def test_killed_while_rows_fan_out_objects_fail_and_configs_change(self):
        kills, rows = 24, 20_000
        sandbox = self.sandbox("--fault", "slow=60ms", "--fault", "reply_lost:0.02", "--seed", str(self.seed))
        folder = self.generate(rows, "--format", "ndjson", "--files", "4")
        # One object breaks off in the middle of a chunk, another has lost its end and so all of its rows.
        whole = {path.name: path.read_bytes() for path in folder.glob("*.ndjson.gz")}
        self.assertEqual(len(whole), 4)
        events = {name: fanned_out(expected_events(folder, name)) for name in whole}
        cut = sorted(whole)[1]
        (folder / cut).write_bytes(whole[cut][:len(whole[cut]) * 2 // 3])
        columns = self.folder / "columns"
        self.run_json("generate", "events", "--rows", 1000, "--seed", 9, "--output", columns, "--format", "parquet")
        for path in columns.rglob("*.parquet"):
            path.write_bytes(path.read_bytes()[:-100])

        self.write("fan_out.js", FAN_OUT)
        config = [entry for one in (folder, columns) for entry in self.entries(one)]
        changed = json.loads(json.dumps(config))
        for entry in changed:
            entry["field_mappings"].insert(0, {"source_field": "country", "mixpanel_field": "land"})
        sources = self.folder / "sources.json"

        # Under the other config than the one an object was begun with, little is left to do.
        def use(run):
            is_first = run % 6 < 4
            sources.write_text(json.dumps(config if is_first else changed))
            return is_first

        arguments = ["import", folder, columns, "--config", sources, "--mixpanel-url", sandbox.url, "--memory", "16",
                     "--connections", "2", "--batch-events", "250", "--events-per-second", "0",
                     "--gigabytes-per-minute", "0", "--json", *FAST_RETRY]
        killed = self.kill_often(kills, arguments, use)
        sandbox.set_faults()
        # Each object is finished under the config with which it was begun, and skipped under the other.
        for run in (4, 0):
            use(run)
            code, out, err = self.run_program(*arguments)
            self.assertIn(code, (1, 2), err)
            self.assert_adds_up(json.loads(out))
        self.assertEqual(self.run_json("status", expect=1)["totals"]["done"], 3)
        again = self.judge_each(sandbox.export(), events, cut)
        print(f"{killed} kills, seed {self.seed}: {again} events arrived more than once, none was lost")

        # The broken object is replaced by a whole one: another version, so all of it is imported.
        (folder / cut).write_bytes(whole[cut])
        self.run_program(*arguments)
        self.assertEqual(self.run_json("status", expect=1)["totals"]["done"], 4)
        exported = [event for event in sandbox.export() if self.id_of(event) in events[cut]
                    and "land" not in event["properties"]]
        judge(self, events[cut], exported)

    def judge_each(self, exported, events, cut):
        """judge() for each object, all of whose events must have come by one config; that of `cut` may be
        incomplete."""
        again = 0
        for name, expected in events.items():
            arrived = [event for event in exported if self.id_of(event) in expected]
            if any("land" in event["properties"] for event in arrived):
                expected = {insert_id: (event, {"land" if key == "country" else key: value
                                                for key, value in properties.items()})
                            for insert_id, (event, properties) in expected.items()}
            again += judge(self, {} if name == cut else expected, arrived, optional=expected)
        known = set().union(*events.values())
        self.assertEqual([event for event in exported if self.id_of(event) not in known], [], "invented")
        return again

    @staticmethod
    def id_of(event):
        return event["properties"]["$insert_id"]

    def entries(self, folder):
        """The config of what was generated in `folder`, with the transform."""
        entries = json.loads((folder / "sources.json").read_text())
        for entry in entries:
            entry["source_prefix"] = str(folder / entry.pop("source_gcs_prefix"))
            entry["transform"] = "fan_out.js"
        return entries

    def test_a_restart_repeats_what_was_in_flight(self):
        rows, kills = 200_000, 11
        max_in_flight = 3 * 2000  # one being written, one being recorded, and one for a slow disk
        sandbox = self.sandbox()
        folder = self.generate(rows, "--format", "ndjson", "--files", "1")
        arguments = ["import", folder, "--config", folder / "sources.json", "--mixpanel-url", sandbox.url,
                     "--connections", "1", "--events-per-second", "0", "--gigabytes-per-minute", "0", "--quiet",
                     *FAST_RETRY]
        for kill in range(1, kills + 1):
            process = self.start(*arguments)
            while sandbox.stats()["unique"] < rows * kill / (kills + 1):  # by progress, not by the clock
                self.assertIsNone(process.poll(), "the import ended before it was killed")
            process.send_signal(signal.SIGKILL)
            process.communicate()
        code, out, err = self.run_program(*arguments)
        self.assertEqual(code, 0, err)
        stats = sandbox.stats()
        self.assertEqual(stats["unique"], rows)
        again = stats["received"] - rows
        print(f"{kills} kills: {again} of {rows} events were sent again")
        self.assertLessEqual(again, kills * max_in_flight)


if __name__ == "__main__":
    main()
