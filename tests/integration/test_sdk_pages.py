"""The set-up code of the pages in docs/sdks/, run as written with Mixpanel's SDKs: the event arrives at the proxy, and
without one, or after 503, happens what the pages say.

Only the proxy's address and the token are replaced.
"""
import http.server
import json
import os
import pathlib
import re
import shlex
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

import test_sdk_clients as sdk
from cloud_servers import free_port
from doc_blocks import block_with, blocks, replaced
from harness import main
from page_server import PageServer
from proxy_harness import ProxyTest
from test_proxy_sdks import OPENSSL, make_certificate

ADDRESS = "https://proxy.example.com"
TOKEN = ("YOUR_TOKEN", "token-of-page")
LIBRARY = sdk.BROWSER.parent


def page_of(name):
    return f"docs/sdks/{name}.md"


class Unavailable:
    """Answers every request as a proxy whose spool is full, over TLS if there is a certificate."""

    def __init__(self, certificate=None, key=None):
        answers = self
        self.requests = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answers.requests += 1
                body = b'{"code":503,"error":"the spool is full","status":"Service Unavailable"}'
                self.send_response(503)
                for name, value in (("Retry-After", "0"), ("Content-Length", str(len(body))),
                                    ("Content-Type", "application/json"), ("Access-Control-Allow-Credentials", "true"),
                                    ("Access-Control-Allow-Origin", self.headers.get("Origin", "null"))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class SdkPageTest(ProxyTest):
    def start_proxy(self, *arguments, **options):
        self.running = self.proxy("--to", self.to_lake, *arguments, **options)

    def make_certificate(self):
        if OPENSSL is None:
            self.skipTest("openssl is not installed")
        self.certificate, self.key = make_certificate(self.folder)

    def start_https_proxy(self):
        """Its host and port are what pages call proxy.example.com."""
        self.make_certificate()
        self.start_proxy("--tls-cert", self.certificate, "--tls-key", self.key)
        self.use_port(urllib.parse.urlsplit(self.running.url).port)

    def start_unavailable(self):
        self.make_certificate()
        self.unavailable = Unavailable(self.certificate, self.key)
        self.addCleanup(self.unavailable.stop)
        self.use_port(self.unavailable.port)

    def use_port(self, port):
        self.port, self.host = port, f"localhost:{port}"

    def run_command(self, *command, **environment):
        """(exit status, what it said)"""
        keep = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        done = subprocess.run([*map(str, command)], cwd=self.folder, env=keep | environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.returncode, done.stdout

    def arrived(self):
        """The properties of the one event, which has all that a destination needs."""
        self.poll(lambda: self.running.status()["accepted"] >= 1, "no event has arrived")
        self.running.wait_until_delivered()
        [event] = self.lake_records()
        self.assertEqual((event["event"], event["properties"]["token"]), ("Sign up", "token-of-page"))
        self.assertTrue(event["properties"]["$insert_id"])
        self.assertTrue(event["properties"]["time"])
        return event["properties"]


@unittest.skipUnless(sdk.BROWSER.is_file() and sdk.chromium.PROGRAM, "mixpanel-browser or Chromium is not installed")
class JavaScriptPageTest(SdkPageTest):
    PAGE = page_of("javascript")
    QUEUED = ("Object.keys(localStorage).filter((key) => /^__mpq_.*_ev$/.test(key))"
              ".reduce((sum, key) => sum + JSON.parse(localStorage[key]).length, 0)")

    def serve(self, files):
        """What is at these paths, files of the library by name; more may be added."""
        files = {path: ("text/javascript", (LIBRARY / name).read_bytes()) for path, name in files.items()}
        server = PageServer(files.get)
        self.addCleanup(server.stop)
        return server, files

    def open(self, server, files, html, url):
        """Opens `html` with this address of a proxy in it."""
        files["/"] = ("text/html", replaced(html, (ADDRESS, url), TOKEN).encode())
        page = sdk.chromium.Page(server.url + "/")
        self.addCleanup(page.close)
        return page

    def start_as_page_does(self, server):
        [_, _, *arguments] = shlex.split(block_with(self.PAGE, "millrace proxy"))
        self.start_proxy(*arguments, library_url=f"{server.url}/libs")

    def open_bundle(self, server, files, url):
        [code] = blocks(self.PAGE, "js")
        html = ('<!doctype html><script type="importmap">{"imports": {"mixpanel-browser": "/module.js"}}</script>'
                f'<script type="module">{code}</script>')
        return self.open(server, files, html, url)

    def test_snippet(self):
        server, files = self.serve({"/libs/mixpanel-2-latest.min.js": "mixpanel.min.js"})
        self.start_as_page_does(server)
        snippet = (LIBRARY / "mixpanel-jslib-snippet.min.js").read_text()
        html = replaced(block_with(self.PAGE, "MIXPANEL_CUSTOM_LIB_URL", "html"), ("/* Mixpanel's snippet */", snippet))
        page = self.open(server, files, "<!doctype html>" + html, self.running.url)
        loaded = page.wait_for("[...document.scripts].map((script) => script.src).find((url) => url)")
        self.assertEqual(loaded, f"{self.running.url}/_mp/libs/mixpanel-2-latest.min.js")
        self.assertEqual(self.arrived()["mp_lib"], "web")

    def test_bundle(self):
        server, files = self.serve({"/module.js": "mixpanel.module.js"})
        self.start_as_page_does(server)
        self.open_bundle(server, files, self.running.url)
        self.assertEqual(self.arrived()["mp_lib"], "web")

    def test_keeps_after_503(self):
        unavailable = Unavailable()
        self.addCleanup(unavailable.stop)
        page = self.open_bundle(*self.serve({"/module.js": "mixpanel.module.js"}), f"http://127.0.0.1:{unavailable.port}")
        self.poll(lambda: unavailable.requests >= 2, "the event is not sent again")
        self.assertEqual(page.evaluate(self.QUEUED), 1)

    def test_drops_without_a_connection(self):
        page = self.open_bundle(*self.serve({"/module.js": "mixpanel.module.js"}), f"http://127.0.0.1:{free_port()}")
        self.poll(lambda: page.evaluate(self.QUEUED) is not None and "ERR_CONNECTION_REFUSED" in json.dumps(page.logged),
                  "nothing was sent")
        self.assertTrue(page.wait_for(f"{self.QUEUED} === 0"))


class ServerPageTest(SdkPageTest):
    """Subclasses have run_page(), which runs the page's code against self.host; (exit status, what it said)."""

    def check_arrives(self):
        self.start_https_proxy()
        self.assertEqual(self.run_page(), (0, ""))
        properties = self.arrived()
        self.assertEqual(properties["distinct_id"], "user-1")
        return properties

    def check_is_told(self, *words, requests=1):
        """After 503, and without a connection, the application learns of it."""
        self.start_unavailable()
        _, said = self.run_page()
        self.assertTrue(any(word in said for word in words), said)
        self.assertEqual(self.unavailable.requests, requests)
        self.use_port(free_port())
        _, said = self.run_page()
        self.assertTrue(any(word in said for word in words), said)


@unittest.skipUnless(sdk.NODE.is_dir() and shutil.which("node"), "mixpanel for node is not installed")
class NodePageTest(ServerPageTest):
    def run_page(self):
        [code] = blocks(page_of("node"), "js")
        script = self.write("page.js", replaced(code, ('"proxy.example.com"', f'"localhost", port: {self.port}'), TOKEN))
        return self.run_command("node", script, NODE_PATH=str(sdk.NODE), NODE_EXTRA_CA_CERTS=str(self.certificate))

    def test_arrives(self):
        self.check_arrives()

    def test_is_told(self):
        self.check_is_told("not accepted, send it again:")


@unittest.skipUnless(sdk.PYTHON.is_dir(), "the Python clients are not installed")
class PythonPageTest(ServerPageTest):
    def run_page(self, *changes):
        [code] = blocks(page_of("python"), "python")
        script = self.write("page.py", replaced(code, ("proxy.example.com", self.host), TOKEN, *changes))
        return self.run_command(sys.executable, script, PYTHONPATH=str(sdk.PYTHON), REQUESTS_CA_BUNDLE=str(self.certificate))

    def test_arrives(self):
        self.check_arrives()

    def test_tries_again_and_raises(self):
        self.check_is_told("MixpanelException", requests=5)

    def test_http_has_no_retries(self):
        self.make_certificate()
        unavailable = Unavailable()
        self.addCleanup(unavailable.stop)
        self.use_port(unavailable.port)
        _, said = self.run_page((f'api_host="{self.host}"', f'events_url="http://{self.host}/track"'))
        self.assertIn("MixpanelException", said)
        self.assertEqual(unavailable.requests, 1)


@unittest.skipUnless(sdk.GO.is_dir() and shutil.which("go"), "mixpanel-go is not installed")
class GoPageTest(ServerPageTest):
    def run_page(self):
        [code] = blocks(page_of("go"), "go")
        for name in ("go.mod", "go.sum"):
            shutil.copy(HERE / "clients/go" / name, self.folder)
        self.write("main.go", 'package main\n\nimport (\n"context"\n"net/http"\n"time"\n\n"github.com/mixpanel/mixpanel-go"\n)\n\n'
                   "func main() {\nctx := context.Background()\n" + replaced(code, (ADDRESS, f"https://{self.host}"), TOKEN) +
                   "\nif err != nil {\npanic(err)\n}\n}\n")
        built = self.run_command("go", "build", "-o", "page", ".", GOMODCACHE=str(sdk.GO), GOPROXY="off", GOFLAGS="-modcacherw",
                                 CGO_ENABLED="0")
        self.assertEqual(built, (0, ""))
        return self.run_command(self.folder / "page", SSL_CERT_FILE=str(self.certificate))

    def test_arrives(self):
        self.assertEqual(self.check_arrives()["$insert_id"], "signup-user-1")

    def test_is_told(self):
        self.check_is_told("panic: ")


@unittest.skipUnless(sdk.JAVA.is_dir() and shutil.which("java") and shutil.which("keytool"), "mixpanel-java is not installed")
class JavaPageTest(ServerPageTest):
    def run_page(self):
        [code] = blocks(page_of("java"), "java")
        code = replaced(code, (ADDRESS, f"https://{self.host}"), TOKEN)
        imports = "".join(re.findall(r"^import .*\n", code, re.MULTILINE))
        self.write("Page.java", imports + "public class Page {\npublic static void main(String[] arguments) throws Exception {\n" +
                   code.removeprefix(imports) + "}\n}\n")
        store = self.folder / "trusted"
        if not store.exists():
            subprocess.run(["keytool", "-importcert", "-noprompt", "-file", self.certificate, "-keystore", store, "-storepass",
                            "changeit", "-alias", "proxy"], check=True, capture_output=True, timeout=120)
        return self.run_command("java", "-XX:TieredStopAtLevel=1", f"-Djavax.net.ssl.trustStore={store}",
                                "-Djavax.net.ssl.trustStorePassword=changeit", "-cp", sdk.JAVA / "*", "Page.java")

    def test_arrives(self):
        self.check_arrives()

    def test_is_told(self):
        self.check_is_told("IOException: Server returned HTTP response code: 503", "ConnectException")


if __name__ == "__main__":
    main()
