"""Realistic files: every verb that reads them agrees on their content.

The inputs are those of ../shared/data (its README.md and faults/README.md say what is expected of them) and
neighbours generated here: other compressions, sizes below and above the 64 KiB that formats are detected
from, other line ends. Each goes through `plan`, `import --dry-run`, `import` and `reconcile`, and where it
says so through `init` and `staypoints`.
"""
import gzip
import json
import pathlib
import struct
import unittest

from harness import DATA, MillraceTest, main

FAULTS = DATA / "faults"
TIME = 1_713_928_381  # seconds
MAPPED = {"config_id": "c", "source_prefix": "", "mixpanel_event_name": "ev",
          "field_mappings": [{"source_field": "time", "mixpanel_field": "time"},
                             {"source_field": "user_id", "mixpanel_field": "distinct_id"},
                             {"source_field": "*", "mixpanel_field": "*"}]}
SIZES = {"small": 20, "large": 5_000}  # rows: some hundred bytes, and more than 64 KiB


def zstd(data):
    """A zstd frame of stored blocks (RFC 8878)."""
    frame = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", len(data))
    blocks = [data[at:at + 100_000] for at in range(0, len(data), 100_000)] or [b""]
    for block in blocks:
        frame += ((block is blocks[-1]) | len(block) << 3).to_bytes(3, "little") + block
    return frame


PACKINGS = {"": lambda data: data, ".gz": gzip.compress, ".zst": zstd}


class CorpusTest(MillraceTest):
    runs = 0

    def setUp(self):
        super().setUp()
        self.box = self.sandbox()

    def config(self, **keys):
        return self.write_config(MAPPED | keys, name=f"config{len(list(self.folder.glob('config*')))}.json")

    def agree(self, path, config=None):
        """Lets every verb read `path` with a fresh ledger; their counts are equal. Returns (plan, dry, real)."""
        with_config = ("--config", config) if config else ()
        self.box.reset()
        self.state = self.folder / f"state{CorpusTest.runs}"
        CorpusTest.runs += 1
        where = ("--mixpanel-url", self.box.url)
        code, out, err = self.run_program("plan", path, *with_config, "--full", "--json")
        if code == 2:
            return self.agree_on_refusal(path, with_config, err.removeprefix("millrace plan: "))
        self.assertIn(code, (0, 1), err)
        plan = json.loads(out)
        dry = self.run_json("import", path, *with_config, "--dry-run", *where, expect=code)
        self.assertEqual(self.box.stats()["received"], 0)
        real = self.import_json(self.box, path, *with_config, expect=code)
        for key in ("read", "accepted", "rejected", "filtered", "objects", "objects_failed"):
            self.assertEqual(dry[key], real[key], key)
        if real["objects"] == 1:  # of several, any may come first
            self.assertEqual(dry["first_error"], real["first_error"])
        self.assertEqual(plan["objects_failed"], real["objects_failed"], plan["problems"])
        reconciled = self.run_json("reconcile", path, *with_config, *where, expect=1 if real["objects_failed"] else 0)
        self.assertEqual(reconciled["missing"], 0)
        reports = {"dry run": dry, "import": real}
        if not real["objects_failed"]:  # a plan does not know the part of a damaged object that it could not read
            self.assertEqual((plan["rows"], plan["events"], plan["rejected"]),
                             (real["read"], real["events"], real["rejected"]), plan["problems"])
            self.assertEqual((reconciled["rows"], reconciled["rows_rejected"], reconciled["unexpected"]),
                             (real["read"], real["rejected"], 0), reconciled)
            reports["reconcile"] = reconciled
        for name, report in reports.items() if "warnings" in plan else ():
            self.assertEqual(self.warnings(report), self.warnings(plan), name)
        return plan, dry, real

    def agree_on_refusal(self, path, with_config, words):
        for arguments in (("import", "--dry-run"), ("import",), ("reconcile",)):
            code, out, err = self.run_program(*arguments, path, *with_config, "--mixpanel-url", self.box.url)
            self.assertEqual((code, err.removeprefix(f"millrace {arguments[0]}: ")), (2, words))

    def check(self, path, config=None, *, read, rejected=0, failed=0, says=()):
        """Every verb reads `read` rows of `path`, rejects `rejected` of them and fails `failed` objects; messages of
        failed objects and of rejected rows hold `says`. Returns the events that arrived, in the order of time."""
        plan, dry, real = self.agree(path, config)
        self.assertEqual((real["read"], real["accepted"], real["rejected"], real["objects_failed"]),
                         (read, read - rejected, rejected, failed), real)
        self.assertEqual(real["success"], rejected == failed == 0)
        stored = self.box.export()
        self.assertEqual(len(stored), read - rejected)
        for words in says:
            self.assertIn(words, real["first_error"])
            self.assertIn(json.dumps(words, ensure_ascii=False)[1:-1], json.dumps(plan, ensure_ascii=False))
        return sorted(stored, key=lambda event: event["properties"]["time"])

    def warnings(self, report):
        return sorted((w["code"], w.get("field")) for w in report["warnings"])

    def column(self, events, name):
        return [event["properties"].get(name) for event in events]

    def dead(self):
        return self.dead_letters()


@unittest.skipUnless(FAULTS.is_dir(), f"no test data in {FAULTS}")
class FaultsTest(CorpusTest):
    """The inputs of faults/README.md, by their numbers."""

    def fault(self, name, config="map.json", **expected):
        return self.check(FAULTS / name, FAULTS / config if config else None, **expected)

    def test_01_a_lone_carriage_return_ends_a_line(self):
        self.assertEqual(self.column(self.fault("01_cr_only.csv", read=3), "x"), ["v1", "v2", "v3"])

    def test_02_quotes_are_text_in_tsv(self):
        titles = ["plain", '"Best of', "x", "y", 'Hits 12"', "z"]
        self.assertEqual(self.column(self.fault("02_tsv_quote.tsv", "map_tsv.json", read=6), "title"), titles)
        self.assertEqual(self.column(self.fault("02_tsv_quote.tsv", read=6), "title"), titles)

    def test_02_a_malformed_record_affects_its_own_line(self):
        events = self.fault("02_csv_stray_quote.csv", read=300, rejected=1, says=["cell 3 is not closed"])
        self.assertEqual(self.column(events, "x"), [f"plain{n}" if n != 200 else "quoted" for n in range(1, 300)])
        self.assertEqual([record["row"] for record in self.dead()], [1])
        whole = self.check(FAULTS / "02_csv_stray_quote.csv", self.config(quote=""), read=300)
        self.assertEqual(whole[0]["properties"]["x"], '"broken')

    def test_04_an_error_page_is_not_data(self):
        for config in ("map.json", None):
            self.fault("04_s3_error_page.ndjson", config, read=0, failed=1, says=["AccessDenied: Access Denied, sorry"])
        # Even if the type is given: nothing was read.
        self.check(FAULTS / "04_s3_error_page.ndjson", self.config(file_type="CSV"), read=0, failed=1, says=["no rows"])

    def test_06_a_header_is_not_a_magic_number(self):
        events = self.fault("06_magic_PARENT_ID.csv", "map_upper.json", read=2)
        self.assertEqual(self.column(events, "PARENT_ID"), ["7", "8"])

    def test_10_concatenated_objects_are_rows(self):
        self.assertEqual(self.column(self.fault("10_firehose.ndjson", None, read=3), "distinct_id"), ["u0", "u1", "u2"])

    def test_11_rows_before_the_damage_are_read(self):
        self.fault("11_gz_trailing_newline.ndjson.gz", None, read=300, failed=1, says=["garbage after the end"])

    def test_12_a_rejected_row_is_kept_whole(self):
        self.fault("12_bad_row_10kB.csv", read=1, rejected=1)
        kept = self.dead()[0]
        self.assertEqual(kept["payload_before"], (FAULTS / "12_bad_row_10kB.csv").read_text().splitlines()[1])

    def test_13_namibia_is_a_country(self):
        rows = (FAULTS / "13_namibia.csv").read_text().splitlines()
        events = self.fault("13_namibia.csv", "map_nonulls.json", read=len(rows) - 1)
        self.assertIn("NA", json.dumps(events))
        self.assertNotIn('"NA"', json.dumps(self.fault("13_namibia.csv", read=len(rows) - 1)))

    def test_14_excels_sep_line_names_the_delimiter(self):
        self.assertEqual(self.column(self.fault("14_sep_line.csv", read=1), "x"), ["a"])

    def test_15_the_first_header_cell_may_have_two_lines(self):
        self.assertEqual(self.column(self.fault("15_newline_in_first_header.csv", read=1), "x\nnote"), ["a"])

    def test_22_a_zero_byte_affects_only_its_row(self):
        events = self.fault("22_nul_byte.ndjson", None, read=5, rejected=1, says=["control character"])
        self.assertEqual(self.column(events, "distinct_id"), ["u0", "u1", "u3", "u4"])


    def test_every_input_is_agreed_on(self):
        # A plan does not know what only the destination rejects, as some of 16.
        inputs = sorted(path for path in FAULTS.iterdir()
                        if path.suffix not in (".md", ".json") and not path.name.startswith("16_"))
        self.assertGreater(len(inputs), 20)
        for path in inputs:
            for config in (FAULTS / "map.json", None):
                with self.subTest(f"{path.name}, {config}"):
                    self.agree(path, config)


class NeighboursTest(CorpusTest):
    """The same faults in other compressions and sizes, and with other line ends."""

    def each(self, name, make, config, read=lambda rows: rows, **expected):
        """Checks the bytes that `make(rows)` gives, in every packing and size."""
        for size, rows in SIZES.items():
            for packing, pack in PACKINGS.items():
                with self.subTest(f"{name}, {size}{packing}"):
                    path = self.write(f"{size}/{name}{packing}", pack(make(rows)))
                    values = {key: value(rows) if callable(value) else value for key, value in expected.items()}
                    yield rows, self.check(path, config, read=read(rows), **values)

    def csv(self, rows, end="\n", delimiter=",", cell="v{}"):
        lines = [["time", "user_id", "x"]] + [[str(TIME + n), f"u{n}", cell.format(n)] for n in range(rows)]
        return "".join(delimiter.join(line) + end for line in lines)

    def test_line_ends(self):
        for end in ("\r", "\r\n", "\r\r\n"):
            for delimiter in (",", "\t"):
                make = lambda rows: self.csv(rows, end, delimiter).encode()
                for rows, events in self.each("ends.csv", make, self.config()):
                    self.assertEqual(self.column(events, "x")[-1], f"v{rows - 1}")

    def test_quotes_in_tsv(self):
        make = lambda rows: self.csv(rows, delimiter="\t", cell='"{}').encode()
        for config in (self.config(), self.config(file_type="TSV")):
            for rows, events in self.each("quotes.tsv", make, config):
                self.assertEqual(self.column(events, "x"), [f'"{n}' for n in range(rows)])
        quoted = lambda rows: self.csv(rows, delimiter="\t", cell='"a\n{}"').encode()
        for rows, events in self.each("quoted.tsv", quoted, self.config(quote='"')):
            self.assertEqual(self.column(events, "x"), [f"a\n{n}" for n in range(rows)])

    def test_stray_quotes(self):
        make = lambda rows: self.csv(rows).replace(",v1\n", ',"v1\n').replace(",v7\n", ',"v7"\n').encode()
        for rows, events in self.each("stray.csv", make, self.config(), rejected=1):
            self.assertEqual(self.column(events, "x"), [f"v{n}" for n in range(rows) if n != 1])

    def test_long_cells(self):
        """A well-formed cell of many lines is read, and every verb warns about it."""
        make = lambda rows: self.csv(rows).replace(",v3\n", ',"' + "line\n" * 150 + '"\n').encode()
        for rows, events in self.each("long.csv", make, self.config()):
            self.assertEqual(self.column(events, "x")[3], "line\n" * 150)
        code, out, err = self.run_program("plan", self.folder / "small/long.csv", "--config", self.config(), "--json")
        self.assertEqual([warning["code"] for warning in json.loads(out)["warnings"]], ["long_cell"], err)

    def test_concatenated_objects(self):
        objects = lambda rows: [json.dumps({"event": "e", "properties": {"time": TIME + n, "distinct_id": f"u{n}",
                                                                          "text": "}{" * (n % 5)}})
                                for n in range(rows)]
        for between in ("", " ", "\t \r", "\n\n", " " * 3_000):
            make = lambda rows: between.join(objects(rows)).encode()
            for rows, events in self.each("firehose.ndjson", make, None):
                self.assertEqual(self.column(events, "distinct_id"), [f"u{n}" for n in range(rows)])

    def test_damage(self):
        ndjson = lambda rows: "".join(json.dumps({"event": "e", "properties": {"time": TIME + n, "distinct_id": "u"}})
                                      + "\n" for n in range(rows)).encode()
        for size, rows in SIZES.items():
            for name, data in {"a.gz": gzip.compress(ndjson(rows)) + b"\n", "b.zst": zstd(ndjson(rows)) + b"\n",
                               "c.gz": gzip.compress(ndjson(rows))[:-5], "d.zst": zstd(ndjson(rows)) + zstd(b"x")[:9],
                               "e.gz": gzip.compress(ndjson(rows)) + gzip.compress(b"x")[:12]}.items():
                with self.subTest(f"{size}, {name}"):
                    self.check(self.write(f"{size}/{name}", data), read=rows, failed=1, says=["compressed byte"])

    def test_sep_lines(self):
        make = lambda rows: ("sep=;\r\n" + self.csv(rows, "\r\n", ";", cell="1,{}")).encode()
        for rows, events in self.each("sep.csv", make, self.config()):
            self.assertEqual(self.column(events, "x")[-1], f"1,{rows - 1}")

    def test_zero_bytes(self):
        ndjson = lambda rows: "".join(json.dumps({"event": "e", "properties": {"time": TIME + n, "distinct_id": "u",
                                                                              "t": "@" if n == 3 else ""}}) + "\n"
                                      for n in range(rows)).replace("@", "\0").encode()
        for rows, events in self.each("zero.ndjson", ndjson, None, rejected=1):
            self.assertEqual(len(events), rows - 1)
        for rows, events in self.each("zero.csv", lambda rows: self.csv(rows).replace("v3\n", "\0\n").encode(),
                                      self.config()):
            self.assertEqual(self.column(events, "x")[3], "\0")

    def test_columns_of_a_file_without_a_header(self):
        for delimiter in (",", "\t", ";"):
            make = lambda rows: self.csv(rows, delimiter=delimiter).split("\n", 1)[1].encode()
            for rows, events in self.each("bare.csv", make, self.config(columns=["time", "user_id", "x"])):
                self.assertEqual(self.column(events, "x"), [f"v{n}" for n in range(rows)])

    def test_reading_nothing_is_a_failure_unless_the_file_is_empty(self):
        for name, data in {"zero.csv": b"", "blank.ndjson": b"\n \n", "array.json": b"[]\n",
                           "header.csv": b"time,user_id,x\n", "header.tsv": b"user_id\tx"}.items():
            for packing, pack in PACKINGS.items():
                with self.subTest(name + packing):
                    self.check(self.write(name + packing, pack(data)), self.config(), read=0)
        for name, data, words in (("other.csv", b"Access Denied, sorry\n", "no rows"),
                                  ("page.html", b"<!DOCTYPE html><html>no, sorry</html>", "XML or HTML"),
                                  ("text.txt", b"Not Found", "file_type"),
                                  ("orc.csv", b"ORC\n\x03\x00\x00\x12", "an ORC file")):
            for packing, pack in PACKINGS.items():
                with self.subTest(name + packing):
                    self.check(self.write(name + packing, pack(data)), self.config(), read=0, failed=1, says=[words])


class SameWordsTest(CorpusTest):
    """If one verb cannot read a file, none can, and all report the same message."""

    def test_refusals(self):
        for name, data, words in (
                ("page.ndjson", b"<Error><Code>NoSuchKey</Code></Error>", "the XML of an error that was saved"),
                ("a.orc", b"ORC\n\x03\x00\x00\x12", "it is an ORC file"),
                ("a.txt", b"Not Found", "it looks like text that is neither JSON nor CSV"),
                ("a.gz", gzip.compress(gzip.compress(b"a,b\n1,2\n")), "inside its gzip compression it is gzip again"),
                ("u.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16 text"),
                ("u2.csv", "a,b\n1,2\n".encode("utf-16-le"), "UTF-16 text"),
                ("zip.csv", b"PK\x03\x04....", "a ZIP archive"),
                ("cut.parquet", b"PAR1\x15\x04\x15\x00", "the file is truncated")):
            with self.subTest(name):
                path = self.write(name, data)
                self.check(path, self.config(), read=0, failed=1, says=[words])
                for arguments in (("init", path), ("staypoints", "--input", path, "--output", self.folder / "out")):
                    code, out, err = self.run_program(*arguments)
                    self.assertNotEqual(code, 0, arguments)
                    self.assertIn(words, err, arguments)

    def test_watch_reads_what_an_import_reads(self):
        inbox = self.folder / "in"
        config = self.config()
        self.write("in/a.csv", b"time,user_id,x\r1713928381,u1,v1\r1713928382,u2,v2\r")
        self.write("in/b.csv.zst", zstd(b'time,user_id,x\n1713928383,u,"y\n1713928384,u,"z"\n'))
        self.write("in/c.ndjson", b"<Error><Code>NoSuchKey</Code></Error>")
        watch = self.start("watch", inbox, "--config", config, "--mixpanel-url", self.box.url, "--json",
                           "--settle-time", "0s")
        self.addCleanup(watch.stderr.close)
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        seen = {}
        while len(seen) < 3:
            line = watch.stderr.readline()
            self.assertTrue(line, "the watch has ended")
            log = json.loads(line)
            if log["message"] in ("object imported", "object failed"):
                seen.setdefault(pathlib.Path(log["object"]).name, log)
        self.assertEqual([(seen[name]["read"], seen[name]["rejected"]) for name in ("a.csv", "b.csv.zst")],
                         [(2, 0), (2, 1)])
        code, out, err = self.run_program("plan", inbox / "c.ndjson", "--config", config, "--json")
        self.assertEqual(code, 1, err)
        self.assertIn(seen["c.ndjson"]["error"], json.loads(out)["entries"][0]["object_list"][0]["error"])

    def test_staypoints_reads_what_the_others_read(self):
        header = ["user_id", "trip_start_time", "trip_end_time", "start_lat", "start_lng", "end_lat", "end_lng"]
        rows = [[f"u{n % 3}", f"2024-01-{n + 1:02} 08:00:00", f"2024-01-{n + 1:02} 08:10:00", "42.0", "-72.5", "42.1",
                 "-72.6"] for n in range(20)]
        text = lambda end, delimiter: "".join(delimiter.join(line) + end for line in [header] + rows)
        objects = "".join(json.dumps(dict(zip(header, row))) for row in rows)
        for name, data in {"cr.csv": text("\r", ","), "sep.csv": "sep=;\n" + text("\n", ";"),
                           "plain.tsv": text("\n", "\t"), "firehose.ndjson": objects}.items():
            for packing, pack in PACKINGS.items():
                with self.subTest(name + packing):
                    path = self.write(name + packing, pack(data.encode()))
                    report = self.run_json("staypoints", "--input", path,
                                           "--output", self.folder / f"out-{name}{packing}")
                    self.assertEqual(report["trips"], 20, report)


@unittest.skipUnless((DATA / "events").is_dir(), f"no test data in {DATA}")
class RealDataTest(CorpusTest):
    """`init` of the real files, and the result of its config."""

    def test_every_file(self):
        for name, rows in (("events/wikipedia_edits_2015-09-12.ndjson.gz", 39_244),
                           ("events/wikipedia_edits_2015-09-12.parquet", 39_244),
                           ("events/github_events_2021-07-21.ndjson.gz", 800),
                           ("events/github_activity_2016-07-07_nested.parquet", 2_000),
                           ("events/github_activity_2016-07-07.parquet", 2_000),
                           ("events/cran_downloads_2013-06-15.csv.gz", 37_459),
                           ("events/cran_downloads_2013-06-15.parquet", 37_459),
                           ("events/airline_ontime_2014-01.snappy.parquet", 19_492),
                           ("events/airline_ontime_2014-01.zstd.parquet", 19_492),
                           ("trips/valleybike_trips_2018-2020.csv.gz", 147_636),
                           ("trips/valleybike_trips_2018-2020.parquet", 147_636)):
            with self.subTest(name):
                config = self.folder / (pathlib.Path(name).name + ".json")
                report = self.run_json("init", DATA / name, "--output", config)
                self.assertGreaterEqual(report["rows"], min(rows, 50_000))
                self.assertEqual(report["rejected"], 0)
                plan, dry, real = self.agree(DATA / name, config)
                self.assertEqual((real["read"], real["rejected"]), (rows, 0))


class DamageTest(CorpusTest):
    def test_all_verbs_report_the_same_for_a_truncated_file(self):
        # Hard to compress, so that half of the bytes are thousands of rows.
        rows = "".join(json.dumps({"event": "e", "user_id": f"u{n % 50}", "time": TIME + n,
                                   "x": str(n * 2654435761 % 2**61)}) + "\n" for n in range(20_000))
        whole = gzip.compress(rows.encode())
        cut = self.write("cut.ndjson.gz", whole[:len(whole) // 2])
        config = self.folder / "sources.json"
        code, _, err = self.run_program("init", cut, "--output", config)
        self.assertEqual(code, 1, err)
        words = "the compressed data is cut off at compressed byte"
        self.assertIn(f"The file is damaged; only the rows before this place were read: {words}", err)

        code, out, err = self.run_program("plan", cut, "--config", config)
        self.assertEqual(code, 1, err)
        text = " ".join(out.split())
        self.assertIn(f"cannot be read: {words}", text)
        self.assertIn("the rows before the damage are imported; fix the file and run again for the rest", text)
        plan, dry, real = self.agree(cut, config)
        self.assertGreater(real["accepted"], 1000)
        self.assertIn(words, real["first_error"])

        trips = self.write("trips.csv.gz", gzip.compress(
            ("user_id,trip_start_time,trip_end_time,start_lat,start_lng,end_lat,end_lng\n"
             + "".join(f"u{n % 9},{TIME + n},{TIME + n + 5},1.{n},2,3,4\n" for n in range(5_000))).encode())[:-2_000])
        code, out, err = self.run_program("staypoints", "--input", trips, "--output", self.folder / "out", "--json")
        self.assertEqual(code, 3, err)
        self.assertIn(f"{trips}: {words}", json.loads(out)["first_error"])
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    main()
