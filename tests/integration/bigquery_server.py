"""BigQuery for end-to-end tests: bigquery_front.py with bqemulator, as `tools/setup.sh --tests` installs it."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import duck

PACKAGES = duck.CACHE / "bqemulator-1.4.0"
PYARROW = duck.CACHE / "pyarrow-26.0.1"
FRONT = pathlib.Path(__file__).resolve().with_name("bigquery_front.py")
PROJECT = "test"
# Entries of sources.json.
EVENTS = {"config_id": "clicks", "source_prefix": "/", "file_type": "NDJSON", "mixpanel_event_name": "Click",
          "field_mappings": [
              {"source_field": "user", "mixpanel_field": "distinct_id", "type": "string"},
              {"source_field": "when", "mixpanel_field": "time", "type": "unix_timestamp_auto",
               "is_required_in_source": True},
              {"source_field": "*", "mixpanel_field": "*"}]}
USERS = {"config_id": "users", "source_prefix": "/", "file_type": "NDJSON", "record_type": "user",
         "field_mappings": [{"source_field": "user", "mixpanel_field": "$distinct_id", "type": "string"},
                            {"source_field": "plan", "mixpanel_field": "plan", "type": "string"}]}


def available():
    return PACKAGES.is_dir() and PYARROW.is_dir()


def packages_environment():
    """Of a process that uses the packages."""
    return {"PYTHONPATH": f"{PACKAGES}{os.pathsep}{PYARROW}"}


class BigqueryServer:
    def __init__(self):
        # Extensions of DuckDB are installed into the home folder.
        self.home = tempfile.TemporaryDirectory(prefix="mr-bq-")
        folder = pathlib.Path(self.home.name)
        self.private_key, public_key = folder / "private.pem", folder / "public.pem"
        for command in (["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.private_key],
                        ["pkey", "-in", self.private_key, "-pubout", "-out", public_key]):
            subprocess.run(["openssl", *command], check=True, stderr=subprocess.DEVNULL)
        self.log = open(folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, FRONT, public_key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            text=True, env=os.environ | packages_environment() | {"HOME": self.home.name})
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            log = self.log.read()
            self.stop()
            raise RuntimeError(f"bqemulator did not start: {log[-2000:]}")
        addresses = json.loads(line)
        self.rest, self.storage = addresses["rest"], addresses["storage"]

    def environment(self):
        return {"BIGQUERY_EMULATOR_HOST": self.rest, "BIGQUERY_STORAGE_EMULATOR_HOST": self.storage}

    def key_file(self):
        """Credentials of the service account that the front knows."""
        path = pathlib.Path(self.home.name) / "key.json"
        path.write_text(json.dumps({
            "type": "service_account", "client_email": "writer@test.iam.example", "private_key_id": "1",
            "private_key": self.private_key.read_text(), "token_uri": f"http://{self.rest}/token"}))
        return path

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
        """Lets the call continue, which is executed if it was not."""
        self.ask(release=True)

    def fault(self, method, how, count=1, skip=0, every=1):
        """After `skip` calls of the method, each `every`th call has the fault, until there were `count` of them:
        "unavailable", "lost" (after it was executed), "internal", "quota", "unauthenticated" or "denied"."""
        self.ask(fault={"method": method, "how": how, "count": count, "skip": skip, "every": every})

    def read_bucket_of(self, gcs):
        """Load jobs read the files of this server (cloud_servers.FakeGcs)."""
        self.ask(gcs=gcs.url)

    def calls(self, method):
        return self.ask(calls=True)["calls"].get(method, 0)

    def take_sizes(self):
        """How many rows each append had that was stored since the last call."""
        return self.ask(take_sizes=True)["sizes"]

    def violations(self):
        """Documented rules that clients have broken, and how often."""
        return self.ask(calls=True)["violations"]

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

    def save(self, dataset, table, path):
        """Writes all rows to a Parquet file."""
        self.ask(save=[PROJECT, dataset, table, str(path)])

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.returncode != 0:
            self.log.seek(0)
            print(f"bigquery_front.py ended with {self.process.returncode}: {self.log.read()[-4000:]}", file=sys.stderr)
        self.process.stdout.close()
        self.log.close()
        self.home.cleanup()
