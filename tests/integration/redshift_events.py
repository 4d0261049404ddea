"""Shared by tests of imports into Redshift: the front of the Data API, and an oracle that compares the rows behind it."""
import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import duck
import postgres_server
import redshift_front
from generated_events import GeneratedEventsTest
from postgres_events import PostgresEventsTest

UNAVAILABLE = "" if redshift_front.AVAILABLE and duck.duckdb else "PostgreSQL, psycopg2, boto3 or DuckDB is not installed"


class Database:
    """The database that the front serves, as PostgresEventsTest uses a server."""

    def __init__(self, server, name="dev"):
        self.server, self.name, self.folder = server, name, server.folder

    def query(self, sql):
        return self.server.query(sql, self.name)


class RedshiftEventsTest(PostgresEventsTest):
    """With a server and a front of its own; tables are in the schema public."""
    TO = "redshift://work/dev/public"

    def setUp(self):
        GeneratedEventsTest.setUp(self)
        behind = postgres_server.PostgresServer("max_wal_size=4GB", "timezone=UTC")
        self.addCleanup(behind.stop)
        self.front = redshift_front.RedshiftFront(behind, rates=self.rates(), seed=self.seed)
        self.addCleanup(self.front.stop)
        self.behind = behind
        self.server = Database(behind)
        self.to = self.TO

    def rates(self):
        return None  # those of the service

    def environment(self):
        return super().environment() | self.front.variables()

    def connection(self):
        """A DEST that reaches PostgreSQL itself."""
        return f"redshift://tester@db:5439/dev/public?host={self.behind.folder}&port=5432&sslmode=disable"

    def create(self):
        code, out, err = self.run_program("destinations", "create", self.to)
        self.assertEqual(code, 0, out + err)

    def delivered(self):
        """Source rows that the cursor has."""
        if self.server.query("SELECT to_regclass('millrace_events_delivered') IS NULL") == [["t"]]:
            return 0
        return int(self.server.query("SELECT coalesce(sum(end_row - first_row), 0) FROM millrace_events_delivered")[0][0])

    def wait_for_rows(self, count, *processes):
        self.wait_until(lambda: self.delivered() >= count, *processes)

    def wait_until(self, condition, *processes):
        deadline = time.monotonic() + 300
        while not condition():
            self.assertTrue(any(process.poll() is None for process in processes), "the import ended too early")
            self.assertLess(time.monotonic(), deadline, "it takes too long")
            time.sleep(0.01)

    def problems(self, *args):
        """The first error of an import that stops."""
        report = self.run_json(*args, expect=3)
        return json.dumps(report)
