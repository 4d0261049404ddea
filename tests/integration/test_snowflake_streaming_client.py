"""The front of Snowpipe Streaming, judged by Snowflake's own client for Python: what that client sends is accepted, and it
understands the answers.

The client runs in a process of its own, because it trusts only the certificates of SSL_CERT_FILE.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import snowflake_packages
from harness import MillraceTest, main

AVAILABLE = snowflake_packages.available()

CLIENT = """
import json, sys
from snowflake.ingest.streaming import StreamingIngestClient, StreamingIngestError
port, properties, script = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
properties |= {"host": "127.0.0.1", "port": str(port), "scheme": "https", "account": "ORG-ACCT", "role": "LOADER",
               "mgmt_http_timeout_seconds": "10", "data_http_timeout_seconds": "10"}

def client(pipe="EVENTS-STREAMING"):
    return StreamingIngestClient("judge", "DB", "S", pipe, properties=properties)

def rows(first, end):
    return [{"ID": n, "NAME": f"row {n}", "DATA": {"n": n}} for n in range(first, end)]

exec(script)
"""


@unittest.skipUnless(AVAILABLE, "fakesnow and Snowflake's clients are not installed (tools/setup.sh --tests)")
class OfficialClientTest(MillraceTest):
    def setUp(self):
        super().setUp()
        import snowflake_streaming_front
        self.certificate = self.make_certificate()
        self.front = snowflake_streaming_front.StreamingFront(tls=(self.certificate, self.certificate.with_suffix(".key")))
        self.addCleanup(self.front.close)
        for sql in ("CREATE DATABASE DB", "CREATE SCHEMA DB.S",
                    "CREATE TABLE DB.S.EVENTS (ID NUMBER(38, 0) NOT NULL, NAME VARCHAR, DATA VARIANT)"):
            self.front.database.query(sql)
        self.key = self.front.tokens.add_key("ME")

    def make_certificate(self):
        path = self.folder / "front.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=front",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
                        "-keyout", str(path.with_suffix(".key")), "-out", str(path)], check=True, capture_output=True)
        return path

    def client(self, script, properties=None):
        """What the script prints, as JSON."""
        properties = properties or {"user": "ME", "private_key": self.key}
        environment = {**os.environ, "SSL_CERT_FILE": str(self.certificate), "SS_LOG_LEVEL": "error",
                       "PYTHONPATH": os.pathsep.join(str(folder) for folder in snowflake_packages.FOLDERS)}
        done = subprocess.run([sys.executable, "-c", CLIENT, self.front.url.rsplit(":", 1)[1], json.dumps(properties), script],
                              env=environment, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def stored(self):
        return self.front.database.query("SELECT ID, NAME, DATA:n::int FROM DB.S.EVENTS ORDER BY ID")

    def test_appends_are_stored_and_named_by_the_token(self):
        printed = self.client("""
with client() as c:
    channel, status = c.open_channel("one")
    first = status.latest_committed_offset_token
    channel.append_rows(rows(0, 500), "0", "499")
    channel.append_rows(rows(500, 1000), "500", "999")
    channel.wait_for_commit(lambda token: token == "999", 20)
    then = channel.get_channel_status()
print(json.dumps([first, then.latest_committed_offset_token, then.status_code, then.rows_inserted_count, then.rows_error_count]))
""")
        self.assertEqual(printed, [None, "999", "SUCCESS", 1000, 0])
        self.assertEqual(self.stored(), [(n, f"row {n}", n) for n in range(1000)])
        self.assertEqual(self.front.problems, [])

    def test_a_channel_that_is_opened_again_tells_its_token_and_ends_the_earlier_client(self):
        printed = self.client("""
with client() as early, client() as late:
    old, _ = early.open_channel("one")
    old.append_rows(rows(0, 3), "0", "2")
    old.wait_for_commit(lambda token: token == "2", 20)
    new, status = late.open_channel("one")
    new.append_row(rows(3, 4)[0], "3")
    new.wait_for_commit(lambda token: token == "3", 20)
    outcome = "appended"
    try:
        old.append_row(rows(9, 10)[0], "9")
        old.wait_for_flush(20)
        old.append_row(rows(9, 10)[0], "9")
    except StreamingIngestError as error:
        outcome = error.error_code.value
print(json.dumps([status.latest_committed_offset_token, outcome]))
""")
        self.assertEqual(printed, ["2", "InvalidChannelError"])
        self.assertEqual([row[0] for row in self.stored()], [0, 1, 2, 3])

    def test_a_token_is_set_by_an_open_and_goes_with_the_channel(self):
        printed = self.client("""
with client() as c:
    channel, status = c.open_channel("one", "0-4000,6000-8000")
    given = status.latest_committed_offset_token
    channel.close()
    c.drop_channel("one")
    again, status = c.open_channel("one")
print(json.dumps([given, status.latest_committed_offset_token]))
""")
        self.assertEqual(printed, ["0-4000,6000-8000", None])

    def test_rows_that_cannot_be_stored_are_counted(self):
        printed = self.client("""
with client() as c:
    channel, _ = c.open_channel("one")
    channel.append_rows([{"ID": 1}, {"NAME": "no id"}, {"ID": 3}], "1", "3")
    channel.wait_for_commit(lambda token: token == "3", 20)
    status = channel.get_channel_status()
print(json.dumps([status.rows_inserted_count, status.rows_error_count, status.last_error_offset_token_upper_bound,
                  bool(status.last_error_message)]))
""")
        self.assertEqual(printed, [2, 1, "3", True])

    def test_elastic_appends_are_stored(self):
        printed = self.client("""
with StreamingIngestClient.from_table("judge", "DB", "S", "EVENTS", properties=properties) as c:
    c.get_elastic_channel().append_rows_with_wait(rows(0, 10), "t").result(20)
print(json.dumps("done"))
""")
        self.assertEqual(printed, "done")
        self.assertEqual(len(self.stored()), 10)
        self.assertEqual(self.front.problems, [])

    def test_a_missing_table_and_a_wrong_key_are_refused(self):
        script = """
try:
    with client(PIPE) as c:
        c.open_channel("one")
    outcome = ["opened"]
except StreamingIngestError as error:
    outcome = [error.error_code.value, error.http_status_code]
print(json.dumps(outcome))
"""
        self.assertEqual(self.client(script.replace("PIPE", "'NOPE-STREAMING'")), ["SfApiUserError", 400])
        del self.front.tokens.keys["ME"]
        self.assertEqual(self.client(script.replace("PIPE", "'EVENTS-STREAMING'"))[1], 401)

    def test_a_programmatic_access_token_signs_in(self):
        self.front.tokens.access_tokens["pat-secret"] = ("ME", 4_000_000_000)
        printed = self.client("""
with client() as c:
    channel, _ = c.open_channel("one")
    channel.append_rows(rows(0, 3), "0", "2")
    channel.wait_for_commit(lambda token: token == "2", 20)
print(json.dumps("done"))
""", {"user": "ME", "authorization_type": "PAT", "personal_access_token": "pat-secret"})
        self.assertEqual(printed, "done")
        self.assertEqual(len(self.stored()), 3)

    def test_too_many_channels_in_a_request_are_more_than_the_client_sends(self):
        printed = self.client("""
with client() as c:
    outcomes = []
    for count in (1000, 1001):
        try:
            outcomes.append(len(c.get_channel_statuses([f"c{n}" for n in range(count)])))
        except StreamingIngestError as error:
            outcomes.append(error.error_code.value)
print(json.dumps(outcomes))
""")
        self.assertEqual(printed[1], "InvalidRequest")
        self.assertEqual(self.front.problems, [])


if __name__ == "__main__":
    main()
