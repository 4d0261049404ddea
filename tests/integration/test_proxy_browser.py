"""mixpanel-browser as web pages use it, unmodified and in Chromium, with the proxy for everything: the snippet loads the
SDK and its recorder from the proxy, events, profiles and groups arrive in every destination, recordings of sessions and
feature flags reach the upstream server as the browser sent them.
"""
import base64
import gzip
import json
import pathlib
import re
import sys
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import test_sdk_clients as sdk
from harness import main
from page_server import PageServer
from test_proxy_sdks import ThroughProxy

DIST = sdk.BROWSER.parent
AUTHORIZATION = "Basic " + base64.b64encode(b"test-token:").decode()
FLAG = {"variant_key": "röd-🔴", "variant_value": {"hex": "#f00", "name": "röd 🔴"}, "experiment_id": "e-1",
        "is_experiment_active": True, "is_qa_tester": False}
ANSWERS = {"/flags/": {"flags": {"färg-🎨": FLAG}}, "/record/": {"code": 200, "status": "OK"}}
STUBS = {"/flags/": {"code": 200, "flags": {}}, "/record/": {"code": 200, "status": "OK"}}


def library(path):
    """The package's files by the names that they have at Mixpanel."""
    names = {"/libs/mixpanel-2-latest.min.js": DIST / "mixpanel.min.js", "/libs/mixpanel-2-latest.js": DIST / "mixpanel.globals.js"}
    file = names.get(path) or DIST / "async-modules" / path.removeprefix("/libs/")
    return ("text/javascript", file.read_bytes()) if file.is_file() else None


def upstream(path):
    return ("application/json", json.dumps(ANSWERS[path]).encode()) if path in ANSWERS else None


@unittest.skipUnless(sdk.BROWSER.is_file() and sdk.chromium.PROGRAM, "mixpanel-browser or Chromium is not installed")
class SnippetTest(ThroughProxy, sdk.ClientTest):
    tls = False

    def serve(self, answer):
        server = PageServer(answer)
        self.addCleanup(server.stop)
        return server

    def open_page(self, upstream_url, *arguments, script="/lib.min.js", api="", libs="/libs/"):
        """What the page reports, once it has sent everything."""
        self.library = self.serve(library)
        self.proxy_arguments = arguments
        self.proxy_options = {"upstream": upstream_url, "library_url": self.library.url + "/libs"}
        self.start_sandbox()
        url = self.running.url
        self.input |= {"library": url + script, "api_host": url + api, "lib_base_path": url + libs}
        files = {"/": ("text/html", (HERE / "clients/browser_snippet.html").read_bytes()),
                 "/snippet.js": ("text/javascript", (DIST / "mixpanel-jslib-snippet.min.js").read_bytes()),
                 "/input.js": ("text/javascript", b"const input = " + json.dumps(self.input).encode())}
        pages = self.serve(files.get)
        with sdk.chromium.Page(pages.url + "/") as page:
            outcome = page.wait_for("window.outcome", 60)
            self.assertIsNotNone(outcome, page.evaluate("JSON.stringify([errors, requests])"))
            logged = page.logged
        self.assertNotIn("error", outcome)
        self.check_errors(outcome, logged)
        return outcome

    def check_errors(self, outcome, logged):
        """The SDK, in its debug mode, the page and the browser report none."""
        self.assertEqual(outcome["errors"], [])
        for entry in logged:
            level = entry["entry"]["level"] if "entry" in entry else entry.get("type", "error")
            self.assertNotIn(level, ("error", "warning"), entry)

    def check_library(self):
        """The SDK and the recorder that it names by a hash, each fetched once."""
        recorder, = re.findall(r"mixpanel-recorder-\w+\.min\.js", (DIST / "mixpanel.min.js").read_text())
        self.assertEqual([target for _, target, _, _ in self.library.requests],
                         ["/libs/mixpanel-2-latest.min.js", "/libs/" + recorder])

    def check_requests(self, outcome, api, answers):
        """What the browser got for flags and recordings, and that it authorized itself. Returns its requests by path."""
        found = {}
        for request in outcome["requests"]:
            target = request["url"].removeprefix(self.running.url + api)
            path = target.partition("?")[0]
            self.assertEqual((request["status"], json.loads(request["answer"])), (200, answers[path]), request)
            self.assertEqual(request["headers"]["Authorization"], AUTHORIZATION)
            found.setdefault(path, []).append((request["method"], target, request["headers"],
                                               base64.b64decode(request["body"])))
        self.assertEqual(sorted(found), sorted(answers))
        batches = [dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
                   for _, target, _, _ in found["/record/"]]
        self.assertGreater(len(batches), 1)
        self.assertEqual([(batch["replay_id"], batch["seq"], batch["format"]) for batch in batches],
                         [(outcome["replay_id"], str(number), "gzip") for number in range(len(batches))])
        return found

    def check_upstream(self, sent, got):
        """Method, path, query, what the SDK sets as headers, and body are those of the browser."""
        by_path = {}
        for method, target, headers, body in got:
            by_path.setdefault(target.partition("?")[0], []).append((method, target, headers, body))
        self.assertEqual(sorted(by_path), sorted(sent))
        for path, requests in sent.items():
            self.assertEqual([(method, target, body) for method, target, _, body in by_path[path]],
                             [(method, target, body) for method, target, _, body in requests])
            for (_, _, headers, _), (_, _, arrived, _) in zip(requests, by_path[path]):
                for name, value in headers.items():
                    self.assertEqual(arrived[name], value, name)
        events = [event for _, _, _, body in by_path["/record/"] for event in json.loads(gzip.decompress(body))]
        kinds = {event["type"] for event in events}
        self.assertTrue({2, 3} <= kinds, kinds)  # a full snapshot and a change
        text = json.dumps(events, ensure_ascii=False)
        self.assertIn("👩‍🚀 återspelas", text)
        self.assertIn("🦊 igen", text)

    def check_records(self, outcome, others):
        """In the sandbox, then in the other destinations."""
        found = self.check_events(self.box.export(), outcome["events"], others, times=False)
        self.assertEqual(len(found), len(self.input["events"]))
        (distinct_id, values), = outcome["profiles"]
        profiles = {profile["$distinct_id"]: profile["$properties"] for profile in self.box.profiles()}
        self.assertEqual({name: profiles[distinct_id].get(name) for name in values}, values)
        self.check_groups(self.box, outcome)
        self.assertEqual(self.box.stats()["rejected"], 0)
        self.check_destinations()

    def test_recordings_and_flags_reach_the_upstream(self):
        mixpanel = self.serve(upstream)
        outcome = self.open_page(mixpanel.url)
        self.check_library()
        variant = outcome["variant"]
        self.assertEqual((variant["key"], variant["value"], variant["variant_source"]),
                         (FLAG["variant_key"], FLAG["variant_value"], "network"))
        self.check_upstream(self.check_requests(outcome, "", ANSWERS), mixpanel.requests)
        self.check_records(outcome, ["$identify", "$experiment_started"])

    def test_stub_answers_below_prefixes(self):
        outcome = self.open_page("none", "--prefix", "/_mp/api", "--prefix", "/_mp/libs", api="/_mp/api", libs="/_mp/libs/",
                                 script="/_mp/libs/mixpanel-2-latest.min.js")
        self.check_library()
        self.assertEqual((outcome["variant"]["key"], outcome["variant"]["value"]), ("none", "fallback"))
        self.check_requests(outcome, "/_mp/api", STUBS)
        self.check_records(outcome, ["$identify"])


if __name__ == "__main__":
    main()
