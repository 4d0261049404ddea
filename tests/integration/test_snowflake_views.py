"""The views of profiles that `millrace destinations create` makes in Snowflake, executed by fakesnow."""
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness import main
from profile_views import ProfileViewTests
from snowflake_events import TABLES, UNAVAILABLE, SnowflakeEventsTest

STATEMENT_ROWS = 1000
COLUMNS = ("token", "distinct_id", "operation", "insert_time", "properties")


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class ViewsTest(ProfileViewTests, SnowflakeEventsTest):
    def setUp(self):
        super().setUp()
        self.to = self.front.destination(self.options + "&users=users")

    def create(self, options=""):
        plain, self.to = self.to, f"{self.to}&{options}" if options else self.to
        self.destinations("create")
        self.to = plain

    def insert(self, rows):
        def cell(row, name):
            if name == "properties":
                return f"$${json.dumps(row[name])}$$"
            return "NULL" if row[name] is None else f"'{row[name].removesuffix('Z')}'"
        for begin in range(0, len(rows), STATEMENT_ROWS):
            values = ", ".join(f"({', '.join(cell(row, name) for name in COLUMNS)})"
                               for row in rows[begin:begin + STATEMENT_ROWS])
            self.front.database.run(
                f"INSERT INTO {TABLES}.\"USERS\" ({', '.join(COLUMNS)}) SELECT column1, column2, column3, "
                f"column4::TIMESTAMP_NTZ, PARSE_JSON(column5) FROM VALUES {values}", 0,
                {"database": "ANALYTICS", "schema": "RAW", "warehouse": "WH", "role": "LOADER"})

    def view(self, *columns):
        return self.query(f'SELECT {", ".join(columns)} FROM {TABLES}."USERS_CURRENT"')


if __name__ == "__main__":
    main()
