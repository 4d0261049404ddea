"""The views of profiles that `millrace destinations create` makes in BigQuery, executed by bqemulator."""
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import bigquery_server
from bigquery_server import PROJECT, BigqueryServer
from harness import MillraceTest, main
from profile_views import ProfileViewTests

REQUEST_ROWS = 2000


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class ViewsTest(ProfileViewTests, MillraceTest):
    COLUMN = "a_b"  # no others are names of columns

    def setUp(self):
        super().setUp()
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)
        self.to = f"bigquery://{PROJECT}/analytics?users=users"

    def environment(self):
        return super().environment() | self.server.environment()

    def create(self, options=""):
        code, out, err = self.run_program("destinations", "create", f"{self.to}&{options}" if options else self.to)
        self.assertEqual(code, 0, out + err)

    def insert(self, rows):
        for begin in range(0, len(rows), REQUEST_ROWS):
            part = [{"json": one | {"properties": json.dumps(one["properties"])}} for one in rows[begin:begin + REQUEST_ROWS]]
            answer = self.server.request("POST", "/datasets/analytics/tables/users/insertAll", {"rows": part})
            self.assertNotIn("insertErrors", answer)

    def view(self, *columns):
        return self.server.query(f"SELECT {', '.join(columns)} FROM `{PROJECT}.analytics.users_current`")


if __name__ == "__main__":
    main()
