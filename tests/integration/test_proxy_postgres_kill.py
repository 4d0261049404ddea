"""SIGKILL of the proxy at random moments under load, with PostgreSQL and a lake as its destinations: every record that was
answered with 200 is in both, exactly once."""
import unittest

import postgres_server
from harness import SANITIZED, main
from proxy_kills import DatabaseKillTest


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresKillTest(DatabaseKillTest):
    def test_rows_arrive_exactly_once(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        self.kill_and_check_exactly_once(server.uri, lambda table, column: server.query(f"SELECT {column} FROM {table}"),
                                         kills=8 if SANITIZED else 30, longest=1)


if __name__ == "__main__":
    main()
