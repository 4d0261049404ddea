"""millrace export into BigQuery, Snowflake and Redshift, killed (SIGKILL) at random moments while events arrive late and twice,
queries fail, and the warehouse refuses calls and loses answers: each event of the sandbox is there once.

Skipped and counted where bqemulator, fakesnow, boto3 or PostgreSQL is not installed (tools/setup.sh --tests).
"""
import collections
import datetime
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import cloud_servers
import duck
import postgres_server
import redshift_front
import snowflake_packages
from bigquery_server import PROJECT, BigqueryServer
from export_kills import ExportKillTest
from harness import SANITIZED, main
from test_proxy_snowflake_kill import STREAMING_FAULTS
from test_redshift_kill import FAULTS as REDSHIFT_FAULTS
from test_snowflake_kill import FAULTS as SNOWFLAKE_FAULTS

NO_BIGQUERY = "" if bigquery_server.available() and duck.duckdb else "bqemulator or DuckDB is not installed"
NO_SNOWFLAKE = "" if snowflake_packages.available() else "fakesnow is not installed"
NO_REDSHIFT = "" if redshift_front.AVAILABLE else "PostgreSQL, psycopg2 or boto3 is not installed"
KILLS = 3 if SANITIZED else 10
LONGEST = 2  # seconds until a kill


class UtcTest(ExportKillTest):
    def setUp(self):
        super().setUp()
        self.variables = {}

    def environment(self):
        keep = {name: value for name, value in super().environment().items() if not name.startswith("SNOWFLAKE_")}
        return keep | self.variables

    def bigquery(self):
        server = BigqueryServer()
        self.addCleanup(server.stop)
        self.variables |= server.environment()
        return server

    def kill_often_bigquery(self, server, to, faults):
        """`faults`: (method, how, every which call)."""
        for method, how, every in faults:
            server.fault(method, how, count=10**9, skip=every, every=every)

        def found():
            path = self.folder / "arrived.parquet"
            server.save("d", "events", path)
            rows = duck.connect().execute(f"SELECT event, distinct_id, epoch_ms(event_time), insert_id FROM read_parquet('{path}')")
            return collections.Counter(rows.fetchall())

        self.kill_often(to, found, KILLS, LONGEST, lambda: server.ask(clear_faults=True))
        self.assertEqual(server.violations(), {})

    @unittest.skipIf(NO_BIGQUERY, NO_BIGQUERY)
    def test_bigquery_pending_streams(self):
        self.kill_often_bigquery(self.bigquery(), f"bigquery://{PROJECT}/d",
                                 [("any", "unavailable", 7), ("any", "lost", 5), ("any", "internal", 31)])

    @unittest.skipIf(NO_BIGQUERY, NO_BIGQUERY)
    def test_bigquery_load_jobs(self):
        server = self.bigquery()
        gcs = cloud_servers.FakeGcs()
        self.addCleanup(gcs.stop)
        server.read_bucket_of(gcs)
        self.variables |= gcs.variables()
        faults = [(method, how, every) for method in ("jobs.insert", "jobs.get") for how, every in (("unavailable", 7), ("lost", 5))]
        self.kill_often_bigquery(server, f"bigquery://{PROJECT}/d?bucket=gs://test-bucket/s/", faults)
        self.assertEqual(gcs.keys(""), [], "staged objects are left")

    def kill_often_snowflake(self, front, method, faults):
        self.addCleanup(front.close)
        key = self.write("key.p8", front.tokens.add_key("LOADER_USER"))
        self.variables = {"SNOWFLAKE_USER": "LOADER_USER", "SNOWFLAKE_PRIVATE_KEY_FILE": str(key)}
        front.faults.rates = dict(faults)

        def found():
            rows = front.database.query('SELECT EVENT, DISTINCT_ID, EVENT_TIME, INSERT_ID FROM "ANALYTICS"."RAW"."EVENTS"')
            return collections.Counter((event, user, round(time.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000), number)
                                       for event, user, time, number in rows)

        self.kill_often(front.destination(f"method={method}"), found, KILLS, LONGEST, front.faults.clear)
        self.assertEqual(front.problems, [])

    @unittest.skipIf(NO_SNOWFLAKE, NO_SNOWFLAKE)
    def test_snowflake_sql(self):
        import snowflake_front
        self.kill_often_snowflake(snowflake_front.Front(), "sql", SNOWFLAKE_FAULTS)

    @unittest.skipIf(NO_SNOWFLAKE, NO_SNOWFLAKE)
    def test_snowflake_streaming(self):
        import snowflake_streaming_front
        self.kill_often_snowflake(snowflake_streaming_front.StreamingFront(), "streaming", STREAMING_FAULTS)

    @unittest.skipIf(NO_REDSHIFT, NO_REDSHIFT)
    def test_redshift_data_api(self):
        server = postgres_server.PostgresServer("timezone=UTC")
        self.addCleanup(server.stop)
        front = redshift_front.RedshiftFront(server, rates={}, seed=self.seed)
        self.addCleanup(front.stop)
        self.variables = front.variables()
        front.random_faults = REDSHIFT_FAULTS

        def calm():
            front.random_faults = {}

        def found():
            rows = server.query("SELECT event, distinct_id, round(extract(epoch FROM event_time) * 1000)::bigint, insert_id "
                                "FROM events", "dev")
            return collections.Counter((row[0], row[1], int(row[2]), row[3]) for row in rows)

        self.kill_often("redshift://work/dev/public", found, KILLS, LONGEST, calm)


class LocalTimeTest(UtcTest):
    zone = "Asia/Kolkata"


if __name__ == "__main__":
    main()
