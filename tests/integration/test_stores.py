"""Imports from gs://, s3:// and az://: real servers where they are installed, and a scripted GCS for faults.

What the unit tests show of each store is not repeated here: this is the whole program, with its accounting, its
messages and its exit status.
"""
import datetime
import email.utils
import gzip
import json
import os
import signal
import subprocess
import threading
import unittest
import urllib.parse

import cloud_servers
import harness
import wrong_clock

TOKEN = {"GCE_METADATA_HOST": "127.0.0.1:9"}  # no server there: no external name lookups


class StoresTest(harness.MillraceTest):
    def environment(self):
        return super().environment() | {"AWS_EC2_METADATA_DISABLED": "true"}

    def config_for(self, sample, root):
        """The generated sources.json, for the same files below `root`."""
        entries = json.loads((sample / "sources.json").read_text())
        for entry in entries:
            name = entry["source_gcs_prefix"].rstrip("/").rsplit("/", 1)[-1]
            entry["source_gcs_prefix"] = f"{root}{name}/"
        return self.write_config(*entries, name="cloud.json")

    def scripted(self, objects, **options):
        gcs = cloud_servers.ScriptedGcs(objects, **options)
        self.addCleanup(gcs.cloud.stop)
        return gcs

    def events(self, count, start=0):
        return "".join(json.dumps({"event": "e", "properties": {
            "time": 1700000000 + i, "distinct_id": f"u{i}", "$insert_id": f"i-{i}", "pad": "x" * 200}}) + "\n"
            for i in range(start, start + count)).encode()

    # Real servers.

    def import_from(self, kind):
        server = kind()
        self.addCleanup(server.stop)
        sample = self.generate(3000)
        root = server.root + "data/"
        for path in sorted(sample.rglob("*")):
            if path.is_file() and path.name != "sources.json":
                server.put(f"data/{path.relative_to(sample)}", path.read_bytes())
        server.put("data/_SUCCESS", b"")
        server.put("sources.json", self.config_for(sample, root).read_bytes())
        sandbox = self.sandbox()
        where = {"env": server.variables()}
        report = self.import_json(sandbox, root + "**", "--config", server.root + "sources.json", **where)
        self.assertTrue(report["success"], report)
        self.assertEqual(report["objects"], 3)
        self.assertEqual(report["accepted"], 9000)
        unique = sandbox.stats()["unique"]
        again = self.import_json(sandbox, root, "--config", server.root + "sources.json", **where)
        self.assertEqual((again["objects_skipped"], again["read"]), (3, 0))
        # A new version is a new object.
        name = next(p for p in sample.rglob("*.csv"))
        server.put(f"data/{name.relative_to(sample)}", name.read_bytes() + b"\n")
        changed = self.import_json(sandbox, root, "--config", server.root + "sources.json", **where)
        self.assertEqual((changed["objects_skipped"], changed["read"]), (2, 3000))
        self.assertEqual(sandbox.stats()["unique"], unique)
        code, _, err = self.run_program("import", root + "nothing/*.csv", "--config", server.root + "sources.json",
                                        "--mixpanel-url", sandbox.url, **where)
        self.assertEqual(code, 2, err)
        self.assertIn("no object matches", err)
        self.check_hidden_names_and_tables(server, sandbox)
        return server, sandbox

    def check_hidden_names_and_tables(self, server, sandbox):
        where = {"env": server.variables()}
        for i, name in enumerate(("p/_day=1/a.ndjson", "p/_day=2/_h=1/b.ndjson", "p/_old/c.ndjson", "p/_SUCCESS",
                                  "p/.d.ndjson", "t/part-0.ndjson", "t/day=1/part-1.ndjson", "t/_delta_log/0.json")):
            server.put(name, self.events(10, start=10_000 + 10 * i))
        report = self.import_json(sandbox, server.root + "p", **where)
        self.assertEqual((report["objects"], report["accepted"], report["objects_hidden"]), (2, 20, 3))
        self.assertEqual([(w["code"], w["count"]) for w in report["warnings"]], [("hidden_names", 2)])
        received = sandbox.stats()["received"]
        for path in ("t", "t/", "t/day=1", "t/**"):
            for verb in ("import", "plan", "watch"):
                code, _, err = self.run_program(verb, server.root + path, "--mixpanel-url", sandbox.url,
                                                *(["--poll-interval", "1h"] if verb == "watch" else []), **where)
                self.assertEqual(code, 2, err)
                self.assertIn("is a Delta table: its files hold deleted rows", err)
        self.assertEqual(sandbox.stats()["received"], received)
        report = self.import_json(sandbox, server.root + "t", "--as-files", **where)
        self.assertEqual((report["objects"], report["accepted"]), (2, 20))

    def test_gcs(self):
        self.import_from(cloud_servers.FakeGcs)

    def test_s3(self):
        server, sandbox = self.import_from(cloud_servers.VersityGateway)
        for change, says in (({"AWS_SECRET_ACCESS_KEY": "not-the-secret"}, "rejected these AWS keys"),
                             ({"AWS_ACCESS_KEY_ID": "nobody"}, "rejected these AWS keys")):
            code, _, err = self.run_program("import", server.root + "data", "--mixpanel-url", sandbox.url,
                                            env=server.variables() | change)
            self.assertEqual(code, 2, err)
            self.assertIn(says, err)
            self.assertNotIn("not-the-secret", err)
        code, _, err = self.run_program("import", "s3://no-such-bucket/data", "--mixpanel-url", sandbox.url,
                                        env=server.variables())
        self.assertEqual(code, 2, err)
        self.assertIn("there is no bucket no-such-bucket", err)

    def test_azure(self):
        server, sandbox = self.import_from(cloud_servers.Azurite)
        variables = server.variables()
        variables = {k: v.replace("Eby8", "Abc8") for k, v in variables.items()}
        code, _, err = self.run_program("import", server.root + "data", "--mixpanel-url", sandbox.url, env=variables)
        self.assertEqual(code, 2, err)
        self.assertIn("check AZURE_STORAGE_CONNECTION_STRING", err)
        self.assertNotIn("Abc8", err)
        code, _, err = self.run_program("import", "az://no-such-container/data", "--mixpanel-url", sandbox.url,
                                        env=server.variables())
        self.assertEqual(code, 2, err)
        self.assertIn("no such container", err)

    # Wrong clocks.

    def test_s3_follows_the_servers_clock(self):
        server = cloud_servers.VersityGateway()
        self.addCleanup(server.stop)
        server.put("data/a.ndjson", self.events(100))
        sandbox = self.sandbox()
        code, out, err = self.run_program("import", server.root + "data", "--mixpanel-url", sandbox.url, "--json",
                                          env=server.variables() | wrong_clock.variables(FAKETIME="-20m"))
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["accepted"], 100)
        self.assertIn("this machine's clock is off by 20 minutes; correct it (e.g. with NTP)", err)

    def test_google_rejects_signatures_with_a_wrong_clock(self):
        def answer(request):
            request.rfile.read(int(request.headers["Content-Length"]))
            return 400, {}, json.dumps({
                "error": "invalid_grant", "error_description":
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check "
                "your iat and exp values in the JWT claim."}).encode()

        ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=20)
        google = cloud_servers.ScriptedCloud(answer, date=email.utils.format_datetime(ahead, usegmt=True))
        self.addCleanup(google.stop)
        key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-quiet"], capture_output=True, text=True,
                             check=True).stdout
        account = self.write("key.json", json.dumps({
            "type": "service_account", "client_email": "a@b", "private_key": key, "token_uri": google.url}))
        sandbox = self.sandbox()
        code, _, err = self.run_program("import", "gs://bucket/data", "--mixpanel-url", sandbox.url,
                                        env={"GOOGLE_APPLICATION_CREDENTIALS": str(account)})
        self.assertEqual(code, 2, err)
        self.assertIn("Token must be a short-lived token", err)
        self.assertIn("this machine's clock is off by 20 minutes; correct it (e.g. with NTP)", err)
        self.assertEqual(len(google.requests), 1)

    def test_realistic_files_are_read_as_from_disk(self):
        """As tests/e2e/test_input_corpus.py finds it on disk, of objects below and above one block."""
        config = self.write_config({"config_id": "c", "source_prefix": "", "mixpanel_event_name": "ev", "field_mappings": [
            {"source_field": "time", "mixpanel_field": "time"}, {"source_field": "user_id", "mixpanel_field": "distinct_id"},
            {"source_field": "*", "mixpanel_field": "*"}]})
        for rows in (20, 50_000):
            lines = [f"{1700000000 + n},u{n},v{n}" for n in range(rows)]
            csv = "\n".join(["PARENT_ID,time,user_id,x"] + [f"7,{line}" for line in lines]) + "\n"
            firehose = "".join(json.dumps({"time": 1700000000 + n, "user_id": f"f{n}"}) for n in range(rows))
            objects = {"data/a.csv": csv.replace("\n", "\r").encode(),  # read: rows
                       "data/b.csv": csv.replace(",v3\n", ',"v3\n').encode(),  # one is rejected
                       "data/c.ndjson": firehose.encode(),
                       "data/d.csv.gz": gzip.compress(csv.encode()) + b"\n",  # all are read, then it fails
                       "data/e.ndjson": b"<Error><Code>NoSuchKey</Code></Error>"}  # fails
            with self.subTest(rows):
                gcs = self.scripted(objects)
                sandbox = self.sandbox()
                report = self.import_json(sandbox, "gs://bucket/data", "--config", config, expect=1, env=gcs.variables)
                self.assertEqual((report["objects"], report["objects_failed"], report["read"], report["rejected"]),
                                 (5, 2, 4 * rows, 1))
                self.assertEqual(report["accepted"], 4 * rows - 1)
                self.state = self.folder / "other"

    # Faults.

    def refused(self, fault, *says, code=2):
        gcs = self.scripted({"data/a.ndjson": self.events(10)}, fault=fault)
        sandbox = self.sandbox()
        status, _, err = self.run_program("import", "gs://bucket/data", "--mixpanel-url", sandbox.url, *harness.FAST_RETRY,
                                          "--retry-timeout", "300ms", env=gcs.variables)
        self.assertEqual(status, code, err)
        for text in says:
            self.assertIn(text, err)
        self.assertEqual(sandbox.stats()["received"], 0)

    def test_wrong_credentials(self):
        self.refused(lambda *_: cloud_servers.gcs_error(401, "authError", "Invalid Credentials"),
                     "listing gs://bucket/data", "GOOGLE_APPLICATION_CREDENTIALS")

    def test_a_missing_bucket(self):
        self.refused(lambda *_: cloud_servers.gcs_error(404, "notFound", "The specified bucket does not exist."),
                     "no such bucket", "The specified bucket does not exist.")

    def test_a_denied_prefix(self):
        self.refused(lambda *_: cloud_servers.gcs_error(403, "forbidden", "a@b does not have storage.objects.list"),
                     "Storage Object Viewer", "a@b does not have storage.objects.list")

    def test_lasting_server_errors(self):
        self.refused(lambda *_: (503, {}, b""), "giving up after", "HTTP 503", code=3)

    def test_no_credentials_at_all(self):
        code, _, err = self.run_program("import", "gs://bucket/data", env=TOKEN | {"HOME": str(self.folder)})
        self.assertEqual(code, 2, err)
        self.assertIn("there are no Google credentials", err)

    def test_temporary_server_errors(self):
        turn = iter(range(10**6))

        def fault(gcs, request):
            if next(turn) % 3 != 2:
                return 503, {"Retry-After": "0"}, b""
        gcs = self.scripted({f"data/{i}.ndjson": self.events(100, i * 100) for i in range(5)}, fault=fault, page=2)
        sandbox = self.sandbox()
        report = self.import_json(sandbox, "gs://bucket/data", env=gcs.variables)
        self.assertTrue(report["success"], report)
        self.assertEqual((report["objects"], report["accepted"]), (5, 500))

    def test_truncated_responses_resume_after_their_last_byte(self):
        content = self.events(60_000)  # several blocks

        def fault(gcs, request):
            if "alt=media" not in request.path:
                return None
            status, headers, body = gcs.part(request, "data/a.ndjson")
            if len(body) < 100_000:
                return status, headers, body
            return status, headers | {"Content-Length": str(len(body))}, iter([body[:len(body) // 2]])
        gcs = self.scripted({"data/a.ndjson": content}, fault=fault)
        sandbox = self.sandbox()
        report = self.import_json(sandbox, "gs://bucket/data", env=gcs.variables)
        self.assertTrue(report["success"], report)
        self.assertEqual(sandbox.stats()["unique"], 60_000)

    def change_while_read(self, change):
        """An object that is changed once its first block was read; another is left alone."""
        content = self.events(200_000)  # some ten blocks: more than is fetched ahead at first
        reads = iter(range(10**6))

        def fault(gcs, request):
            if "alt=media" in request.path and "a.ndjson" in request.path and next(reads) == 1:
                change(gcs)
        gcs = self.scripted({"data/a.ndjson": content, "data/b.ndjson": self.events(50, 10**6)}, fault=fault)
        sandbox = self.sandbox()
        report = self.import_json(sandbox, "gs://bucket/data", expect=1, env=gcs.variables)
        self.assertEqual((report["objects_failed"], report["pending"]), (1, 0))
        self.assertIn("gs://bucket/data/a.ndjson", report["first_error"])
        self.assertIn("removed or replaced since it was listed", report["first_error"])
        self.assertLess(report["accepted"], 200_000)
        self.assertEqual(sandbox.stats()["unique"], report["accepted"])
        return gcs, sandbox

    def test_an_object_deleted_while_it_is_read(self):
        gcs, sandbox = self.change_while_read(lambda gcs: gcs.objects.pop("data/a.ndjson", None))
        report = self.import_json(sandbox, "gs://bucket/data", env=gcs.variables)
        self.assertEqual((report["objects_skipped"], report["read"]), (1, 0))

    def test_an_object_overwritten_while_it_is_read(self):
        def overwrite(gcs):
            gcs.generations["data/a.ndjson"] = 2
            gcs.objects["data/a.ndjson"] = self.events(1000)
        gcs, sandbox = self.change_while_read(overwrite)
        report = self.import_json(sandbox, "gs://bucket/data", env=gcs.variables)
        self.assertEqual((report["objects_skipped"], report["read"]), (1, 1000))

    def test_ctrl_c_ends_waits(self):
        waiting = threading.Event()

        def fault(gcs, request):
            if "alt=media" in request.path:
                waiting.set()
                return 503, {"Retry-After": "3600"}, b""
        gcs = self.scripted({"data/a.ndjson": self.events(10)}, fault=fault)
        sandbox = self.sandbox()
        process = self.start("import", "gs://bucket/data", "--mixpanel-url", sandbox.url, "--retry-timeout", "3h",
                             env=gcs.variables)
        self.assertTrue(waiting.wait(60))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 3, err)

    # Size.

    def test_importing_begins_with_the_first_page(self):
        read = threading.Event()

        def fault(gcs, request):
            if "alt=media" in request.path:
                read.set()
            elif "pageToken" in request.path:
                self.assertTrue(read.wait(60))  # the second page waits for the first object
        gcs = self.scripted({f"data/{i:03}.ndjson": self.events(1, i) for i in range(30)}, fault=fault, page=10)
        sandbox = self.sandbox()
        report = self.import_json(sandbox, "gs://bucket/data", env=gcs.variables)
        self.assertEqual((report["objects"], report["accepted"]), (30, 30))

    def test_a_million_objects_are_listed_within_100_mb(self):
        """Names are generated on request; only the last object matches the pattern."""
        per_page, total = 1000, 100_000 if harness.SANITIZED else 1_000_000  # a sanitizer is ten times as slow

        def fault(gcs, request):
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.path).query))
            if "maxResults" not in query:
                return None
            if query["maxResults"] == "1":
                return cloud_servers.gcs_listing([])
            first = int(query.get("pageToken", "0"))
            rows = [(f"data/day={i // 10000:03}/part-{i:07}.parquet", 1000 + i, 17 * 10**14 + i)
                    for i in range(first, first + per_page)]
            if first + per_page < total:
                return cloud_servers.gcs_listing(rows, str(first + per_page))
            return cloud_servers.gcs_listing(rows + [("data/last.ndjson", len(gcs.objects["data/last.ndjson"]), 1)])
        gcs = self.scripted({"data/last.ndjson": self.events(10)}, fault=fault)
        sandbox = self.sandbox()
        report = self.import_json(sandbox, "gs://bucket/data/**.ndjson", env=gcs.variables)
        self.assertEqual((report["objects"], report["accepted"]), (1, 10))
        if not harness.SANITIZED:
            self.assertLess(report["peak_memory_bytes"], 100 << 20)
        self.assertGreater(len(gcs.cloud.requests), total // per_page)


if __name__ == "__main__":
    harness.main()
