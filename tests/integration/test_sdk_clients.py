"""Mixpanel's own clients, unmodified, against the sandbox: what they report as accepted is exported with equal values.

tools/test_servers.sh installs them at pinned versions; what is not installed is skipped and counted. Each client is a
program in clients/ that reads one input file and prints what was accepted, and what it read, as JSON.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import chromium
from harness import ROOT, MillraceTest, main
from page_server import PageServer

CLIENTS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "millrace/clients"
BROWSER = CLIENTS / "mixpanel-browser-2.83.0/node_modules/mixpanel-browser/dist/mixpanel.umd.js"
NODE = CLIENTS / "mixpanel-node-0.24.0/node_modules"
IMPORT = CLIENTS / "mixpanel-import-3.1.43/node_modules"
GO = CLIENTS / "mixpanel-go-1.2.1/mod"
JAVA = CLIENTS / "mixpanel-java-1.5.3"
PYTHON = CLIENTS / ("python-" + hashlib.sha256((ROOT / "tools/requirements-clients.txt").read_bytes()).hexdigest()[:12])

IDENTITIES = [{"distinct_id": "user-1"}, {"distinct_id": "användare-ä-漢字-🙂"}, {"$user_id": "only-user"},
              {"$device_id": "only-device"}, {"$user_id": "both", "$device_id": "device-of-both"},
              {"distinct_id": "named", "$user_id": "other", "$device_id": "third"}]
PROFILES = {"user-1": {"name": "Zoë 🦊", "age": 41, "tags": ["a", "ü", "😀"], "address": {"city": "Łódź", "zip": [1, 2]}},
            "användare-ä-漢字-🙂": {"name": "漢字", "score": 0.125, "active": False}}
GROUPS = {"company": {"acme": {"plan": "pro ✨", "seats": 12}, "ünïcode 🏢": {"plan": "free"}},
          "team": {"acme": {"members": ["ann", "bob"]}}}


def make_events(now, count=60):
    """More than one batch of any SDK."""
    return [{"event": ["Signed Up", "Köp 🛒", "page \"view\"\\ \t/"][n % 3],
             "identity": IDENTITIES[n % len(IDENTITIES)],
             "time": now - 3600 - n,
             "insert_id": f"insert-{n}",
             "properties": {"n": n, "emoji": "😀👩‍🚀🇸🇪 é e\u0301", "text": "漢字 Ünïcødé \u2028 & + % = \"quoted\" <b>",
                            "price": 19.99, "half": 0.5 * n, "big": 9007199254740991, "negative": -n, "yes": True,
                            "empty": "", "list": [1, "två", 2.5, False], "nested": {"a": {"b": ["深", {"c": n}]}},
                            "company": ["acme", "ünïcode 🏢"]}} for n in range(count)]


def distinct_id_of(identity):
    """As in Mixpanel's export."""
    if "distinct_id" in identity:
        return identity["distinct_id"]
    return identity["$user_id"] if "$user_id" in identity else "$device:" + identity["$device_id"]


class ClientTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.maxDiff = 2000

    def start_sandbox(self, *arguments):
        box = self.sandbox(*arguments)
        now = int(time.time())
        self.input = {"token": "test-token", "url": box.url.replace("127.0.0.1", "localhost"), "ca": box.tls_ca,
                      "from_date": "1971-01-01", "to_date": time.strftime("%Y-%m-%d", time.gmtime()),
                      "events": make_events(now), "profiles": PROFILES, "groups": GROUPS}
        return box

    def run_client(self, *command, **environment):
        """What the client printed; it must exit with success."""
        file = self.folder / "input.json"
        file.write_text(json.dumps(self.input))
        keep = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        process = subprocess.Popen([*map(str, command), str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   cwd=self.folder, env=keep | {"HOME": str(self.folder)} | environment)
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail(f"the client does not end: {process.communicate()}")
        self.assertEqual(process.returncode, 0, err[-3000:])
        return json.loads(out)

    def wait_until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)

    def check_events(self, found, accepted, other=(), times=True):
        """`found`, as exported, is what was accepted, each once, and events named `other`."""
        mine = {}
        for event in found:
            if "n" in event["properties"]:
                self.assertNotIn(event["properties"]["n"], mine)
                mine[event["properties"]["n"]] = event
        self.assertEqual(sorted(mine), sorted(accepted))
        self.assertGreater(len(mine), 0)
        self.assertEqual(sorted(e["event"] for e in found if "n" not in e["properties"]), sorted(other))
        for given in self.input["events"]:
            event = mine.get(given["properties"]["n"])
            if event is None:
                continue
            got = event["properties"]
            self.assertEqual(event["event"], given["event"])
            self.assertEqual({name: got.get(name) for name in given["properties"]}, given["properties"])
            if times:
                self.assertEqual(got["distinct_id"], distinct_id_of(given["identity"]))
                self.assertIn(got["time"], (given["time"], given["time"] * 1000))
            self.assertTrue(got["$insert_id"])
        return mine

    def check_profiles(self, box, outcome):
        found = {profile["$distinct_id"]: profile["$properties"] for profile in box.profiles()}
        self.assertEqual(sorted(found), sorted(outcome["profiles"]))
        for distinct_id in outcome["profiles"]:
            for name, value in PROFILES[distinct_id].items():
                self.assertEqual(found[distinct_id][name], value)

    def check_groups(self, box, outcome):
        self.assertEqual(sorted(map(tuple, outcome["groups"])),
                         sorted((key, group) for key, groups in GROUPS.items() for group in groups))
        for key, number in box.stats()["data_group_ids"].items():
            for name in (key, number):
                answer = json.loads(box.request("POST", "/api/query/engage", json.dumps({"data_group_id": name}),
                                                {"Authorization": "Basic OnQ6"}))
                found = {profile["$distinct_id"]: profile["$properties"] for profile in answer["results"]}
                self.assertEqual(sorted(found), sorted(GROUPS[key]))
                for group, values in GROUPS[key].items():
                    self.assertEqual({p: found[group].get(p) for p in values}, values)

    def check(self, box, outcome):
        self.assertEqual(len(outcome["events"]), len(self.input["events"]))
        self.check_events(box.export(), outcome["events"], outcome.get("other", ()))
        self.check_profiles(box, outcome)
        if "groups" in outcome:
            self.check_groups(box, outcome)
        self.assertEqual(box.stats()["rejected"], 0)
        self.assertEqual(box.stats()["profile_updates_rejected"], 0)


class BrowserTest(ClientTest):
    @unittest.skipUnless(BROWSER.is_file() and chromium.PROGRAM, "mixpanel-browser or Chromium is not installed")
    def test_mixpanel_browser(self):
        box = self.start_sandbox()
        files = {"/": ("text/html", (HERE / "clients/browser.html").read_bytes()),
                 "/mixpanel.js": ("text/javascript", BROWSER.read_bytes()),
                 "/input.json": ("application/json", json.dumps(self.input).encode())}
        pages = PageServer(files.get)
        self.addCleanup(pages.stop)
        with chromium.Page(pages.url + "/") as page:
            outcome = page.wait_for("window.outcome", 60)
            self.assertNotIn("error", outcome)
            self.wait_until(lambda: box.stats()["received"] >= len(self.input["events"]) + 2)
            refused = [entry for entry in page.logged if "CORS" in json.dumps(entry)]
        self.assertEqual(refused, [])
        self.assertEqual(outcome["flag"], "fallback")
        found = self.check_events(box.export(), outcome["events"], ["$identify", "$identify"], times=False)
        self.assertEqual({str(n): event["properties"]["distinct_id"] for n, event in found.items()}, outcome["distinct_ids"])
        (distinct_id, values), = outcome["profiles"]
        found = {profile["$distinct_id"]: profile["$properties"] for profile in box.profiles()}
        self.assertEqual({name: found[distinct_id].get(name) for name in values}, values)
        self.check_groups(box, outcome)
        self.assertEqual(box.stats()["rejected"], 0)


class JavaScriptTest(ClientTest):
    @unittest.skipUnless(NODE.is_dir() and shutil.which("node"), "mixpanel for node is not installed")
    def test_mixpanel_node(self):
        box = self.start_sandbox("--tls", "self-signed")
        self.check(box, self.run_client("node", HERE / "clients/node_client.js", NODE, NODE_EXTRA_CA_CERTS=box.tls_ca))

    @unittest.skipUnless(IMPORT.is_dir() and shutil.which("node"), "mixpanel-import is not installed")
    def test_mixpanel_import(self):
        box = self.start_sandbox("--tls", "self-signed")
        outcome = self.run_client("node", HERE / "clients/import_client.js", IMPORT, NODE_EXTRA_CA_CERTS=box.tls_ca)
        self.check(box, outcome)
        self.check_events(outcome["read_events"], outcome["events"])
        for name, given in (("read_profiles", PROFILES), ("read_company", GROUPS["company"])):
            found = {profile["$distinct_id"]: profile["$properties"] for profile in outcome[name]}
            self.assertEqual(sorted(found), sorted(given))
            for profile, values in given.items():
                self.assertEqual({key: found[profile].get(key) for key in values}, values)


class OwnClientTest(ClientTest):
    def test_millrace_import_over_https(self):
        box = self.start_sandbox("--tls", "self-signed", "--tls-ca", self.folder / "ca.pem")
        self.assertEqual(box.tls_ca, str(self.folder / "ca.pem"))
        file = self.folder / "events.ndjson"
        file.write_text("".join(json.dumps({"event": event["event"], "properties": {
            "distinct_id": distinct_id_of(event["identity"]), **event["properties"], "time": event["time"],
            "$insert_id": event["insert_id"]}}) + "\n" for event in self.input["events"]))
        command = ["import", file, "--mixpanel-url", self.input["url"], "--json"]
        status, _, said = self.run_program(*command, "--retry-timeout", "0")
        self.assertNotEqual(status, 0)
        self.assertIn("SSL_CERT_FILE", said)
        status, _, said = self.run_program(*command, env={"SSL_CERT_FILE": box.tls_ca})
        self.assertEqual(status, 0, said)
        self.check_events(box.export(), range(len(self.input["events"])))


class GoTest(ClientTest):
    @unittest.skipUnless(GO.is_dir() and shutil.which("go"), "mixpanel-go is not installed")
    def test_mixpanel_go(self):
        program = self.folder / "client"
        environment = os.environ | {"GOMODCACHE": str(GO), "GOPROXY": "off", "GOFLAGS": "-modcacherw", "CGO_ENABLED": "0"}
        subprocess.run(["go", "build", "-C", HERE / "clients/go", "-o", program], check=True, env=environment)
        box = self.start_sandbox("--tls", "self-signed")
        outcome = self.run_client(program, SSL_CERT_FILE=box.tls_ca)
        self.check(box, outcome)
        self.check_events(outcome["read_events"], outcome["events"], outcome["other"])


class JavaTest(ClientTest):
    @unittest.skipUnless(JAVA.is_dir() and shutil.which("java"), "mixpanel-java is not installed")
    def test_mixpanel_java(self):
        box = self.start_sandbox("--tls", "self-signed")
        self.check(box, self.run_client("java", "-XX:TieredStopAtLevel=1", "-cp", JAVA / "*", HERE / "clients/java/Client.java"))


@unittest.skipUnless(PYTHON.is_dir(), "the Python clients are not installed")
class PythonTest(ClientTest):
    def run_python(self, box, script, **environment):
        trust = {"REQUESTS_CA_BUNDLE": box.tls_ca, "SSL_CERT_FILE": box.tls_ca}
        return self.run_client(sys.executable, HERE / "clients" / script, PYTHONPATH=str(PYTHON), **trust, **environment)

    def test_mixpanel_python(self):
        box = self.start_sandbox("--tls", "self-signed")
        outcome = self.run_python(box, "python_client.py")
        self.check(box, outcome)
        self.assertEqual(outcome["remote_flags"], {})  # None after an error
        self.assertTrue(outcome["local_flags_ready"])

    def test_mixpanel_utils(self):
        box = self.start_sandbox("--tls", "self-signed")
        more = self.add_profiles(box, 1500)  # two pages
        self.input["more_profiles"] = more
        outcome = self.run_python(box, "utils_client.py")
        self.check_events(box.export(), outcome["events"])
        self.check_events(outcome["read_events"], outcome["events"])
        self.check_events(outcome["jql_events"], outcome["events"])
        self.assertEqual([event["properties"]["n"] for event in outcome["jql_selected"]], [0, 3, 6, 9])
        self.assertEqual([profile["$distinct_id"] for profile in outcome["jql_people"]], ["user-1"])
        self.assertEqual(outcome["jql_count"], [len(outcome["read_profiles"])])
        read = {profile["$distinct_id"]: profile["$properties"] for profile in outcome["read_profiles"]}
        self.assertEqual(read, {profile["$distinct_id"]: profile["$properties"] for profile in box.profiles()})
        self.assertEqual(sorted(read), sorted([*more, *PROFILES]))
        self.assertEqual(read[more[0]], {"i": 0, "seen": True})
        self.assertEqual({name: read["user-1"].get(name) for name in PROFILES["user-1"]}, PROFILES["user-1"])

    def test_mixpanel_headless(self):
        box = self.start_sandbox("--tls", "self-signed", "--project-id", "7", "--time-zone", "Asia/Kolkata", "--export-times", "utc")
        events = [{"event": event["event"], "properties": {**event["identity"], **event["properties"], "time": event["time"],
                                                           "$insert_id": event["insert_id"]}}
                  for event in self.input["events"]]
        box.request("POST", "/import?strict=1", json.dumps(events), {"Authorization": "Basic dG9rZW46"})
        more = self.add_profiles(box, 1500)
        updates = [{"$token": "t", "$distinct_id": distinct_id, "$set": values} for distinct_id, values in PROFILES.items()]
        box.request("POST", "/engage", json.dumps(updates))
        box.request("POST", "/groups", json.dumps([{"$token": "t", "$group_key": key, "$group_id": group, "$set": values}
                                                   for key, groups in GROUPS.items() for group, values in groups.items()]))
        numbers = box.stats()["data_group_ids"]
        self.input["group_ids"] = [*GROUPS, *map(str, numbers.values())]
        self.input["cohort"] = 1000
        box.request("PUT", "/sandbox/cohorts", json.dumps([
            {"id": 1000, "name": "Two", "distinct_ids": ["user-1", "nobody"]},
            {"id": 2000, "name": "First", "where": 'properties["i"] < 3'}]))
        outcome = self.run_python(box, "headless_client.py", MP_API_BASE_URL=self.input["url"], MP_USERNAME="user",
                                  MP_SECRET="secret", MP_PROJECT_ID="7", MP_REGION="us")
        self.check_events(outcome["read_events"], range(len(events)))
        self.assertEqual({event["event"] for event in outcome["one_event"]}, {events[0]["event"]})
        read = {profile["$distinct_id"]: profile["$properties"] for profile in outcome["read_profiles"]}
        self.assertEqual(len(outcome["read_profiles"]), len(read))
        self.assertEqual(sorted(read), sorted([*more, *PROFILES]))
        self.assertEqual({distinct_id: read[distinct_id] for distinct_id in PROFILES}, PROFILES)
        self.assertEqual([profile["$distinct_id"] for profile in outcome["one_profile"]], [next(iter(PROFILES))])
        for key, groups in GROUPS.items():
            for name in (key, str(numbers[key])):
                found = {profile["$distinct_id"]: profile["$properties"] for profile in outcome["read_groups"][name]}
                self.assertEqual(found, groups)
        self.assertEqual(outcome["time_zones"], {"7": "Asia/Kolkata"})
        self.assertEqual(sorted(outcome["cohorts"]), [[1000, "Two", 2], [2000, "First", 3]])
        self.assertEqual(sorted(profile["$distinct_id"] for profile in outcome["cohort"]), ["nobody", "user-1"])
        self.assertEqual(outcome["annotations"], [["2023-11-14 12:00:00", "Launch"]])
        self.assertEqual(sorted(event["properties"]["n"] for event in outcome["where"]), [0, 1])

    def add_profiles(self, box, count):
        names = [f"more-{i:04}" for i in range(count)]
        updates = [{"$token": "t", "$distinct_id": name, "$set": {"i": i}} for i, name in enumerate(names)]
        box.request("POST", "/engage", json.dumps(updates))
        return names


if __name__ == "__main__":
    main()
