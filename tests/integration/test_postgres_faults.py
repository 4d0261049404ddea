"""Imports into a PostgreSQL server that is slow, away, full, read-only or not the right one: what is said, what is
accounted for, and that the next import finishes with each row once."""
import os
import signal
import subprocess
import unittest

from harness import main
from postgres_events import UNAVAILABLE, PostgresEventsTest
from postgres_proxy import PostgresProxy

ROWS = 20_000
NO_TIME = ["--retry-timeout", "500ms"]


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class FaultsTest(PostgresEventsTest):
    def setUp(self):
        super().setUp()
        self.source = self.events(ROWS, "--format", "ndjson", "--files", "3")

    def begin(self, *more):
        """An import that is in the middle of its work, and will be for a while."""
        self.create()
        self.slow_down(0.1)
        process = self.start(*self.command(self.source, "--batch-events", "500", "--connections", "2", "--json",
                                           "--quiet", *more))
        self.wait_for_rows(ROWS // 5, process)
        return process

    def finish_rest(self):
        """A second import, after which each row is there once."""
        self.server.query("DROP TRIGGER IF EXISTS slow ON events")
        report = self.load(self.source)
        self.assertEqual((report["rejected"], report["pending"]), (0, 0))
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        self.assertEqual(self.dead_letters(), [])
        self.assert_rows(self.source)

    def assert_stops(self, *parts, **options):
        """An import stops before it has stored anything, and says all of `parts`; `check` says what is wrong too."""
        report = self.load(self.source, *NO_TIME, expect=3, **options)
        self.assertEqual((report["success"], report["accepted"], report["rejected"]), (False, 0, 0))
        for part in parts:
            self.assertIn(part, report["stopped_by"])
        check = self.run_json("destinations", "check", self.to + "&table=events", expect=2, **options)
        problems = [one for one in check["destinations"][0]["checks"] if not one["ok"]]
        self.assertTrue(problems and all(one["remedy"] for one in problems), check)
        self.assertEqual(self.dead_letters(), [])

    def proxy(self):
        proxy = PostgresProxy(self.server)
        self.addCleanup(proxy.stop)
        self.to = self.server.uri_of("tester", host=proxy.folder)
        return proxy

    def test_slow(self):
        self.proxy().delay = 0.02
        self.create()
        report = self.load(self.source)
        self.assertEqual((report["accepted"], report["retries"]), (ROWS, 0))
        self.assert_rows(self.source)

    def test_away_for_a_while(self):
        process = self.begin("--retry-timeout", "1m")
        for how in (signal.SIGINT, signal.SIGQUIT):
            self.server.shut_down(how)
            self.server.start()
            self.wait_for_rows(self.count() + 1, process)
        report, _ = self.finish(process, expect=0)
        self.assertEqual(report["accepted"], ROWS)
        self.assertGreater(report["retries"], 0)
        self.assert_rows(self.source)

    def test_away_for_longer_than_the_import_retries(self):
        process = self.begin(*NO_TIME)
        self.server.shut_down()
        report, _ = self.finish(process, expect=3)
        self.assertGreater(report["pending"], 0)
        self.assertIn("giving up after", report["stopped_by"])
        self.assertIn(self.server.folder.name, report["stopped_by"])
        self.assert_stops("giving up after")
        self.server.start()
        self.finish_rest()

    def test_lost_commits(self):
        proxy = self.proxy()
        process = self.begin()
        proxy.lose_commits(10)
        report, _ = self.finish(process, expect=0)
        self.assertEqual((report["accepted"], report["rejected"]), (ROWS, 0))
        self.assertEqual((proxy.lost_answers, proxy.lost_requests), (5, 5))
        self.assertGreater(report["retries"], 0)
        self.assert_rows(self.source)

    def test_killed_while_commits_are_lost(self):
        proxy = self.proxy()
        process = self.begin()
        for _ in range(3):
            proxy.lose_commits(4)
            self.wait_for_rows(self.count() + ROWS // 10, process)
            process.kill()
            process.communicate()
            process = self.start(*self.command(self.source, "--batch-events", "500", "--json", "--quiet"))
        self.finish(process, expect=0)
        self.assertGreater(proxy.lost_answers + proxy.lost_requests, 3)
        self.assert_rows(self.source)

    def test_standby_that_is_promoted(self):
        self.create()
        self.server.shut_down()
        (self.server.folder / "data/standby.signal").write_text("")
        self.server.start()
        self.assert_stops("read-only", "target_session_attrs=read-write")
        refused = "cannot execute INSERT in a read-only transaction"
        count = (self.server.folder / "log").read_text().count(refused)
        process = self.start(*self.command(self.source, "--json", "--quiet"))
        self.wait_for_log(refused, count + 3)
        self.server.query("SELECT pg_promote()")
        report, _ = self.finish(process, expect=0)
        self.assertEqual(report["accepted"], ROWS)
        self.assert_rows(self.source)

    def test_becomes_read_only_midway(self):
        process = self.begin(*NO_TIME)
        self.server.query("ALTER SYSTEM SET default_transaction_read_only = on")
        self.server.query("SELECT pg_reload_conf()")
        report, _ = self.finish(process, expect=3)
        self.assertIn("read-only", report["stopped_by"])
        self.assertGreater(report["accepted"], 0)
        self.server.query("BEGIN READ WRITE; ALTER ROLE tester SET default_transaction_read_only = off; COMMIT")
        self.finish_rest()

    def test_wrong_password(self):
        self.create()
        self.server.query("CREATE ROLE loader LOGIN PASSWORD 'right' IN ROLE pg_write_all_data, pg_read_all_data")
        rules = self.server.folder / "data/pg_hba.conf"
        self.server.shut_down()
        rules.write_text("local all loader scram-sha-256\n" + rules.read_text())
        self.server.start()
        self.to = self.server.uri_of("loader")
        self.assert_stops("password authentication failed", "PGPASSWORD", env={"PGPASSWORD": "wrong"})
        report = self.load(self.source, "--retry-timeout", "1h", expect=3)  # at once
        self.assertIn("no password supplied", report["stopped_by"])
        report = self.load(self.source, env={"PGPASSWORD": "right"})
        self.assertEqual(report["accepted"], ROWS)
        self.assert_rows(self.source)

    def test_unknown_role_and_database(self):
        for self.to, problem, advice in (
                (self.server.uri_of("stranger"), 'role "stranger" does not exist', "Check the user"),
                (self.server.uri_of("tester", "nowhere"), 'database "nowhere" does not exist', "Create the database")):
            self.assert_stops(problem, advice)
        self.server.query("CREATE DATABASE nowhere")
        self.assertEqual(self.load(self.source)["accepted"], ROWS)

    def test_missing_permissions(self):
        self.create()
        self.server.query("CREATE ROLE loader LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON millrace_writers, "
                          "millrace_delivered TO loader")
        self.to = self.server.uri_of("loader")
        self.assert_stops("permission denied for table events", "millrace destinations check")
        self.server.query("GRANT INSERT ON events TO loader")
        self.finish_rest()

    def test_permission_revoked_midway(self):
        self.create()
        self.server.query("CREATE ROLE loader LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
        owner, self.to = self.to, self.server.uri_of("loader")
        self.slow_down(0.1)
        process = self.start(*self.command(self.source, "--batch-events", "500", "--json", "--quiet"))
        self.wait_for_rows(ROWS // 5, process)
        self.server.query("REVOKE pg_write_all_data FROM loader")
        report, _ = self.finish(process, expect=3)
        self.assertIn("permission denied", report["stopped_by"])
        self.assertGreater(report["accepted"], 0)
        self.assertEqual(self.to.replace("loader", "tester"), owner)
        self.server.query("GRANT pg_write_all_data TO loader")
        self.finish_rest()

    def test_disk_full(self):
        disk = self.server.folder / "disk"
        disk.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size=4m,mode=0700,uid={self.server.user['user']}", "tmpfs", str(disk)],
            capture_output=True).returncode == 0
        if not mounted:
            self.skipTest("a small disk cannot be mounted")
        # Before the server's folder is removed.
        self.addCleanup(subprocess.run, ["umount", "-l", str(disk)])
        self.server.query(f"CREATE TABLESPACE small LOCATION '{disk}'")
        self.create()
        self.server.query("ALTER TABLE events SET TABLESPACE small")
        report = self.load(self.source, *NO_TIME, expect=3)
        self.assertGreater(report["pending"], 0)
        self.assertIn("No space left on device", report["stopped_by"])
        self.assertIn("make room", report["stopped_by"])
        self.assertEqual(self.dead_letters(), [])
        # The table comes away with what has been stored in it.
        self.server.query("ALTER TABLE events SET TABLESPACE pg_default")
        self.finish_rest()


if __name__ == "__main__":
    main()
