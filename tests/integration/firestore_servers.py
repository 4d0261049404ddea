"""Firestore stand-ins for tests: our own strict one, and Google's emulator where it is installed.

As a program it runs a command with FIRESTORE_EMULATOR_HOST naming Google's emulator, and exits as that does;
with 77 if the emulator is not installed.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from harness import ROOT, SKIPPED

FAKE = os.environ.get("MILLRACE_FIRESTORE_FAKE", str(ROOT / "build/release/tests/firestore_fake"))
EMULATOR = pathlib.Path("/usr/lib/google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")


class FirestoreFake:
    """Our stand-in; `faults` such as "aborted:0.05"."""

    def __init__(self, *faults):
        self.process = subprocess.Popen([FAKE, *faults], stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.host = self.url.removeprefix("http://")

    def call(self, project, method, body):
        root = f"projects/{project}/databases/(default)/documents"
        request = urllib.request.Request(f"{self.url}/v1/{root}:{method}", json.dumps(body).encode(),
                                         {"Authorization": "Bearer owner", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


class FirestoreEmulator:
    """Google's. It takes no port 0, so a port that was free a moment ago is tried, and another if it is not."""

    def __init__(self):
        for _ in range(5):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            self.host = f"127.0.0.1:{port}"
            self.process = subprocess.Popen(
                ["java", "-cp", str(EMULATOR), "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
                 "start", "--host=127.0.0.1", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True)
            if self._answers():
                return
            self.stop()
        raise RuntimeError("the Firestore emulator does not start")

    def _answers(self):
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://{self.host}/", timeout=5):
                    return True
            except OSError:
                time.sleep(0.2)  # until it listens; it does not report that
        return False

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def main():
    if not EMULATOR.exists() or shutil.which("java") is None:
        print("skipped: Google's Firestore emulator is not installed")
        return SKIPPED
    emulator = FirestoreEmulator()
    try:
        return subprocess.run(sys.argv[1:], env=os.environ | {"FIRESTORE_EMULATOR_HOST": emulator.host}).returncode
    finally:
        emulator.stop()


if __name__ == "__main__":
    sys.exit(main())
