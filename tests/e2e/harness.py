"""Shared by end-to-end tests: the millrace program, a sandbox, a state folder, an oracle.

Run a test file by itself with: python3 tests/e2e/test_NAME.py [-v]. The program is build/release/millrace
unless MILLRACE_BIN names another. Everything listens on a free loopback port and is stopped by its own
process id.
"""
import collections
import datetime
import gzip
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
DATA = pathlib.Path(os.environ.get("MILLRACE_TEST_DATA", ROOT.parent / "shared/data"))
SANITIZED = bool(os.environ.get("MILLRACE_SANITIZE"))  # such a program takes several times the memory
SKIPPED = 77  # exit status of a test file in which everything was skipped

# Retry delays short enough for tests.
FAST_RETRY = ["--retry-initial", "5ms", "--retry-max", "20ms"]


class Sandbox:
    """A running `millrace sandbox`."""

    def __init__(self, *args):
        self.process = subprocess.Popen([PROGRAM, "sandbox", "--listen", "127.0.0.1:0", "--json", *args],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox ended with {self.process.wait()}")
        said = json.loads(line)
        self.url, self.tls_ca = said["url"], said.get("tls_ca")
        self.trust = ssl.create_default_context(cafile=self.tls_ca) if self.tls_ca else None

    def request(self, method, path, body=None, headers=None):
        data = body.encode() if isinstance(body, str) else body
        call = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        with urllib.request.urlopen(call, timeout=60, context=self.trust) as answer:
            return answer.read()

    def stats(self):
        return json.loads(self.request("GET", "/sandbox/stats"))

    def set_faults(self, *specs):
        if specs:
            self.request("PUT", "/sandbox/faults", json.dumps(specs), {"Content-Type": "application/json"})
        else:
            self.request("DELETE", "/sandbox/faults")

    def reset(self):
        self.request("POST", "/sandbox/reset")

    def export(self, first="1971-01-01"):
        """Every stored event, as Mixpanel's raw export returns them (times in milliseconds)."""
        last = datetime.datetime.now(datetime.timezone.utc).date().isoformat()  # later days are rejected
        query = urllib.parse.urlencode({"from_date": first, "to_date": last, "time_in_ms": "true"})
        body = self.request("GET", "/api/2.0/export?" + query, headers={"Authorization": "Basic OnQ6"})
        return [json.loads(line) for line in body.decode().split("\n") if line]

    def profiles(self):
        found, page, session = [], 0, None
        while True:
            query = {"page": page} if session is None else {"page": page, "session_id": session}
            answer = json.loads(self.request("POST", "/api/query/engage?" + urllib.parse.urlencode(query), b"",
                                             {"Authorization": "Basic OnQ6"}))
            found += answer["results"]
            if len(answer["results"]) < answer["page_size"]:
                return found
            page, session = page + 1, answer["session_id"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def key_of(event):
    """The four fields by which Mixpanel deduplicates."""
    properties = event["properties"]
    return (event["event"], str(properties.get("distinct_id", "")), properties["time"],
            properties["$insert_id"])


class MillraceTest(unittest.TestCase):
    """A test with its own folder, which is removed with it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.state = self.folder / "state"

    def sandbox(self, *args):
        sandbox = Sandbox(*args)
        self.addCleanup(sandbox.stop)
        return sandbox

    def environment(self):
        keep = {k: v for k, v in os.environ.items() if not k.upper().startswith(("MIXPANEL", "MILLRACE"))}
        return keep | {"MIXPANEL_TOKEN": "test-token", "MILLRACE_STATE": str(self.state), "NO_COLOR": "1"}

    def start(self, *args, **options):
        return subprocess.Popen([PROGRAM, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=self.environment() | options.pop("env", {}), **options)

    def run_program(self, *args, timeout=300, **options):
        """(exit status, stdout, stderr)"""
        process = self.start(*args, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail(f"{args[0]} did not end within {timeout} s: {err[-2000:]}")
        return process.returncode, out, err

    def kill_after(self, process, seconds):
        """Kills the process (SIGKILL) unless it ends before; True if it was killed."""
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        return process.returncode == -signal.SIGKILL

    def run_json(self, *args, expect=0, **options):
        """The one JSON object that the verb prints with --json."""
        code, out, err = self.run_program(*args, "--json", **options)
        self.assertEqual(code, expect, f"exit status of {args}: {out[-2000:]}\n{err[-3000:]}")
        return json.loads(out)

    def import_json(self, sandbox, *args, expect=0, **options):
        report = self.run_json("import", *args, "--mixpanel-url", sandbox.url, "--events-per-second", "0",
                               "--gigabytes-per-minute", "0", *FAST_RETRY, expect=expect, **options)
        self.assert_adds_up(report)
        return report

    def assert_adds_up(self, report):
        self.assertEqual(report["read"],
                         report["accepted"] + report["rejected"] + report["filtered"] + report["pending"], report)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        return path

    def write_ndjson(self, name, rows):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return self.write(name, gzip.compress(text.encode()) if name.endswith(".gz") else text)

    def write_config(self, *entries, name="sources.json"):
        return self.write(name, json.dumps(list(entries)))

    def generate(self, rows, *args, seed=1):
        folder = self.folder / "sample"
        self.run_json("generate", "events", "--rows", rows, "--seed", seed, "--output", folder, *args)
        return folder

    def dead_letters(self, *args):
        code, out, err = self.run_program("dlq", "show", "--json", "--limit", "0", *args)
        self.assertIn(code, (0, 1), err)
        return json.loads(out)["records"]


def duplicates_of(events):
    """Identities that arrived more than once -> how often."""
    counts = collections.Counter(key_of(event) for event in events)
    return {key: count for key, count in counts.items() if count > 1}


def main():
    """Runs the tests of the calling file; exits with SKIPPED if each of them was skipped."""
    program = unittest.main(module="__main__", exit=False)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.testsRun and len(result.skipped) == result.testsRun else 0)
