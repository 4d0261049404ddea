"""Pub/Sub as a destination: what arrives in the topics, and what a run does when they are not well."""
import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time
import unittest

import harness
from pubsub_server import SERVER, PubsubServer
from test_docs import block_with

EVENTS = {"config_id": "clicks", "source_prefix": "/", "file_type": "NDJSON", "mixpanel_event_name": "Click",
          "field_mappings": [
              {"source_field": "user", "mixpanel_field": "distinct_id", "type": "string"},
              {"source_field": "when", "mixpanel_field": "time", "type": "unix_timestamp_auto",
               "is_required_in_source": True},
              {"source_field": "*", "mixpanel_field": "*"}]}
INVALID_ARGUMENT, PERMISSION_DENIED, UNAVAILABLE = 3, 7, 14  # codes of gRPC


@unittest.skipUnless(SERVER.exists(), "pstest is not installed")
class PubsubDestination(harness.MillraceTest):
    def setUp(self):
        super().setUp()
        self.pubsub = PubsubServer()
        self.addCleanup(self.pubsub.stop)
        self.config = self.write_config(EVENTS)

    def environment(self):
        return super().environment() | self.pubsub.environment()

    def rows(self, count, users=10, name="in/rows.ndjson"):
        return self.write_ndjson(name, [{"user": f"u{i % users}", "when": 1_700_000_000 + i, "n": i}
                                        for i in range(count)])

    def load(self, path, to="pubsub://test/good", *args, expect=0, **options):
        report = self.run_json("import", path, "--config", self.config, "--to", to, *harness.FAST_RETRY, *args,
                               expect=expect, **options)
        self.assert_adds_up(report)
        return report

    def numbers(self):
        """n of each event -> how often it arrived."""
        return collections.Counter(json.loads(m["data"])["properties"]["n"] for m in self.pubsub.messages())

    def test_a_message_is_a_record_with_attributes(self):
        self.pubsub.create("good")
        report = self.load(self.rows(2500))
        self.assertEqual((report["accepted"], report["rejected"]), (2500, 0))
        messages = self.pubsub.messages()
        self.assertEqual(len(messages), 2500)
        self.assertEqual({m["topic"] for m in messages}, {"projects/test/topics/good"})
        self.assertEqual({m["ordering_key"] for m in messages}, {""})
        for message in messages:
            event = json.loads(message["data"])
            self.assertEqual(message["attributes"], {
                "record_type": "event", "content_type": "application/json", "event": "Click",
                "insert_id": event["properties"]["$insert_id"]})
        self.assertEqual(len({m["attributes"]["insert_id"] for m in messages}), 2500)
        # The objects are done, also for another form; only --force sends them again, with the same ids.
        self.assertEqual(self.load(self.folder / "in/rows.ndjson", "pubsub://test/good?form=flat")["read"], 0)
        self.load(self.folder / "in/rows.ndjson", "pubsub://test/good", "--force")
        self.assertEqual(set(self.numbers().values()), {2})
        self.assertEqual(len({m["attributes"]["insert_id"] for m in self.pubsub.messages()}), 2500)

    def test_each_type_has_its_topic(self):
        users = {"config_id": "users", "source_prefix": "/", "file_type": "NDJSON", "record_type": "user",
                 "field_mappings": [{"source_field": "user", "mixpanel_field": "$distinct_id", "type": "string"},
                                    {"source_field": "n", "mixpanel_field": "n", "type": "integer"}]}
        to = "pubsub://test?events=clicks&users=people"
        code, out, err = self.run_program("destinations", "create", to)
        self.assertEqual(code, 0, err)
        self.assertEqual(sorted(self.pubsub.ask(topics=True)["topics"]),
                         ["projects/test/topics/clicks", "projects/test/topics/people"])
        path = self.rows(20)
        self.load(path, to)
        self.config = self.write_config(users, name="users.json")
        self.load(path, to)
        topics = collections.Counter((m["topic"].rpartition("/")[2], m["attributes"]["record_type"])
                                     for m in self.pubsub.messages())
        self.assertEqual(topics, {("clicks", "event"): 20, ("people", "user"): 20})
        code, out, err = self.run_program("import", path, "--config", self.config, "--to",
                                          "pubsub://test?events=clicks")
        self.assertEqual(code, 2, err)
        self.assertIn("names no topic for users: add users=TOPIC", err)

    def test_batches_of_flat_records(self):
        self.pubsub.create("good")
        self.load(self.rows(2500), "pubsub://test/good?form=flat&message=batch")
        messages = self.pubsub.messages()
        self.assertLess(len(messages), 10)
        lines = []
        for message in messages:
            own = message["data"].splitlines()
            self.assertEqual(message["attributes"], {"record_type": "event", "content_type": "application/x-ndjson",
                                                     "records": str(len(own))})
            lines += own
        self.assertEqual(sorted(json.loads(line)["n"] for line in lines), list(range(2500)))
        self.assertIn("event_time", json.loads(lines[0]))

    def test_the_order_of_a_user_survives_a_bad_server(self):
        self.pubsub.create("good")
        for name, first in (("a", 0), ("b", 20_000)):  # both are read by one process, one after the other
            self.write_ndjson(f"in/{name}.ndjson", [{"user": f"u{i % 37}", "when": 1_700_000_000 + i, "n": i}
                                                    for i in range(first, first + 20_000)])
        self.pubsub.fault(code=UNAVAILABLE, text="not now", every=4)
        report = self.load(self.folder / "in", "pubsub://test/good?ordering=distinct_id")
        self.assertGreater(report["retries"], 3)
        by_user = collections.defaultdict(list)
        for message in self.pubsub.messages():
            properties = json.loads(message["data"])["properties"]
            self.assertEqual(message["ordering_key"], properties["distinct_id"])
            by_user[message["ordering_key"]].append(properties["n"])
        self.assertEqual(len(by_user), 37)
        for user, numbers in by_user.items():
            self.assertEqual(numbers, list(range(int(user[1:]), 40_000, 37)), user)

    def test_a_killed_import_loses_nothing(self):
        self.pubsub.create("good")
        rows = 60_000
        path = self.rows(rows)
        command = ["import", path, "--config", self.config, "--to", "pubsub://test/good", *harness.FAST_RETRY]
        self.pubsub.fault(delay_ms=40)
        chance = random.Random(1)
        for _ in range(5):
            goal = self.pubsub.count() + rows * chance.uniform(0, 0.1)
            process = self.start(*command)
            while self.pubsub.count() <= goal:
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertLess(len(self.numbers()), rows)
        self.pubsub.fault()
        code, out, err = self.run_program(*command)
        self.assertEqual(code, 0, err)
        numbers = self.numbers()
        self.assertEqual(set(numbers), set(range(rows)))
        self.assertEqual(self.run_json("status")["totals"]["accepted"], rows)
        # Subscribers can recognise what came twice.
        self.assertEqual(len({m["attributes"]["insert_id"] for m in self.pubsub.messages()}), rows)

    def test_a_missing_topic_stops_the_run_and_says_what_to_do(self):
        path = self.rows(10)
        code, out, err = self.run_program("import", path, "--config", self.config, "--to", "pubsub://test/good",
                                          *harness.FAST_RETRY)
        self.assertEqual(code, 3, err)
        self.assertIn("projects/test/topics/good", err)
        self.assertIn("millrace destinations create", err)
        self.assertEqual(self.dead_letters(), [])

        check = self.run_json("destinations", "check", "pubsub://test/good", expect=2)["destinations"][0]["checks"][0]
        self.assertFalse(check["ok"])
        self.assertEqual(check["remedy"], "millrace destinations create pubsub://test/good")
        self.assertEqual(self.run_program(*check["remedy"].split()[1:])[0], 0)
        self.assertEqual(self.run_program(*check["remedy"].split()[1:])[0], 0)  # may be repeated
        checks = self.run_json("destinations", "check", "pubsub://test/good", expect=2)["destinations"][0]["checks"]
        self.assertEqual([c["ok"] for c in checks], [True, False])
        self.assertIn("it has no subscription", checks[1]["error"])
        self.pubsub.ask(subscription="projects/test/subscriptions/one", topic="projects/test/topics/good")
        self.run_json("destinations", "check", "pubsub://test/good")
        self.assertEqual(self.load(path)["accepted"], 10)

    def test_drop_deletes_the_topics_by_name(self):
        for name in ("good", "good-too"):
            self.pubsub.create(name)
        code, out, err = self.run_program("destinations", "drop", "pubsub://test/good")
        self.assertEqual(code, 2)
        self.assertIn("would drop, if it exists: topic projects/test/topics/good", out)
        self.assertEqual(len(self.pubsub.ask(topics=True)["topics"]), 2)
        for _ in range(2):
            code, out, err = self.run_program("destinations", "drop", "pubsub://test/good", "--yes")
            self.assertEqual(code, 0, err)
        self.assertEqual(self.pubsub.ask(topics=True)["topics"], ["projects/test/topics/good-too"])

    def test_a_missing_permission_stops_the_run(self):
        self.pubsub.create("good")
        self.pubsub.fault(code=PERMISSION_DENIED, text="User not authorized to perform this action.")
        code, out, err = self.run_program("import", self.rows(10), "--config", self.config, "--to",
                                          "pubsub://test/good", *harness.FAST_RETRY)
        self.assertEqual(code, 3, err)
        self.assertIn("roles/pubsub.publisher", err)

    def test_a_server_that_is_down(self):
        gone = PubsubServer()
        gone.stop()
        started = time.monotonic()
        code, out, err = self.run_program("import", self.rows(10), "--config", self.config, "--to",
                                          "pubsub://test/good", *harness.FAST_RETRY, "--retry-timeout", "500ms",
                                          env=gone.environment())
        self.assertEqual(code, 3, err)
        self.assertIn("publishing to Pub/Sub", err)
        self.assertLess(time.monotonic() - started, 60)
        check = self.run_json("destinations", "check", "pubsub://test/good", expect=2, env=gone.environment())
        self.assertIn("PUBSUB_EMULATOR_HOST", check["destinations"][0]["checks"][0]["remedy"])

    def test_a_slow_server(self):
        self.pubsub.create("good")
        self.pubsub.fault(delay_ms=100)
        report = self.load(self.rows(5000))
        self.assertEqual((report["accepted"], report["retries"]), (5000, 0))
        self.assertEqual(set(self.numbers().values()), {1})

    def test_a_stop_finishes_what_is_in_flight(self):
        self.pubsub.create("good")
        self.pubsub.fault(delay_ms=30)
        path = self.rows(60_000)
        process = self.start("import", path, "--config", self.config, "--to", "pubsub://test/good",
                             *harness.FAST_RETRY)
        self.pubsub.wait_until(lambda messages: len(messages) > 1000)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 3, err)
        self.pubsub.fault()
        self.load(path)
        self.assertEqual(self.numbers(), collections.Counter(range(60_000)))

    def test_records_that_are_too_large_are_dead_letters(self):
        self.pubsub.create("good")
        path = self.write_ndjson("in/rows.ndjson", [
            {"user": "u", "when": 1_700_000_000, "n": 0},
            {"user": "u", "when": 1_700_000_001, "n": 1, "text": "x" * (2 << 20)},
            {"user": "x" * 1100, "when": 1_700_000_002, "n": 2},
            {"user": "u", "when": 1_700_000_003, "n": 3}])
        report = self.load(path, "pubsub://test/good?ordering=distinct_id", expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (2, 2))
        self.assertEqual(self.numbers(), {0: 1, 3: 1})
        letters = {record["row"]: record for record in self.dead_letters()}
        self.assertEqual(letters[2]["code"], "event_too_large")
        self.assertEqual(letters[3]["code"], "ordering_key_too_large")
        self.assertIn("1100 bytes", letters[3]["message"])
        # Without a key the record fits.
        replay = self.run_json("dlq", "replay", "--config", self.config, "--to", "pubsub://test/good", expect=1)
        self.assertEqual(replay["accepted"], 1)
        self.assertEqual(self.numbers(), {0: 1, 2: 1, 3: 1})

    def test_messages_that_the_service_refuses_are_dead_letters(self):
        self.pubsub.create("good")
        path = self.rows(3000)
        self.pubsub.fault(code=INVALID_ARGUMENT, text="Message failed schema validation.", match='"n":1234')
        report = self.load(path, expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (2999, 1))
        letter, = self.dead_letters()
        self.assertEqual((letter["row"], letter["code"]), (1235, "rejected_by_destination"))
        self.assertIn("schema validation", letter["message"])
        self.assertEqual(set(self.numbers().values()), {1})

        # A topic that takes nothing at all stops the run.
        self.pubsub.fault(code=INVALID_ARGUMENT, text="Message failed schema validation.")
        report = self.load(self.rows(100, name="in/others.ndjson"), expect=3)
        self.assertEqual((report["accepted"], report["rejected"]), (0, 0))
        self.assertIn("schema validation", report["first_error"])

    def test_bad_rows_at_the_beginning_of_a_batch(self):
        """The search for 500 bad rows takes all its requests before it comes to the good half."""
        for accepted_before in (False, True):
            with self.subTest(accepted_before=accepted_before):
                self.pubsub.create(topic := f"good-{accepted_before}".lower())
                folder = f"in-{accepted_before}"
                if accepted_before:  # by the same run: these fill the first batch
                    self.write_ndjson(f"{folder}/a.ndjson", [
                        {"user": "u", "when": 1_700_000_000, "n": n} for n in range(1000, 17_000)])
                self.write_ndjson(f"{folder}/b.ndjson", [
                    {"user": "u", "when": 1_700_000_000, "n": n, "kind": "bad" if n < 500 else "good"}
                    for n in range(1000)])
                self.pubsub.fault(code=INVALID_ARGUMENT, text="Message failed schema validation.",
                                  match='"kind":"bad"')
                report = self.load(self.folder / folder, f"pubsub://test/{topic}", "--connections", "1", expect=1)
                good = 16_500 if accepted_before else 500
                self.assertEqual((report["accepted"], report["rejected"]), (good, 500))
                arrived = [json.loads(m["data"])["properties"]["n"] for m in self.pubsub.messages()
                           if m["topic"].endswith(topic)]
                self.assertEqual(sorted(arrived), list(range(500, 500 + good)))

    def test_the_commands_of_the_documentation(self):
        made = self.generate(500, "--format", "parquet")
        for file in made.rglob("*.parquet"):
            (self.folder / "events").mkdir(exist_ok=True)
            file.rename(self.folder / "events/a.parquet")
        self.shell("millrace init events/a.parquet > sources.json")
        commands = block_with("docs/connectors/pubsub.md", "destinations create").replace("my-project", "test")
        before, gcloud, after = re.split(r"^(gcloud .*)$", commands, flags=re.MULTILINE)
        self.shell(before)
        topic, = self.pubsub.ask(topics=True)["topics"]
        self.pubsub.ask(subscription="projects/test/subscriptions/reader", topic=topic)
        self.assertRegex(self.shell(after), r"accepted +500\n")
        self.assertEqual(len(self.pubsub.messages()), 500)
        self.assertIn(" ok ", self.shell("millrace destinations check pubsub://test/events"))

    def shell(self, commands):
        folder = pathlib.Path(harness.PROGRAM).resolve().parent
        done = subprocess.run(["bash", "-euc", commands], cwd=self.folder, capture_output=True, text=True, timeout=300,
                              env=self.environment() | {"PATH": f"{folder}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_plan_names_the_destination(self):
        code, out, err = self.run_program("plan", self.rows(100), "--config", self.config, "--to",
                                          "pubsub://test/good")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.pubsub.messages(), [])


if __name__ == "__main__":
    harness.main()
