"""The configurations of docs/reverse-proxies.md, run as written by nginx and Caddy before a proxy.

Only addresses and the places of files are replaced. Clients connect from 127.0.0.2, which is no trusted proxy.
"""
import base64
import gzip
import http.client
import json
import os
import pathlib
import shlex
import socket
import ssl
import subprocess
import sys
import threading
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

from cloud_servers import SERVERS, free_port
from doc_blocks import block_with, replaced
from harness import main
from proxy_harness import PATIENCE, ProxyTest
from test_proxy_sdks import OPENSSL, make_certificate

PAGE = "docs/reverse-proxies.md"
NGINX = SERVERS / "nginx-debian/usr/sbin/nginx"
CADDY = SERVERS / "caddy-debian/usr/bin/caddy"
CLIENT = "127.0.0.2"
ORIGIN = "https://www.example.com"


class ReverseProxyTest(ProxyTest):
    """Subclasses start the server: self.port, and self.context if it speaks TLS."""

    context = None

    def start_proxy(self):
        """As the page does, on a port that stays the same."""
        [_, _, listen, address, *arguments] = shlex.split(block_with(PAGE, "--trusted-proxy 127.0.0.1 "))
        self.assertEqual((listen, address), ("--listen", "127.0.0.1:8080"))
        self.running = self.proxy("--to", self.to_lake, *arguments, listen=f"127.0.0.1:{self.proxy_port}")

    def start_server(self, *command, **environment):
        log = self.folder / "server.log"
        with open(log, "wb") as file:
            process = subprocess.Popen([*map(str, command)], stdout=file, stderr=file, cwd=self.folder,
                                       env=os.environ | environment)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def listens():
            self.assertIsNone(process.poll(), log.read_text(errors="replace"))
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        self.poll(listens, "the server does not listen")

    def ask(self, method, path, body=None, **headers):
        """(status, headers, body)"""
        kind, more = (http.client.HTTPSConnection, {"context": self.context}) if self.context else \
            (http.client.HTTPConnection, {})
        connection = kind("localhost", self.port, timeout=PATIENCE, source_address=(CLIENT, 0), **more)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def track(self, name, path="/track", **headers):
        """Sends one event."""
        event = [{"event": name, "properties": {"token": "t", "distinct_id": "u1"}}]
        status, _, body = self.ask("POST", path, json.dumps(event), Content_Type="application/json", **headers)
        self.assertEqual((status, body), (200, b"1"))

    def addresses(self):
        """Event -> its ip."""
        self.running.wait_until_delivered()
        return {event["event"]: event["properties"].get("ip") for event in self.lake_records()}


class Configured:
    """The tests of every configuration."""

    def test_address_of_the_client(self):
        self.track("plain")
        self.track("forged", X_Forwarded_For="8.8.8.8")
        self.track("forged as trusted", X_Forwarded_For="8.8.8.8, 127.0.0.1")
        self.track("forged otherwise", Forwarded="for=8.8.8.8", X_Real_IP="8.8.8.8", CF_Connecting_IP="8.8.8.8")
        self.track("without ip", path="/track?ip=0")
        self.assertEqual(self.addresses(), {"plain": CLIENT, "forged": CLIENT, "forged as trusted": CLIENT,
                                            "forged otherwise": CLIENT, "without ip": None})

    def test_what_is_passed_on(self):
        event = {"event": "e", "properties": {"token": "t", "distinct_id": "u1", "time": 1796000000}}
        verbose = (200, b'{"error":null,"status":1}')
        status, headers, body = self.ask("POST", "/_mp/api/track/?verbose=1&ip=1", gzip.compress(json.dumps([event]).encode()),
                                         Content_Encoding="gzip", Content_Type="application/json", Origin=ORIGIN)
        self.assertEqual((status, body), verbose)
        self.assertEqual(headers.get_all("Access-Control-Allow-Origin"), [ORIGIN])
        self.assertEqual(headers.get_all("Access-Control-Allow-Credentials"), ["true"])
        status, headers, _ = self.ask("OPTIONS", "/_mp/api/flags/", Origin=ORIGIN, Access_Control_Request_Method="GET",
                                      Access_Control_Request_Headers="authorization")
        self.assertEqual((status, headers.get_all("Access-Control-Allow-Origin")), (204, [ORIGIN]))
        self.assertIn("Authorization", headers["Access-Control-Allow-Headers"])
        # A URL of Node.js, and a batch near the limit of a body.
        data = base64.b64encode(json.dumps(event | {"long": "x" * 40_000}).encode()).decode()
        self.assertEqual(self.ask("GET", "/track?" + urllib.parse.urlencode({"data": data}))[::2], (200, b"1"))
        records = [event | {"n": n, "long": "x" * 900_000} for n in range(10)]
        status, _, body = self.ask("POST", "/track?verbose=1", json.dumps(records), Content_Type="application/json")
        self.assertEqual((status, body), verbose)
        self.assertEqual(self.running.status()["received"], 12)
        # What is too large, the proxy refuses, and a browser may read its answer.
        status, headers, _ = self.ask("POST", "/track", b"data=" + b"x" * 11_000_000, Origin=ORIGIN)
        self.assertEqual((status, headers.get_all("Access-Control-Allow-Origin")), (413, [ORIGIN]))
        self.assertEqual(self.ask("GET", "/healthz")[0], 200)

    def test_proxy_is_not_there(self):
        self.assertEqual(self.running.stop(), 3)
        status, headers, _ = self.ask("POST", "/track", "data=[]", Origin=ORIGIN)
        self.assertEqual(status, 503)
        for name, value in (("Access-Control-Allow-Origin", ORIGIN), ("Access-Control-Allow-Credentials", "true"),
                            ("Retry-After", "10")):
            self.assertEqual(headers.get_all(name), [value])
        self.assertIn("Origin", headers["Vary"])


@unittest.skipUnless(NGINX.is_file(), "nginx is not installed; ./dev test installs it")
class NginxTest(Configured, ReverseProxyTest):
    def setUp(self):
        super().setUp()
        if OPENSSL is None:
            self.skipTest("openssl is not installed")
        self.certificate, self.key = make_certificate(self.folder)
        self.context = ssl.create_default_context(cafile=self.certificate)
        self.proxy_port, self.port = free_port(), free_port()
        self.start_proxy()
        self.configuration = block_with(PAGE, "upstream millrace", "nginx")
        if not self._testMethodName.startswith("test_address_from_"):
            self.start_nginx()

    def start_nginx(self):
        site = replaced(self.configuration, ("127.0.0.1:8080", f"127.0.0.1:{self.proxy_port}"),
                        ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
                        ("/etc/ssl/proxy.example.com.pem", str(self.certificate)),
                        ("/etc/ssl/proxy.example.com.key", str(self.key)))
        folders = "".join(f"{kind}_temp_path {self.folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.write("nginx.conf", f"daemon off;\nmaster_process off;\npid {self.folder}/nginx.pid;\nevents {{}}\n"
                   f"http {{\naccess_log off;\n{folders}{site}}}\n")
        self.start_server(NGINX, "-e", "stderr", "-p", self.folder, "-c", self.folder / "nginx.conf")

    def test_address_from_cloudfront(self):
        line = "proxy_set_header X-Forwarded-For $viewer;"
        self.assertIn(f"`{line}`", (HERE.parents[1] / PAGE).read_text())
        self.configuration = block_with(PAGE, "map $http_cloudfront", "nginx") + replaced(
            self.configuration, ("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", line))
        self.start_nginx()
        self.track("v4", CloudFront_Viewer_Address="198.51.100.10:46532", X_Forwarded_For="8.8.8.8")
        self.track("v6", CloudFront_Viewer_Address="2001:db8::7:46532")
        self.assertEqual(self.addresses(), {"v4": "198.51.100.10", "v6": "2001:db8::7"})


    def test_address_from_cloudflare(self):
        lines = replaced(block_with(PAGE, "real_ip_header", "nginx"), ("198.51.100.0/24", CLIENT))
        self.configuration = replaced(self.configuration, ("    location / {", f"{lines}    location / {{"))
        self.start_nginx()
        self.track("client", CF_Connecting_IP="198.51.100.10", X_Forwarded_For="8.8.8.8, 198.51.100.10")
        self.track("without", X_Forwarded_For="8.8.8.8")
        self.assertEqual(self.addresses(), {"client": "198.51.100.10", "without": CLIENT})


@unittest.skipUnless(CADDY.is_file(), "Caddy is not installed; ./dev test installs it")
class CaddyTest(Configured, ReverseProxyTest):
    def setUp(self):
        super().setUp()
        self.proxy_port, self.port = free_port(), free_port()
        self.start_proxy()
        site = replaced(block_with(PAGE, "reverse_proxy 127.0.0.1:8080", "caddy"),
                        ("proxy.example.com", f"http://localhost:{self.port}"),
                        ("127.0.0.1:8080", f"127.0.0.1:{self.proxy_port}"))
        if subprocess.check_output([CADDY, "version"], text=True).removeprefix("v").startswith("2.6."):
            site = replaced(site, ("request_buffers 10MB", "buffer_requests"))
        if self._testMethodName == "test_proxy_is_not_there":
            site = replaced(site, ("lb_try_duration 10s", "lb_try_duration 1s"))
        self.write("Caddyfile", "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\n" + site)
        self.start_server(CADDY, "run", "--config", self.folder / "Caddyfile", "--adapter", "caddyfile", HOME=str(self.folder),
                          XDG_DATA_HOME=str(self.folder), XDG_CONFIG_HOME=str(self.folder))

    def test_requests_wait_for_a_restart(self):
        self.assertEqual(self.running.stop(), 3)
        sent = threading.Thread(target=self.track, args=("waited",))
        sent.start()
        self.addCleanup(sent.join)
        self.start_proxy()
        self.poll(lambda: self.running.status()["accepted"] == 1, "the request did not wait")
        sent.join()
        self.assertEqual(self.addresses(), {"waited": CLIENT})


class CommandsTest(ProxyTest):
    def shell(self, commands, **environment):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=self.folder, env=os.environ | environment,
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_ranges_of_cloudflare(self):
        """As its lists are: a range a line, without an end of the last one."""
        programs = {"curl": 'case $* in *ips-v4) printf "192.0.2.0/24\\n198.51.100.0/24";; *) printf 2001:db8::/32;; esac',
                    "millrace": 'echo "$@"'}
        for name, script in programs.items():
            self.write(f"bin/{name}", f"#!/bin/sh\n{script}\n").chmod(0o755)
        said = self.shell(block_with(PAGE, "www.cloudflare.com"), PATH=f"{self.folder}/bin:{os.environ['PATH']}").split()
        self.assertEqual([value for flag, value in zip(said, said[1:]) if flag == "--trusted-proxy"],
                         ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"])

    def test_is_the_address_right(self):
        running = self.proxy("--to", self.to_lake)
        command = replaced(block_with(PAGE, "Address"), ("curl ", "curl -sS "), ("https://proxy.example.com", running.url))
        self.assertEqual(self.shell(command), "1")
        running.wait_until_delivered()
        self.assertEqual([event["properties"]["ip"] for event in self.lake_records()], ["127.0.0.1"])


if __name__ == "__main__":
    main()
