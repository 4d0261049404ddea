"""Snowflake as a destination, against the stand-in for an account: tables, sign-in, faults and errors."""
import json
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness import main
from snowflake_events import TABLES, UNAVAILABLE, USER, SnowflakeEventsTest

TOKEN = "eyJraWQiOiIxIn0.eyJwIjoiMSJ9.c2lnbmF0dXJl"
ROWS = 6000


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class SnowflakeTest(SnowflakeEventsTest):
    def small(self, *rows):
        """A folder with rows of `name`, `at`, `user` and `text`, and a config."""
        folder = self.write_ndjson("small/rows.ndjson", rows).parent
        fields = [("at", "time", "unix_timestamp_auto"), ("user", "distinct_id", "string"), ("text", "text", "string"),
                  ("list", "list", "json")]
        self.write_config({"config_id": "small", "source_prefix": f"{folder}/", "mixpanel_event_name_from_field": "name",
                           "field_mappings": [{"source_field": source, "mixpanel_field": target, "type": kind}
                                              for source, target, kind in fields]}, name="small/sources.json")
        return folder

    def without(self, *names, **more):
        """The environment with some of the variables and others empty."""
        return {name: "" for name in names} | more

    def test_everything_is_created_checked_and_dropped(self):
        self.assertIn('schema "ANALYTICS"."RAW"', self.destinations("check", expect=2))
        self.destinations("create")
        self.destinations("create")
        self.assertEqual(self.tables(), ["EVENTS", "GROUPS", "MILLRACE_DELIVERED", "MILLRACE_LOCK", "MILLRACE_WRITERS",
                                         "USERS"])
        self.assertNotIn("missing", self.destinations("check"))
        self.query(f'CREATE TABLE {TABLES}."MY_EVENTS_OLD" (A VARCHAR)')
        self.destinations("drop", "--yes")
        self.assertEqual(self.tables(), ["MY_EVENTS_OLD"])
        self.destinations("drop", "--yes")

    def test_repeats_are_not_in_the_view(self):
        self.destinations("create")
        folder = self.events(100, "--format", "ndjson")
        self.load(folder)
        self.load(folder, "--force")
        self.query(f'INSERT INTO {TABLES}."EVENTS" (EVENT, INSERT_TIME) SELECT \'a\', CURRENT_TIMESTAMP() FROM '
                   "(VALUES (1), (2))")
        counts = [self.query(f'SELECT COUNT(*) FROM {TABLES}."{name}"')[0][0] for name in ("EVENTS", "EVENTS_DEDUPED")]
        self.assertEqual(counts, [202, 102])
        self.assertIn("EVENTS_DEDUPED", self.destinations("drop", "--yes"))
        self.assertEqual(self.query(f"SHOW VIEWS IN SCHEMA {TABLES}"), [])
        self.query(f'CREATE TABLE {TABLES}."EVENTS_DEDUPED" (A VARCHAR)')
        self.destinations("create")
        self.destinations("drop", "--yes")
        self.assertEqual(self.tables(), ["EVENTS_DEDUPED"])

    def test_an_import_makes_what_is_missing_and_rows_arrive_once(self):
        folder = self.events(ROWS, "--format", "ndjson")
        self.front.partition_rows = 1  # results come in many partitions
        report = self.load(folder)
        self.assertEqual(report["accepted"], ROWS)
        self.assert_rows(folder)
        self.assertEqual(self.front.tokens.seen, {"KEYPAIR_JWT"})
        self.load(folder, "--force")
        self.assertEqual(self.count(), 2 * ROWS)

    def test_a_table_of_mixpanel_dwh_proxy_is_continued(self):
        self.query('CREATE DATABASE "ANALYTICS"')
        self.query('CREATE SCHEMA "ANALYTICS"."RAW"')
        self.query(f'CREATE TABLE {TABLES}."EVENTS" (event VARCHAR, event_time TIMESTAMP, insert_time TIMESTAMP, '
                   "token VARCHAR, device_id VARCHAR, insert_id VARCHAR, user_id VARCHAR, distinct_id VARCHAR, "
                   "properties VARIANT)")
        self.query(f"INSERT INTO {TABLES}.\"EVENTS\" (event) VALUES ('old')")
        folder = self.events(ROWS, "--format", "ndjson")
        self.load(folder)
        self.assertEqual(self.count(), ROWS + 1)

    def test_columns_are_added_as_nullable_ones(self):
        folder = self.events(100, "--format", "ndjson")
        self.load(folder)
        self.to = self.front.destination(self.options + "&columns=amount:number,is_new:boolean,country")
        self.assertIn("ALTER TABLE", self.destinations("check", expect=2))
        self.assertIn("add_columns=true", str(self.load(folder, "--force", expect=3)))
        self.to += "&add_columns=true"
        self.load(folder, "--force")
        self.assertEqual(self.query(f'SELECT COUNT(*) FROM {TABLES}."EVENTS" WHERE COUNTRY IS NOT NULL')[0][0], 100)

    def test_types_of_tokens(self):
        folder = self.events(10, "--format", "ndjson")
        self.front.tokens.access_tokens[TOKEN] = (USER, time.time() + 600)
        self.front.tokens.oauth_tokens["ver:1-hint:2"] = (USER, time.time() + 600)
        without_key = self.without("SNOWFLAKE_PRIVATE_KEY_FILE")
        for variables in ({"SNOWFLAKE_PASSWORD": TOKEN}, {"SNOWFLAKE_TOKEN": TOKEN},
                          {"SNOWFLAKE_TOKEN": "ver:1-hint:2", "SNOWFLAKE_AUTHENTICATOR": "OAUTH"},
                          {"SNOWFLAKE_TOKEN_FILE_PATH": str(self.write("token", TOKEN + "\n"))}):
            self.load(folder, "--force", env=without_key | variables)
        self.assertEqual(self.front.tokens.seen, {"PROGRAMMATIC_ACCESS_TOKEN", "OAUTH"})
        self.assertEqual(self.count(), 40)

    def test_a_password_is_refused_before_it_is_sent(self):
        out = self.destinations("check", expect=2, env=self.without("SNOWFLAKE_PRIVATE_KEY_FILE",
                                                                   SNOWFLAKE_PASSWORD="hunter2"))
        self.assertIn("ADD PROGRAMMATIC ACCESS TOKEN", out)
        self.assertNotIn("hunter2", out)
        self.assertEqual(self.front.requests.total(), 0)

    def test_a_revoked_key_stops_the_import_and_says_so(self):
        self.front.tokens.keys.clear()
        report = self.load(self.events(10, "--format", "ndjson"), expect=3)
        self.assertIn("RSA_PUBLIC_KEY_FP", report["stopped_by"])
        self.assertIn("SNOWFLAKE_PRIVATE_KEY_FILE", report["stopped_by"])

    def test_an_expired_token_is_replaced(self):
        folder = self.events(ROWS, "--format", "ndjson")
        self.front.faults.script(*[None] * 12, "expired", None, None, "expired")
        self.assertEqual(self.load(folder)["accepted"], ROWS)
        self.assertEqual(self.front.faults.met["expired"], 2)
        self.assert_rows(folder)

    def test_lost_replies_and_storms(self):
        folder = self.events(ROWS, "--format", "ndjson")
        self.front.faults.rates = {"lost": 0.08, "drop": 0.05, "503": 0.05, "500": 0.03, "429": 0.03, "slow": 0.1,
                                   "locked": 0.02, "quota": 0.02, "timeout": 0.02}
        self.assertEqual(self.load(folder)["accepted"], ROWS)
        self.front.faults.clear()
        self.assert_rows(folder)
        self.assertGreater(len(self.front.faults.met), 3, self.front.faults.met)

    def test_a_dropped_table_stops_the_import_and_force_brings_it_back(self):
        folder = self.events(ROWS, "--format", "ndjson")
        self.load(folder)
        self.query(f'DROP TABLE {TABLES}."EVENTS"')
        self.load(folder, "--force")
        self.assert_rows(folder)

    def test_a_column_that_was_removed_is_named(self):
        folder = self.events(10, "--format", "ndjson")
        self.load(folder)
        self.query(f'ALTER TABLE {TABLES}."EVENTS" DROP COLUMN DEVICE_ID')
        report = self.load(folder, "--force", expect=3)
        self.assertIn('no column "DEVICE_ID"', report["stopped_by"])

    def test_missing_privileges_and_warehouses_are_named(self):
        self.destinations("create")
        self.front.database.denied = {("LOADER", "INSERT", "EVENTS")}
        out = self.destinations("check", expect=2)
        self.assertIn('GRANT INSERT, SELECT ON TABLE "ANALYTICS"."RAW"."EVENTS" TO ROLE "LOADER"', out)
        report = self.load(self.events(10, "--format", "ndjson"), expect=3)
        self.assertIn("003001", report["stopped_by"])
        self.front.database.denied = set()
        self.to = self.to.replace("warehouse=WH", "warehouse=NONE")
        self.assertIn("000606", self.load(self.folder / "sample", expect=3)["stopped_by"])
        self.to = self.to.replace("role=LOADER", "role=OTHER")
        self.assertIn("390189", self.load(self.folder / "sample", expect=3)["stopped_by"])

    def test_values_that_snowflake_cannot_hold_are_dead_letters(self):
        good = {"name": "it's $$ and $", "at": 1796008365123, "user": "u'\\", "text": "$$;--\n",
                "list": [12345678901234567890123456789012345678, None]}
        bad = [good | {"text": "a\u0000b"}, good | {"at": "1400-01-01"}, good | {"text": "x" * 995_000}]
        self.load(self.small(good, *bad), expect=1)
        [(event, user, properties)] = self.query(f'SELECT EVENT, DISTINCT_ID, PROPERTIES::VARCHAR FROM {TABLES}."EVENTS"')
        self.assertEqual((event, user), (good["name"], good["user"]))
        self.assertIn('"list":[12345678901234567890123456789012345678,null]', properties)
        self.assertEqual(json.loads(properties)["text"], good["text"])
        self.assertEqual({letter["code"] for letter in self.dead_letters()},
                         {"nul_in_text", "time_out_of_range", "value_too_large"})


if __name__ == "__main__":
    main()
