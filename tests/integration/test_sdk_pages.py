"""The set-up code of the pages in docs/sdks/, run as written with Mixpanel's SDKs: the event arrives at the proxy.

Only the proxy's address and the token are replaced.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import test_sdk_clients as sdk
from doc_blocks import block_with, blocks, replaced
from harness import main
from proxy_harness import ProxyTest
from test_proxy_sdks import OPENSSL, make_certificate

ADDRESS = "https://proxy.example.com"
TOKEN = ("YOUR_TOKEN", "token-of-page")
LIBRARY = sdk.BROWSER.parent


def page_of(name):
    return f"docs/sdks/{name}.md"


class SdkPageTest(ProxyTest):
    def start_proxy(self, *arguments, **options):
        self.running = self.proxy("--to", self.to_lake, *arguments, **options)

    def start_https_proxy(self):
        """Its host and port are what pages call proxy.example.com."""
        if OPENSSL is None:
            self.skipTest("openssl is not installed")
        self.certificate, key = make_certificate(self.folder)
        self.start_proxy("--tls-cert", self.certificate, "--tls-key", key)
        self.port = urllib.parse.urlsplit(self.running.url).port
        self.host = f"localhost:{self.port}"

    def run_code(self, *command, **environment):
        keep = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        done = subprocess.run([*map(str, command)], cwd=self.folder, env=keep | environment, capture_output=True,
                              text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

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

    def open(self, html, files):
        """Starts the proxy as the page does, and opens `html` with the proxy's address in it."""
        files = {path: ("text/javascript", (LIBRARY / name).read_bytes()) for path, name in files.items()}
        server = sdk.PageServer(files)
        self.addCleanup(server.stop)
        [_, _, *arguments] = shlex.split(block_with(self.PAGE, "millrace proxy"))
        self.start_proxy(*arguments, library_url=f"{server.url}/libs")
        files["/"] = ("text/html", replaced(html, (ADDRESS, self.running.url), TOKEN).encode())
        page = sdk.chromium.Page(server.url + "/")
        self.addCleanup(page.close)
        return page

    def test_snippet(self):
        snippet = (LIBRARY / "mixpanel-jslib-snippet.min.js").read_text()
        html = replaced(block_with(self.PAGE, "MIXPANEL_CUSTOM_LIB_URL", "html"), ("/* Mixpanel's snippet */", snippet))
        page = self.open("<!doctype html>" + html, {"/libs/mixpanel-2-latest.min.js": "mixpanel.min.js"})
        loaded = page.wait_for("[...document.scripts].map((script) => script.src).find((url) => url)")
        self.assertEqual(loaded, f"{self.running.url}/_mp/libs/mixpanel-2-latest.min.js")
        self.assertEqual(self.arrived()["mp_lib"], "web")

    def test_bundle(self):
        [code] = blocks(self.PAGE, "js")
        html = ('<!doctype html><script type="importmap">{"imports": {"mixpanel-browser": "/module.js"}}</script>'
                f'<script type="module">{code}</script>')
        self.open(html, {"/module.js": "mixpanel.module.js"})
        self.assertEqual(self.arrived()["mp_lib"], "web")


class ServerPagesTest(SdkPageTest):
    @unittest.skipUnless(sdk.NODE.is_dir() and shutil.which("node"), "mixpanel for node is not installed")
    def test_node(self):
        self.start_https_proxy()
        [code] = blocks(page_of("node"), "js")
        script = self.write("page.js", replaced(code, ('"proxy.example.com"', f'"localhost", port: {self.port}'), TOKEN))
        self.run_code("node", script, NODE_PATH=str(sdk.NODE), NODE_EXTRA_CA_CERTS=str(self.certificate))
        self.assertEqual(self.arrived()["distinct_id"], "user-1")

    @unittest.skipUnless(sdk.PYTHON.is_dir(), "the Python clients are not installed")
    def test_python(self):
        self.start_https_proxy()
        [code] = blocks(page_of("python"), "python")
        script = self.write("page.py", replaced(code, ("proxy.example.com", self.host), TOKEN))
        self.run_code(sys.executable, script, PYTHONPATH=str(sdk.PYTHON), REQUESTS_CA_BUNDLE=str(self.certificate))
        self.assertEqual(self.arrived()["distinct_id"], "user-1")

    @unittest.skipUnless(sdk.GO.is_dir() and shutil.which("go"), "mixpanel-go is not installed")
    def test_go(self):
        self.start_https_proxy()
        [code] = blocks(page_of("go"), "go")
        for name in ("go.mod", "go.sum"):
            shutil.copy(HERE / "clients/go" / name, self.folder)
        self.write("main.go", 'package main\n\nimport (\n"context"\n"net/http"\n"time"\n\n"github.com/mixpanel/mixpanel-go"\n)\n\n'
                   "func main() {\nctx := context.Background()\n" + replaced(code, (ADDRESS, f"https://{self.host}"), TOKEN) +
                   "\nif err != nil {\npanic(err)\n}\n}\n")
        self.run_code("go", "build", "-o", "page", ".", GOMODCACHE=str(sdk.GO), GOPROXY="off", GOFLAGS="-modcacherw",
                      CGO_ENABLED="0")
        self.run_code(self.folder / "page", SSL_CERT_FILE=str(self.certificate))
        properties = self.arrived()
        self.assertEqual((properties["distinct_id"], properties["$insert_id"]), ("user-1", "signup-user-1"))

    @unittest.skipUnless(sdk.JAVA.is_dir() and shutil.which("java") and shutil.which("keytool"),
                         "mixpanel-java is not installed")
    def test_java(self):
        self.start_https_proxy()
        [code] = blocks(page_of("java"), "java")
        code = replaced(code, (ADDRESS, f"https://{self.host}"), TOKEN)
        imports = "".join(re.findall(r"^import .*\n", code, re.MULTILINE))
        self.write("Page.java", imports + "public class Page {\npublic static void main(String[] arguments) throws Exception {\n" +
                   code.removeprefix(imports) + "}\n}\n")
        store = self.folder / "trusted"
        subprocess.run(["keytool", "-importcert", "-noprompt", "-file", self.certificate, "-keystore", store, "-storepass",
                        "changeit", "-alias", "proxy"], check=True, capture_output=True, timeout=120)
        self.run_code("java", "-XX:TieredStopAtLevel=1", f"-Djavax.net.ssl.trustStore={store}",
                      "-Djavax.net.ssl.trustStorePassword=changeit", "-cp", sdk.JAVA / "*", "Page.java")
        self.assertEqual(self.arrived()["distinct_id"], "user-1")


if __name__ == "__main__":
    main()
