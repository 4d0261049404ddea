"""Objects written to a bucket, notified over Pub/Sub, imported once."""
import json
import random
import signal
import time
import unittest

import harness
from pubsub_watch import BUCKET, WatchWorld, servers_missing

ROWS = 50


@unittest.skipIf(servers_missing(), "pstest and fake-gcs-server are not installed")
class WatchPubsubTest(harness.MillraceTest):
    def world(self, *args, **options):
        world = WatchWorld(self.folder, *args, **options)
        self.addCleanup(world.stop)
        return world

    def notify(self, world, name, generation, kind="OBJECT_FINALIZE", **more):
        return world.pubsub.publish(world.topic, attributes={
            "eventType": kind, "bucketId": BUCKET, "objectId": name, "objectGeneration": str(generation),
            "payloadFormat": "NONE", **more})

    def all_acked(self, world, count):
        return world.pubsub.wait_until(lambda messages: len(messages) >= count and
                                       all(message["acks"] for message in messages))

    def assert_once_each(self, world, rows):
        """Every event arrived, and those that arrived twice are the same event."""
        stats = world.sandbox.stats()
        self.assertEqual(stats["unique"], rows, stats)
        self.assertEqual(sorted(event["properties"]["n"] for event in
                                {harness.key_of(e): e for e in world.sandbox.export()}.values()), list(range(rows)))

    def test_objects_arrive_and_messages_are_acked_after_them(self):
        world = self.world()
        world.start_watch("--json")
        for number in range(20):
            world.write(f"day=01/part {number} ü.ndjson", ROWS)
        world.wait_for(20 * ROWS)
        self.all_acked(world, 20)
        self.assert_once_each(world, 20 * ROWS)
        code, out = world.end_watch(signal.SIGTERM)
        self.assertEqual(code, 3)
        report = json.loads(out)
        self.assertEqual((report["accepted"], report["pending"]), (20 * ROWS, 0))

    def test_the_same_message_five_times_sends_nothing_more(self):
        world = self.world()
        world.start_watch()
        generation = world.write("a.ndjson", ROWS)
        world.wait_for(ROWS)
        for _ in range(5):
            self.notify(world, "a.ndjson", generation)
        self.all_acked(world, 6)
        self.assertEqual(world.sandbox.stats()["received"], ROWS)

    def test_an_overwrite_is_a_new_object(self):
        world = self.world()
        world.start_watch()
        world.write("a.ndjson", ROWS)
        world.wait_for(ROWS)
        world.write("a.ndjson", ROWS)
        world.wait_for(2 * ROWS)
        self.all_acked(world, 2)
        self.assertEqual(world.sandbox.stats()["received"], 2 * ROWS)

    def test_other_messages_are_acked_and_left_out(self):
        world = self.world()
        world.start_watch()
        self.notify(world, "gone.ndjson", 1, kind="OBJECT_DELETE")
        self.notify(world, "gone.ndjson", 1)  # deleted since
        self.notify(world, "x" * 1000, 1, kind="OBJECT_METADATA_UPDATE")
        world.pubsub.publish(world.topic, data="hello")
        world.pubsub.publish(world.topic, attributes={"eventType": "OBJECT_FINALIZE", "bucketId": "../x"})
        self.notify(world, "not/matched.ndjson", 1, bucketId="elsewhere")
        self.all_acked(world, 6)
        self.assertEqual(world.sandbox.stats()["received"], 0)

    def test_killed_between_send_and_ack_loses_and_doubles_nothing(self):
        world = self.world("--fault", "slow=30ms")
        chance = random.Random(3)
        objects = 0
        for _ in range(12):
            world.start_watch("--batch-events", "10", "--connections", "2")
            for _ in range(3):
                world.write(f"kill/{objects}.ndjson", ROWS)
                objects += 1
            time.sleep(chance.uniform(0.1, 0.7))
            world.watch.kill()
            world.watch.communicate()
            world.watch = None
        world.sandbox.set_faults()
        world.start_watch()
        world.wait_for(objects * ROWS)
        self.all_acked(world, objects)
        self.assert_once_each(world, objects * ROWS)
        status = self.run_json("status")
        self.assertEqual(status["totals"]["accepted"], objects * ROWS)
        # All is done: repeated notifications send nothing.
        received = world.sandbox.stats()["received"]
        for number in range(objects):
            self.notify(world, f"kill/{number}.ndjson", 1)
        self.all_acked(world, 2 * objects)
        self.assertEqual(world.sandbox.stats()["received"], received)

    def test_exactly_once_subscriptions_work_too(self):
        world = self.world(exactly_once=True)
        world.start_watch()
        for number in range(5):
            world.write(f"{number}.ndjson", ROWS)
        world.wait_for(5 * ROWS)
        self.all_acked(world, 5)

    def test_a_missing_subscription_ends_the_watch(self):
        world = self.world()
        world.subscription += "-missing"
        world.start_watch()
        out, _ = world.watch.communicate(timeout=60)
        code, world.watch = world.watch.returncode, None
        world.log.seek(0)
        said = world.log.read()
        self.assertEqual(code, 2, said)
        self.assertIn("gcloud pubsub subscriptions create", said)
        self.assertIn(world.subscription, said)


if __name__ == "__main__":
    harness.main()
