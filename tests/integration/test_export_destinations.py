"""millrace export into a lake, PostgreSQL and Iceberg, killed (SIGKILL) at random moments while events arrive late and twice and
queries fail: each event of the sandbox is there once.

Skipped and counted where PostgreSQL, pyiceberg or pyarrow is not installed (tools/setup.sh --tests).
"""
import collections
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import iceberg_places
import postgres_server
from export_kills import ExportKillTest
from harness import main


class UtcTest(ExportKillTest):
    def test_lake(self):
        lake = self.folder / "lake"
        self.kill_often(f"{lake}?format=ndjson.gz", lambda: self.lake_keys(lake))

    @unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
    def test_postgresql(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)

        def found():
            rows = server.query("SELECT event, distinct_id, round(extract(epoch FROM event_time) * 1000)::bigint, insert_id "
                                "FROM events")
            return collections.Counter((row[0], row[1], int(row[2]), row[3]) for row in rows)

        self.kill_often(server.uri, found)

    @unittest.skipIf(iceberg_places.UNAVAILABLE, iceberg_places.UNAVAILABLE)
    def test_iceberg(self):
        disk = iceberg_places.DiskTables(self.folder / "tables")

        def found():
            rows = disk.table().scan().to_arrow().select(["event", "distinct_id", "event_time", "insert_id"]).to_pylist()
            return collections.Counter((row["event"], row["distinct_id"], round(row["event_time"].timestamp() * 1000),
                                        row["insert_id"]) for row in rows)

        self.kill_often(disk.to(), found)


class LocalTimeTest(UtcTest):
    zone = "Asia/Kolkata"


if __name__ == "__main__":
    main()
