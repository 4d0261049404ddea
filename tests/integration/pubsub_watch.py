"""`millrace watch` on notifications of fake-gcs-server through pstest, into a sandbox."""
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.parse
import urllib.request

from harness import FAST_RETRY, PROGRAM, Sandbox
from pubsub_server import CACHE, SERVER, PubsubServer

GCS_SERVER = CACHE / "millrace/servers/fake-gcs-server-1.56.1/fake-gcs-server"
BUCKET = "lake"
CONFIG = [{
    "config_id": "orders", "source_gcs_prefix": f"gs://{BUCKET}/", "file_type": "NDJSON",
    "mixpanel_event_name": "Order",
    "field_mappings": [
        {"source_field": "user", "mixpanel_field": "distinct_id", "type": "string"},
        {"source_field": "when", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
        {"source_field": "n", "mixpanel_field": "n", "type": "integer"}]}]


def servers_missing():
    return not (SERVER.exists() and GCS_SERVER.exists())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class GcsServer:
    """fake-gcs-server that notifies `topic`; it cannot be asked which port it took."""

    def __init__(self, pubsub, topic):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        _, project, _, name = topic.split("/")
        self.process = subprocess.Popen(
            [GCS_SERVER, "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
             "-external-url", self.url, "-log-level", "error", "-event.pubsub-project-id", project,
             "-event.pubsub-topic", name, "-event.list", "finalize,delete"],
            env=os.environ | pubsub.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            try:
                self.request("POST", "/storage/v1/b?project=test", json.dumps({"name": BUCKET}).encode())
                return
            except OSError:
                time.sleep(0.02)
        raise TimeoutError("fake-gcs-server did not start")

    def request(self, method, path, body=None):
        call = urllib.request.Request(self.url + path, data=body, method=method,
                                      headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(call, timeout=30) as answer:
            return answer.read()

    def upload(self, name, body):
        """The generation of the new object."""
        query = urllib.parse.urlencode({"uploadType": "media", "name": name})
        return json.loads(self.request("POST", f"/upload/storage/v1/b/{BUCKET}/o?{query}", body))["generation"]

    def delete(self, name):
        self.request("DELETE", f"/storage/v1/b/{BUCKET}/o/{urllib.parse.quote(name, safe='')}")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class WatchWorld:
    """All of it. Rows are numbered, so that each is a different event."""

    def __init__(self, folder, *sandbox_args, exactly_once=False):
        self.folder = pathlib.Path(folder)
        self.running = []
        self.pubsub = self.keep(PubsubServer())
        self.topic, self.subscription = self.pubsub.create("uploads", exactly_once)
        self.gcs = self.keep(GcsServer(self.pubsub, self.topic))
        self.sandbox = self.keep(Sandbox(*sandbox_args))
        self.config = self.folder / "sources.json"
        self.config.write_text(json.dumps(CONFIG))
        self.log = open(self.folder / "watch.log", "a+")
        self.next_row = 0
        self.watch = None

    def keep(self, server):
        self.running.append(server)
        return server

    def environment(self):
        keep = {k: v for k, v in os.environ.items() if not k.upper().startswith(("MIXPANEL", "MILLRACE"))}
        return keep | self.pubsub.environment() | {
            "MIXPANEL_TOKEN": "test-token", "MILLRACE_STATE": str(self.folder / "state"), "NO_COLOR": "1",
            "STORAGE_EMULATOR_HOST": self.gcs.url}

    def command(self, *args):
        return [PROGRAM, "watch", "--subscription", self.subscription, "--config", str(self.config),
                "--mixpanel-url", self.sandbox.url, "--events-per-second", "0", "--gigabytes-per-minute", "0",
                *FAST_RETRY, *map(str, args)]

    def start_watch(self, *args):
        self.watch = subprocess.Popen(self.command(*args), env=self.environment(), stdout=subprocess.PIPE,
                                      stderr=self.log, text=True)

    def end_watch(self, signal_number):
        """Its exit status and its stdout."""
        self.watch.send_signal(signal_number)
        out, _ = self.watch.communicate(timeout=60)
        code, self.watch = self.watch.returncode, None
        return code, out

    def write(self, name, rows):
        """A new object; its generation."""
        lines = [json.dumps({"user": f"u{self.next_row + i}", "n": self.next_row + i, "when": 1699999200})
                 for i in range(rows)]
        self.next_row += rows
        return self.gcs.upload(name, ("\n".join(lines) + "\n").encode())

    def wait_for(self, unique, seconds=60, poll=0.01):
        end = time.monotonic() + seconds
        while self.sandbox.stats()["unique"] < unique:
            if time.monotonic() > end:
                self.log.seek(0)
                raise TimeoutError(f"{self.sandbox.stats()} after {seconds} s; {self.log.read()[-3000:]}")
            time.sleep(poll)

    def stop(self):
        if self.watch is not None:
            self.watch.kill()
            self.watch.communicate()
        for server in reversed(self.running):
            server.stop()
        self.log.close()
