"""Imports into a lake in S3 that are killed while they upload a file: what becomes of its parts, which no listing of
objects shows.

The program reaches the server through a proxy that can hold or refuse requests.
"""
import base64
import collections
import gzip
import json
import random
import re
import threading

import cloud_servers
import harness

ROWS = 1000
PATIENCE = 60
STAGED = re.compile(r"lake/events/_millrace/staged/([0-9a-f]+\.\d+\.\d+)/[0-9a-f]{32}-00000\.part")


class LakeUploadsTest(harness.MillraceTest):
    def setUp(self):
        super().setUp()
        self.server = cloud_servers.VersityGateway()
        self.addCleanup(self.server.stop)
        self.denied = False
        self.refusal = lambda request: None  # what is responded to a request instead; None: it is forwarded
        self.holds = threading.Event()  # set: the next second part of an upload is held
        self.held, self.released = threading.Event(), threading.Event()
        self.proxy = cloud_servers.ScriptedCloud(self.answer)
        self.addCleanup(self.proxy.stop)
        self.addCleanup(self.released.set)

    def environment(self):
        return super().environment() | self.server.variables() | {
            "AWS_ENDPOINT_URL_S3": self.proxy.url, "AWS_EC2_METADATA_DISABLED": "true"}

    def answer(self, request):
        if self.denied and request.command == "GET" and "?uploads" in request.path:
            return 403, {}, b"<Error><Code>AccessDenied</Code><Message>not you</Message></Error>"
        refused = self.refusal(request)
        if refused is not None:
            request.rfile.read(int(request.headers["Content-Length"] or 0))
            return refused
        if "partNumber=2&" in request.path and self.holds.is_set():
            self.holds.clear()
            self.held.set()
            self.released.wait(PATIENCE)
        return self.server.forward(request)

    def command(self, folder):
        return ["import", folder, "--to", f"{self.server.root}lake/?format=ndjson.gz&path=", *harness.FAST_RETRY]

    def events(self, name, first):
        """A file that compresses to 10 MB, which are two parts."""
        randomness = random.Random(first)
        return self.write_ndjson(f"{name}/a.ndjson", [
            {"event": "e", "properties": {"time": 1764460800, "distinct_id": f"u{n}", "$insert_id": f"i{n}",
                                          "x": base64.b64encode(randomness.randbytes(10_500)).decode()}}
            for n in range(first, first + ROWS)]).parent

    def start_and_hold(self, folder):
        """An import that waits for the response to its second part; the key of its upload."""
        self.holds.set()
        process = self.start(*self.command(folder), "--json")
        self.addCleanup(process.kill)
        self.assertTrue(self.held.wait(PATIENCE), "no second part was sent")
        [key] = self.server.uploads()
        self.assertRegex(key, STAGED)
        return process, key

    def users(self):
        """How often each distinct_id is in the files of the lake."""
        users = collections.Counter()
        for key, content in self.server.objects("lake/events/").items():
            if "/_millrace/" not in key:
                users.update(json.loads(line)["distinct_id"] for line in gzip.decompress(content).splitlines())
        return users

    def assert_each_once(self, rows):
        self.assertEqual(self.users(), collections.Counter(f"u{n}" for n in range(rows)))

    def test_the_parts_of_a_killed_process_are_removed(self):
        folder = self.events("a", 0)
        process, key = self.start_and_hold(folder)
        process.kill()
        process.communicate()
        self.assertEqual(self.server.uploads(), [key])  # nobody else ends it
        # Of another machine, and of no process of Millrace.
        tag = STAGED.fullmatch(key)[1]
        others = [f"lake/events/_millrace/staged/{'0' * 16}.{tag.split('.', 1)[1]}/x.part", "lake/events/x.parquet",
                  f"elsewhere/_millrace/staged/{tag}/x.part"]
        for other in others:
            self.server.start_upload(other)
        code, out, err = self.run_program(*self.command(folder), "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["accepted"], ROWS)
        self.assertEqual(sorted(self.server.uploads()), sorted(others))
        self.assertIn("removed uploads that a killed run has left", err)
        self.assert_each_once(ROWS)

    def test_the_upload_of_a_living_process_stays(self):
        living, key = self.start_and_hold(self.events("a", 0))
        report = self.run_json(*self.command(self.events("b", ROWS)))
        self.assertEqual(report["accepted"], ROWS)
        self.assertEqual(self.server.uploads(), [key])
        self.released.set()
        out, err = living.communicate(timeout=PATIENCE)
        self.assertEqual(living.returncode, 0, err)
        self.assertEqual(json.loads(out)["accepted"], ROWS)
        self.assertEqual(self.server.uploads(), [])
        self.assert_each_once(2 * ROWS)

    def test_without_the_permission_there_is_one_warning(self):
        folder = self.events("a", 0)
        process, key = self.start_and_hold(folder)
        process.kill()
        process.communicate()
        self.denied = True
        code, out, err = self.run_program(*self.command(folder), "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["accepted"], ROWS)
        self.assertEqual(err.count("cannot remove uploads"), 1, err)
        self.assertIn("s3:ListBucketMultipartUploads", err)
        self.assertEqual(self.server.uploads(), [key])
        self.assert_each_once(ROWS)

    def check_refusal(self, refusal, *words):
        """A run that meets the refusal stops and says so; once it is over, the same command brings each row once."""
        folder = self.events("a", 0)
        self.refusal = refusal
        report = self.run_json(*self.command(folder), expect=3)
        self.assertEqual(report["accepted"] + report["rejected"], 0)
        for word in words:
            self.assertIn(word, report["stopped_by"])
        self.assertEqual(self.users(), {})
        self.refusal = lambda request: None
        self.assertEqual(self.run_json(*self.command(folder))["accepted"], ROWS)
        self.assert_each_once(ROWS)

    def test_the_permission_is_lost_between_two_parts(self):
        denied = 403, {}, b"<Error><Code>AccessDenied</Code><Message>not you</Message></Error>"
        self.check_refusal(lambda request: denied if "partNumber=2&" in request.path else None, "AccessDenied")

    def test_the_permission_is_lost_before_the_upload_is_complete(self):
        denied = 403, {}, b"<Error><Code>AccessDenied</Code><Message>not you</Message></Error>"
        self.check_refusal(lambda request: denied if request.command == "POST" and "uploadId=" in request.path else None,
                           "AccessDenied")

    def test_the_bucket_goes_away_between_two_parts(self):
        parts = []

        def refusal(request):
            if "partNumber=" in request.path:
                parts.append(request.path)
            if len(parts) < 2:
                return None
            return 404, {}, b"<Error><Code>NoSuchBucket</Code><Message>The bucket does not exist</Message></Error>"

        self.check_refusal(refusal, "test-bucket")


if __name__ == "__main__":
    harness.main()
