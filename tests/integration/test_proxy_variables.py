"""The environment of mixpanel-dwh-proxy, unchanged, starts the proxy and delivers into the stores and topics that it names."""
import gzip
import json
import pathlib
import sys
import time
import urllib.request
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "e2e"))

import bigquery_server
import cloud_servers
import harness
import proxy_harness
import pubsub_server
import snowflake_packages

# As the old server's example has them: its own names and defaults, comments, and what is turned off by a '_'.
EXAMPLE = """
# choose warehouses and lakes; comma separated
DESTINATIONS={destinations}

# config
MAX_RETRIES=10 # for failed requests
# FRONTEND_URL=https://shop.example

EVENTS_TABLE_NAME=my_events_table
USERS_TABLE_NAME=my_users_table
GROUPS_TABLE_NAME=my_groups_table

mixpanel_token=of-the-project
mixpanel_region=us

_bigquery_service_account_email=my-service@my-acct.iam.gserviceaccount.com
bigquery_service_account_private_key="-----BEGIN PRIVATE KEY-----\\n ... \\n-----END PRIVATE KEY-----\\n"

gcs_project=foo
gcs_bucket=test-bucket
gcs_service_account=my-service@my-acct.iam.gserviceaccount.com
gcs_service_account_private_key="-----BEGIN PRIVATE KEY-----\\n ... \\n-----END PRIVATE KEY-----\\n"

s3_bucket=test-bucket
s3_region=us-east-1
s3_access_key_id=test-key
s3_secret_access_key=test-secret

azure_account=devstoreaccount1
azure_key={azure_key}
azure_container=test-container

pubsub_project=test
pubsub_service_account_email=my-service@my-acct.iam.gserviceaccount.com
pubsub_service_account_private_key="-----BEGIN PRIVATE KEY-----\\n ... \\n-----END PRIVATE KEY-----\\n"
"""

COLUMNS = {"my_events_table": ["event", "distinct_id", "insert_id", "event_time"],
           "my_users_table": ["distinct_id", "operation"],
           "my_groups_table": ["group_key", "group_id", "operation"]}

ADMIN = {"MILLRACE_PROXY_ADMIN_TOKEN": "a secret of the operators"}

EVENTS = [{"event": "Sign up", "properties": {"token": "of-the-page", "distinct_id": "é😀", "n": n}} for n in range(3)]
USER = {"$token": "of-the-page", "$distinct_id": "u", "$set": {"plan": "pro"}}
GROUP = {"$token": "of-the-page", "$group_key": "firm", "$group_id": "f", "$set": {"seats": 3}}


class ProxyVariablesTest(proxy_harness.ProxyTest):
    """Where the servers of the tests are is said by the variables that the clouds' own programs have for that."""
    servers = {}

    def environment(self):
        kept = {name: value for name, value in super().environment().items()
                if not name.upper().startswith(("AWS_", "AZURE_", "GOOGLE_")) and name != "MIXPANEL_TOKEN"}
        return kept | self.servers

    def deliver(self, destinations, extra=""):
        """Sends three events, a user and a group through a proxy with the example's variables."""
        example = EXAMPLE.format(destinations=destinations, azure_key=cloud_servers.Azurite.key)
        # Lakes commit after half of the lease.
        proxy = self.proxy("--lease", "4s", "--env-file", self.write(".env", example + extra))
        self.assertIn("MAX_RETRIES: has no effect", proxy.messages())
        count = len(destinations.split(","))
        self.poll(lambda: proxy.messages().count("the destination has its tables or topics") == count,
                  "what the old server created at its start")
        client = self.client(proxy)
        for path, records in (("/track", EVENTS), ("/engage", [USER]), ("/groups", [GROUP])):
            self.assertEqual(client.post(path, records)[0], 200)
        return proxy

    def check_lake(self, server, proxy):
        proxy.wait_until_delivered()
        found = {}
        for key, content in server.objects("").items():
            if "/_millrace/" not in key:
                found.setdefault(key.split("/")[0], []).extend(
                    json.loads(line) for line in gzip.decompress(content).splitlines())
        self.assertEqual(sorted(found), ["my_events_table", "my_groups_table", "my_users_table"])
        self.assertEqual(sorted((row["event"], row["distinct_id"], row["token"], row["n"])
                                for row in found["my_events_table"]),
                         [("Sign up", "é😀", "of-the-project", n) for n in range(3)])
        [user], [group] = found["my_users_table"], found["my_groups_table"]
        self.assertEqual((user["distinct_id"], user["operation"], user["plan"]), ("u", "$set", "pro"))
        self.assertEqual((group["group_key"], group["group_id"], group["seats"]), ("firm", "f", 3))

    def start_server(self, kind):
        server = kind()
        self.addCleanup(server.stop)
        return server

    def test_gcs(self):
        server = self.start_server(cloud_servers.FakeGcs)
        self.servers = {"STORAGE_EMULATOR_HOST": server.url}
        self.check_lake(server, self.deliver("GCS"))

    def test_s3(self):
        server = self.start_server(cloud_servers.VersityGateway)
        # What the process has for other buckets does not count.
        self.servers = {"AWS_ENDPOINT_URL_S3": server.url, "AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "other",
                        "AWS_SESSION_TOKEN": "other", "AWS_REGION": "other", "AWS_EC2_METADATA_DISABLED": "true"}
        self.check_lake(server, self.deliver("S3"))

    def test_azure_by_a_connection_string(self):
        server = self.start_server(cloud_servers.Azurite)
        self.check_lake(server, self.deliver(
            "azure", f'azure_connection_string="{server.variables()["AZURE_STORAGE_CONNECTION_STRING"]}"\n'))

    def check_table_form(self, rows):
        """`rows`: of each table, {column: text or None} of its rows."""
        self.assertEqual(sorted((row["event"], row["distinct_id"], row["token"], json.loads(row["properties"])["n"])
                                for row in rows["my_events_table"]),
                         [("Sign up", "é😀", "of-the-project", n) for n in range(3)])
        self.assertTrue(all(row["insert_id"] and row["event_time"] for row in rows["my_events_table"]))
        [user], [group] = rows["my_users_table"], rows["my_groups_table"]
        self.assertEqual((user["distinct_id"], user["operation"], json.loads(user["properties"])["plan"]),
                         ("u", "$set", "pro"))
        self.assertEqual((group["group_key"], group["group_id"], json.loads(group["properties"])["seats"]),
                         ("firm", "f", 3))

    def drop(self, proxy):
        """POST /drop, which NODE_ENV=test allows."""
        call = urllib.request.Request(proxy.admin_url + "/drop", method="POST", data=b"",
                                      headers={"Authorization": f"Bearer {ADMIN['MILLRACE_PROXY_ADMIN_TOKEN']}"})
        with urllib.request.urlopen(call, timeout=60) as response:
            [dropped] = json.load(response)
        self.assertEqual(dropped["result"], {"status": "success"})

    @unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
    def test_bigquery(self):
        server = self.start_server(bigquery_server.BigqueryServer)
        self.servers = server.environment() | ADMIN
        proxy = self.deliver("BIGQUERY", "NODE_ENV=test\nbigquery_project=test\nbigquery_dataset=old\n"
                                         "bigquery_service_account_email=my-service@my-acct.iam.gserviceaccount.com\n")
        proxy.wait_until_delivered()
        rows = {}
        for table, ids in COLUMNS.items():
            names = [*ids, "token", "properties"]
            found = server.query(f"SELECT {', '.join(names)} FROM `test.old.{table}`")
            rows[table] = [dict(zip(names, row)) for row in found]
        self.check_table_form(rows)
        self.assertEqual(server.query("SELECT COUNT(*) FROM `test.old.my_events_table_deduped`"), [["3"]])
        self.drop(proxy)
        self.assertEqual(server.request("GET", "/datasets/old/tables").get("tables", []), [])

    SNOWFLAKE = """
snowflake_account=ORG-ACCT
snowflake_user=old_user
snowflake_database=analytics
snowflake_schema=raw
snowflake_warehouse=wh
snowflake_role=loader
snowflake_access_url={url}
snowflake_password={password}
"""

    @unittest.skipUnless(snowflake_packages.available(), "fakesnow is not installed")
    def test_snowflake_by_a_token_in_place_of_the_password(self):
        import snowflake_front
        front = snowflake_front.Front()
        self.addCleanup(front.close)
        token = "eyJraWQiOiIxIn0.eyJwIjoiMSJ9.c2lnbmF0dXJl"
        front.tokens.access_tokens[token] = ("OLD_USER", time.time() + 600)
        # What the process has for other programs does not count.
        self.servers = {"SNOWFLAKE_PRIVATE_KEY_FILE": "/nowhere", "SNOWFLAKE_TOKEN": "another"} | ADMIN
        proxy = self.deliver("SNOWFLAKE", "NODE_ENV=test\n" + self.SNOWFLAKE.format(url=front.url, password=token))
        proxy.wait_until_delivered()
        rows = {}
        for table, ids in COLUMNS.items():
            names = [*ids, "token", "properties"]
            found = front.database.query(f'SELECT {", ".join(names)} FROM "ANALYTICS"."RAW"."{table.upper()}"')
            rows[table] = [dict(zip(names, row)) for row in found]
        self.check_table_form(rows)
        self.assertEqual(front.database.query('SELECT COUNT(*) FROM "ANALYTICS"."RAW"."MY_EVENTS_TABLE_DEDUPED"'),
                         [(3,)])
        self.drop(proxy)
        left = front.database.query('SHOW TABLES IN SCHEMA "ANALYTICS"."RAW"')
        self.assertEqual([row[1] for row in left if row[1].startswith("MY_")], [])

    def test_a_password_of_snowflake_is_refused(self):
        example = EXAMPLE.format(destinations="snowflake", azure_key="k")
        extra = self.SNOWFLAKE.format(url="https://org-acct.snowflakecomputing.com", password="of the user")
        code, out, err = self.run_program("proxy", "--check", "--env-file", self.write(".env", example + extra), timeout=60)
        self.assertEqual((code, out), (2, ""))
        self.assertIn("DESTINATIONS: snowflake: ", err)
        self.assertIn("snowflake_password looks like a user's password", err)
        self.assertIn("ADD PROGRAMMATIC ACCESS TOKEN", err)
        self.assertNotIn("of the user", err)

    def test_pubsub_topics(self):
        server = self.pubsub()
        proxy = self.deliver("PUBSUB")
        proxy.wait_until_delivered()
        found = {}
        for message in server.messages():
            found.setdefault(message["topic"].rsplit("/", 1)[1], []).append(json.loads(message["data"]))
        self.assertEqual({topic: len(rows) for topic, rows in found.items()},
                         {"my_events_table": 3, "my_users_table": 1, "my_groups_table": 1})
        self.assertEqual({row["token"] for row in found["my_events_table"]}, {"of-the-project"})
        self.assertEqual(found["my_users_table"][0]["plan"], "pro")

    def test_pubsub_good_and_bad_topic(self):
        server = self.pubsub()
        server.create("all")
        server.create("bad")
        proxy = self.deliver("pubsub", "pubsub_good_topic=all\npubsub_bad_topic=bad\n")
        proxy.wait_until_delivered()
        self.assertEqual([message["topic"] for message in server.messages()], ["projects/test/topics/all"] * 5)
        # No attribute of a message can hold such a name.
        event = {"event": "x" * 2000, "properties": {"token": "t", "distinct_id": "u"}}
        self.assertEqual(self.client(proxy).post("/track", [event])[0], 200)
        [name] = proxy.wait_until_delivered()
        self.assertEqual(proxy.destinations()[name]["rejected"], 1)
        [bad] = [message for message in server.messages() if message["topic"] == "projects/test/topics/bad"]
        self.assertIn("attribute_too_large", json.dumps(bad))

    def pubsub(self):
        if not pubsub_server.SERVER.exists():
            raise unittest.SkipTest("pstest is not installed")
        server = self.start_server(pubsub_server.PubsubServer)
        self.servers = server.environment()
        return server

    def test_several_at_once(self):
        buckets = [self.start_server(kind) for kind in (cloud_servers.FakeGcs, cloud_servers.VersityGateway)]
        mixpanel = self.sandbox()
        self.servers = {"STORAGE_EMULATOR_HOST": buckets[0].url, "AWS_ENDPOINT_URL_S3": buckets[1].url,
                        "MIXPANEL_URL": mixpanel.url, "AWS_EC2_METADATA_DISABLED": "true"}
        proxy = self.deliver("mixpanel, gcs, s3")
        proxy.wait_until_delivered()
        self.assertEqual({event["properties"]["n"] for event in mixpanel.export()}, {0, 1, 2})
        self.check_lake(buckets[0], proxy)
        self.check_lake(buckets[1], proxy)

    def test_keys_that_are_none_are_named(self):
        """Without an emulator, the example's placeholders are no credentials."""
        example = EXAMPLE.format(destinations="gcs, pubsub, azure", azure_key="my key")
        code, out, err = self.run_program("proxy", "--check", "--env-file", self.write(".env", example), timeout=60)
        self.assertEqual((code, out), (2, ""))
        for name in ("gcs", "pubsub", "azure"):
            self.assertIn(f"DESTINATIONS: {name}: ", err)
        self.assertNotIn("BEGIN PRIVATE", err)
        self.assertNotIn("my key", err)


if __name__ == "__main__":
    harness.main()
