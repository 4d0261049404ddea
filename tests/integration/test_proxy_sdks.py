"""Mixpanel's own clients, unmodified, against the proxy: what they report as accepted is, with equal values, in the
sandbox, in a lake and, if PostgreSQL is installed, in its tables.

The tests are those of test_sdk_clients.py. Where they read from the sandbox, all destinations are read and compared.
"""
import http.client
import http.server
import json
import pathlib
import shutil
import ssl
import subprocess
import sys
import threading
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import postgres_server
import test_sdk_clients as sdk
from harness import main
from oracle import to_millis
from proxy_harness import PATIENCE, Client, ProxyTest, as_sent

OPENSSL = shutil.which("openssl")
# What else is a property in a table: what the browser's SDK sets, members of updates from Java and mixpanel-utils, and
# the address of the client, for which the table of groups has no column.
ADDED_TO_ROWS = {"os", "browser", "browser_version", "initial_referrer", "initial_referring_domain", "device_id",
                 "user_id", "time", "ignore_time", "ignore_alias", "ip"}
JOINS = ("$create_alias", "$identify", "$merge")  # events that need no time
TOKENS = ("test-token", "t")  # of clients, and of tests that send profiles themselves


def make_certificate(folder):
    """(chain, key) for localhost, which a client can trust as its CA."""
    chain, key = folder / "proxy.pem", folder / "proxy.key"
    subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", chain], check=True, capture_output=True)
    return chain, key


class Router:
    """An HTTPS server as some users have it before the proxy: it passes requests on to the proxy, and those that
    read from Mixpanel (/api/) to the sandbox, once the proxy has delivered everything to it."""

    def __init__(self, proxy, sandbox, ca, chain, key):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                reads = self.path.startswith("/api/")
                if reads:
                    proxy.wait_until_delivered("mixpanel")
                to = urllib.parse.urlsplit(sandbox.url if reads else proxy.url)
                trust = ssl.create_default_context(cafile=ca)
                connection = http.client.HTTPSConnection(to.hostname, to.port, timeout=PATIENCE,
                                                         context=trust) if to.scheme == "https" else \
                    http.client.HTTPConnection(to.hostname, to.port, timeout=PATIENCE)
                # mixpanel-import decodes piece by piece what it reads, so none may end within a character.
                left_out = ("connection", "host", *["accept-encoding"] * reads)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                for line in content.splitlines(keepends=True):
                    self.wfile.write(line)
                connection.close()

            do_GET = do_POST = do_PUT = do_OPTIONS = pass_on

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Delivered:
    """Stands for the sandbox in those tests: the proxy gets what they send themselves, and what they read comes from the
    sandbox, once everything is delivered."""

    def __init__(self, sandbox, proxy, url, ca):
        self.sandbox, self.proxy, self.url, self.tls_ca = sandbox, proxy, url, ca

    def request(self, method, path, body=None, headers=None):
        if path.startswith("/api/"):
            self.proxy.wait_until_delivered()
            return self.sandbox.request(method, path, body, headers)
        client = Client(self.proxy.url, ca=self.tls_ca)
        status, _, answer = client.request(method, path, body, headers)
        client.close()
        assert status == 200, answer
        return answer

    def export(self):
        self.proxy.wait_until_delivered()
        return self.sandbox.export()

    def profiles(self):
        self.proxy.wait_until_delivered()
        return self.sandbox.profiles()

    def stats(self):
        self.proxy.wait_until_delivered()
        return self.sandbox.stats()


class ThroughProxy(ProxyTest):
    """Mixed into tests of clients: start_sandbox() starts the proxy and its destinations, too."""

    tls = True
    proxy_arguments, proxy_options = (), {}  # of proxy()
    reads = False  # the client also reads from Mixpanel
    has_groups = True
    events_have_tokens = True  # else the account says whose they are

    def start_sandbox(self, *_):
        sandbox = super().start_sandbox()
        arguments = ["--to", "mixpanel", "--mixpanel-url", sandbox.url, "--to", self.to_lake]
        self.postgres = None
        if postgres_server.programs() is not None:
            self.postgres = postgres_server.PostgresServer()
            self.addCleanup(self.postgres.stop)
            arguments += ["--to", self.postgres.uri]
        chain = None
        if self.tls:
            if OPENSSL is None:
                self.skipTest("openssl is not installed")
            chain, key = make_certificate(self.folder)
            arguments += ["--tls-cert", chain, "--tls-key", key]
        self.running = self.proxy(*arguments, *self.proxy_arguments, **self.proxy_options)
        url = self.running.url.replace("127.0.0.1", "localhost")
        if self.reads:
            router = Router(self.running, sandbox, chain, chain, key)
            self.addCleanup(router.stop)
            url = router.url
        self.input |= {"url": url, "ca": str(chain)}
        self.box = Delivered(sandbox, self.running, url, str(chain))
        return self.box

    def check_destinations(self):
        """The sandbox was checked; the others have the same."""
        found = self.running.wait_until_delivered()
        self.assertEqual(len(found), 2 if self.postgres is None else 3)
        status = self.running.status()
        self.assertEqual((status["accepted"], status["rejected"]), (status["received"], 0), status)
        for one in found.values():
            self.assertEqual((one["accepted"], one["rejected"], one["filtered"], one["last_error"]),
                             (status["accepted"], 0, 0, ""), one)
        self.events = {event["properties"]["$insert_id"]: as_sent(event) for event in self.box.export()}
        self.assertEqual(len(self.events), self.box.stats()["received"])
        self.check_lake()
        if self.postgres is not None:
            self.check_postgres()
        self.assertEqual(self.running.stop(), 3, self.running.messages())
        self.check_tokens()

    def check_lake(self):
        in_lake = {}
        for event in self.lake_records():
            insert_id = event["properties"]["$insert_id"]
            self.assertNotIn(insert_id, in_lake)
            in_lake[insert_id] = event
        self.assertEqual(sorted(in_lake), sorted(self.events))
        for insert_id, event in in_lake.items():
            got, exported = self.without_token_and_address(event), self.without_token_and_address(self.events[insert_id])
            self.assertEqual(event["event"], self.events[insert_id]["event"])
            # Mixpanel adds what the client did not send, and returns times in milliseconds.
            if not got.get("distinct_id"):
                got.pop("distinct_id", None)
                exported.pop("distinct_id", None)
            time = exported.pop("time", None)
            if "time" in got:
                self.assertIn(time, (got["time"], got.pop("time") * 1000))
            else:
                self.assertIn(event["event"], JOINS)
            self.assertEqual(got, exported)
        self.check_values(self.set_values(self.lake_records("users")), self.profiles_set)
        if self.has_groups:
            self.check_values(self.set_values(self.lake_records("groups")), self.groups_set)

    def check_tokens(self):
        """Mixpanel takes the token of the destination; the others have that of the client. Go sends $merge without one."""
        for event in self.lake_records() if self.events_have_tokens else ():
            if event["event"] != "$merge":
                self.assertIn(event["properties"].get("token"), TOKENS, event)
        for update in self.lake_records("users") + self.lake_records("groups"):
            self.assertIn(update.get("$token"), TOKENS, update)
        tables = [*["events"] * self.events_have_tokens, "users", *["groups"] * self.has_groups]
        for table in tables if self.postgres else ():
            for row in self.rows(table):
                if row.get("event") != "$merge":
                    self.assertIn(row["token"], TOKENS, row)

    def without_token_and_address(self, event):
        """The properties. Mixpanel exports neither."""
        properties = dict(event["properties"])
        self.assertEqual(properties.pop("ip", "127.0.0.1"), "127.0.0.1")
        properties.pop("token", None)
        return properties

    @staticmethod
    def set_values(updates):
        """What the updates set: id -> properties. No two of them set the same property."""
        found = {}
        for update in updates:
            key = (update["$group_key"], update["$group_id"]) if "$group_key" in update else update["$distinct_id"]
            found.setdefault(key, {}).update(update.get("$set", {}))
        return found

    def check_values(self, found, expected):
        """Every value of the profiles; nothing else but what the SDKs add."""
        self.assertEqual(sorted(found), sorted(expected))
        for key, values in expected.items():
            self.assertEqual({name: value for name, value in found[key].items()
                              if not name.startswith("$") and name not in ADDED_TO_ROWS}, values)

    @property
    def profiles_set(self):
        return {profile["$distinct_id"]: {name: value for name, value in profile["$properties"].items()
                                          if not name.startswith("$")} for profile in self.box.profiles()}

    @property
    def groups_set(self):
        return {(key, group): values for key, groups in sdk.GROUPS.items() for group, values in groups.items()}

    def rows(self, table):
        """As JSON. In hexadecimal digits, because texts hold line ends of Unicode."""
        found = self.postgres.query(f"SELECT encode(convert_to(row_to_json(t)::text, 'UTF8'), 'hex') FROM {table} t")
        return [json.loads(bytes.fromhex(text)) for [text] in found]

    def check_postgres(self):
        rows = self.rows("events")
        self.assertEqual(sorted(row["insert_id"] for row in rows), sorted(self.events))
        for row in rows:
            event = self.events[row["insert_id"]]
            exported = self.without_token_and_address(event)
            for column, name in (("distinct_id", "distinct_id"), ("user_id", "$user_id"), ("device_id", "$device_id")):
                if row[column]:  # Mixpanel derives distinct_id
                    self.assertEqual(row[column], exported[name])
            self.assertEqual(row["event"], event["event"])
            if row["event_time"] is None:
                self.assertIn(row["event"], JOINS)
            else:
                self.assertEqual(to_millis(row["event_time"]), exported["time"])
            others = {name.removeprefix("$"): value for name, value in exported.items()
                      if name not in ("distinct_id", "$user_id", "$device_id", "$insert_id", "time")}
            self.assertEqual({name.removeprefix("$"): value for name, value in (row["properties"] or {}).items()
                              if name != "ip"}, others)
        for table, expected, ids in (("users", self.profiles_set, ("distinct_id",)),
                                     ("groups", self.groups_set, ("group_key", "group_id"))):
            if table == "groups" and not self.has_groups:
                continue
            found = {}
            for row in self.rows(table):
                key = tuple(row[name] for name in ids)
                values = found.setdefault(key if len(ids) > 1 else key[0], {})
                if row["operation"] == "$set":
                    values.update(row["properties"])
            self.check_values(found, expected)


@unittest.skipUnless(sdk.BROWSER.is_file() and sdk.chromium.PROGRAM, "mixpanel-browser or Chromium is not installed")
class BrowserTest(ThroughProxy, sdk.BrowserTest):
    tls = False

    def test_mixpanel_browser(self):
        super().test_mixpanel_browser()
        self.check_destinations()


class JavaScriptTest(ThroughProxy, sdk.JavaScriptTest):
    def test_mixpanel_node(self):
        super().test_mixpanel_node()
        self.check_destinations()

    def test_mixpanel_import(self):
        self.reads, self.events_have_tokens = True, False
        super().test_mixpanel_import()
        self.check_destinations()


class GoTest(ThroughProxy, sdk.GoTest):
    reads = True

    def test_mixpanel_go(self):
        super().test_mixpanel_go()
        self.check_destinations()


class JavaTest(ThroughProxy, sdk.JavaTest):
    def test_mixpanel_java(self):
        super().test_mixpanel_java()
        self.check_destinations()


class PythonTest(ThroughProxy, sdk.PythonTest):
    test_mixpanel_headless = None  # it only reads

    def test_mixpanel_python(self):
        super().test_mixpanel_python()
        self.check_destinations()

    def test_mixpanel_utils(self):
        self.reads, self.has_groups, self.events_have_tokens = True, False, False
        super().test_mixpanel_utils()
        self.check_destinations()


if __name__ == "__main__":
    main()
