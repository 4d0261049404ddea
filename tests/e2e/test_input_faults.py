"""Realistic faulty inputs (../shared/data/faults): each verb reads them correctly or rejects them with a message."""
import csv
import gzip
import io
import json
import unittest

from harness import DATA, MillraceTest, main

FAULTS = DATA / "faults"
T0 = 1_700_000_000


def mapping(source, target, **more):
    return {"source_field": source, "mixpanel_field": target, **more}


REST = mapping("*", "*")
USER = [mapping("time", "time"), mapping("user_id", "distinct_id"), REST]


@unittest.skipUnless(FAULTS.exists(), f"no test data in {FAULTS} (set MILLRACE_TEST_DATA)")
class FaultTest(MillraceTest):
    def entry(self, mappings=None, **more):
        entry = {"config_id": "c", "source_prefix": "", "mixpanel_event_name": "ev", **more}
        return entry if mappings is None else entry | {"field_mappings": mappings}

    def properties(self, sandbox):
        """Properties of each stored event, without those that Millrace and the server add, in order of time."""
        left_out = {"$insert_id", "$import", "mp_processing_time_ms", "$mp_api_endpoint", "mp_country_code"}
        events = sorted(sandbox.export(), key=lambda event: (event["properties"]["time"], json.dumps(event)))
        return [{k: v for k, v in event["properties"].items() if k not in left_out} for event in events]

    def warning_codes(self, report):
        return [(warning["code"], warning["field"]) for warning in report["warnings"]]

    def csv(self, header, *rows):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        return text.getvalue()


class HiddenNames(FaultTest):
    def test_partitions_that_begin_with_an_underscore_are_read(self):
        sandbox = self.sandbox()
        report = self.import_json(sandbox, FAULTS / "03_underscore")
        self.assertEqual((report["objects"], report["objects_hidden"], report["warnings"]), (2, 0, []))
        self.assertEqual(report["accepted"], 2)

    def test_other_hidden_names_are_counted_and_reported(self):
        line = json.dumps({"event": "e", "properties": {"time": T0, "distinct_id": "u"}}) + "\n"
        for name in ("in/_day=1/a.ndjson", "in/_SUCCESS", "in/_old/b.ndjson", "in/.c.ndjson", "in/_d=1.ndjson"):
            self.write(name, line)
        folder = self.folder / "in"
        report = self.import_json(self.sandbox(), folder)
        self.assertEqual((report["objects"], report["objects_hidden"]), (1, 4))
        self.assertEqual(self.warning_codes(report), [("hidden_names", None)])
        self.assertEqual(report["warnings"][0]["count"], 3)
        plan = self.run_json("plan", folder)
        self.assertEqual((plan["objects"], plan["objects_hidden"]), (1, 4))
        self.assertEqual(plan["warnings"], report["warnings"])
        self.import_json(self.sandbox(), folder, "--strict", "--force", expect=1)
        watched = self.run_json("watch", folder, "--exit-when-idle", "1s", "--settle-time", "100ms",
                                "--mixpanel-url", self.sandbox().url)
        self.assertEqual((watched["accepted"], watched["objects_hidden"]), (1, 4))


class Tables(FaultTest):
    def verbs(self, sandbox, folder):
        url = ["--mixpanel-url", sandbox.url]
        return {"import": ["import", folder, *url], "plan": ["plan", folder], "init": ["init", folder],
                "watch": ["watch", folder, "--exit-when-idle", "1s", *url], "reconcile": ["reconcile", folder, *url],
                "staypoints": ["staypoints", "--input", folder, "--output", self.folder / "out"]}

    def assert_refused(self, sandbox, folder, message):
        for name, args in self.verbs(sandbox, folder).items():
            with self.subTest(verb=name):
                code, _, err = self.run_program(*args)
                self.assertEqual(code, 2, err)
                self.assertIn(message, err)
                self.assertIn("--as-files", err)
        self.assertEqual(sandbox.stats()["received"], 0)

    def test_a_delta_table_is_refused_by_every_verb(self):
        self.assert_refused(self.sandbox(), FAULTS / "21_delta", "is a Delta table: its files hold deleted rows")

    def test_its_files_are_read_if_asked(self):
        for args in ([FAULTS / "21_delta", "--as-files"], [FAULTS / "21_delta" / "part-0.ndjson"]):
            with self.subTest(args):
                self.state = self.folder / f"state{len(args)}"
                report = self.import_json(self.sandbox(), *args)
                self.assertEqual((report["rejected"], report["objects"]), (0, len(args)))
                self.assertGreater(report["accepted"], 0)

    def test_globs_partitions_iceberg_and_tables_below(self):
        sandbox = self.sandbox()
        line = json.dumps({"event": "e", "properties": {"time": T0, "distinct_id": "u"}}) + "\n"
        self.write("d/day=1/a.ndjson", line)
        self.write("d/_delta_log/0.json", "{}")
        self.write("i/data/a.ndjson", line)
        self.write("i/metadata/v1.metadata.json", "{}")
        self.write("all/t/A.ndjson", line)
        self.write("all/t/_delta_log/0.json", "{}")
        for path, what in (("d/**/*.ndjson", "Delta"), ("d/day=1", "Delta"), ("i", "Iceberg"), ("all", "Delta")):
            with self.subTest(path):
                code, _, err = self.run_program("import", self.folder / path, "--mixpanel-url", sandbox.url)
                self.assertEqual(code, 2, err)
                self.assertIn(f"{what} table: its files hold deleted rows", err)
        self.assertEqual(sandbox.stats()["received"], 0)


class Columns(FaultTest):
    def test_a_duplicate_column_is_renamed_and_reported(self):
        sandbox = self.sandbox()
        file, config = FAULTS / "05_duplicate_column.parquet", FAULTS / "map.json"
        report = self.import_json(sandbox, file, "--config", config)
        self.assertEqual(self.warning_codes(report), [("duplicate_column", "amount_2")])
        self.assertEqual([(event["amount"], event.get("amount_2")) for event in self.properties(sandbox)],
                         [(10, 100), (20, None)])
        plan = self.run_json("plan", file, "--config", config)
        self.assertEqual(plan["warnings"], report["warnings"])
        reconciled = self.run_json("reconcile", file, "--config", config, "--mixpanel-url", sandbox.url, "--strict",
                                   expect=1)
        self.assertIn("amount_2", reconciled["first_error"])
        strict = self.import_json(sandbox, file, "--config", config, "--strict", "--force", expect=1)
        self.assertEqual((strict["objects_failed"], strict["read"]), (1, 0))
        self.assertIn("amount_2", strict["first_error"])

    def test_a_mapped_duplicate_is_ambiguous(self):
        config = self.write_config(self.entry([*USER[:2], mapping("amount", "paid")]))
        files = {"parquet": FAULTS / "05_duplicate_column.parquet",
                 "csv": self.write("a.csv", self.csv(["time", "user_id", "amount", "amount"], [T0, "u", 1, 2])),
                 "tsv.gz": self.write("a.tsv.gz", gzip.compress(f"time\tuser_id\tamount\tamount\n{T0}\tu\t1\t2\n".encode()))}
        for name, file in files.items():
            with self.subTest(name):
                report = self.import_json(self.sandbox(), file, "--config", config, expect=1)
                self.assertEqual((report["read"], report["objects_failed"]), (0, 1))
                self.assertIn('column "amount", used for "paid", is ambiguous', report["first_error"])
                plan = self.run_json("plan", file, "--config", config, expect=1)
                self.assertIn('column "amount", used for "paid", is ambiguous', plan["problems"][0]["message"])

    def test_a_missing_column_is_reported_once_with_the_nearest_name(self):
        file, config = FAULTS / "20_userid_misspelt.csv", FAULTS / "map.json"
        sandbox = self.sandbox()
        code, out, err = self.run_program("import", file, "--config", config, "--json", "--mixpanel-url", sandbox.url)
        self.assertEqual(code, 0, err)
        report = json.loads(out)
        self.assertEqual(self.warning_codes(report), [("missing_column", "user_id")])
        self.assertIn("did you mean", report["warnings"][0]["message"])
        self.assertEqual(err.count(report["warnings"][0]["message"].split(";")[0].replace('"', '\\"')), 1, err)
        _, table, _ = self.run_program("import", file, "--config", config, "--force", "--mixpanel-url", sandbox.url)
        self.assertIn('warning: column "user_id", used for "distinct_id", is not in the file', table)
        self.assertEqual(self.run_json("plan", file, "--config", config)["warnings"], report["warnings"])
        reconciled = self.run_json("reconcile", file, "--config", config, "--mixpanel-url", sandbox.url)
        self.assertEqual(reconciled["warnings"], report["warnings"])
        self.import_json(sandbox, file, "--config", config, "--strict", "--force", expect=1)
        self.run_json("plan", file, "--config", config, "--strict", expect=1)

    def test_many_files_that_lack_a_column_are_one_warning(self):
        for i in range(20):
            self.write(f"in/{i}.csv.gz", gzip.compress(self.csv(["time", "user"], [T0 + i, "u"]).encode()))
        config = self.write_config(self.entry(USER))
        report = self.import_json(self.sandbox(), self.folder / "in", "--config", config)
        self.assertEqual([(w["field"], w["count"]) for w in report["warnings"]], [("user_id", 20)])


class Times(FaultTest):
    def test_init_offers_compact_dates_with_their_form(self):
        cases = {"YYYYMMDDHHMM": ["202404240313", "202404240314"], "YYYYMMDD": ["20240424", "20240425"],
                 "YYYYMMDDHHMMSS": ["20240424031301", "20240424031302"]}
        files = {form: self.write(f"{form}/o.csv", self.csv(["time", "user_id", "event"], *((v, "u", "a") for v in values)))
                 for form, values in cases.items()}
        files["YYYYMMDDHHMM of the data"] = FAULTS / "07_yyyymmddhhmm" / "o.csv"
        files["YYYYMMDDHHMM in JSON"] = self.write_ndjson(
            "json/o.ndjson.gz", [{"time": int(v), "user_id": "u", "event": "a"} for v in cases["YYYYMMDDHHMM"]])
        for name, file in files.items():
            with self.subTest(name):
                result = self.run_json("init", file)
                time = result["config"][0]["field_mappings"][0]
                self.assertEqual((time["source_field"], time["mixpanel_field"], time["time_format"]),
                                 ("time", "time", name.split()[0]))
                config = self.write("made.json", json.dumps(result["config"]))
                sandbox = self.sandbox()
                self.import_json(sandbox, file, "--config", config)
                seconds = {"YYYYMMDD": 1713916800, "YYYYMMDDHHMM": 1713928380, "YYYYMMDDHHMMSS": 1713928381}
                self.assertEqual(self.properties(sandbox)[0]["time"], seconds[name.split()[0]] * 1000)

    def test_early_times_arrive_and_are_found_again(self):
        sandbox = self.sandbox()
        file = FAULTS / "16_early_times.ndjson"
        self.assertEqual(self.import_json(sandbox, file)["rejected"], 0)
        self.assertEqual([event["time"] for event in self.properties(sandbox)],
                         [76204800000, 76204800000, 99999999000, 100000000000])
        found = self.run_json("reconcile", file, "--mixpanel-url", sandbox.url)
        # Two of the four rows are the same event.
        self.assertEqual((found["expected"], found["missing"], found["unexpected"]), (3, 0, 0))

    def test_early_times_of_other_formats_and_transforms(self):
        self.write("t.js", "export default (event) => event;")
        config = self.write_config(self.entry(USER, transform="t.js"))
        file = self.write("a.csv", self.csv(["time", "user_id"], ["1972-06-01", "u"], ["1971-01-01T00:00:00.5Z", "u"]))
        sandbox = self.sandbox()
        self.assertEqual(self.import_json(sandbox, file, "--config", config)["rejected"], 0)
        self.assertEqual([event["time"] for event in self.properties(sandbox)], [31536000000, 76204800000])


class Records(FaultTest):
    MERGES = [{"event": "$merge", "properties": {"$distinct_ids": ["a1", "b2"]}},
              {"event": "$identify", "properties": {"$identified_id": "u1", "$anon_id": "5d958f87"}},
              {"event": "$create_alias", "properties": {"distinct_id": "u1", "alias": "u2"}}]

    def test_identity_events_are_accepted_as_documented(self):
        for name, file in {"merge": FAULTS / "08_merge.ndjson",
                           "all, gzip": self.write_ndjson("all.ndjson.gz", self.MERGES),
                           "array": self.write("all.json", json.dumps(self.MERGES))}.items():
            with self.subTest(name):
                sandbox = self.sandbox()
                report = self.import_json(sandbox, file, "--force")
                self.assertEqual(report["rejected"], 0)
                self.assertEqual(report["accepted"], sandbox.stats()["received"])
                self.assertEqual(self.run_json("plan", file, "--force")["rejected"], 0)
                found = self.run_json("reconcile", file, "--mixpanel-url", sandbox.url)
                self.assertEqual((found["missing"], found["unexpected"]), (0, 0))

    def test_a_merge_without_two_ids_is_rejected(self):
        file = self.write_ndjson("a.ndjson", [{"event": "$merge", "properties": {"$distinct_ids": ["a1"]}}])
        report = self.import_json(self.sandbox(), file, expect=1)
        self.assertEqual(report["rejected"], 1)
        self.assertIn("$distinct_ids", report["first_error"])

    def test_profiles_as_mixpanel_exports_them(self):
        rows = [{"$distinct_id": f"u{i}", "$properties": {"plan": "pro", "n": i}} for i in range(3000)]
        for name, file, config in (
                ("data", FAULTS / "09_engage_export.ndjson", FAULTS / "user.json"),
                ("gzip", self.write_ndjson("p.ndjson.gz", rows), FAULTS / "user.json"),
                ("a transform", self.write_ndjson("p.ndjson", rows), self.transform_config())):
            with self.subTest(name):
                sandbox = self.sandbox()
                report = self.import_json(sandbox, file, "--config", config, "--force")
                self.assertEqual(report["rejected"], 0)
                profiles = {p["$distinct_id"]: p["$properties"] for p in sandbox.profiles()}
                self.assertEqual(len(profiles), report["accepted"])
                self.assertEqual(profiles.get("u1", {}).get("plan"), "pro")

    def transform_config(self):
        self.write("t.js", "export default (update) => update;")
        return self.write_config({"config_id": "u", "source_prefix": "", "record_type": "user", "transform": "t.js"})

    def test_a_number_is_one_id_in_every_format(self):
        rows = {"float.ndjson": '{"time": %d, "user_id": 12345.0}\n' % T0,
                "exponent.ndjson.gz": gzip.compress(b'{"time": %d, "user_id": 1.2345e4}\n' % T0),
                "integer.ndjson": '{"time": %d, "user_id": 12345}\n' % T0,
                "text.csv": f"time,user_id\n{T0},12345\n"}
        config = self.write_config(self.entry(USER))
        files = {name: self.write(name, text) for name, text in rows.items()}
        for name, file in files.items():
            with self.subTest(name):
                sandbox = self.sandbox()
                self.import_json(sandbox, file, "--config", config)
                self.assertEqual([event["distinct_id"] for event in self.properties(sandbox)], ["12345"])
        sandbox = self.sandbox()
        self.import_json(sandbox, FAULTS / "18_float_user_id.ndjson")
        self.import_json(sandbox, FAULTS / "18_double_user_id.parquet", "--config", FAULTS / "map.json")
        ids = {event["distinct_id"] for event in self.properties(sandbox)}
        self.assertIn("12345", ids)
        self.assertFalse([i for i in ids if "." in i or "e" in i], ids)

    def test_json_inside_a_cell(self):
        config = self.write_config(self.entry([*USER[:2], mapping("items", "items", type="json")]))
        rows = [[T0, "u", '{"a": [1, 2.50], "b": "\u00e9"}'], [T0 + 1, "u", "[1,\n2]"], [T0 + 2, "u", ""], [T0 + 3, "u", "{"]]
        file = self.write("a.csv", self.csv(["time", "user_id", "items"], *rows))
        sandbox = self.sandbox()
        report = self.import_json(sandbox, file, "--config", config, expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (3, 1))
        self.assertEqual([event.get("items") for event in self.properties(sandbox)],
                         [{"a": [1, 2.5], "b": "\u00e9"}, [1, 2], None])


class Staypoints(FaultTest):
    HEADER = ["user_id", "trip_start_time", "trip_end_time", "start_lat", "start_lng", "end_lat", "end_lng"]

    def trips(self, *ids):
        return [[user, f"2024-01-0{day}T08:00:00Z", f"2024-01-0{day}T09:00:00Z", 1, 2, 3, 4]
                for user in ids for day in (1, 2)]

    def run_staypoints(self, path, *args, expect=0):
        return self.run_json("staypoints", "--input", path, "--output", self.folder / "out", *args, expect=expect)

    def test_partitions_hidden_names_and_ids(self):
        self.write("t/_day=1/a.csv", self.csv(self.HEADER, *self.trips("12345", " ")))
        self.write("t/_day=2/b.ndjson", "".join(
            json.dumps(dict(zip(self.HEADER, row))).replace('"id"', "12345.0") + "\n" for row in self.trips("id")))
        self.write("t/_old/c.csv", "x")
        self.write("t/_SUCCESS", "")
        report = self.run_staypoints(self.folder / "t", expect=1)
        self.assertEqual((report["trips"], report["rejected"], report["users"], report["files_hidden"]), (6, 2, 1, 2))

    def test_a_duplicate_column_is_ambiguous(self):
        rows = [[*row, "x"] for row in self.trips("u")]
        path = self.write("a.csv", self.csv([*self.HEADER, "user_id"], *rows))
        code, _, err = self.run_program("staypoints", "--input", path, "--output", self.folder / "out")
        self.assertEqual(code, 2, err)
        self.assertIn('column "user_id" is ambiguous: the file has more than one of that name', err)


class Readers(FaultTest):
    def test_bit_packed_levels_are_refused_by_name(self):
        file, config = FAULTS / "17_bit_packed_levels.parquet", FAULTS / "map.json"
        sandbox = self.sandbox()
        report = self.import_json(sandbox, file, "--config", config, expect=1)
        self.assertEqual((report["read"], report["objects_failed"]), (0, 1))
        self.assertIn("BIT_PACKED levels", report["first_error"])
        plan = self.run_json("plan", file, "--config", config, expect=1)
        self.assertIn("BIT_PACKED levels", plan["problems"][0]["message"])
        self.assertEqual(sandbox.stats()["received"], 0)
        code, _, err = self.run_program("init", file)
        self.assertNotEqual(code, 0)
        self.assertIn("BIT_PACKED levels", err)

    def test_plan_counts_cells_that_null_words_make_null(self):
        plan = self.run_json("plan", FAULTS / "13_namibia.csv", "--config", FAULTS / "map.json")
        words = plan["entries"][0]["sample"]["null_words"]
        self.assertEqual([(w["column"], w["word"]) for w in words], [("country", "NA")])
        packed = self.write("n.csv.gz", gzip.compress((FAULTS / "13_namibia.csv").read_bytes()))
        packed_plan = self.run_json("plan", packed, "--config", FAULTS / "map.json")
        self.assertEqual(packed_plan["entries"][0]["sample"]["null_words"], words)
        none = self.run_json("plan", FAULTS / "13_namibia.csv", "--config", FAULTS / "map_nonulls.json")
        self.assertEqual(none["entries"][0]["sample"]["null_words"], [])
        sandbox = self.sandbox()
        self.import_json(sandbox, FAULTS / "13_namibia.csv", "--config", FAULTS / "map_nonulls.json")
        self.assertIn("NA", [event.get("country") for event in self.properties(sandbox)])

    def test_reconcile_with_many_short_names(self):
        sandbox = self.sandbox()
        file = FAULTS / "19_short_names.ndjson"
        read = self.import_json(sandbox, file)["accepted"]
        found = self.run_json("reconcile", file, "--mixpanel-url", sandbox.url)
        self.assertEqual((found["expected"], found["missing"]), (read, 0))


if __name__ == "__main__":
    main()
