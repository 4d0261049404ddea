"""`millrace watch --http` over real servers of the clouds' stores: an event, the object, the response."""
import http.client
import json
import signal
import statistics
import threading
import time
import urllib.parse

from cloud_servers import Azurite, FakeGcs, VersityGateway
from harness import main
from test_watch import WatchBase, lines


def gcs_event(key):
    return json.dumps({"kind": "storage#object", "bucket": "test-bucket", "name": key}), {
        "ce-type": "google.cloud.storage.object.v1.finalized", "ce-specversion": "1.0", "ce-id": "1",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/test-bucket", "ce-subject": f"objects/{key}"}


def s3_event(key):
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {
        "bucket": {"name": "test-bucket"}, "object": {"key": urllib.parse.quote_plus(key)}}}]}), {}


def azure_event(key):
    return json.dumps([{"eventType": "Microsoft.Storage.BlobCreated", "eventTime": "2024-01-01T00:00:00Z",
                        "subject": f"/blobServices/default/containers/test-container/blobs/{key}",
                        "data": {"api": "PutBlob"}}]), {}


class StoreTest:
    """Mixed in with a server and the form of its events."""

    def setUp(self):
        super().setUp()
        self.server = self.server_class()
        self.addCleanup(self.server.stop)

    def start_watch(self, sandbox, *args):
        watch = self.watch(sandbox, "--http", "127.0.0.1:0", *args, env=self.server.variables())
        self.address = urllib.parse.urlparse(watch.wait_for("watching")[0]["url"])
        return watch

    def post(self, key):
        """(status, outcome) of the response to an event for this object."""
        body, headers = self.make_event(key)
        call = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
        try:
            call.request("POST", "/", body, headers)
            answer = call.getresponse()
            said = json.loads(answer.read())
            return answer.status, said["objects"][0]["outcome"] if "objects" in said else said["error"]
        finally:
            call.close()

    def test_objects_are_imported_before_the_response(self):
        sandbox = self.sandbox()
        watch = self.start_watch(sandbox)
        seconds = []
        for number in range(15):
            key = f"events/day=0{number % 3}/part {number}+.ndjson"
            begin = time.monotonic()
            self.server.put(key, lines([number]).encode())
            self.assertEqual(self.post(key), (200, "imported"))
            seconds.append(time.monotonic() - begin)
            self.assertEqual(sandbox.stats()["unique"], number + 1)
        p50 = statistics.median(seconds)
        print(f"{type(self).__name__}: object written to arrival p50 {p50 * 1000:.0f} ms, "
              f"slowest {max(seconds) * 1000:.0f} ms")
        self.assertLess(p50, 1)
        for _ in range(5):
            self.assertEqual(self.post("events/day=00/part 0+.ndjson"), (200, "done_before"))
        self.assertEqual(sandbox.stats()["received"], 15)

        self.server.put("events/day=00/part 0+.ndjson", lines([100, 101]).encode())
        self.assertEqual(self.post("events/day=00/part 0+.ndjson"), (200, "imported"))
        self.assertEqual(sandbox.stats()["unique"], 17)
        self.assertEqual(self.post("events/none.ndjson"), (200, "gone"))
        self.assertEqual(self.post("events/_SUCCESS"), (200, "ignored"))
        report = watch.finish()
        self.assertEqual((report["accepted"], report["pending"], report["objects_failed"]), (17, 0, 0))

    def test_objects_without_an_event_are_found_by_listing(self):
        sandbox = self.sandbox()
        self.server.put("events/told.ndjson", lines([1]).encode())
        self.server.put("events/missed.ndjson", lines([2]).encode())
        self.server.put("other/not-mine.ndjson", lines([3]).encode())
        watch = self.start_watch(sandbox, self.server.root + "events", "--poll-interval", "300ms")
        self.assertEqual(self.post("events/told.ndjson")[0], 200)
        watch.wait_for("object imported", count=2)
        self.server.put("events/later.ndjson", lines([4]).encode())
        watch.wait_for("object imported", object=self.server.root + "events/later.ndjson")
        self.assertEqual(self.post("other/not-mine.ndjson"), (200, "ignored"))
        self.assertEqual(sandbox.stats()["received"], 3)
        watch.finish()

    def test_killed_between_send_and_response(self):
        sandbox = self.sandbox("--fault", "slow=300ms")
        self.server.put("a.ndjson", lines(range(50)).encode())
        watch = self.start_watch(sandbox)
        failed = threading.Event()

        def send():
            try:
                self.post("a.ndjson")
            except (OSError, http.client.HTTPException):
                failed.set()

        sender = threading.Thread(target=send)
        sender.start()
        self.wait_until_something_arrived(sandbox)
        watch.process.send_signal(signal.SIGKILL)
        sender.join()
        self.assertTrue(failed.is_set(), "nobody was told that it is done")
        sandbox.set_faults()
        self.start_watch(sandbox)
        self.assertEqual(self.post("a.ndjson"), (200, "imported"))
        self.assertEqual(sandbox.stats()["unique"], 50)


class GcsTest(StoreTest, WatchBase):
    server_class = FakeGcs
    make_event = staticmethod(gcs_event)


class S3Test(StoreTest, WatchBase):
    server_class = VersityGateway
    make_event = staticmethod(s3_event)


class AzureTest(StoreTest, WatchBase):
    server_class = Azurite
    make_event = staticmethod(azure_event)


class AwayTest(WatchBase):
    """A store that does not exist."""

    def test_events_must_be_sent_again(self):
        sandbox = self.sandbox()
        watch = self.watch(sandbox, "--http", "127.0.0.1:0", "--retry-timeout", "100ms",
                           env={"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"})
        address = urllib.parse.urlparse(watch.wait_for("watching")[0]["url"])
        call = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        self.addCleanup(call.close)
        body, headers = gcs_event("a.ndjson")
        call.request("POST", "/", body, headers)
        answer = call.getresponse()
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.headers["Retry-After"], "10")
        self.assertEqual(json.loads(answer.read())["objects"][0]["outcome"], "failed")
        call.request("GET", "/healthz")
        self.assertEqual(call.getresponse().status, 200)
        watch.finish()


if __name__ == "__main__":
    main()
