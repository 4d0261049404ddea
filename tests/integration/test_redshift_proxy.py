"""A proxy that the environment variables of mixpanel-dwh-proxy alone tell to deliver into Redshift."""
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import postgres_server
import redshift_front
from harness import main
from proxy_harness import ProxyTest

REGION = "us-east-2"


@unittest.skipUnless(redshift_front.AVAILABLE, "PostgreSQL, psycopg2 or boto3 is not installed")
class VariablesTest(ProxyTest):
    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)
        self.front = redshift_front.RedshiftFront(self.server, region=REGION)
        self.addCleanup(self.front.stop)
        self.front.keys.add("ASIAPROXY", "s", "t")

    def environment(self):
        kept = {name: value for name, value in super().environment().items() if not name.startswith("AWS_")}
        return kept | {"AWS_ENDPOINT_URL_REDSHIFT_DATA": self.front.url, "DESTINATIONS": "redshift",
                       "redshift_workgroup": "work", "redshift_database": "dev", "redshift_access_key_id": "ASIAPROXY",
                       "redshift_secret_access_key": "s", "redshift_session_token": "t", "redshift_region": REGION,
                       "redshift_schema_name": "mixpanel", "EVENTS_TABLE_NAME": "clicks"}

    def test_each_record_arrives(self):
        proxy = self.proxy()
        client = self.client(proxy)
        client.post("/track", [{"event": "Buy", "properties": {"token": "t", "time": 1796008365, "distinct_id": "u1",
                                                                "$insert_id": f"id{n}", "plan": "it's \\ me"}}
                               for n in range(3)])
        client.post("/engage", [{"$token": "t", "$distinct_id": "u1", "$set": {"name": "雪"}}])
        client.post("/groups", [{"$token": "t", "$group_key": "k", "$group_id": "g", "$set": {"a": 1}}])
        for name, one in proxy.wait_until_delivered().items():
            self.assertEqual((one["accepted"], one["rejected"]), (5, 0), name)

        def rows(sql):
            return self.server.query(sql, "dev")
        self.assertEqual(rows("SELECT event, distinct_id, insert_id, properties->>'plan' FROM mixpanel.clicks ORDER BY 3"),
                         [["Buy", "u1", f"id{n}", "it's \\ me"] for n in range(3)])
        self.assertEqual(rows("SELECT distinct_id, operation, properties->>'name' FROM mixpanel.users"), [["u1", "$set", "雪"]])
        self.assertEqual(rows("SELECT group_id, operation FROM mixpanel.groups"), [["g", "$set"]])
        self.assertEqual(proxy.stop(), 3)


if __name__ == "__main__":
    main()
