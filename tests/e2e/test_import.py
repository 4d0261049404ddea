"""What users rely on: accounting, restart, stop, changed files, exit statuses, messages."""
import gzip
import json
import os
import signal
import time

from harness import FAST_RETRY, MillraceTest, main
from oracle import expected_events, judge

KEYS = {"success", "objects", "objects_skipped", "read", "accepted", "rejected", "filtered", "pending", "requests",
        "retries", "bytes_read", "bytes_sent", "elapsed_s", "events_per_second", "peak_memory_bytes", "first_error"}


def event(number, **properties):
    return {"event": "e", "properties": {"time": 1_700_000_000 + number, "distinct_id": f"u{number}",
                                         "$insert_id": f"id-{number}", **properties}}


class ImportTest(MillraceTest):
    def test_a_second_run_sends_nothing_and_force_sends_all_again(self):
        sandbox = self.sandbox()
        folder = self.generate(3_000)
        arguments = (folder, "--config", folder / "sources.json")
        first = self.import_json(sandbox, *arguments)
        self.assertLessEqual(KEYS, first.keys())
        self.assertEqual((first["objects"], first["accepted"]), (3, 9_000))
        # The same rows in three formats are the same events.
        self.assertEqual(sandbox.stats()["unique"], 3_000)

        second = self.import_json(sandbox, *arguments)
        self.assertEqual((second["objects"], second["objects_skipped"], second["read"], second["requests"]),
                         (0, 3, 0, 0))
        forced = self.import_json(sandbox, *arguments, "--force")
        self.assertEqual(forced["accepted"], 9_000)
        self.assertEqual(sandbox.stats()["unique"], 3_000)

    def test_parquet_and_ndjson_of_the_same_rows_become_the_same_events(self):
        folder = self.generate(3_000)
        for file_type in ("parquet", "ndjson"):
            with self.subTest(file_type):
                sandbox = self.sandbox()
                self.import_json(sandbox, folder / file_type, "--config", folder / "sources.json")
                self.assertEqual(judge(self, expected_events(folder), sandbox.export()), 0)

    def test_two_projects_by_their_secrets_share_no_rows_of_the_ledger(self):
        sandbox = self.sandbox()
        path = self.write_ndjson("a.ndjson", [event(1), event(2)])
        def by(secret, token=""):
            report = self.import_json(sandbox, path, env={"MIXPANEL_TOKEN": token, "MIXPANEL_API_SECRET": secret})
            return report["accepted"], report["objects_skipped"]
        self.assertEqual(by("secret-of-a"), (2, 0))
        self.assertEqual(by("secret-of-b"), (2, 0), "another project")
        self.assertEqual(by("secret-of-a"), (0, 1))
        self.assertEqual(by("secret-of-b", token="some-token"), (0, 1), "the secret is what is used")
        self.assertEqual(by("", token="some-token"), (2, 0))
        for file in self.state.glob("ledger.db*"):
            for secret in (b"secret-of-a", b"secret-of-b", b"some-token"):
                self.assertNotIn(secret, file.read_bytes())

    def test_a_config_prefix_may_lead_through_a_link(self):
        sandbox = self.sandbox()
        self.write_ndjson("disk/in/a.ndjson", [event(1)])
        (self.folder / "data").symlink_to(self.folder / "disk")
        for prefix, inputs in (("data/in/", "data/in"), ("disk/in/", "data"), ("data/", "disk/in/a.ndjson")):
            with self.subTest(prefix):
                config = self.write_config({"config_id": prefix, "source_prefix": str(self.folder / prefix) + "/"})
                report = self.run_json("plan", self.folder / inputs, "--config", config, "--mixpanel-url", sandbox.url)
                self.assertEqual((report["objects"], report["objects_unmatched"]), (1, 0))
        report = self.import_json(sandbox, self.folder / "data", "--config", config)
        self.assertEqual((report["accepted"], report["objects_unmatched"]), (1, 0))

    def test_a_changed_config_sends_nothing_again_unless_it_is_forced(self):
        sandbox = self.sandbox()
        def entry(*mappings, **more):
            return {"config_id": "orders", "source_prefix": str(self.folder / "in"), "field_mappings": [
                {"source_field": source, "mixpanel_field": field} for source, field in mappings]} | more
        def row(number):
            return {"at": 1_700_000_000 + number, "user": f"u{number}", "plan": "p"}
        mappings = [("at", "time"), ("user", "distinct_id")]
        config = self.write_config(entry(*mappings))
        folder = self.write_ndjson("in/a.ndjson", [row(n) for n in range(1_000)] + [{"user": "no time"}]).parent
        self.import_json(sandbox, folder, "--config", config, expect=1)
        before = sandbox.stats()["unique"]
        self.assertEqual(len(self.dead_letters()), 1)

        # The events stay the same: comments, keys in another order, one more entry.
        same = json.dumps([entry(*mappings, config_id="others", source_prefix="gs://b/"),
                           dict(reversed(entry(*mappings).items()))])
        self.write("sources.json", "// a comment\n" + same)
        report = self.import_json(sandbox, folder, "--config", config)
        self.assertEqual((report["objects_skipped"], report["objects_config_changed"]), (1, 0))

        # One more mapping would change every id.
        self.write_config(entry(*mappings, ("plan", "plan")))
        self.write_ndjson("in/b.ndjson", [row(n) for n in range(5_000, 5_010)])
        report = self.import_json(sandbox, folder, "--config", config, expect=2)
        self.assertEqual((report["objects_config_changed"], report["objects"], report["accepted"]), (1, 1, 10))
        self.assertFalse(report["success"])
        self.assertIn('"orders", which has changed since (field_mappings)', report["first_error"])
        self.assertEqual(report["config_changes"], [report["first_error"]])
        self.assertEqual(sandbox.stats()["unique"], before + 10)
        code, out, err = self.run_program("import", folder, "--config", config, "--mixpanel-url", sandbox.url)
        self.assertEqual(code, 2, err)
        self.assertIn("1 skipped: the config changed", out)
        self.assertIn("--force imports them again", out)

        plan = self.run_json("plan", folder, "--config", config, "--mixpanel-url", sandbox.url)
        self.assertEqual((plan["objects_config_changed"], plan["objects_to_do"], plan["rows"]), (1, 0, 0))
        self.assertIn("config_changed", [problem["code"] for problem in plan["problems"]])
        status = self.run_json("status", "--config", config, expect=1)
        self.assertEqual(status["totals"]["config_changed"], 1)
        self.assertIn("which has changed since (field_mappings)", status["objects"][0]["config_change"])

        report = self.import_json(sandbox, folder / "a.ndjson", "--config", config, "--force", expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (1_000, 1))
        self.assertEqual(sandbox.stats()["unique"], 2 * before + 10)
        status = self.run_json("status", "--config", config, expect=1)
        self.assertEqual((status["totals"]["objects"], status["totals"]["config_changed"]), (2, 0))
        self.assertEqual(len(self.dead_letters()), 1, "those of the config before went with its row")

    def test_a_changed_file_is_a_new_object(self):
        sandbox = self.sandbox()
        path = self.write_ndjson("a.ndjson", [event(1)])
        self.import_json(sandbox, path)
        self.write_ndjson("a.ndjson", [event(1), event(2)])
        report = self.import_json(sandbox, path)
        self.assertEqual((report["read"], report["objects_skipped"]), (2, 0))
        self.assertEqual(sandbox.stats()["unique"], 2)

    def test_dry_run_sends_and_records_nothing(self):
        sandbox = self.sandbox()
        path = self.write_ndjson("a.ndjson", [event(1), {"event": "", "properties": {}}])
        report = self.import_json(sandbox, path, "--dry-run", expect=1)
        self.assertEqual((report["read"], report["accepted"], report["rejected"]), (2, 1, 1))
        table = self.run_program("import", path, "--mixpanel-url", sandbox.url, "--dry-run")[1]
        self.assertIn("not stored: this is a dry run", table)
        self.assertNotIn("dlq list", table)
        self.assertEqual(sandbox.stats()["received"], 0)
        self.assertEqual(self.import_json(sandbox, path, expect=1)["read"], 2)

    def test_peak_memory_is_not_that_of_a_large_parent(self):
        path = self.write_ndjson("a.ndjson", [event(1)])
        large = b"x" * (500 << 20)
        report = self.import_json(self.sandbox(), path)
        self.assertLess(report["peak_memory_bytes"], len(large) // 2)

    def test_many_small_files_share_requests(self):
        sandbox = self.sandbox()
        for number in range(300):
            self.write_ndjson(f"in/{number}.ndjson", [event(number)])
        report = self.import_json(sandbox, self.folder / "in")
        self.assertEqual((report["objects"], report["accepted"]), (300, 300))
        self.assertLess(report["requests"], 100)

    def test_globs_name_files_across_folders(self):
        sandbox = self.sandbox()
        self.write_ndjson("in/a/1.ndjson", [event(1)])
        self.write_ndjson("in/a/b/2.ndjson", [event(2)])
        self.write_ndjson("in/a/b/3.txt", [event(3)])
        report = self.import_json(sandbox, f"{self.folder}/in/**/*.ndjson", self.folder / "in/a/1.ndjson")
        self.assertEqual((report["objects"], report["accepted"]), (2, 2))

    def test_an_interrupt_finishes_writes_in_flight_and_exits_with_3(self):
        sandbox = self.sandbox("--fault", "slow=30ms")
        folder = self.generate(50_000, "--format", "ndjson")
        arguments = ["import", folder, "--config", folder / "sources.json", "--mixpanel-url", sandbox.url, "--json",
                     "--connections", "1", "--batch-events", "500", *FAST_RETRY]
        process = self.start(*arguments)
        while sandbox.stats()["received"] == 0:  # it has begun
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 3, err)
        report = json.loads(out)
        self.assert_adds_up(report)
        self.assertFalse(report["success"])
        self.assertGreater(report["accepted"], 0)
        self.assertLess(report["accepted"], 50_000)
        self.assertIn("Press Ctrl-C again to exit immediately", err)
        # It accepted exactly what the sandbox has: nothing in flight was dropped.
        self.assertEqual(sandbox.stats()["unique"], report["accepted"])
        sandbox.set_faults()
        rest = self.import_json(sandbox, folder, "--config", folder / "sources.json")
        self.assertEqual(report["accepted"] + rest["accepted"], 50_000)
        self.assertEqual(judge(self, expected_events(folder), sandbox.export()), 0)

    def start_import_that_hangs(self, *args):
        """(sandbox, process) of an import whose first requests are in flight and get no response."""
        sandbox = self.sandbox("--fault", "slow=60s")
        rows = self.write_ndjson("in/rows.ndjson", [event(n) for n in range(5_000)])
        process = self.start("import", rows, "--mixpanel-url", sandbox.url, "--json", *args)
        self.addCleanup(process.kill)
        while sandbox.stats()["requests"] == 0:
            time.sleep(0.01)
        return sandbox, process

    def test_a_stop_abandons_requests_without_a_response(self):
        sandbox, process = self.start_import_that_hangs("--stop-grace", "100ms")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)  # less than the fault and the request's timeout
        self.assertEqual(process.returncode, 3, err)
        report = json.loads(out)
        self.assert_adds_up(report)
        self.assertGreater(report["pending"], 0)
        self.assertEqual(report["accepted"], 0)
        sandbox.set_faults()
        rest = self.import_json(sandbox, self.folder / "in")
        self.assertEqual(rest["accepted"], 5_000)
        self.assertEqual(sandbox.stats()["unique"], 5_000)

    def test_a_second_signal_ends_it_at_once(self):
        sandbox, process = self.start_import_that_hangs("--stop-grace", "10m")
        process.send_signal(signal.SIGINT)
        while "Press Ctrl-C again to exit immediately" not in (line := process.stderr.readline()):
            self.assertNotEqual(line, "")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (3, ""), err)
        sandbox.set_faults()
        self.assertEqual(self.import_json(sandbox, self.folder / "in")["accepted"], 5_000)

    def test_damaged_files_are_named_and_the_others_are_imported(self):
        sandbox = self.sandbox()
        whole = gzip.compress("".join(json.dumps(event(n)) + "\n" for n in range(5_000)).encode())
        self.write("in/cut.ndjson.gz", whole[: len(whole) // 2])
        self.write_ndjson("in/good.ndjson", [event(10_000)])
        parquet = self.generate(2_000, "--format", "parquet") / "events-00000.parquet"
        self.write("in/cut.parquet", parquet.read_bytes()[:-1000])
        code, out, err = self.run_program("import", self.folder / "in", "--mixpanel-url", sandbox.url, "--json")
        self.assertEqual(code, 1, err)
        report = json.loads(out)
        self.assert_adds_up(report)
        self.assertEqual((report["objects"], report["objects_failed"]), (3, 2))
        self.assertIn("cut.", report["first_error"])
        failed = {os.path.basename(o["object"]): o for o in self.run_json("status", expect=1)["objects"]
                  if o["state"] == "failed"}
        self.assertEqual(set(failed), {"cut.ndjson.gz", "cut.parquet"})
        self.assertIn("cut off", failed["cut.ndjson.gz"]["last_error"])
        # The rows before the cut have arrived, and none twice.
        stats = sandbox.stats()
        self.assertEqual(stats["unique"], failed["cut.ndjson.gz"]["accepted"] + 1)
        self.assertGreater(stats["unique"], 100)

    def test_rejected_records_are_kept_with_their_place(self):
        sandbox = self.sandbox()
        rows = [json.dumps(event(1)), '{"event": "e", "properties": {"time": "04/05/2024"}}', "{not json",
                '{"event":"e","properties":{"time":1700000000,"deep":' + "[" * 70 + "]" * 70 + "}}"]
        path = self.write("a.ndjson", "\n".join(rows).encode() + b'\n{"event":"\xff\xfe","properties":{}}\n')
        report = self.import_json(sandbox, path, expect=1)
        self.assertEqual((report["read"], report["accepted"], report["rejected"]), (5, 1, 4))
        self.assertIn("a.ndjson", report["first_error"])
        records = self.dead_letters()
        self.assertEqual(sorted(record["row"] for record in records), [2, 3, 4, 5])
        by_row = {record["row"]: record for record in records}
        self.assertEqual(by_row[2]["code"], "invalid_time")
        self.assertIn("04/05/2024", by_row[2]["message"])
        self.assertEqual({by_row[n]["code"] for n in (3, 4, 5)}, {"unreadable_row"})
        self.assertIn("64", by_row[4]["message"])
        self.assertIn("UTF-8", by_row[5]["message"])

    def test_wrong_usage_and_config_exit_with_2(self):
        good = self.write_ndjson("a.ndjson", [event(1)])
        config = self.write_config({"config_id": "x", "source_gcs_prefix": str(self.folder),
                                    "field_mappigs": []})
        for arguments, said in (
                (("import", "--no-such-flag"), "no-such-flag"),
                (("import",), "no input"),
                (("import", good, "--region", "mars"), "mars"),
                (("import", good, "--connections", "0"), "--connections"),
                (("import", good, "--config", self.folder / "none.json"), "none.json"),
                (("import", good, "--config", config), "field_mappings"),
                (("import", self.folder / "none.ndjson"), "none.ndjson"),
                (("import", "ftp://host/x.parquet"), "unknown scheme ftp://"),
                (("import", good, "--ledger", "mysql://x"), "mysql://"),
                (("import", good, "--mixpanel-url", "ftp://x"), "http://"),
                (("frobnicate",), "frobnicate")):
            with self.subTest(arguments=arguments):
                code, out, err = self.run_program(*arguments)
                self.assertEqual((code, out), (2, ""), err)
                self.assertIn(said, err)

    def test_a_config_that_matches_no_object_is_an_error(self):
        self.write_ndjson("in/a.ndjson", [event(1)])
        self.write_ndjson("in/b.ndjson", [event(2)])
        entry = {"config_id": "x", "source_gcs_prefix": "gs://bucket/events/"}
        nothing = self.write_config(entry, name="nothing.json")
        sandbox = self.sandbox()
        where = ("--mixpanel-url", sandbox.url, "--project-id", "1")
        account = {"MIXPANEL_SERVICE_ACCOUNT": "a:b"}
        for verb in ("import", "plan", "reconcile"):
            with self.subTest(verb=verb):
                code, out, err = self.run_program(verb, self.folder / "in", "--config", nothing, "--json", *where,
                                                  env=account)
                self.assertEqual((code, out), (2, ""), err)
                for said in ("no entry of the config matches any of the 2 objects", "gs://bucket/events/",
                             "/in/a.ndjson", "/in/b.ndjson"):
                    self.assertIn(said, err)
        # A config that matches some objects is not an error.
        some = self.write_config(entry, entry | {"config_id": "y", "source_gcs_prefix": f"{self.folder}/in/b"},
                                 name="some.json")
        report = self.import_json(sandbox, self.folder / "in", "--config", some)
        self.assertEqual((report["accepted"], report["objects_unmatched"]), (1, 1))
        # Nor is a config whose objects are done.
        again = self.import_json(sandbox, self.folder / "in", "--config", some)
        self.assertEqual((again["objects_skipped"], again["objects_unmatched"]), (1, 1))
        # An input that has no objects says that instead.
        code, out, err = self.run_program("import", self.folder / "none", "--config", nothing, *where)
        self.assertEqual((code, out), (2, ""), err)
        self.assertNotIn("no entry", err)

    def test_credentials_are_needed_and_never_shown(self):
        path = self.write_ndjson("a.ndjson", [event(1)])
        code, out, err = self.run_program("import", path, env={"MIXPANEL_TOKEN": ""})
        self.assertEqual(code, 2)
        self.assertIn("MIXPANEL_TOKEN", err)

        sandbox = self.sandbox("--token", "right")
        code, out, err = self.run_program("import", path, "--mixpanel-url", sandbox.url,
                                          env={"MIXPANEL_TOKEN": "wr0ng-s3cret"})
        self.assertEqual(code, 3)
        self.assertIn("401", err)
        self.assertNotIn("wr0ng-s3cret", out + err)
        for database in self.state.rglob("*"):
            if database.is_file():
                self.assertNotIn(b"wr0ng-s3cret", database.read_bytes())
        self.assertEqual(self.run_program("import", path, "--mixpanel-url", sandbox.url,
                                          env={"mixpanel_token": "right", "MIXPANEL_TOKEN": "right"})[0], 0)

    def test_a_secret_on_the_command_line_is_wiped_from_the_process_list(self):
        sandbox = self.sandbox("--fault", "slow=300ms")
        path = self.write_ndjson("a.ndjson", [event(1)])
        process = self.start("import", path, "--mixpanel-url", sandbox.url, "--mixpanel_project_token", "s3cret-token")
        while sandbox.stats()["requests"] < 2 and process.poll() is None:
            with open(f"/proc/{process.pid}/cmdline", "rb") as seen:
                command_line = seen.read()
            if sandbox.stats()["received"]:
                break
        process.communicate(timeout=30)
        self.assertIn(b"--mixpanel_project_token", command_line)
        self.assertNotIn(b"s3cret-token", command_line)

    def test_profiles_and_groups(self):
        sandbox = self.sandbox()
        self.write_ndjson("users/a.ndjson", [{"uid": "u1", "name": "Ann", "age": 41}, {"uid": "u2", "name": None}])
        self.write_ndjson("groups/a.ndjson", [{"company": "acme", "plan": "pro"}])
        config = self.write_config(
            {"config_id": "u", "source_gcs_prefix": f"{self.folder}/users/", "record_type": "user",
             "field_mappings": [{"source_field": "uid", "mixpanel_field": "$distinct_id", "type": "string"},
                                {"source_field": "*", "mixpanel_field": "*"}]},
            {"config_id": "g", "source_gcs_prefix": f"{self.folder}/groups/", "record_type": "group",
             "group_key": "company",
             "field_mappings": [{"source_field": "company", "mixpanel_field": "$group_id", "type": "string"},
                                {"source_field": "*", "mixpanel_field": "*"}]})
        report = self.import_json(sandbox, self.folder / "users", self.folder / "groups", "--config", config)
        self.assertEqual((report["objects"], report["accepted"]), (2, 3))
        profiles = {p["$distinct_id"]: p["$properties"] for p in sandbox.profiles()}
        self.assertEqual(profiles["u1"]["name"], "Ann")
        self.assertEqual(profiles["u1"]["age"], 41)
        self.assertIn("u2", profiles)


if __name__ == "__main__":
    main()
