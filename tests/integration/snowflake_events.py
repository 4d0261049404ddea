"""Shared by tests of Snowflake: the stand-in for an account, generated events, and what its tables have."""
import time

import duck
import snowflake_packages
from generated_events import TABLE_ROW
from warehouse_events import PATIENCE, WarehouseEventsTest

UNAVAILABLE = "" if snowflake_packages.available() else "fakesnow is not installed"
USER = "LOADER_USER"
TABLES = '"ANALYTICS"."RAW"'


class SnowflakeEventsTest(WarehouseEventsTest):
    """With an account of its own, in which a user with a key pair has the role LOADER."""

    options = "method=sql"

    def setUp(self):
        super().setUp()
        self.front = self.new_front()
        self.addCleanup(self.front.close)
        self.key = self.write("key.p8", self.front.tokens.add_key(USER))
        self.to = self.front.destination(self.options)

    def new_front(self):
        import snowflake_front
        return snowflake_front.Front()

    def environment(self):
        keep = {name: value for name, value in super().environment().items() if not name.startswith("SNOWFLAKE_")}
        return keep | {"SNOWFLAKE_USER": USER.lower(), "SNOWFLAKE_PRIVATE_KEY_FILE": str(self.key)}

    def destinations(self, verb, *more, expect=0, **options):
        """What `millrace destinations VERB` prints."""
        code, out, err = self.run_program("destinations", verb, self.to, *more, **options)
        self.assertEqual(code, expect, out + err)
        return out + err

    def query(self, sql):
        """Rows, by Snowflake's connector for Python."""
        return self.front.database.query(sql)

    def count(self, table="EVENTS"):
        return self.query(f'SELECT COUNT(*) FROM {TABLES}."{table}"')[0][0]

    def tables(self):
        return sorted(row[1] for row in self.query(f"SHOW TABLES IN SCHEMA {TABLES}"))

    def delivered(self):
        """Source rows that the cursor knows."""
        return int(self.query(f'SELECT COALESCE(SUM(END_ROW - FIRST_ROW), 0) FROM {TABLES}."MILLRACE_DELIVERED"')[0][0])

    def wait_for_rows(self, count, *processes):
        """Until about so many rows are in the table; one of the processes must be running until then."""
        deadline = time.monotonic() + PATIENCE
        while self.delivered() < count:
            self.assertTrue(any(process.poll() is None for process in processes), "the import ended too early")
            self.assertLess(time.monotonic(), deadline, "the rows do not come")

    def assert_rows(self, *folders, table="EVENTS"):
        """The table has each event of the folders once, and nothing else, as Snowflake's connector reads it."""
        expected = self.expected_rows(*folders)
        rows = self.query(f'SELECT EVENT, EVENT_TIME, DISTINCT_ID, USER_ID, DEVICE_ID, INSERT_ID, PROPERTIES::VARCHAR '
                          f'FROM {TABLES}."{table}"')
        names = ["event", "event_time", "distinct_id", "user_id", "device_id", "insert_id", "properties"]
        expected.register("connector_rows", duck.pyarrow.table(dict(zip(names, map(list, zip(*rows))))))
        actual = "(SELECT * REPLACE (event_time AT TIME ZONE 'UTC' AS event_time) FROM connector_rows)"
        self.assert_same_rows(expected, f"SELECT {TABLE_ROW} FROM {actual}", "Snowflake's connector")
        self.assertEqual(self.front.problems, [])


