"""Shared by tests of the proxy with a lake: events, the tests' base class, and a port that can be shut."""
import json
import socket
import socketserver
import threading
import urllib.parse

from proxy_harness import PATIENCE, ProxyTest

EMOJI = "käse 🧀 漢字 👩‍🚀 + & = % \u2028"
ORIGIN = "https://www.example.com"


class Gate:
    """A port that leads to a server while it is open; connections are cut while it is shut."""

    def __init__(self, url=None):
        gate = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with gate.lock:
                    target = gate.target
                    if target is None:
                        return
                    try:
                        server = socket.create_connection(target, PATIENCE)
                    except OSError:
                        return
                    gate.sockets |= {server, self.request}
                there = threading.Thread(target=self.copy, args=(self.request, server), daemon=True)
                there.start()
                self.copy(server, self.request)
                there.join()
                with gate.lock:
                    gate.sockets -= {server, self.request}
                server.close()

            @staticmethod
            def copy(source, target):
                try:
                    while data := source.recv(1 << 16):
                        target.sendall(data)
                except OSError:
                    pass
                for one in (source, target):
                    try:
                        one.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 128

        self.lock = threading.Lock()
        self.sockets = set()
        self.target = None
        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        if url:
            self.open(url)

    def open(self, url):
        parts = urllib.parse.urlsplit(url)
        with self.lock:
            self.target = (parts.hostname, parts.port)

    def shut(self):
        with self.lock:
            self.target = None
            for one in self.sockets:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop(self):
        self.shut()
        self.server.shutdown()
        self.server.server_close()


def event(insert_id, **properties):
    return {"event": "Buy", "properties": {"token": "t", "distinct_id": "u", "time": 1_780_000_000_000, "$insert_id": insert_id,
                                           "text": EMOJI, **properties}}


def form(records, **more):
    return urllib.parse.urlencode({"data": json.dumps(records), **more})


class LakeProxyTest(ProxyTest):
    """With a lake as its destination."""

    def start_with_lake(self, *arguments):
        running = self.proxy("--to", self.to_lake, *arguments)
        return running, self.client(running)

    def delivered(self, running):
        """$insert_id -> properties of the lake's events."""
        running.wait_until_delivered()
        found = {}
        for record in self.lake_records():
            properties = record["properties"]
            self.assertNotIn(properties["$insert_id"], found)
            found[properties["$insert_id"]] = properties
        return found

    def gate(self, *arguments):
        gate = Gate(*arguments)
        self.addCleanup(gate.stop)
        return gate

    def to_mixpanel(self, url):
        return ["--to", "mixpanel", "--mixpanel-url", url, "--events-per-second", "0", "--gigabytes-per-minute", "0"]

    def send(self, client, *insert_ids):
        status, _, content = client.post("/track", [event(insert_id) for insert_id in insert_ids])
        self.assertEqual(status, 200, content)

    def delivered_to(self, lake):
        self.lake, before = lake, self.lake
        try:
            return [record["properties"]["$insert_id"] for record in self.lake_records()]
        finally:
            self.lake = before
