"""What people see at a terminal: help, summaries, file names that try to write to it, exit statuses."""
import json
import os
import pty
import signal
import subprocess

from harness import MillraceTest, PROGRAM, main

ESCAPE = "\x1b]0;owned\x07\x1b[2J"


class TerminalTest(MillraceTest):
    def at_terminal(self, *args, **env):
        """(exit status, what stdout and stderr together wrote to a terminal)"""
        leader, follower = pty.openpty()
        with subprocess.Popen([PROGRAM, *map(str, args)], stdin=subprocess.DEVNULL, stdout=follower, stderr=follower,
                              env=self.environment() | env) as process:
            os.close(follower)
            shown = b""
            while True:
                try:
                    piece = os.read(leader, 65536)
                except OSError:  # the program has ended
                    break
                if not piece:
                    break
                shown += piece
            os.close(leader)
            return process.wait(60), shown.decode()

    def bad_and_good_events(self):
        rows = [{"event": "a", "properties": {"time": 1_700_000_000, "distinct_id": "u", "$insert_id": "1"}},
                {"event": "", "properties": {ESCAPE: ESCAPE}}]
        return self.write_ndjson(f"in/{ESCAPE}.ndjson", rows)

    def test_an_import_ends_with_its_summary_and_no_log_line(self):
        sandbox = self.sandbox()
        path = self.write_ndjson("a.ndjson", [{"event": "a", "properties": {"time": 1_700_000_000, "distinct_id": "u"}}])
        code, shown = self.at_terminal("import", path, "--mixpanel-url", sandbox.url, "--quiet")
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"accepted +1")
        self.assertNotIn("Import complete", shown)
        self.assertNotIn("success", shown)
        code, out, err = self.run_program("import", path, "--mixpanel-url", sandbox.url, "--quiet", "--force")
        self.assertEqual(code, 0, err)
        self.assertTrue(json.loads(err)["success"], "elsewhere the one line is for whoever collects the log")

    def test_no_verb_lets_a_file_name_or_its_content_write_to_the_terminal(self):
        sandbox = self.sandbox()
        path = self.bad_and_good_events()
        csv = self.write(f"in/{ESCAPE}.csv", f"time,user_id,{ESCAPE}\n2024-01-01T00:00:00Z,u1,{ESCAPE}\n")
        ours = ("--mixpanel-url", sandbox.url)
        for args in (("plan", path, *ours), ("import", path, *ours, "--quiet"), ("status",), ("dlq", "list"),
                     ("dlq", "show"), ("reconcile", path, *ours), ("init", csv), ("init", str(csv) + "-missing"),
                     ("plan", csv, *ours), ("import", csv, *ours, "--quiet"), ("import", path, "--config", csv, *ours),
                     ("staypoints", csv, "--output", self.folder / "out"), ("import", path, "--" + ESCAPE),
                     (ESCAPE,)):
            with self.subTest(args[0]):
                _, shown = self.at_terminal(*args)
                self.assertNotEqual(shown, "")
                self.assertNotIn("\x1b", shown)
                self.assertNotIn("\x07", shown)

    def test_an_empty_variable_counts_as_not_set(self):
        sandbox = self.sandbox()
        path = self.write_ndjson("a.ndjson", [{"event": "a", "properties": {"time": 1_700_000_000, "distinct_id": "u"}}])
        empty = dict.fromkeys(("MIXPANEL_REGION", "MIXPANEL_PROJECT_ID", "MIXPANEL_SERVICE_ACCOUNT", "MILLRACE_CONFIG",
                               "MILLRACE_LEDGER", "XDG_STATE_HOME"), "")
        self.import_json(sandbox, path, env=empty)

    def test_the_sandbox_ends_with_status_3(self):
        sandbox = self.sandbox()
        sandbox.process.send_signal(signal.SIGINT)
        self.assertEqual(sandbox.process.wait(20), 3)

    def test_read_only_verbs_create_nothing(self):
        sandbox = self.sandbox()
        path = self.write_ndjson("a.ndjson", [{"event": "a", "properties": {"time": 1_700_000_000, "distinct_id": "u"}}])
        self.assertEqual(self.run_json("status")["totals"]["objects"], 0)
        self.run_json("plan", path, "--mixpanel-url", sandbox.url)
        self.assertFalse(self.state.exists())
        self.import_json(sandbox, path)
        before = {file: file.stat().st_mtime_ns for file in self.state.rglob("*.db")}
        self.assertEqual(self.run_json("status")["totals"]["done"], 1)
        self.run_json("plan", path, "--mixpanel-url", sandbox.url)
        self.assertEqual({file: file.stat().st_mtime_ns for file in self.state.rglob("*.db")}, before)

    def test_an_unknown_record_id_is_an_error(self):
        sandbox = self.sandbox()
        self.import_json(sandbox, self.bad_and_good_events(), expect=1)
        known = self.dead_letters()[0]["id"]
        self.assertEqual(self.run_program("dlq", "show", known)[0], 0)
        for verb in ("show", "replay"):
            more = ("--mixpanel-url", sandbox.url) if verb == "replay" else ()
            code, _, err = self.run_program("dlq", verb, "0123456789abcdef-99", *more)
            self.assertEqual(code, 2, err)
            self.assertIn("no rejected record has the ID 0123456789abcdef-99", err)

    def test_generate_replaces_nothing_unless_told_to(self):
        mine = self.write("sources.json", "mine")
        args = ("generate", "events", "--rows", 10, "--output", self.folder, "--format", "csv")
        code, _, err = self.run_program(*args)
        self.assertEqual(code, 2)
        self.assertIn("--force", err)
        self.assertEqual(mine.read_text(), "mine")
        self.run_json(*args, "--force")
        self.assertIn("field_mappings", mine.read_text())


if __name__ == "__main__":
    main()
