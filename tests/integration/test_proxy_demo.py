"""`millrace proxy --demo`: its page in headless Chromium, with Mixpanel's JavaScript SDK from the proxy and without it.

Skipped and counted where Chromium is missing. With MILLRACE_SCREENSHOTS=FOLDER it leaves pictures of the page there.
"""
import gzip
import json
import os
import pathlib
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import chromium
import test_sdk_clients as sdk
from harness import main
from page_server import PageServer
from proxy_harness import ProxyTest

LIBRARY = sdk.BROWSER.parent / "mixpanel.min.js"


@unittest.skipUnless(chromium.PROGRAM, "chromium is not installed")
class ProxyDemoTest(ProxyTest):
    def environment(self):
        (self.folder / "tmp").mkdir(exist_ok=True)
        return super().environment() | {"TMPDIR": str(self.folder / "tmp")}

    def start_demo(self, **options):
        self.running = self.proxy("--demo", **options)
        self.demo = json.loads(self.running.admin("/page/state"))["demo"]

    def open(self, **options):
        page = chromium.Page(self.running.admin_url + "/demo", **options)
        self.addCleanup(page.close)
        self.assertTrue(page.wait_for("document.body?.dataset.sender", 60))
        return page

    def press(self, page, *names):
        for name in names:
            page.evaluate(f"document.querySelector('[data-send={json.dumps(name)}]').click()")

    def exported(self):
        url = self.demo["sandbox"] + "/sandbox/events?limit=100"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return [one["event"] for one in json.loads(answer.read())["events"]]

    def check(self, page, sender):
        self.assertEqual(page.evaluate("document.body.dataset.sender"), sender)
        self.press(page, "Sign Up", "Purchase", "profile", "ten", "bad")
        rows = "[...document.querySelectorAll('#sent tr')].map(row => [...row.cells].slice(1).map(cell => cell.innerText).join('|'))"
        self.assertTrue(page.wait_for("document.querySelectorAll('#sent td.waits').length === 0 && "
                                      f"{rows}.filter(row => row.endsWith('|✓ on disk|✓ there|✓ there')).length >= 13", 60),
                        page.evaluate(rows))
        found = page.evaluate(rows)
        for start in ["Sign Up|", "Purchase|", "profile of ada|"]:
            self.assertTrue(any(row.startswith(start) for row in found), (start, found))
        self.assertTrue(page.wait_for(f"{rows}.some(row => row.includes('dead letter'))"), found)
        events = [event for event in self.exported() if not event.startswith("$")]
        self.assertEqual(sorted(events), ["Page View"] * 10 + ["Purchase", "Sign Up"])
        files = list(pathlib.Path(self.demo["lake"]).glob("events/*/*.gz"))
        lines = [json.loads(line) for path in files for line in gzip.open(path, "rt", encoding="utf-8")]
        self.assertEqual(sorted(one["event"] for one in lines if not one["event"].startswith("$")), sorted(events))
        self.assertFalse(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
        if folder := os.environ.get("MILLRACE_SCREENSHOTS"):
            page.screenshot(os.path.join(folder, f"proxy-demo-{sender[:5]}.png"))

    @unittest.skipUnless(LIBRARY.is_file(), "mixpanel-browser is not installed")
    def test_mixpanels_library_sends_to_the_proxy(self):
        library = PageServer({"/mixpanel-2-latest.min.js": ("text/javascript", LIBRARY.read_bytes())}.get)
        self.addCleanup(library.stop)
        self.start_demo(library_url=library.url)
        page = self.open(width=1300)
        self.check(page, "Mixpanel's SDK")
        refused = [entry for entry in page.logged if "Security" in json.dumps(entry) or "CORS" in json.dumps(entry)]
        self.assertEqual(refused, [])

    def test_without_the_library_the_page_sends_the_requests_itself(self):
        self.start_demo()
        self.check(self.open(width=390, height=1600, dark=True), "plain requests")
        self.assertEqual(self.running.stop(), 3)
        self.assertEqual(list((self.folder / "tmp").glob("millrace-demo-*")), [])

    def test_has_destinations_of_its_own(self):
        code, err = self.refused("--demo", "--to", self.to_lake)
        self.assertEqual(code, 2)
        self.assertIn("--to", err)


if __name__ == "__main__":
    main()
