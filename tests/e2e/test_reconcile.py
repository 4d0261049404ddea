"""Rejected records are replayed, and reconcile reports whether source and destination are equal."""
import json
import signal
import time

from harness import MillraceTest, main

ROWS = 6_000
START = 1_713_928_381  # seconds


class ReconcileTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.box = self.sandbox()

    def reconcile(self, folder, *args, config=None, expect=0):
        config = config or folder / "sources.json"
        report = self.run_json("reconcile", folder, "--config", config, "--mixpanel-url", self.box.url, *args,
                               expect=expect)
        self.assertEqual(report["expected"], report["found"] + report["missing"])
        self.assertEqual(list(self.state.glob("reconcile.*")), [], "a temporary folder was not removed")
        return report

    def replay(self, *args, expect=0):
        report = self.run_json("dlq", "replay", "--mixpanel-url", self.box.url, *args, expect=expect)
        self.assert_adds_up(report)
        return report

    def assert_numbers(self, report, **numbers):
        self.assertEqual({key: report[key] for key in numbers}, numbers)

    def events(self, count, name="Buy"):
        return [{"event": name, "properties": {"time": START + i, "distinct_id": f"u{i % 7}",
                                               "$insert_id": f"id-{name}-{i}"}} for i in range(count)]


class ImportedTest(ReconcileTest):
    """Against generated events."""

    def setUp(self):
        super().setUp()
        self.sample = self.generate(ROWS, "--format", "ndjson", "--files", "3")

    def import_sample(self, *faults, expect=0):
        self.box.set_faults(*faults)
        report = self.import_json(self.box, self.sample, "--config", self.sample / "sources.json", expect=expect)
        self.box.set_faults()
        return report

    def test_imported_events_are_equal(self):
        self.import_sample()
        report = self.reconcile(self.sample)
        self.assert_numbers(report, success=True, expected=ROWS, found=ROWS, missing=0, unexpected=0, duplicates=0,
                            repaired=0, objects=3, first_error=None)

    def test_every_format_is_mapped_to_the_same_events(self):
        for file_format in ("parquet", "csv"):
            with self.subTest(file_format):
                folder = self.folder / file_format
                self.run_json("generate", "events", "--rows", 2000, "--seed", 5, "--output", folder, "--format",
                              file_format)
                self.import_json(self.box, folder, "--config", folder / "sources.json")
                self.assert_numbers(self.reconcile(folder), expected=2000, missing=0, unexpected=0)
                self.box.reset()

    def test_missing_events_are_named_and_repaired(self):
        self.import_sample()
        self.box.reset()
        report = self.reconcile(self.sample, "--list", "5", expect=1)
        self.assert_numbers(report, expected=ROWS, found=0, missing=ROWS)
        self.assertEqual(report["missing_rows"][0],
                         {"object": str((self.sample / "events-00000.ndjson.gz").resolve()), "row": 1})
        self.assertEqual(len(report["missing_rows"]), 5)
        report = self.reconcile(self.sample, "--repair")
        self.assert_numbers(report, missing=0, repaired=ROWS, duplicates=0)
        self.assertEqual(self.box.stats()["unique"], ROWS)

    def test_objects_never_imported_are_not_verified(self):
        report = self.reconcile(self.sample, expect=1)
        self.assert_numbers(report, expected=0, objects=0, objects_not_imported=3)

    def test_faults_leave_nothing_behind_once_records_are_replayed(self):
        imported = self.import_sample("partial_400=0.05", "reply_lost:0.2", expect=1)
        rejected = imported["rejected"]
        self.assertGreater(rejected, 0)
        report = self.reconcile(self.sample)
        self.assert_numbers(report, expected=ROWS - rejected, missing=0, unexpected=0, rows_rejected=rejected)
        config = ("--config", self.sample / "sources.json")
        self.assert_numbers(self.replay(*config, "--dry-run"), accepted=rejected)
        self.assert_numbers(self.replay(*config), read=rejected, accepted=rejected)
        self.assert_numbers(self.replay(*config), read=0, replayed_before=rejected)
        report = self.reconcile(self.sample)
        self.assert_numbers(report, expected=ROWS, missing=0, unexpected=0, rows_replayed=rejected)
        self.assertEqual(self.box.stats()["unique"], ROWS)

    def test_a_replay_that_is_killed_can_be_repeated(self):
        rejected = self.import_sample("partial_400=0.9", expect=1)["rejected"]
        config = ("--config", self.sample / "sources.json")
        self.box.set_faults("slow=20ms")
        for delay in (0.05, 0.1, 0.15):
            process = self.start("dlq", "replay", *config, "--mixpanel-url", self.box.url)
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        self.box.set_faults()
        last = self.replay(*config)
        self.assertEqual(last["read"] + last["replayed_before"], rejected)
        self.assert_numbers(self.reconcile(self.sample), expected=ROWS, missing=0, unexpected=0)
        self.assertEqual(self.box.stats()["unique"], ROWS)

    def test_a_stop_leaves_nothing_behind(self):
        self.import_sample()
        self.box.set_faults("slow=30s")
        process = self.start("reconcile", self.sample, "--config", self.sample / "sources.json", "--mixpanel-url",
                             self.box.url, "--json")
        while not list(self.state.glob("reconcile.*/ours/*")):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 3, err)
        self.assertFalse(json.loads(out)["success"])
        self.assertEqual(list(self.state.glob("reconcile.*")), [])


class OwnFilesTest(ReconcileTest):
    """Against small files in Mixpanel's format or with their own mapping."""

    def test_events_of_others_are_unexpected_unless_they_are_ignored(self):
        mine = self.write_ndjson("in/mine.ndjson", self.events(10))
        other = self.write_ndjson("other/other.ndjson", self.events(13)[10:])
        for path in (mine, other):
            self.import_json(self.box, path)
        args = ("reconcile", mine, "--mixpanel-url", self.box.url)
        report = self.run_json(*args, expect=1)
        self.assert_numbers(report, expected=10, found=10, unexpected=3)
        self.assertEqual(report["unexpected_events"][0],
                         {"event": "Buy", "distinct_id": "u3", "time": (START + 10) * 1000, "$insert_id": "id-Buy-10"})
        self.run_json(*args, "--ignore-unexpected")

    def test_changed_or_deleted_objects_are_not_verified(self):
        for name in ("same", "changed", "gone"):
            self.write_ndjson(f"in/{name}.ndjson", self.events(5, name))
        self.import_json(self.box, self.folder / "in")
        self.write_ndjson("in/changed.ndjson", self.events(6, "changed"))
        self.write_ndjson("in/new.ndjson", self.events(5, "new"))
        (self.folder / "in/gone.ndjson").unlink()
        report = self.run_json("reconcile", self.folder / "in", "--mixpanel-url", self.box.url, expect=1)
        self.assert_numbers(report, missing=0, objects=1, objects_changed=1, objects_gone=1, objects_not_imported=1)
        self.assertEqual({(f["problem"], f["object"].rsplit("/")[-1]) for f in report["findings"]},
                         {("changed", "changed.ndjson"), ("gone", "gone.ndjson"), ("not_imported", "new.ndjson")})

    def test_a_fixed_config_repairs_what_it_can_and_reconcile_sees_it(self):
        entry = {"config_id": "orders", "source_gcs_prefix": "in/", "mixpanel_event_name": "Order",
                 "field_mappings": [
                     {"source_field": "user", "mixpanel_field": "distinct_id", "type": "string",
                      "is_required_in_source": True},
                     {"source_field": "at", "mixpanel_field": "time", "type": "unix_timestamp_auto",
                      "is_required_in_source": True},
                     {"source_field": "n", "mixpanel_field": "n", "type": "integer"}]}
        self.write("in/orders.csv", "user,at,n\n" + "".join(
            f"{'' if i % 10 == 3 else f'u{i}'},{START + i},{'many' if i % 10 == 5 else i}\n" for i in range(50)))
        first = self.write_config(entry)
        inputs = self.folder / "in"
        report = self.import_json(self.box, inputs, "--config", first, expect=1)
        self.assert_numbers(report, accepted=40, rejected=10)
        waiting = self.run_json("dlq", "list")
        self.assert_numbers(waiting, waiting=10, replayed=0)
        self.assertEqual({group["code"]: group["waiting"] for group in waiting["groups"]},
                         {"missing_required_field": 5, "invalid_value": 5})
        record = self.dead_letters("--code", "missing_required_field")[0]
        self.assertEqual((record["row"], record["field"]), (4, "user"))
        self.assertEqual(json.loads(record["payload_before"])["n"], "3")

        entry["field_mappings"][0]["type"] = "string_or_uuid"
        entry["field_mappings"][0]["is_required_in_source"] = False
        fixed = self.write_config(entry, name="fixed.json")
        self.assert_numbers(self.replay("--config", fixed, expect=1), read=10, accepted=5, rejected=5)
        self.assert_numbers(self.run_json("dlq", "list"), waiting=5, replayed=5)
        self.assert_numbers(self.reconcile(inputs, config=first), expected=45, found=45, unexpected=0,
                            rows_rejected=10, rows_replayed=5)

        entry["field_mappings"][2]["type"] = "string"
        fixed = self.write_config(entry, name="fixed.json")
        self.assert_numbers(self.replay("--config", fixed), read=5, accepted=5, replayed_before=5)
        self.assertEqual(self.dead_letters(), [])
        self.assert_numbers(self.reconcile(inputs, config=first), expected=50, found=50, unexpected=0)

    def test_one_record_is_replayed_by_its_id(self):
        rows = self.events(4)
        for i in (1, 2):
            rows[i]["properties"]["time"] = "soon"
        path = self.write_ndjson("in/a.ndjson", rows)
        self.import_json(self.box, path, expect=1)
        ids = [record["id"] for record in self.dead_letters()]
        self.assertEqual(len(ids), 2)
        self.assert_numbers(self.replay(ids[0], expect=1), read=1, rejected=1)
        self.assertEqual([r["id"] for r in self.dead_letters()], ids)

    def test_wrong_usage_and_absent_servers_have_their_exit_status(self):
        path = self.write_ndjson("in/a.ndjson", self.events(4))
        self.import_json(self.box, path)
        for args in (["reconcile"], ["reconcile", self.folder / "none"], ["reconcile", path, "--list", "-1"],
                     ["reconcile", path, "--config", self.folder / "none.json"],
                     ["dlq", "replay", "--since", "tomorrow"]):
            code, out, err = self.run_program(*args, "--mixpanel-url", self.box.url)
            self.assertEqual((code, out), (2, ""), args)
            self.assertTrue(err)
        self.box.stop()
        self.assertEqual(self.run_program("reconcile", path, "--mixpanel-url", self.box.url, "--retry-timeout", "0s")[0], 3)


if __name__ == "__main__":
    main()
