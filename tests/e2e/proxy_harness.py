"""Shared by tests of the proxy: the running program, an HTTP client, and what its destinations have."""
import gzip
import http.client
import json
import signal
import ssl
import subprocess
import time
import urllib.parse
import urllib.request

from harness import FAST_RETRY, PROGRAM, MillraceTest
from oracle import SERVER_ADDED

PATIENCE = 120  # seconds that anything may take on a busy machine


class Client:
    """A keep-alive connection. An exception ends it; the next request opens another."""

    def __init__(self, url, timeout=60, ca=None):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "https":
            self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout,
                                                          context=ssl.create_default_context(cafile=ca))
        else:
            self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body)"""
        try:
            self.connection.request(method, path, body.encode() if isinstance(body, str) else body, headers or {})
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except Exception:
            self.connection.close()
            raise

    def post(self, path, records, headers=None):
        return self.request("POST", path, json.dumps(records), {"Content-Type": "application/json"} | (headers or {}))

    def close(self):
        self.connection.close()


class Proxy:
    """A running `millrace proxy`; its log is a file."""

    def __init__(self, log, environment, *arguments, listen="127.0.0.1:0", upstream="none", library_url="none"):
        self.log = log
        with open(log, "a") as file:
            self.process = subprocess.Popen(
                [PROGRAM, "proxy", "--listen", listen, "--upstream", upstream, "--library-url", library_url, "--json",
                 *FAST_RETRY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=file, text=True, env=environment)
        self.url = self.admin_url = None

    def wait_until_it_listens(self):
        """Blocks until it prints its addresses or ends."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the proxy ended with {self.process.wait()}: {self.messages()[-2000:]}")
        said = json.loads(line)
        self.url, self.admin_url = said["url"], said["admin_url"]
        return self

    def messages(self):
        return self.log.read_text()

    def admin(self, path):
        with urllib.request.urlopen(self.admin_url + path, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def status(self):
        return json.loads(self.admin("/status"))

    def destinations(self):
        """Name -> what /status says of it. Every destination's numbers add up to the same, unless it is new."""
        return {one["name"]: one for one in self.status()["destinations"]}

    def wait_until_delivered(self, *names, patience=PATIENCE):
        """Until nothing is pending, of these destinations or of all. Returns destinations()."""
        deadline = time.monotonic() + patience
        while True:
            found = self.destinations()
            waiting = {name: one for name, one in found.items() if one["pending"] and (not names or name in names)}
            if not waiting:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"not delivered within {patience} s: {waiting}; {self.messages()[-2000:]}")
            time.sleep(0.02)

    def stop(self, how=signal.SIGTERM, patience=60):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the proxy did not end within {patience} s: {self.messages()[-2000:]}") from None
        self.process.stdout.close()
        return self.process.returncode

    def clean_up(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class ProxyTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"
        self.to_lake = f"{self.lake}/?format=ndjson.gz&form=raw"
        self.lake_name = f"{self.lake}/"

    def begin_proxy(self, *arguments, **options):
        """Started; it may not listen yet, or end."""
        proxy = Proxy(self.folder / "proxy.log", self.environment(), *arguments, **options)
        self.addCleanup(proxy.clean_up)
        return proxy

    def proxy(self, *arguments, **options):
        return self.begin_proxy(*arguments, **options).wait_until_it_listens()

    def client(self, proxy, **options):
        client = Client(proxy.url, **options)
        self.addCleanup(client.close)
        return client

    def refused(self, *arguments):
        """What a proxy says that cannot start, and its exit status."""
        code, out, err = self.run_program("proxy", "--listen", "127.0.0.1:0", "--json", *arguments, timeout=60)
        self.assertEqual(out, "")
        return code, err

    def lake_records(self, folder="events"):
        """The records of visible files, in no particular order."""
        records = []
        for path in sorted((self.lake / folder).rglob("*.ndjson.gz")):
            if "_millrace" not in path.parts:
                with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
                    records += [json.loads(line) for line in lines]
        return records

    def poll(self, condition, what, patience=PATIENCE):
        """Returns what `condition` returns once that is true."""
        deadline = time.monotonic() + patience
        while True:
            if found := condition():
                return found
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)


def as_sent(exported):
    """An event of the sandbox's export without what Mixpanel adds."""
    properties = {key: value for key, value in exported["properties"].items() if key not in SERVER_ADDED}
    return {"event": exported["event"], "properties": properties}
