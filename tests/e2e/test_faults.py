"""Every fault of the sandbox, one by one and together: the run ends with correct accounting and exit status."""
import http.server
import json
import threading
import urllib.error
import urllib.request

from harness import MillraceTest, main
from oracle import expected_events, judge

ROWS = 20_000


class RefusingProxy:
    """In front of a sandbox: answers every request with `answer` once `after` requests have passed, as long as
    there is an answer."""

    def __init__(self, url, answer, status=400, after=0):
        self.answer = answer
        self.passed = 0
        lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    refuse = proxy.answer is not None and proxy.passed >= after
                    proxy.passed += 1
                if refuse:
                    return self.reply(status, json.dumps(proxy.answer).encode())
                keep = ("Authorization", "Content-Type", "Content-Encoding", "Accept")
                headers = {k: v for k, v in self.headers.items() if k in keep}
                try:
                    with urllib.request.urlopen(urllib.request.Request(url + self.path, body, headers)) as answer:
                        self.reply(answer.status, answer.read())
                except urllib.error.HTTPError as error:
                    self.reply(error.code, error.read())

            def reply(self, code, body):
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class FaultTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.folder_of_events = self.generate(ROWS, "--format", "ndjson", "--files", "2")
        self.box = self.sandbox()

    def import_with(self, *faults, expect, more=()):
        self.box.set_faults(*faults)
        return self.import_json(self.box, self.folder_of_events, "--config",
                                self.folder_of_events / "sources.json", "--batch-events", "500", *more,
                                expect=expect)

    def judge(self, refused=()):
        self.box.set_faults()
        return judge(self, expected_events(self.folder_of_events), self.box.export(), refused)

    def refused_ids(self):
        return [json.loads(record["payload_after"])["properties"]["$insert_id"] for record in self.dead_letters()]

    def assert_all_accepted(self, report):
        self.assertEqual((report["accepted"], report["rejected"], report["pending"]), (ROWS, 0, 0))
        self.assertTrue(report["success"])
        self.assertIsNone(report["first_error"])
        self.judge()

    def assert_run_again_completes(self, before):
        self.assertEqual(before["rejected"], 0)
        self.assertFalse(before["success"])
        self.assertTrue(before["first_error"])
        self.import_with(expect=0)
        totals = self.run_json("status")["totals"]
        self.assertEqual((totals["accepted"], totals["rejected"], totals["pending"]), (ROWS, 0, 0))
        self.judge()

    def test_partial_400_rejects_the_listed_records_alone(self):
        report = self.import_with("partial_400=0.01", expect=1)
        self.assertGreater(report["rejected"], 0)
        self.assertEqual(report["accepted"] + report["rejected"], ROWS)
        refused = self.refused_ids()
        self.assertEqual(len(refused), report["rejected"])
        self.assertEqual(self.box.stats()["unique"], report["accepted"])
        self.judge(refused)

    def test_strings_400_stops_the_run_when_it_lasts(self):
        report = self.import_with("strings_400", expect=3)
        self.assertEqual((report["accepted"], report["rejected"]), (0, 0))
        self.assertEqual(self.box.stats()["stored"], 0)
        self.assertEqual(self.refused_ids(), [])
        self.assert_run_again_completes(report)

    def test_a_project_that_refuses_everything_stops_the_run_which_resumes_later(self):
        answer = {"code": 400, "error": "project is archived", "status": "Bad Request"}
        with RefusingProxy(self.box.url, answer) as proxy:
            report = self.import_json(proxy, self.folder_of_events, "--config",
                                      self.folder_of_events / "sources.json", expect=3)
            self.assertIn("project is archived", report["first_error"])
            self.assertEqual((report["accepted"], report["rejected"]), (0, 0))
            self.assertEqual(self.dead_letters(), [])
            self.assertLess(report["requests"], 200)
            self.assertEqual(self.run_json("status", expect=1)["totals"]["done"], 0)
            proxy.answer = None
            report = self.import_json(proxy, self.folder_of_events, "--config",
                                      self.folder_of_events / "sources.json")
            self.assertEqual(report["accepted"], ROWS)
        self.judge()

    def test_a_project_that_is_archived_in_the_middle_stops_the_run(self):
        many = self.folder / "many"
        self.run_json("generate", "events", "--rows", 60_000, "--seed", 3, "--output", many, "--format", "ndjson")
        answer = {"code": 400, "error": "project is archived", "status": "Bad Request"}
        with RefusingProxy(self.box.url, answer, after=5) as proxy:
            report = self.import_json(proxy, many, "--config", many / "sources.json", "--connections", "1", expect=3)
            self.assertIn("project is archived", report["first_error"])
            self.assertGreater(report["accepted"], 0)
            self.assertLess(report["accepted"] + report["rejected"], 60_000)
            self.assertEqual(self.run_json("status", expect=1)["totals"]["done"], 0)
            # Fixed, the events of the first batches are replayed, and the import resumes.
            proxy.answer = None
            rest = self.import_json(proxy, many, "--config", many / "sources.json")
            self.assertEqual(report["accepted"] + report["rejected"] + rest["accepted"], 60_000)
            self.run_json("dlq", "replay", "--config", many / "sources.json", "--mixpanel-url", proxy.url)
        judge(self, expected_events(many), self.box.export())

    def test_profiles_that_are_all_refused_stop_the_run(self):
        self.write("users.ndjson", "".join(json.dumps({"user": f"u{i}", "plan": "x"}) + "\n" for i in range(500)))
        self.write("users.json", json.dumps([{
            "config_id": "users", "source_prefix": str(self.folder / "users.ndjson"), "record_type": "user",
            "field_mappings": [{"source_field": "user", "mixpanel_field": "$distinct_id"},
                               {"source_field": "*", "mixpanel_field": "*"}]}]))
        with RefusingProxy(self.box.url, {"error": "project is archived", "status": 0}, status=200) as proxy:
            report = self.import_json(proxy, self.folder / "users.ndjson", "--config", self.folder / "users.json",
                                      expect=3)
            self.assertIn("project is archived", report["first_error"])
            self.assertEqual(report["rejected"], 0)
            proxy.answer = None
            report = self.import_json(proxy, self.folder / "users.ndjson", "--config", self.folder / "users.json")
            self.assertEqual(report["accepted"], 500)

    def test_a_single_event_that_is_named_goes_to_the_dead_letters(self):
        self.write("one.ndjson", json.dumps({"event": "e", "properties": {
            "time": 1760000000, "distinct_id": "u", "$insert_id": "one"}}) + "\n")
        self.box.set_faults("partial_400=1")
        report = self.import_json(self.box, self.folder / "one.ndjson", expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (0, 1))
        self.assertEqual(len(self.dead_letters()), 1)

    def test_strings_400_costs_requests_when_it_passes(self):
        # A batch rejected without named records is halved until the bad ones are found; here there are none.
        report = self.import_with("strings_400:0.2", expect=0)
        self.assertGreater(report["requests"], ROWS / 500)
        self.assert_all_accepted(report)

    def test_401_stops_the_run_which_resumes_later(self):
        report = self.import_with("401", expect=3)
        self.assertEqual(report["accepted"], 0)
        self.assertIn("401", report["first_error"])
        self.assert_run_again_completes(report)

    def test_413_splits_requests(self):
        for fault in ("413_2mb", "413_10mb"):
            with self.subTest(fault):
                self.box.reset()
                report = self.import_with(fault, expect=0, more=("--force",))
                self.assert_all_accepted(report)

    def test_passing_faults_cost_retries_only(self):
        for fault in ("429:0.3", "503_retry_after=0:0.3", "slow=20ms", "cut:0.3", "reply_lost:0.3"):
            with self.subTest(fault):
                self.box.reset()
                report = self.import_with(fault, expect=0, more=("--force",))
                self.assertEqual(report["retries"] > 0, not fault.startswith("slow"))
                self.assert_all_accepted(report)

    def test_lasting_faults_stop_the_run_which_goes_on_later(self):
        for fault in ("429", "503_retry_after=0", "cut", "reply_lost"):
            with self.subTest(fault):
                self.box.reset()
                self.state = self.folder / f"state-{fault}"
                report = self.import_with(fault, expect=3, more=("--retry-timeout", "200ms"))
                self.assertEqual(report["accepted"], 0)
                self.assert_run_again_completes(report)

    def test_all_faults_together(self):
        report = self.import_with("partial_400=0.01", "strings_400:0.05", "413_2mb:0.1", "429:0.1",
                                  "503_retry_after=0:0.1", "slow=5ms:0.5", "cut:0.1", "reply_lost:0.1", expect=1)
        self.assertEqual(report["accepted"] + report["rejected"], ROWS)
        self.assertGreater(report["retries"], 0)
        refused = self.refused_ids()
        self.assertEqual(len(refused), report["rejected"])
        self.judge(refused)

    def test_an_unreachable_server_stops_the_run(self):
        gone = self.sandbox()
        gone.stop()
        report = self.import_json(gone, self.folder_of_events, "--config",
                                  self.folder_of_events / "sources.json", "--retry-timeout", "100ms", expect=3)
        self.assertEqual(report["accepted"], 0)
        self.assertIn("127.0.0.1", report["first_error"])


if __name__ == "__main__":
    main()
