"""Amazon's own client, boto3, against the front that plays the Redshift Data API: it judges requests and responses."""
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import postgres_server
import redshift_front
from harness import main

if redshift_front.AVAILABLE:
    import boto3
    import botocore.config
    import botocore.exceptions


@unittest.skipUnless(redshift_front.AVAILABLE, "PostgreSQL, psycopg2 or boto3 is not installed")
class FrontTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = postgres_server.PostgresServer()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.front = redshift_front.RedshiftFront(self.server)
        self.addCleanup(self.front.stop)
        self.client = self.new_client()

    def new_client(self, key="AKIDTEST", secret="secret-of-tests", token=None):
        return boto3.client("redshift-data", endpoint_url=self.front.url, region_name=redshift_front.REGION,
                            aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
                            config=botocore.config.Config(retries={"max_attempts": 1}))

    def batch(self, *sqls, client=None, **more):
        return (client or self.client).batch_execute_statement(WorkgroupName="work", Database="dev", Sqls=list(sqls), **more)["Id"]

    def wait(self, ident):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            described = self.client.describe_statement(Id=ident)
            if described["Status"] in ("FINISHED", "FAILED", "ABORTED"):
                return described
        self.fail("the statement does not end")

    def refusal(self, call):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            call()
        return raised.exception.response["Error"]["Code"]

    def test_a_batch_is_one_transaction(self):
        done = self.wait(self.batch("CREATE TABLE t (n BIGINT, s SUPER)",
                                    "INSERT INTO t VALUES (1, JSON_PARSE('{\"a\":\"\\\\n\"}')), (2, NULL)",
                                    "SELECT n, s, s IS NULL, CAST(1.5 AS DOUBLE PRECISION) FROM t ORDER BY n"))
        self.assertEqual(done["Status"], "FINISHED", done)
        result = self.client.get_statement_result(Id=done["Id"] + ":3")
        self.assertEqual(result["TotalNumRows"], 2)
        self.assertEqual([list(field)[0] for field in result["Records"][0]],
                         ["longValue", "stringValue", "booleanValue", "doubleValue"])
        self.assertEqual(result["Records"][1][1], {"isNull": True})
        failed = self.wait(self.batch("INSERT INTO t VALUES (3, NULL)", "SELECT 1 / (n - n) FROM t", "SELECT 1"))
        self.assertEqual(failed["Status"], "FAILED")
        self.assertEqual([part["Status"] for part in failed["SubStatements"]], ["FINISHED", "FAILED", "ABORTED"])
        self.assertIn("Divide by zero", failed["SubStatements"][1]["Error"])
        self.assertEqual(self.server.query("SELECT count(*) FROM t", "dev"), [["2"]])

    def test_a_client_token_executes_once(self):
        self.wait(self.batch("CREATE TABLE once (n BIGINT)", "SELECT 1"))
        first = self.batch("INSERT INTO once VALUES (1)", "SELECT 1", ClientToken="t1")
        self.assertEqual(self.batch("INSERT INTO once VALUES (1)", "SELECT 1", ClientToken="t1"), first)
        self.wait(first)
        self.assertEqual(self.refusal(lambda: self.batch("SELECT 2", ClientToken="t1")), "ValidationException")
        self.assertEqual(self.server.query("SELECT count(*) FROM once", "dev"), [["1"]])

    def test_keys(self):
        wrong = self.new_client(secret="other")
        self.assertEqual(self.refusal(lambda: self.batch("SELECT 1", client=wrong)), "InvalidSignatureException")
        unknown = self.new_client(key="AKIDOTHER")
        self.assertEqual(self.refusal(lambda: self.batch("SELECT 1", client=unknown)), "UnrecognizedClientException")
        self.front.keys.add("ASIASESSION", "s", "token")
        session = self.new_client("ASIASESSION", "s", "token")
        self.wait(self.batch("SELECT 1", client=session))
        self.front.keys.expire("ASIASESSION")
        self.assertEqual(self.refusal(lambda: self.batch("SELECT 1", client=session)), "ExpiredTokenException")
        self.front.keys.revoke("ASIASESSION")
        self.assertEqual(self.refusal(lambda: self.batch("SELECT 1", client=session)), "UnrecognizedClientException")

    def test_limits(self):
        self.assertEqual(self.refusal(lambda: self.batch(*["SELECT 1"] * 41)), "ValidationException")
        self.assertEqual(self.refusal(lambda: self.batch("SELECT '" + "x" * 100_000 + "'")), "ValidationException")
        self.assertEqual(self.refusal(lambda: self.client.describe_statement(Id="0" * 8 + "-0000-0000-0000-" + "0" * 12)),
                         "ResourceNotFoundException")
        self.front.max_active = 0
        self.assertEqual(self.refusal(lambda: self.batch("SELECT 1")), "ActiveStatementsExceededException")

    def test_pages(self):
        ident = self.client.execute_statement(WorkgroupName="work", Database="dev",
                                              Sql="SELECT n FROM generate_series(1, 450) AS g (n)")["Id"]
        self.wait(ident)
        pages = list(self.client.get_paginator("get_statement_result").paginate(Id=ident))
        self.assertEqual(len(pages), 3)
        self.assertEqual([row[0]["longValue"] for page in pages for row in page["Records"]], list(range(1, 451)))

    def test_what_redshift_has_not(self):
        for sql in ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "SELECT * FROM (VALUES (1)) AS v (n)",
                    "SELECT '1'::jsonb", "SELECT 1; SELECT 2"):
            self.assertEqual(self.wait(self.batch(sql, "SELECT 1"))["Status"], "FAILED", sql)


if __name__ == "__main__":
    main()
