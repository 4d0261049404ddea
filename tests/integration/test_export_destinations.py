"""millrace export into PostgreSQL and Iceberg, killed (SIGKILL) at random moments while events arrive: each event of the
sandbox is there once.

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
from export_harness import ExportTest, day_of
from harness import SANITIZED, main

ROWS, KILLS = (4_000, 5) if SANITIZED else (20_000, 20)


class KillTest(ExportTest):
    def kill_often(self, to, found):
        """`found` returns what the destination has, by event."""
        sandbox = self.sandbox()
        self.send(sandbox, [self.event(self.randomness.randrange(6)) for _ in range(ROWS)])
        flags = ["--since", day_of(6), "--late", "30d", "--to", to]
        command = self.export_command(sandbox, "--time-zone", "utc", *flags)
        kills, runs = 0, 0
        while kills < KILLS:
            kills += self.kill_after(self.start(*command), self.randomness.uniform(0, 0.4))
            runs += 1
            self.assertLess(runs, 20 * KILLS)
            late = [self.event(self.randomness.randrange(6)) for _ in range(ROWS // 50)]
            self.send(sandbox, late + late[::9])
        self.export_json(sandbox, *flags)
        expected = self.expected(sandbox)
        self.assert_same(found(), expected)
        print(f"{kills} kills in {runs} runs, seed {self.seed}: each of {len(expected)} events once")

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


if __name__ == "__main__":
    main()
