"""The commands of the pages for those who come from other exports, run as written against a sandbox, PostgreSQL and BigQuery's
test front; and the views of examples/mixpanel_pipelines.

Skipped and counted where PostgreSQL, bqemulator or fakesnow is not installed (tools/setup.sh --tests).
"""
import datetime
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import cloud_servers
import harness
import postgres_server
import snowflake_packages
from bigquery_server import PROJECT, BigqueryServer
from doc_blocks import block_with
from export_harness import ExportTest

EXAMPLES = harness.ROOT / "examples"
PAGES = ("docs/from-mixpanel-pipelines.md", "docs/from-airflow-jql.md")
DATABASE = "postgres://loader@db.example.com/analytics"
DAYS = "--since 2026-11-01 --time-zone utc"
IDENTITIES = f"identities --id-merge original {DAYS}"
# Snapshots are there twice, so that a view has to choose the last one.
SNAPSHOTS = (f"events {DAYS}", "users", "users", IDENTITIES, IDENTITIES)
NO_SNOWFLAKE = "" if snowflake_packages.available() else "fakesnow is not installed"


def table_of(what, separator):
    """The parameter of a DEST with the table that the views read."""
    return separator + "users=identities" if what is IDENTITIES else ""


class PagesTest(ExportTest):
    def setUp(self):
        super().setUp()
        (self.folder / "examples").symlink_to(EXAMPLES)
        self.zone = []

    def fill(self, *args):
        """A project with 100 events of a day in November, one of which joins two ids, and three users."""
        self.started = self.sandbox("--project-id", "123", *args)
        noon = int(datetime.datetime(2026, 11, 2, 12, tzinfo=datetime.timezone.utc).timestamp() * 1000)
        self.set_clock(self.started, noon + 3_600_000)
        identify = self.event_at(noon)
        identify["event"] = "$identify"
        identify["properties"] |= {"$identified_id": "user-1", "$anon_id": "device-1"}
        self.track(self.started, [identify, *(self.event_at(noon + i * 1000) for i in range(1, 100))])
        users = [{"$token": "test-token", "$distinct_id": f"user-{i}", "$set": {"plan": "pro"}} for i in range(3)]
        self.started.request("POST", "/engage?verbose=1", json.dumps(users), {"Content-Type": "application/json"})
        self.started.request("DELETE", "/sandbox/clock")

    def shell(self, commands, **variables):
        programs = [str(pathlib.Path(harness.PROGRAM).resolve().parent), postgres_server.programs() or ""]
        environment = self.environment() | {"MIXPANEL_URL": self.started.url,
                                            "PATH": os.pathsep.join([*programs, os.environ["PATH"]])} | variables
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=self.folder, env=environment,
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, f"{commands}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    @unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
    def test_from_pipelines(self):
        self.fill()
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        for command in ("millrace export users", "export reconcile"):
            commands = block_with(PAGES[0], command)
            for written, here in ((f"{DATABASE}?", f"{server.uri}&"), (DATABASE, server.uri)):
                commands = commands.replace(written, here)
            shown = self.shell(commands, MIXPANEL_SERVICE_ACCOUNT="user:secret")
        self.assertRegex(shown, r"found +100\n")
        self.assertEqual(server.query("SELECT count(*), count(DISTINCT insert_id), count(DISTINCT event_name), "
                                      "min(time) AT TIME ZONE 'UTC' FROM mp_master_event"),
                         [["100", "100", "4", "2026-11-02 12:00:00"]])
        self.assertEqual(server.query("SELECT distinct_id, properties->>'plan' FROM mp_people_data_view ORDER BY 1"),
                         [[f"user-{i}", "pro"] for i in range(3)])
        self.assertEqual(server.query("SELECT * FROM mp_identity_mappings_data_view"), [["device-1", "user-1"]])

    @unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
    def test_from_airflow(self):
        self.fill("--time-zone", "America/New_York")
        server = BigqueryServer()
        self.addCleanup(server.stop)
        gcs = cloud_servers.FakeGcs()
        self.addCleanup(gcs.stop)
        server.read_bucket_of(gcs)
        commands = block_with(PAGES[1], "millrace export users")
        for written, here in (("my-project/mixpanel", f"{PROJECT}/d"), ("gs://my-bucket", "gs://test-bucket")):
            commands = commands.replace(written, here)
        self.shell(commands, MIXPANEL_SERVICE_ACCOUNT="user:secret", **server.environment(), **gcs.variables())
        self.assertEqual(server.query(f"SELECT count(DISTINCT insert_id), count(mp_processing_time_ms) FROM `{PROJECT}.d.events`"),
                         [["100", "100"]])
        self.assertEqual(server.query(f"SELECT count(*) FROM `{PROJECT}.d.people`"), [["3"]])
        self.assertEqual(gcs.keys(""), [], "staged objects are left")

    @unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
    def test_views_of_bigquery(self):
        self.fill()
        server = BigqueryServer()
        self.addCleanup(server.stop)
        for what in SNAPSHOTS:
            self.shell(f"millrace export {what} --project-id 123 --to 'bigquery://{PROJECT}/d{table_of(what, '?')}'",
                       MIXPANEL_SERVICE_ACCOUNT="user:secret", **server.environment())
        text = (EXAMPLES / "mixpanel_pipelines/bigquery.sql").read_text().replace("project.dataset", f"{PROJECT}.d")
        for statement in text.split(";\n"):
            if "CREATE" in statement:
                server.query(statement)
        self.assertEqual(server.query(f"SELECT count(event_name), count(time) FROM `{PROJECT}.d.mp_master_event`"),
                         [["100", "100"]])
        self.assertEqual(server.query(f"SELECT count(*) FROM `{PROJECT}.d.mp_people_data_view`"), [["3"]])
        self.assertEqual(server.query(f"SELECT * FROM `{PROJECT}.d.mp_identity_mappings_data_view`"), [["device-1", "user-1"]])

    @unittest.skipIf(NO_SNOWFLAKE, NO_SNOWFLAKE)
    def test_views_of_snowflake(self):
        import snowflake_front
        self.fill()
        front = snowflake_front.Front()
        self.addCleanup(front.close)
        key = self.write("key.p8", front.tokens.add_key("LOADER_USER"))
        for what in SNAPSHOTS:
            self.shell(f"millrace export {what} --project-id 123 --to '{front.destination()}{table_of(what, '&')}'",
                       MIXPANEL_SERVICE_ACCOUNT="user:secret", SNOWFLAKE_USER="LOADER_USER",
                       SNOWFLAKE_PRIVATE_KEY_FILE=str(key))
        text = (EXAMPLES / "mixpanel_pipelines/snowflake.sql").read_text()
        tables = '"ANALYTICS"."RAW".'
        for name in ("MP_MASTER_EVENT", "MP_PEOPLE_DATA_VIEW", "MP_IDENTITY_MAPPINGS_DATA_VIEW"):
            text = text.replace(f"VIEW {name}", f"VIEW {tables}{name}")
        for name in ("EVENTS", "USERS", "IDENTITIES"):
            text = text.replace(f"FROM {name}", f"FROM {tables}{name}")
        for statement in text.split(";\n"):
            if "CREATE" in statement:
                front.database.query(statement)
        self.assertEqual(front.database.query(f"SELECT COUNT(EVENT_NAME), COUNT(TIME) FROM {tables}MP_MASTER_EVENT"),
                         [(100, 100)])
        self.assertEqual(front.database.query(f"SELECT COUNT(*) FROM {tables}MP_PEOPLE_DATA_VIEW"), [(3,)])
        self.assertEqual(front.database.query(f"SELECT * FROM {tables}MP_IDENTITY_MAPPINGS_DATA_VIEW"), [("device-1", "user-1")])


if __name__ == "__main__":
    harness.main()
