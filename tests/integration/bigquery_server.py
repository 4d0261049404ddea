"""BigQuery for end-to-end tests: bqemulator, as `tools/setup.sh --tests` installs it, behind bigquery_front.py."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import duck

PACKAGES = duck.CACHE / "bqemulator-1.4.0"
FRONT = pathlib.Path(__file__).resolve().with_name("bigquery_front.py")
PROJECT = "test"


class BigqueryServer:
    def __init__(self):
        # Extensions of DuckDB are installed into the home folder.
        self.home = tempfile.TemporaryDirectory(prefix="mr-bq-")
        environment = os.environ | {"PYTHONPATH": str(PACKAGES), "HOME": self.home.name}
        self.process = subprocess.Popen([sys.executable, FRONT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=environment)
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError("bqemulator did not start")
        addresses = json.loads(line)
        self.rest, self.storage = addresses["rest"], addresses["storage"]

    def environment(self):
        return {"BIGQUERY_EMULATOR_HOST": self.rest, "BIGQUERY_STORAGE_EMULATOR_HOST": self.storage}

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def hold(self, method, when, skip=0):
        """The next call of the method but `skip` waits "before" or "after" it is executed."""
        self.ask(hold={"method": method, "when": when, "skip": skip})

    def is_held(self, seconds):
        """Whether a call is held by then."""
        return self.ask(await_held=seconds)["held"]

    def release(self):
        """Lets the call go on, which is executed if it was not."""
        self.ask(release=True)

    def calls(self, method):
        return self.ask(calls=True)["calls"].get(method, 0)

    def request(self, method, path, body=None):
        """The JSON that the REST API answers."""
        request = urllib.request.Request(f"http://{self.rest}/bigquery/v2/projects/{PROJECT}{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None

    def table(self, dataset, table):
        return self.request("GET", f"/datasets/{dataset}/tables/{table}")

    def query(self, sql):
        """The rows, as lists of text or None."""
        answer = self.request("POST", "/queries", {"query": sql, "useLegacySql": False, "maxResults": 1_000_000})
        return [[cell["v"] for cell in row["f"]] for row in answer.get("rows", [])]

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.home.cleanup()
