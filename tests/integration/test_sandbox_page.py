"""The sandbox's live page in headless Chromium (Debian package `chromium`; skipped and counted where it is missing).

With MILLRACE_SCREENSHOTS=FOLDER it leaves pictures of the page there.
"""
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import chromium
from harness import Sandbox, main

HOSTILE = "<img src=x onerror=\"document.body.dataset.owned=1\">"
HOSTILE_KEY = "</script><script>document.body.dataset.owned=1</script>"
AUTHORIZATION = {"Authorization": "Basic dG9rZW46"}


def event(name, number, **properties):
    return {"event": name, "properties": {"time": int(time.time()) - 60, "distinct_id": f"user-{number}",
                                          "$insert_id": f"id-{number}", **properties}}


@unittest.skipUnless(chromium.PROGRAM, "chromium is not installed")
class SandboxPageTest(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox()
        self.addCleanup(self.box.stop)

    def post(self, *events):
        try:
            self.box.request("POST", "/import?strict=1", json.dumps(events), AUTHORIZATION)
        except OSError:
            pass  # some are rejected on purpose

    def open(self, **options):
        page = chromium.Page(self.box.url + "/", **options)
        self.addCleanup(page.close)
        page.wait_for("document.readyState === 'complete' && document.getElementById('status-text').textContent === 'live'")
        return page

    def picture(self, page, name):
        folder = os.environ.get("MILLRACE_SCREENSHOTS")
        if folder:
            page.screenshot(os.path.join(folder, name + ".png"))

    def test_shows_events_as_they_arrive(self):
        page = self.open()
        self.assertIn("Waiting for the first event", page.evaluate("document.body.innerText"))
        self.picture(page, "empty")
        self.post(event("Sign Up", 1, account=1234567890123456789), event("Purchase", 2), event("Purchase", 3),
                  event("", 4))
        page.wait_for("document.querySelectorAll('#events .row').length === 3")
        self.assertEqual(page.evaluate("document.getElementById('received').textContent"), "4")
        self.assertEqual(page.evaluate("document.getElementById('stored').textContent"), "3")
        self.assertEqual(page.evaluate("document.getElementById('rejected').textContent"), "1")
        self.assertEqual(page.evaluate("[...document.querySelectorAll('#totals .name')].map(e => e.textContent)"),
                         ["Purchase", "Sign Up"])
        self.assertIn("'event' must not be missing or blank", page.evaluate("document.getElementById('rejects').innerText"))
        # A click shows the event, with all digits of its numbers.
        page.evaluate("[...document.querySelectorAll('#events .row')].at(-1).firstChild.click()")
        self.assertIn('"account": 1234567890123456789', page.evaluate("document.querySelector('#events pre').textContent"))
        self.assertEqual(page.logged, [])

    def test_hostile_names_stay_text(self):
        self.post(event(HOSTILE, 1), event("plain", 2, **{HOSTILE_KEY: "<b>bold</b>"}), event(" ", 3, text=HOSTILE))
        self.box.request("POST", "/track", json.dumps({"event": HOSTILE, "properties": {}}))
        page = self.open()
        page.wait_for("document.querySelectorAll('#events .row').length === 2")
        page.wait_for("document.querySelectorAll('#rejects .rejected').length === 2")
        page.evaluate("for (const button of document.querySelectorAll('#events .row button, #rejects .rejected button')) button.click()")
        self.assertIn(HOSTILE, page.evaluate("document.getElementById('events').textContent"))
        self.assertIn(HOSTILE, page.evaluate("document.getElementById('totals').textContent"))
        self.assertIn(HOSTILE_KEY, page.evaluate("document.getElementById('events').textContent"))
        self.assertEqual(page.evaluate("document.querySelectorAll('main img, main script, main b:not(.preview b)').length"), 0)
        self.assertIsNone(page.evaluate("document.body.dataset.owned || null"))
        # And if one became HTML, the policy would stop its script.
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.body.dataset.owned=1\">')")
        time.sleep(0.2)
        self.assertIsNone(page.evaluate("document.body.dataset.owned || null"))
        self.assertTrue(any("Content Security Policy" in json.dumps(entry) for entry in page.logged))

    def test_filters_and_pauses(self):
        self.post(*[event("Page View" if i % 2 else "Search", i) for i in range(20)])
        page = self.open()
        page.wait_for("document.querySelectorAll('#events .row').length === 20")
        visible = "[...document.querySelectorAll('#events .row')].filter(row => !row.hidden).length"
        page.evaluate("{ const f = document.getElementById('filter'); f.value = 'search'; f.dispatchEvent(new Event('input')); }")
        self.assertEqual(page.evaluate(visible), 10)
        page.evaluate("{ const f = document.getElementById('filter'); f.value = 'user-7'; f.dispatchEvent(new Event('input')); }")
        self.assertEqual(page.evaluate(visible), 1)
        page.evaluate("{ const f = document.getElementById('filter'); f.value = ''; f.dispatchEvent(new Event('input')); }")
        page.evaluate("document.getElementById('pause').click()")
        self.post(event("Late", 99))
        page.wait_for("document.getElementById('received').textContent === '21'")
        self.assertEqual(page.evaluate(visible), 20)
        page.evaluate("document.getElementById('pause').click()")
        self.assertTrue(page.wait_for(visible + " === 21"))

    def test_switches_faults(self):
        page = self.open()
        page.wait_for("document.querySelectorAll('.fault').length === 18")
        self.picture(page, "faults")
        page.evaluate("document.querySelector('.fault input[aria-label=\"429\"]').click()")
        self.assertTrue(page.wait_for("document.getElementById('faults-on').textContent === '1 on'"))
        self.assertEqual(self.box.stats()["active_faults"], ["429:0.3"])
        page.evaluate("""{ const spec = document.querySelector('.fault input[aria-label="429 spec"]');
                           spec.value = '429'; spec.dispatchEvent(new Event('change')); }""")
        page.wait_for("fetch('/sandbox/stats').then(r => r.json()).then(s => s.active_faults[0] === '429')")
        self.post(event("refused", 1))
        self.assertTrue(page.wait_for("document.querySelector('.fault.on .hits').textContent === '1 hit'"))
        page.evaluate("""{ const spec = document.querySelector('.fault input[aria-label="429 spec"]');
                           spec.value = '429:7'; spec.dispatchEvent(new Event('change')); }""")
        self.assertTrue(page.wait_for("!document.getElementById('fault-error').hidden"))
        page.evaluate("document.getElementById('faults-off').click()")
        self.assertTrue(page.wait_for("document.getElementById('faults-on').textContent === ''"))
        self.assertEqual(self.box.stats()["active_faults"], [])

    def test_fits_small_and_dark_screens(self):
        for i in range(12):
            self.post(*[event(name, f"{i}-{j}", browser="Firefox", plan="pro", price=9.5)
                        for j, name in enumerate(["Page View"] * 5 + ["Search"] * 3 + ["Add to Cart", "Purchase"])],
                      event("Purchase", "a:b"))
        for name, options in {"wide": {}, "dark": {"dark": True}, "medium": {"width": 1000},
                              "phone": {"width": 390, "height": 844, "dark": True}}.items():
            with self.subTest(name):
                page = self.open(**options)
                page.wait_for("document.querySelectorAll('#events .row').length === 100")
                self.assertFalse(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
                self.assertEqual(page.evaluate("document.documentElement.dataset.theme"),
                                 "dark" if options.get("dark") else "light")
                page.evaluate("document.querySelectorAll('#events .row button')[2].click()")
                self.picture(page, name)
                page.close()


if __name__ == "__main__":
    main()
