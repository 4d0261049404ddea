"""POST /drop of the proxy's admin listener, with PostgreSQL: tables go, and are made again for the next records."""
import json
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import postgres_server
from doc_blocks import block_with
from harness import main
from proxy_harness import ProxyTest

TOKEN = "a secret of the operators"


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class ProxyDropTest(ProxyTest):
    def environment(self):
        return super().environment() | {"MILLRACE_PROXY_ADMIN_TOKEN": TOKEN}

    def test_tables_are_dropped_and_made_again(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        proxy = self.proxy("--to", server.uri, "--allow-drop")
        client = self.client(proxy)

        def send(insert_id):
            event = {"event": "a", "properties": {"token": "t", "distinct_id": "u", "$insert_id": insert_id}}
            self.assertEqual(client.post("/track", event)[0], 200)

        def tables():
            return {name for [name] in server.query("SELECT table_name FROM information_schema.tables "
                                                    "WHERE table_schema = 'public'")}

        send("before")
        proxy.wait_until_delivered()
        self.assertIn("events", tables())
        command = block_with("docs/verbs/proxy.md", "/drop").replace("http://127.0.0.1:9000", proxy.admin_url)
        done = subprocess.run(["bash", "-euc", command], env=self.environment(), capture_output=True, text=True)
        [dropped] = json.loads(done.stdout)
        self.assertEqual(dropped["result"], {"status": "success"})
        self.assertNotIn("events", tables())
        send("after")
        proxy.wait_until_delivered()
        self.assertEqual(server.query("SELECT insert_id FROM events"), [["after"]])


if __name__ == "__main__":
    main()
