"""Rejected records in Pub/Sub topics, and their replay."""
import json
import random
import signal
import time
import unittest

import harness
from pubsub_server import SERVER, PubsubServer

CONFIG = {
    "config_id": "orders", "source_gcs_prefix": "/", "file_type": "NDJSON", "mixpanel_event_name": "Order",
    "field_mappings": [
        {"source_field": "user", "mixpanel_field": "distinct_id", "type": "string"},
        {"source_field": "when", "mixpanel_field": "time", "type": "unix_timestamp_auto",
         "is_required_in_source": True},
        {"source_field": "ts", "mixpanel_field": "ts", "type": "string"},
        {"source_field": "n", "mixpanel_field": "n", "type": "integer"}]}
FIXED = dict(CONFIG, field_mappings=[
    {"source_field": "user", "mixpanel_field": "distinct_id", "type": "string"},
    {"source_field": "ts", "mixpanel_field": "time", "type": "unix_timestamp_auto", "is_required_in_source": True},
    {"source_field": "n", "mixpanel_field": "n", "type": "integer"}])


@unittest.skipUnless(SERVER.exists(), "pstest is not installed")
class DeadLetterTopics(harness.MillraceTest):
    def setUp(self):
        super().setUp()
        self.pubsub = PubsubServer()
        self.addCleanup(self.pubsub.stop)
        self.config = self.write_config(CONFIG)

    def environment(self):
        return super().environment() | self.pubsub.environment()

    def rows(self, count, bad_every=10):
        good = "1699999200"
        return self.write_ndjson("in/rows.ndjson", [
            {"user": f"u{i}", "n": i, "ts": good, "when": "soon" if i % bad_every == 0 else good}
            for i in range(count)])

    def test_each_kind_goes_to_its_topic_and_comes_back(self):
        unmapped_topic, _ = self.pubsub.create("unmapped")
        refused_topic, _ = self.pubsub.create("refused")
        sandbox = self.sandbox("--fault", "partial_400=0.2")
        path = self.rows(100)
        report = self.import_json(sandbox, path, "--config", self.config, "--dlq_topic_transform_errors",
                                  unmapped_topic, "--dlq_topic_api_errors", refused_topic, expect=1)
        by_code = {}
        for message in self.pubsub.messages():
            by_code.setdefault(message["attributes"]["reason"], []).append(message)
        self.assertEqual(len(by_code["invalid_time"]), 10)
        self.assertEqual(len(by_code["invalid_time"]) + len(by_code["rejected_by_destination"]), report["rejected"])
        self.assertGreater(len(by_code["rejected_by_destination"]), 0)
        one = by_code["invalid_time"][0]["attributes"]
        self.assertEqual((one["source"], one["row"]), (str(path), "1"))
        self.assertFalse((self.state / "dead_letters").exists())

        # Rejected records are accepted once the fault is removed; unmapped ones, with a fixed config.
        sandbox.set_faults()
        target = ["--config", self.config, "--mixpanel-url", sandbox.url, "--wait", "500ms"]
        replay = self.run_json("dlq", "replay", "pubsub://test/refused", *target)
        self.assertEqual(replay["accepted"], len(by_code["rejected_by_destination"]))
        replay = self.run_json("dlq", "replay", "pubsub://test/unmapped", *target, expect=1)
        self.assertEqual((replay["accepted"], replay["rejected"]), (0, 10))
        target[1] = self.write_config(FIXED, name="fixed.json")
        dry = self.run_json("dlq", "replay", "pubsub://test/unmapped", *target, "--dry-run")
        self.assertEqual(dry["accepted"], 10)
        replay = self.run_json("dlq", "replay", "pubsub://test/unmapped", *target)
        self.assertEqual(replay["accepted"], 10)
        again = self.run_json("dlq", "replay", "pubsub://test/refused", *target)
        self.assertEqual(again["read"], 0)
        self.assertEqual(sandbox.stats()["unique"], 100)

    def test_a_kind_without_a_topic_stays_on_disk(self):
        topic, _ = self.pubsub.create("refused")
        sandbox = self.sandbox("--fault", "partial_400=0.2")
        report = self.import_json(sandbox, self.rows(100), "--config", self.config, "--dlq_topic_api_errors", topic,
                                  expect=1)
        on_disk = self.dead_letters()
        self.assertEqual({record["code"] for record in on_disk}, {"invalid_time"})
        self.assertEqual(len(on_disk) + len(self.pubsub.messages()), report["rejected"])

    def test_a_killed_import_loses_no_record(self):
        self.pubsub.create("rejected")
        sandbox = self.sandbox("--fault", "slow=20ms")
        path = self.rows(60_000, bad_every=7)
        expected = {i + 1 for i in range(0, 60_000, 7)}
        command = ["import", path, "--config", self.config, "--mixpanel-url", sandbox.url, "--dlq",
                   "pubsub://test/rejected", "--events-per-second", "0", "--gigabytes-per-minute", "0",
                   "--batch-events", "500", "--connections", "1", *harness.FAST_RETRY]
        chance = random.Random(1)
        for _ in range(5):
            process = self.start(*command)
            time.sleep(chance.uniform(0.05, 0.5))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        sandbox.set_faults()
        code, out, err = self.run_program(*command)
        self.assertEqual(code, 1, err)
        ids = {}
        for message in self.pubsub.messages():
            record = json.loads(message["data"])
            self.assertEqual(ids.setdefault(record["row"], record["id"]), record["id"])
        self.assertEqual(set(ids), expected)
        self.assertEqual(sandbox.stats()["unique"], 60_000 - len(expected))

    def test_a_missing_topic_stops_the_run_and_says_what_to_do(self):
        sandbox = self.sandbox()
        code, out, err = self.run_program(
            "import", self.rows(10), "--config", self.config, "--mixpanel-url", sandbox.url, "--dlq",
            "pubsub://test/nowhere", *harness.FAST_RETRY)
        self.assertIn(code, (2, 3), out + err)
        self.assertIn("projects/test/topics/nowhere", out + err)
        self.assertIn("gcloud pubsub topics create", out + err)

    def test_an_invalid_topic_name_is_wrong_usage(self):
        for flag, value in (("--dlq_topic_api_errors", "projects/p/errors"), ("--dlq", "pubsub://p")):
            code, _, err = self.run_program("import", self.rows(1), "--config", self.config, flag, value)
            self.assertEqual(code, 2, err)
            self.assertIn("pubsub://PROJECT/NAME", err)

    def test_records_in_a_topic_cannot_be_listed(self):
        code, _, err = self.run_program("dlq", "list", "--dlq", "pubsub://test/rejected")
        self.assertEqual(code, 2)
        self.assertIn("millrace dlq replay pubsub://PROJECT/SUBSCRIPTION", err)


if __name__ == "__main__":
    harness.main()
