"""Imports into Redshift, by the Data API and by a connection, and what happens when the service refuses."""
import json
import os
import unittest

from harness import main
from redshift_events import UNAVAILABLE, RedshiftEventsTest

ROWS = 20_000
FILES = int(os.environ.get("MILLRACE_TEST_FILES", "60"))


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class RedshiftTest(RedshiftEventsTest):
    def wide(self, *rows):
        """A file with these rows, and its config."""
        self.write_ndjson("wide/rows.ndjson", rows)
        return self.write_config({"config_id": "wide", "source_prefix": str(self.folder / "wide") + "/",
                                  "mixpanel_event_name_from_field": "name",
                                  "field_mappings": [{"source_field": "t", "mixpanel_field": "time",
                                                      "type": "unix_timestamp_auto"},
                                                     {"source_field": "*", "mixpanel_field": "*"}]})

    def test_each_row_arrives_once(self):
        folder = self.events(ROWS, "--format", "ndjson", "--files", "4")
        report = self.load(folder)
        self.assertEqual((report["accepted"], report["rejected"]), (ROWS, 0))
        self.assert_rows(folder)
        self.assertLess(report["peak_memory_bytes"], 200 << 20)
        # The client keeps to the limits of the service.
        self.assertEqual({kind: n for kind, n in self.front.counts.items() if kind.endswith("Exception")}, {})
        self.assertLess(self.front.largest, 100_000)
        self.load(folder, "--force")
        self.assert_rows(folder, times=2)
        self.create()  # makes the view
        [[rows]] = self.server.query("SELECT count(*) FROM events_deduped")
        self.assertEqual(int(rows), ROWS)

    def test_many_small_files_keep_to_the_quotas(self):
        folder = self.events(FILES, "--format", "ndjson", "--files", str(FILES))
        self.assertEqual(self.load(folder)["accepted"], FILES)
        self.assertEqual({kind: n for kind, n in self.front.counts.items() if kind.endswith("Exception")}, {})
        self.assertEqual(self.delivered(), FILES)

    def test_by_a_connection(self):
        self.to = self.connection()
        folder = self.events(ROWS, "--format", "ndjson", "--files", "2")
        self.assertEqual(self.load(folder)["accepted"], ROWS)
        self.assert_rows(folder)
        self.assertEqual(sum(self.front.counts.values()), 0)

    def test_destinations(self):
        to = "redshift://clu/fresh/Sales?cluster_user=loader&columns=Plan"
        code, out, err = self.run_program("destinations", "create", to)
        self.assertNotEqual(code, 0, out)
        code, out, err = self.run_program("destinations", "create", to + "&create_from=dev")
        self.assertEqual(code, 0, out + err)
        code, out, err = self.run_program("destinations", "check", to)
        self.assertEqual(code, 0, out + err)
        [[view]] = self.behind.query("SELECT count(*) FROM svv_columns WHERE table_name = 'events_deduped'", "fresh")
        self.assertEqual(view, "10")
        types = dict(self.behind.query("SELECT column_name, data_type FROM svv_columns WHERE table_schema = 'sales' AND "
                                       "table_name = 'events'", "fresh"))
        self.assertEqual((types["properties"], types["plan"], types["event_time"]),
                         ("super", "character varying", "timestamp without time zone"))
        code, out, err = self.run_program("destinations", "check", to + ",more")
        self.assertEqual(code, 2, out)
        self.assertIn('ADD COLUMN "more" VARCHAR(65535)', out)
        code, out, err = self.run_program("destinations", "create", to + ",more&add_columns=true")
        self.assertEqual(code, 0, out + err)
        code, out, err = self.run_program("destinations", "drop", to, "--yes")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.behind.query("SELECT count(*) FROM svv_columns WHERE table_schema = 'sales'", "fresh"), [["0"]])

    def test_rows_that_do_not_fit(self):
        config = self.wide({"name": "ok", "t": 1796008365, "text": "it's \\ \"fine\" \n 雪"},
                           {"name": "long", "t": 1796008365, "text": "x" * 65_536},
                           {"name": "large", "t": 1796008365, **{f"p{i}": "y" * 60_000 for i in range(4)}},
                           {"name": "nul", "t": 1796008365, "text": "\u0000"},
                           {"name": "number", "t": 1796008365, "list": [18446744073709551617]})
        report = self.run_json("import", self.folder / "wide", "--config", config, "--to", self.to, expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (1, 4))
        self.assertEqual(sorted(letter["code"] for letter in self.dead_letters()),
                         ["nul_in_text", "number_not_exact", "value_too_large", "value_too_large"])
        [[text]] = self.server.query("SELECT properties->>'text' = E'it''s \\\\ \"fine\" \\n 雪' FROM events")
        self.assertEqual(text, "t")

    def test_a_request_may_be_too_large_as_a_whole(self):
        self.front.total_bytes = 100_000
        folder = self.events(5000, "--format", "ndjson", "--files", "1")
        report = self.load(folder)
        self.assertEqual((report["accepted"], report["rejected"]), (5000, 0))
        self.assert_rows(folder)

    def test_what_stops_an_import(self):
        folder = self.events(2000, "--format", "ndjson", "--files", "1")
        self.create()
        self.server.query("ALTER TABLE events RENAME COLUMN device_id TO other")
        self.assertIn("it has no column device_id", self.problems(*self.command(folder)))
        self.server.query("ALTER TABLE events RENAME COLUMN other TO device_id")
        self.front.keys.revoke("AKIDTEST")
        self.assertIn("check the AWS keys", self.problems(*self.command(folder)))
        self.front.keys.add("AKIDTEST", "secret-of-tests")
        self.front.workgroup = "another"
        self.assertIn("doesn't exist", self.problems(*self.command(folder)))
        self.front.workgroup = "work"
        self.load(folder)
        self.assert_rows(folder)

    def test_a_table_that_is_dropped_on_the_way(self):
        folder = self.events(60_000, "--format", "ndjson", "--files", "1")
        self.create()
        self.slow_down(0.1)
        process = self.start(*self.command(folder, "--json"))
        self.wait_for_rows(1, process)
        self.server.query("DROP TABLE events CASCADE")
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 3, out + err)
        self.assertIn("does not exist", out)
        self.load(folder, "--force")
        self.assert_rows(folder)

    def test_a_session_that_expires(self):
        keys = self.folder / "keys.json"

        def use(name):
            self.front.keys.add(name, "s" + name, "t" + name)
            keys.write_text(json.dumps({"Version": 1, "AccessKeyId": name, "SecretAccessKey": "s" + name,
                                        "SessionToken": "t" + name, "Expiration": "2099-01-01T00:00:00Z"}))

        use("ASIAONE")
        config = self.write("aws-config", f"[default]\nregion = eu-west-1\ncredential_process = cat {keys}\n")
        environment = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_ACCESS_KEY_ID": "",
                       "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": ""}
        folder = self.events(60_000, "--format", "ndjson", "--files", "1")
        process = self.start(*self.command(folder, "--json"), env=environment)
        self.wait_for_rows(1, process)
        use("ASIATWO")
        self.front.keys.expire("ASIAONE")
        self.finish(process, expect=0)
        self.assertGreater(self.front.counts["ExpiredTokenException"], 0)
        self.assert_rows(folder)

    def test_quotas(self):
        folder = self.events(60_000, "--format", "ndjson", "--files", "1")
        self.front.max_active = 0
        process = self.start(*self.command(folder, "--json"))
        self.wait_until(lambda: self.front.counts["ActiveStatementsExceededException"] > 1, process)
        self.front.max_active = 1
        self.finish(process, expect=0)
        self.assert_rows(folder)


if __name__ == "__main__":
    main()
