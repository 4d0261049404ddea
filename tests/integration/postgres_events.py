"""Shared by tests of imports into PostgreSQL: a server, generated events, and an oracle that reads their files
with DuckDB and compares them with the rows of the table in SQL."""
import time

import duck
import postgres_server
from generated_events import PROPERTIES, source_of
from warehouse_events import PATIENCE, WarehouseEventsTest

UNAVAILABLE = "PostgreSQL or DuckDB is not installed" if None in (postgres_server.programs(), duck.duckdb) else ""

COMPARED = "event, event_time, distinct_id, user_id, device_id, insert_id, properties"


class PostgresEventsTest(WarehouseEventsTest):
    """With a server of its own, on which `tester` may do everything."""

    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer("max_wal_size=4GB")
        self.addCleanup(self.server.stop)
        self.to = self.server.uri

    def count(self, table="events"):
        if self.server.query(f"SELECT to_regclass('{table}') IS NULL") == [["t"]]:
            return 0
        return int(self.server.query(f"SELECT count(*) FROM {table}")[0][0])

    def wait_for_rows(self, count, *processes):
        """Until about so many rows are in the table; one of the processes must be running until then."""
        # Much cheaper than to count them.
        progress = "SELECT coalesce(sum(end_row - first_row), 0) FROM millrace_delivered"
        deadline = time.monotonic() + PATIENCE
        while int(self.server.query(progress)[0][0]) < count:
            self.assertTrue(any(process.poll() is None for process in processes), "the import ended too early")
            self.assertLess(time.monotonic(), deadline, "the rows do not come")

    def wait_for_log(self, text, count):
        """Until the server has logged `text` so many times."""
        deadline = time.monotonic() + PATIENCE
        while (self.server.folder / "log").read_text().count(text) < count:
            self.assertLess(time.monotonic(), deadline, f"{text!r} is not logged")
            time.sleep(0.02)

    def slow_down(self, seconds, table="events"):
        """Makes each COPY take so long, so that tests can act in the middle of an import."""
        self.server.query(f"CREATE OR REPLACE FUNCTION wait_a_bit() RETURNS trigger LANGUAGE plpgsql AS "
                          f"$$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$; "
                          f"CREATE OR REPLACE TRIGGER slow BEFORE INSERT ON {table} EXECUTE FUNCTION wait_a_bit()")

    def create(self):
        code, out, err = self.run_program("destinations", "create", self.to + "&views=false")
        self.assertEqual(code, 0, out + err)

    def expect(self, folder):
        """Reads the files of `folder` into the table `expected`."""
        db = duck.connect()
        db.execute(f"CREATE VIEW source AS SELECT * FROM {source_of(folder)}")
        properties = ", ".join(f"{name} := {name}" for name in PROPERTIES)
        path = self.folder / "expected.csv"
        db.execute(f"""COPY (SELECT event_name, business_ts::TIMESTAMPTZ, user_id::VARCHAR, device_id::VARCHAR,
                                    insert_id::VARCHAR, to_json(struct_pack({properties})) FROM source)
                       TO '{path}' (FORMAT csv, HEADER false)""")
        self.server.query("DROP TABLE IF EXISTS expected, arriving; "
                          "CREATE UNLOGGED TABLE arriving (event text, event_time timestamptz, user_id text, "
                          "device_id text, insert_id text, properties jsonb)")
        self.server.query(f"\\copy arriving FROM '{path}' csv")
        # Times are kept in milliseconds; a property that is null is none.
        self.server.query("CREATE UNLOGGED TABLE expected AS SELECT event, date_trunc('milliseconds', event_time) AS "
                          "event_time, user_id AS distinct_id, user_id, device_id, insert_id, "
                          "jsonb_strip_nulls(properties) AS properties FROM arriving; DROP TABLE arriving")
        path.unlink()

    def assert_rows(self, folder, times=1, where="true", table="events"):
        """`table` has each event of `folder` for which `where` holds, `times` times, and nothing else."""
        self.expect(folder)
        self.assert_same_rows(where, times, table)

    def assert_same_rows(self, where="true", times=1, table="events"):
        """The same, of what was given to expect() last."""
        expected = f"SELECT {COMPARED} FROM expected, generate_series(1, {times}) WHERE {where}"
        actual = f"SELECT {COMPARED} FROM {table}"
        # Of two multisets of one size, neither has more than the other if one has not.
        [[wanted, found, invented]] = self.server.query(
            f"SET work_mem = '256MB'; SELECT (SELECT count(*) FROM ({expected}) e), (SELECT count(*) FROM {table}), "
            f"(SELECT count(*) FROM ({actual} EXCEPT ALL {expected}) i)")[-1:]
        self.assertGreater(int(wanted), 0)
        if (found, invented) != (wanted, "0"):
            lost = self.server.query(f"{expected} EXCEPT ALL {actual} LIMIT 3")
            more = self.server.query(f"{actual} EXCEPT ALL {expected} LIMIT 3")
            self.fail(f"{wanted} rows expected, {found} found, {invented} of them wrong, such as {more}; lost: {lost}")
