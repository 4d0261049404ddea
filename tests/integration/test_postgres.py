"""PostgreSQL as a destination of each verb: import with and without its ledger, two destinations at once, watch, dlq
replay, and `destinations check|create|drop`."""
import json
import shutil
import signal
import time
import unittest

from harness import FAST_RETRY, main
from postgres_events import PATIENCE, UNAVAILABLE, PostgresEventsTest
from test_watch import Watch

ROWS = 20_000


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class ImportTest(PostgresEventsTest):
    def setUp(self):
        super().setUp()
        self.source = self.events(ROWS, "--format", "ndjson", "--files", "5")

    def begin(self, verb):
        """The verb, in the middle of its work and slow."""
        self.create()
        self.slow_down(0.1)
        process = self.start(*verb)
        self.wait_for_rows(ROWS // 5, process)
        return process

    def test_again_and_by_force(self):
        self.assertEqual(self.load(self.source)["accepted"], ROWS)
        again = self.load(self.source)
        self.assertEqual((again["read"], again["objects_skipped"], again["requests"]), (0, 5, 0))
        self.assert_rows(self.source)
        forced = self.load(self.source, "--force")
        self.assertEqual((forced["read"], forced["accepted"]), (ROWS, ROWS))
        self.assert_rows(self.source, times=2)

    def test_without_the_ledger_of_the_first_run(self):
        process = self.begin(self.command(self.source, "--batch-events", "500", "--quiet"))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.server.query("DROP TRIGGER slow ON events")
        before = self.count()
        for stored in (before, ROWS):
            shutil.rmtree(self.state)
            report = self.load(self.source)
            # Read and accounted for again; what PostgreSQL has is not sent.
            self.assertEqual((report["read"], report["accepted"]), (ROWS, ROWS))
            self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
            if stored == ROWS:
                self.assertEqual(report["bytes_sent"], 0)
            self.assert_rows(self.source)

    def two(self, sandbox, expect):
        """Imports into Mixpanel and PostgreSQL; the reports of both."""
        report = self.load(self.source, "--to", "mixpanel", "--mixpanel-url", sandbox.url, "--events-per-second", "0",
                           "--gigabytes-per-minute", "0", "--retry-timeout", "500ms", expect=expect)
        reports = {one["name"].split(":")[0]: one for one in report["destinations"]}
        self.assertEqual(set(reports), {"mixpanel", "postgres"})
        for one in reports.values():
            self.assert_adds_up(one)
        self.assertEqual(sandbox.stats()["unique"], ROWS)
        return reports

    def test_two_destinations(self):
        reports = self.two(self.sandbox(), expect=0)
        self.assertEqual([one["accepted"] for one in reports.values()], [ROWS, ROWS])
        self.assert_rows(self.source)

    def test_two_destinations_of_which_one_is_away(self):
        sandbox = self.sandbox()
        self.server.shut_down()
        reports = self.two(sandbox, expect=3)
        self.assertEqual((reports["mixpanel"]["success"], reports["mixpanel"]["accepted"]), (True, ROWS))
        self.assertEqual((reports["postgres"]["success"], reports["postgres"]["accepted"]), (False, 0))
        self.assertIn("giving up after", reports["postgres"]["stopped_by"])
        self.server.start()
        reports = self.two(sandbox, expect=0)
        self.assertEqual((reports["mixpanel"]["read"], reports["postgres"]["accepted"]), (0, ROWS))
        self.assertEqual(sandbox.stats()["received"], ROWS)
        self.assert_rows(self.source)

    def test_watch_that_is_killed_and_whose_server_restarts(self):
        inbox = self.folder / "in"
        inbox.mkdir()
        files = sorted(self.source.glob("*.ndjson.gz"))

        def put(path):
            shutil.copy(path, inbox / f".{path.name}")
            (inbox / f".{path.name}").rename(inbox / path.name)

        config = json.loads((self.source / "sources.json").read_text())
        config[0]["source_prefix"] = f"{inbox}/{config[0].pop('source_gcs_prefix')}"
        command = [inbox, "--config", self.write_config(*config), "--to", self.to]
        self.create()
        watch = Watch(self, *command)
        watch.wait_for("watching")
        put(files[0])
        watch.wait_for("object imported")
        self.server.shut_down(signal.SIGQUIT)
        put(files[1])
        self.server.start()
        watch.wait_for("object imported", count=2)
        self.slow_down(0.5)
        put(files[2])
        self.wait_for_copy()
        watch.kill()
        self.server.query("DROP TRIGGER slow ON events")
        put(files[3])
        watch = Watch(self, *command)
        watch.wait_for("object imported", count=2)
        put(files[4])
        watch.wait_for("object imported", count=3)
        report = watch.finish()
        self.assertEqual((report["accepted"], report["objects_failed"]), (ROWS * 3 // 5, 0))
        self.assert_rows(self.source)

    def wait_for_copy(self):
        """Until a COPY is in its trigger."""
        deadline = time.monotonic() + PATIENCE
        while self.server.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == [["0"]]:
            self.assertLess(time.monotonic(), deadline, "nothing is copied")

    def test_replay_after_the_config_is_fixed(self):
        config = json.loads((self.source / "sources.json").read_text())
        fixed = self.folder / "fixed.json"
        config[0]["source_prefix"] = str(self.source / config[0].pop("source_gcs_prefix"))
        fixed.write_text(json.dumps(config))
        for mapping in config[0]["field_mappings"]:
            if mapping["mixpanel_field"] == "time":
                mapping["source_field"] = "device_id"
        broken = self.write_config(*config)
        report = self.run_json("import", self.source, "--config", broken, "--to", self.to, *FAST_RETRY, expect=1)
        self.assert_adds_up(report)
        self.assertEqual((report["accepted"], report["rejected"]), (0, ROWS))
        self.assertEqual(self.count(), 0)
        # Killed in the middle: what it has stored is not stored again.
        replay = ["dlq", "replay", "--config", fixed, "--to", self.to, "--json"]
        process = self.begin(replay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertLess(self.count(), ROWS)
        self.server.query("DROP TRIGGER slow ON events")
        report = self.run_json(*replay[:-1])
        self.assert_adds_up(report)
        self.assertEqual(report["rejected"], 0)
        self.assertEqual(report["accepted"] + report["replayed_before"], ROWS)
        self.assert_rows(self.source)
        self.assertEqual(self.run_json(*replay[:-1])["accepted"], 0)
        self.assert_rows(self.source)


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class DestinationsTest(PostgresEventsTest):
    def check(self, to):
        """The checks that did not pass."""
        code, out, err = self.run_program("destinations", "check", to, "--json")
        problems = [one for one in json.loads(out)["destinations"][0]["checks"] if not one["ok"]]
        self.assertEqual(code, 2 if problems else 0, out + err)
        return problems

    def tables(self, schema="public"):
        return {row[0] for row in self.server.query(
            f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'")}

    def test_check_names_the_statements_that_a_role_needs(self):
        source = self.events(100, "--format", "ndjson")
        self.server.query("CREATE ROLE loader LOGIN")
        owned = self.to + "&events=app.clicks&users=app.people"
        self.to = self.server.uri_of("loader") + "&events=app.clicks&users=app.people"
        self.assertEqual({one["remedy"] for one in self.check(self.to)}, {"millrace destinations create"})
        report = self.load(source, expect=3)
        self.assertIn("permission denied", report["stopped_by"])
        self.assertIn("millrace destinations create", report["stopped_by"])
        code, out, err = self.run_program("destinations", "create", self.to)
        self.assertEqual(code, 2, out + err)
        self.assertIn("permission denied", out + err)
        self.assertEqual(self.run_program("destinations", "create", owned)[0], 0)
        self.assertEqual(self.check(owned), [])
        rounds = []
        while problems := self.check(self.to):
            self.assertLess(len(rounds), 3, problems)
            rounds.append({one["remedy"] for one in problems})
            for statement in rounds[-1]:
                self.assertTrue(statement.startswith("GRANT "), statement)
                self.server.query(statement)
        self.assertEqual(rounds[0], {'GRANT USAGE ON SCHEMA "app" TO loader'})
        self.assertIn('GRANT INSERT ON "app"."clicks" TO loader', rounds[1])
        # No more than it needs: it cannot even read the events.
        self.assertEqual(self.server.query("SELECT has_table_privilege('loader', 'app.clicks', 'SELECT, DELETE')"),
                         [["f"]])
        self.assertEqual(self.load(source)["accepted"], 100)
        self.assertEqual(self.load(source, "--force")["accepted"], 100)
        self.assert_rows(source, times=2, table="app.clicks")
        self.assertEqual(self.check(self.to), [])

    def test_create_twice(self):
        for _ in range(2):
            self.create()
            self.assertEqual(self.tables(), {"events", "users", "groups", "millrace_writers", "millrace_delivered"})
            self.assertEqual(self.check(self.to), [])
            self.server.query("INSERT INTO events (event, insert_time) VALUES ('mine', now())")
        self.assertEqual(self.count(), 2)

    def test_drop_needs_yes_and_takes_exactly_what_it_names(self):
        source = self.events(100, "--format", "ndjson")
        self.assertEqual(self.load(source)["accepted"], 100)
        clicks = self.to + "&table=clicks"
        self.to = clicks
        self.assertEqual(self.load(source)["accepted"], 100)
        self.server.query("CREATE TABLE clicks_old (); CREATE TABLE \"Clicks\" (); CREATE SCHEMA app; "
                          "CREATE TABLE app.clicks ()")
        before = self.tables()
        code, out, err = self.run_program("destinations", "drop", clicks)
        self.assertEqual(code, 2, out + err)
        self.assertIn("table public.clicks", out)
        self.assertIn("--yes", err)
        self.assertEqual(self.tables(), before)
        code, out, err = self.run_program("destinations", "drop", clicks, "--yes")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(before - self.tables(), {"clicks"})
        self.assertEqual(self.tables("app"), {"clicks"})
        # The cursor of the other table is still there.
        shutil.rmtree(self.state)
        self.to = self.server.uri
        self.assertEqual(self.load(source)["bytes_sent"], 0)
        self.assert_rows(source)
        # A table that was dropped is filled again, also without the ledger.
        self.to = clicks
        shutil.rmtree(self.state)
        self.assertEqual(self.load(source)["accepted"], 100)
        self.assert_rows(source, table="clicks")
        for _ in range(2):
            self.assertEqual(self.run_program("destinations", "drop", self.server.uri, "--yes")[0], 0)
            self.assertEqual(self.run_program("destinations", "drop", clicks, "--yes")[0], 0)
        self.assertEqual(self.tables(), {"clicks_old", "Clicks", "expected"})


if __name__ == "__main__":
    main()
