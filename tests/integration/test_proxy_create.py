"""--create of the proxy, with PostgreSQL: tables and views are there before any record comes, also if the server starts
later than the proxy; a role that may not create them is named in a warning."""
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import postgres_server
from harness import main
from proxy_harness import ProxyTest

CREATED = {"events", "events_deduped", "users", "users_current", "groups", "groups_current"}


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class ProxyCreateTest(ProxyTest):
    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)

    def has_all(self):
        return CREATED <= {name for [name] in self.server.query("SELECT relname FROM pg_class")}

    def test_a_server_that_starts_later_gets_tables_and_views(self):
        self.server.shut_down()
        self.proxy("--to", self.server.uri, "--create")
        self.server.start()
        self.poll(self.has_all, "tables and views")

    def test_without_the_flag_nothing_is_created(self):
        proxy = self.proxy("--to", self.server.uri)
        event = {"event": "a", "properties": {"token": "t", "distinct_id": "u"}}
        self.assertEqual(self.client(proxy).post("/track", event)[0], 200)
        proxy.wait_until_delivered()
        self.assertEqual(self.server.query("SELECT relname FROM pg_class WHERE relkind = 'v' AND relname ~ '_deduped$'"),
                         [])

    def test_a_refusal_is_a_warning(self):
        self.server.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE reader LOGIN")
        proxy = self.proxy("--to", self.server.uri_of("reader"), "--create")
        self.poll(lambda: "could not be created at the start" in proxy.messages(), "the warning")
        self.assertIn("permission denied", proxy.messages())


if __name__ == "__main__":
    main()
