"""Rejected records that are replayed into destinations whose rows become visible by commits: lakes and Iceberg tables. A
replay that is killed, at whatever moment, and repeated brings each record once."""
import collections
import json
import os
import pathlib
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import duck
from harness import FAST_RETRY, SANITIZED, MillraceTest, main

ROWS = 2_000 if SANITIZED else 8_000
PATIENCE = 120
FIELDS = [{"source_field": "user", "mixpanel_field": "distinct_id", "type": "string"},
          {"source_field": "when", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
          {"source_field": "id", "mixpanel_field": "$insert_id", "type": "string"}]


def files_below(folder):
    """Their paths, also while a program creates and removes some."""
    return {os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names}


@unittest.skipIf(duck.duckdb is None, "DuckDB is not installed (tools/setup.sh --tests)")
class StagedReplayTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("MILLRACE_TEST_SEED", "1"))
        self.randomness = random.Random(self.seed)
        lines = "".join(f"u{n % 7},{'' if n % 4 else 'x'},{1764460800 + n},i{n}\n" for n in range(ROWS))
        self.rows = self.write("in/a.csv", "user,plan,when,id\n" + lines)

    def config(self, name, required):
        fields = FIELDS + [{"source_field": "plan", "mixpanel_field": "plan", "type": "string",
                            "is_required_in_source": required}]
        return self.write(name, json.dumps([{"config_id": "c", "source_gcs_prefix": "/", "file_type": "CSV",
                                             "mixpanel_event_name": "Buy", "field_mappings": fields}]))

    def places(self):
        """(DEST, query of the ids, files that a replay writes)"""
        lake, tables = self.folder / "lake", self.folder / "tables"
        yield f"{lake}/?format=parquet", f"FROM read_parquet('{lake}/**/*.parquet', hive_partitioning=false)", lake
        yield f"iceberg:{tables}/", f"FROM read_parquet('{tables}/events/data/**/*.parquet')", tables

    def ids(self, query):
        return collections.Counter(
            one for one, in duck.connect().execute(f"SELECT insert_id {query}").fetchall())

    def test_killed_and_repeated(self):
        strict, lenient = self.config("strict.json", True), self.config("lenient.json", False)
        for to, query, folder in self.places():
            with self.subTest(to):
                report = self.run_json("import", self.rows, "--config", strict, "--to", to, *FAST_RETRY, expect=1)
                self.assertEqual(report["accepted"], ROWS // 4)
                command = ["dlq", "replay", "--config", lenient, "--to", to]
                kills = 0
                while kills < 12:
                    process = self.start(*command)
                    before = files_below(folder)
                    deadline = time.monotonic() + PATIENCE
                    moment = self.randomness.choice((".part", ".json", ".parquet"))
                    while process.poll() is None and not any(
                            path.endswith(moment) for path in files_below(folder) - before):
                        self.assertLess(time.monotonic(), deadline)
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    if process.returncode != -signal.SIGKILL:
                        break
                    kills += 1
                report = self.run_json(*command)
                self.assertEqual(report["rejected"] + report["pending"] + report["damaged"], 0)
                self.assertEqual(report["read"] + report["replayed_before"], ROWS - ROWS // 4)
                self.assertEqual(self.ids(query), collections.Counter(f"i{n}" for n in range(ROWS)))
                report = self.run_json("status", expect=1)
                self.assertEqual([one["object"] for one in report["objects"] if "replay:" in one["object"]], [])
                self.assertGreater(kills, 3)
                print(f"{to.partition('?')[0].rpartition('/')[0].rpartition('/')[2]}: {kills} kills, seed {self.seed}")

    def test_a_repeat_sends_nothing_and_reconcile_knows_the_records(self):
        strict, lenient = self.config("strict.json", True), self.config("lenient.json", False)
        for to, query, _ in self.places():
            with self.subTest(to):
                self.run_json("import", self.rows, "--config", strict, "--to", to, *FAST_RETRY, expect=1)
                self.assertEqual(self.run_json("dlq", "replay", "--config", lenient, "--to", to)["accepted"],
                                 ROWS - ROWS // 4)
                self.assertEqual(self.run_json("dlq", "replay", "--config", lenient, "--to", to)["accepted"], 0)
                self.assertEqual(self.ids(query), collections.Counter(f"i{n}" for n in range(ROWS)))
                report = self.run_json("reconcile", self.rows, "--config", strict, "--to", to)
                self.assertEqual((report["expected"], report["missing"], report["unexpected"]), (ROWS, 0, 0))


if __name__ == "__main__":
    main()
