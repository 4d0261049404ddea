"""The live page of the proxy's admin listener in headless Chromium (Debian package `chromium`; skipped and counted
where it is missing).

With MILLRACE_SCREENSHOTS=FOLDER it leaves pictures of the page there.
"""
import json
import os
import pathlib
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import chromium
from harness import main
from proxy_harness import ProxyTest

HOSTILE = "<img src=x onerror=\"document.body.dataset.owned=1\">"
HOSTILE_KEY = "</script><script>document.body.dataset.owned=1</script>"
TOKEN = "a secret of the operators"
VISIBLE = "[...document.querySelectorAll('#events .row')].filter(row => !row.hidden).length"


def event(name, number, token="token-1", **properties):
    return {"event": name, "properties": {"time": int(time.time()) - 60, "distinct_id": f"user-{number}",
                                          "$insert_id": f"id-{number}", "token": token, **properties}}


def set_value(element, value, kind="input"):
    return f"{{ const e = document.getElementById('{element}'); e.value = {json.dumps(value)}; e.dispatchEvent(new Event('{kind}')); }}"


def text_of(element):
    return f"document.getElementById('{element}').textContent"


@unittest.skipUnless(chromium.PROGRAM, "chromium is not installed")
class ProxyPageTest(ProxyTest):
    def start_proxy(self, *arguments, token=TOKEN):
        self.box = self.sandbox()
        self.admin_token = token
        self.running = self.proxy("--to", "mixpanel", "--mixpanel-url", self.box.url, "--to", self.to_lake, *arguments)
        self.sender = self.client(self.running)

    def environment(self):
        token = getattr(self, "admin_token", "")
        return super().environment() | ({"MILLRACE_PROXY_ADMIN_TOKEN": token} if token else {})

    def send(self, *records, path="/track"):
        status, _, body = self.sender.post(path, list(records))
        self.assertEqual((status, body.strip()), (200, b"1"))

    def open(self, **options):
        page = chromium.Page(self.running.admin_url + "/", **options)
        self.addCleanup(page.close)
        page.wait_for(f"document.readyState === 'complete' && {text_of('status-text')} === 'live'")
        return page

    def picture(self, page, name):
        folder = os.environ.get("MILLRACE_SCREENSHOTS")
        if folder:
            page.screenshot(os.path.join(folder, name + ".png"))

    def test_shows_records_and_destinations_as_they_change(self):
        self.start_proxy()
        page = self.open()
        self.assertIn("Waiting for the first record", page.evaluate("document.body.innerText"))
        self.picture(page, "proxy-empty")
        self.send(event("Sign Up", 1, account=1234567890123456789), event("Purchase", 2), event("", 3))
        self.send({"$token": "token-1", "$distinct_id": "ada", "$set": {"plan": "pro"}}, path="/engage")
        self.assertTrue(page.wait_for(VISIBLE + " === 3"))
        self.assertTrue(page.wait_for(f"{text_of('accepted')} === '3' && {text_of('rejected')} === '1'"))
        names = "[...document.querySelectorAll('#events .pill')].map(pill => pill.textContent)"
        self.assertEqual(page.evaluate(names), ["ada", "Purchase", "Sign Up"])
        # A click shows the record, with all digits of its numbers.
        page.evaluate("[...document.querySelectorAll('#events .row')].at(-1).firstChild.click()")
        self.assertIn('"account": 1234567890123456789', page.evaluate("document.querySelector('#events pre').textContent"))
        self.running.wait_until_delivered()
        shown = "[...document.querySelectorAll('.destination')].map(one => one.innerText)"
        self.assertTrue(page.wait_for(f"{shown}.every(text => /Accepted\\s+3/.test(text) && /Pending\\s+0/.test(text))"))
        self.assertEqual(page.evaluate("document.querySelectorAll('.destination').length"), 2)
        self.assertEqual(page.evaluate("document.querySelectorAll('.destination .why:not([hidden])').length"), 0)
        self.assertNotEqual(page.evaluate(text_of("latency")), "–")
        self.assertEqual(page.logged, [])

    def test_a_destination_that_fails_says_why(self):
        self.start_proxy("--retry-timeout", "100ms")
        self.box.set_faults("401")
        self.send(event("a", 1))
        page = self.open()
        self.assertTrue(page.wait_for("document.querySelectorAll('.destination.failing').length === 1", 60))
        self.assertIn("401", page.evaluate("document.querySelector('.destination.failing .why').textContent"))
        self.assertTrue(page.evaluate("/Pending\\s+1/.test(document.querySelector('.destination.failing').innerText)"))

    def test_filters_by_text_type_and_token_and_pauses(self):
        self.start_proxy()
        self.send(*[event("Page View" if i % 2 else "Search", i, token="blue" if i < 5 else "red") for i in range(20)])
        self.send({"$token": "blue", "$distinct_id": "ada", "$set": {"plan": "pro"}}, path="/engage")
        page = self.open()
        self.assertTrue(page.wait_for(VISIBLE + " === 21"))
        for element, value, kind, expected in [("filter", "search", "input", 10), ("filter", "user-7", "input", 1),
                                               ("filter", "", "input", 21), ("token", "blue", "change", 6),
                                               ("type", "user", "change", 1), ("type", "event", "change", 5),
                                               ("type", "group", "change", 0), ("token", "", "change", 0),
                                               ("type", "", "change", 21)]:
            page.evaluate(set_value(element, value, kind))
            self.assertEqual(page.evaluate(VISIBLE), expected, (element, value))
        page.evaluate("document.getElementById('pause').click()")
        self.send(event("Late", 99))
        self.assertTrue(page.wait_for(f"{text_of('accepted')} === '22'"))
        self.assertEqual(page.evaluate(VISIBLE), 21)
        page.evaluate("document.getElementById('pause').click()")
        self.assertTrue(page.wait_for(VISIBLE + " === 22"))

    def reject_some(self):
        self.send(event("plain", 1), event("", 2), {"event": HOSTILE, "properties": [HOSTILE_KEY]},
                  event("refused", 3, token="other-token"))

    def test_dead_letters_are_shown_by_reason_and_replayed(self):
        rules = self.write("tokens.json", json.dumps({"accept": ["token-1"]}))
        self.start_proxy("--token-rules", rules)
        self.reject_some()
        page = self.open()
        self.assertTrue(page.wait_for("document.querySelectorAll('.dead').length === 3"))
        page.evaluate("[...document.querySelectorAll('#codes button')].find(b => b.textContent.startsWith('token_refused')).click()")
        self.assertTrue(page.wait_for("document.querySelectorAll('.dead').length === 1"))
        page.evaluate("document.querySelector('.dead button').click()")
        self.assertIn('"refused"', page.evaluate("document.querySelector('.dead pre').textContent"))
        self.picture(page, "proxy-dead-letters")
        # Only who knows the token may replay.
        for token, said in [("", "Enter the admin token"), ("wrong", "not the admin token")]:
            page.evaluate(set_value("admin-token", token))
            page.evaluate("document.querySelector('.replay').click()")
            self.assertTrue(page.wait_for(f"{text_of('said')}.includes({json.dumps(said)})"), page.evaluate(text_of("said")))
        # The rule still refuses it, and then does not.
        page.evaluate(set_value("admin-token", TOKEN))
        page.evaluate("document.querySelector('.replay').click()")
        self.assertTrue(page.wait_for(f"{text_of('said')}.includes('1 rejected again')"), page.evaluate(text_of("said")))
        rules.write_text(json.dumps({"accept": ["token-1", "other-token"]}))
        self.poll(lambda: "new rules of tokens" in self.running.messages(), "the rules are not read again")
        page.wait_for("!document.getElementById('replay-all').hidden && !document.getElementById('replay-all').disabled")
        page.evaluate("document.getElementById('replay-all').click()")
        self.assertTrue(page.wait_for(f"{text_of('said')} === 'Replayed: 1 record accepted.'"), page.evaluate(text_of("said")))
        self.assertTrue(page.wait_for("document.querySelectorAll('.dead').length === 2"))
        self.running.wait_until_delivered()
        self.assertEqual(sorted(one["event"] for one in self.box.export()), ["plain", "refused"])
        self.assertEqual(sorted(one["event"] for one in self.lake_records()), ["plain", "refused"])

    def test_a_record_that_a_destination_refused_is_sent_to_it_again(self):
        self.start_proxy()
        self.box.set_faults("partial_400=1")
        self.send(event("a", 1), event("b", 2))
        self.running.wait_until_delivered()
        self.box.set_faults()
        page = self.open()
        self.assertTrue(page.wait_for("document.querySelectorAll('.dead').length === 2"))
        self.assertIn("refused by mixpanel", page.evaluate("document.querySelector('.dead').textContent"))
        page.evaluate(set_value("admin-token", TOKEN))
        page.evaluate("document.querySelector('.dead button').click()")
        page.evaluate("document.querySelector('.replay').click()")
        self.assertTrue(page.wait_for("document.querySelectorAll('.dead').length === 1"), page.evaluate(text_of("said")))
        self.assertEqual(len(self.box.export()), 1)
        self.assertEqual(len(self.lake_records()), 2)

    def test_without_a_token_nothing_can_be_replayed(self):
        self.start_proxy(token="")
        self.send(event("", 1))
        page = self.open()
        self.assertTrue(page.wait_for("document.querySelectorAll('.dead').length === 1"))
        page.evaluate("document.querySelector('.dead button').click()")
        self.assertEqual(page.evaluate("document.querySelectorAll('.replay').length"), 0)
        self.assertTrue(page.evaluate("document.getElementById('key').hidden"))
        self.assertIn("MILLRACE_PROXY_ADMIN_TOKEN", page.evaluate("document.getElementById('dead').textContent"))
        self.assertEqual(self.call("/page/replay", b'{"all":true}', {"Authorization": "Bearer "})[0], 403)

    def call(self, path, body=None, headers=None):
        request = urllib.request.Request(self.running.admin_url + path, data=body, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_pages_of_other_sites_get_nothing(self):
        self.start_proxy()
        self.assertEqual(self.call("/page/state")[0], 200)
        right = {"Authorization": "Bearer " + TOKEN}
        for headers in [{"Host": "evil.example.com"}, {"Origin": "http://evil.example.com"},
                        {"Sec-Fetch-Site": "cross-site"}]:
            for path in ["/page/state", "/page/records", "/page/dead_letters"]:
                self.assertEqual(self.call(path, headers=headers)[0], 403, (path, headers))
            self.assertEqual(self.call("/page/replay", b'{"all":true}', right | headers)[0], 403, headers)
        self.assertEqual(self.call("/page/replay", b'{"all":true}', {"Authorization": "Bearer wrong"})[0], 401)
        for body in [b"", b"{}", b"[]", b'{"all":false}', b'{"id":1}', b'{"code":""}', b'{"what":"x","all":true}']:
            self.assertEqual(self.call("/page/replay", body, right)[0], 400, body)
        self.assertEqual(self.call("/page/replay", b"x" * 100_000, right)[0], 413)

    def test_hostile_names_stay_text(self):
        self.start_proxy()
        self.send(event(HOSTILE, 1, token=HOSTILE), event("plain", 2, **{HOSTILE_KEY: "<b>bold</b>"}),
                  {"event": HOSTILE, "properties": [HOSTILE_KEY]})
        self.send({"$token": HOSTILE, "$distinct_id": HOSTILE, "$set": {HOSTILE_KEY: HOSTILE}}, path="/engage")
        page = self.open()
        self.assertTrue(page.wait_for(VISIBLE + " === 3"))
        self.assertTrue(page.wait_for("document.querySelectorAll('.dead').length === 1"))
        page.evaluate("for (const button of document.querySelectorAll('#events .row > button, .dead > button')) button.click()")
        self.assertIn(HOSTILE, page.evaluate(text_of("events")))
        self.assertIn(HOSTILE, page.evaluate("[...document.getElementById('token').options].map(o => o.value).join()"))
        for element in ["events", "dead"]:
            self.assertIn(HOSTILE_KEY, page.evaluate(text_of(element)))
        self.assertEqual(page.evaluate("document.querySelectorAll('main img, main script, main b:not(.preview b, .codes b)').length"), 0)
        self.assertIsNone(page.evaluate("document.body.dataset.owned || null"))
        # And if one became HTML, the policy would stop its script.
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.body.dataset.owned=1\">')")
        self.assertTrue(page.wait_for("new Promise(done => setTimeout(() => done(true), 200))"))
        self.assertIsNone(page.evaluate("document.body.dataset.owned || null"))
        self.assertTrue(any("Content Security Policy" in json.dumps(entry) for entry in page.logged))

    def test_fits_small_and_dark_screens(self):
        self.start_proxy("--refuse-token", "retired")
        for i in range(30):
            self.send(*[event(name, f"{i}-{j}", browser="Firefox", plan="pro", price=9.5)
                        for j, name in enumerate(["Page View"] * 3 + ["Search", "Add to Cart", "Purchase"][:1 + i % 3])])
        self.send(event("", 1), event("old app", 2, token="retired"), event("old app", 3, token="retired"))
        self.send({"$token": "token-1", "$distinct_id": "ada", "$set": {"plan": "pro", "city": "Graz"}}, path="/engage")
        self.running.wait_until_delivered()
        for name, options in {"wide": {"width": 1300}, "dark": {"width": 1300, "dark": True}, "medium": {"width": 1000},
                              "phone": {"width": 390, "height": 844, "dark": True},
                              "phone-light": {"width": 390, "height": 1900}}.items():
            with self.subTest(name):
                page = self.open(**options)
                self.assertTrue(page.wait_for("document.querySelectorAll('#events .row').length === 100"))
                self.assertTrue(page.wait_for("document.querySelectorAll('.dead').length === 3"))
                for number in range(8):  # so that the pictures show a rate
                    self.send(*[event(["Page View", "Search", "Add to Cart", "Purchase"][(i * i + number) % 4],
                                      f"{name}-{number}-{i}", browser="Firefox", plan="pro") for i in range(2 + number * 5 % 7)])
                    page.wait_for("new Promise(done => setTimeout(() => done(true), 700))")
                self.assertFalse(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
                self.assertEqual(page.evaluate("document.documentElement.dataset.theme"),
                                 "dark" if options.get("dark") else "light")
                page.evaluate("document.querySelectorAll('#events .row button')[2].click()")
                self.picture(page, "proxy-" + name)
                page.close()


if __name__ == "__main__":
    main()
