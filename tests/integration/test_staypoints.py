"""`millrace staypoints` compared with DuckDB, and with bad input, full disks, stops and kills."""
import filecmp
import gzip
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time
import unittest

import duck
import harness

TRIPS = harness.DATA / "trips"
HEADER = "user_id,trip_start_time,trip_end_time,start_lat,start_lng,end_lat,end_lng\n"

# Ids of every kind, a hot user, ties, nulls, a night with a change to summer time, and times before 1970.
GENERATED = """
SELECT CASE WHEN i % 53 = 0 THEN NULL
            WHEN u % 7 = 0 THEN md5(u::VARCHAR)
            WHEN u % 7 = 1 THEN md5(u::VARCHAR)[1:8] || '-' || md5(u::VARCHAR)[9:12] || '-' || md5(u::VARCHAR)[13:16]
                                || '-' || md5(u::VARCHAR)[17:20] || '-' || md5(u::VARCHAR)[21:32]
            WHEN u % 7 = 2 THEN 'ユーザー' || u
            WHEN u % 7 = 3 THEN 'auth0|' || md5(u::VARCHAR)
            WHEN u % 7 = 4 THEN u::VARCHAR
            WHEN u % 7 = 5 THEN '/=%' || (u % 100)
            ELSE 'é😀' || u || '"," ' END AS user_id,
       CASE WHEN i % 97 = 0 THEN NULL ELSE s END AS trip_start_time,
       CASE WHEN i % 101 = 0 THEN NULL ELSE s + to_microseconds((random() * 3600e6)::BIGINT // 500 * 500) END AS trip_end_time,
       CASE WHEN i % 103 = 0 THEN NULL WHEN i % 1009 = 0 THEN 91.5 WHEN i % 1013 = 0 THEN 'nan'::DOUBLE
            ELSE round(random() * 180 - 90, 2) END AS start_lat,
       round(random() * 360 - 180, 6) AS start_lng,
       CASE WHEN i % 107 = 0 THEN NULL ELSE random() * 180 - 90 END AS end_lat,
       CASE WHEN i % 109 = 0 THEN NULL ELSE random() * 360 - 180 END AS end_lng,
       i AS not_looked_at
FROM (SELECT i, CASE WHEN random() < 0.2 THEN 3 ELSE (random() * random() * {users})::INT END AS u,
             CASE WHEN random() < 0.3 THEN TIMESTAMP '2025-03-30 00:00:00' + to_minutes((random() * 300)::INT)
                  ELSE TIMESTAMP '1969-06-01' + to_seconds((random() * 4e7)::INT) END AS s
      FROM range({rows}) t(i))
"""


def same_tree(a, b):
    """True if two folders hold the same files, byte for byte."""
    names = [sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()) for root in (a, b)]
    return names[0] == names[1] and all(filecmp.cmp(a / n, b / n, shallow=False) for n in names[0])


class StaypointsTest(harness.MillraceTest):
    def find(self, source, *args, output="out", expect=0, **options):
        sources = [source] if not isinstance(source, list) else source
        return self.run_json("staypoints", *sources, "--output", self.folder / output, *args, expect=expect, **options)

    def lines(self, output="out"):
        return [json.loads(line) for line in (self.folder / output / "staypoints.json").read_text().splitlines()]

    def write_trips(self, *rows, name="trips.csv"):
        return self.write(name, HEADER + "".join(row + "\n" for row in rows))

    def assert_nothing_left(self, *names):
        """Nothing is in the test's folder but `names` (and the state)."""
        left = sorted(p.name for p in self.folder.iterdir() if p.name != "state")
        self.assertEqual(left, sorted(names))


class SemanticsTest(StaypointsTest):
    def test_the_example_of_the_documentation(self):
        trips = self.write_trips("user123,2025-01-01T10:00:00Z,2025-01-01T10:30:00Z,40.7,-73.9,40.7589,-73.9851",
                                 "user123,2025-01-01T12:00:00+01:00,2025-01-01 11:10:00,1,2,3,4",
                                 "lonely,2025-01-01 10:00:00,2025-01-01 10:30:00,1,2,3,4")
        report = self.find(trips)
        self.assertEqual((self.folder / "out/staypoints.json").read_text(),
                         '{"user_id":"user123","staypoints":[{"enter_time":"2025-01-01 10:30:00.000","exit_time":'
                         '"2025-01-01 11:00:00.000","lat":40.7589,"lng":-73.9851}],"p1":"us","p2":"er"}\n')
        self.assertEqual([report[k] for k in ("trips", "rejected", "users", "staypoints", "files")], [3, 0, 1, 1, 1])
        self.find(trips, "--output-format", "csv")
        self.assertEqual((self.folder / "out/staypoints.csv").read_bytes(),
                         b'user_id,p1,p2,staypoints_json\r\nuser123,us,er,"[{""enter_time"":""2025-01-01 10:30:00.000"",'
                         b'""exit_time"":""2025-01-01 11:00:00.000"",""lat"":40.7589,""lng"":-73.9851}]"\r\n')

    def test_rejected_rows_go_to_the_dead_letters_with_row_and_reason(self):
        good = "2025-01-01 10:00:00,2025-01-01 10:30:00,1,2,3,4"
        trips = self.write_trips(f"abcd,{good}", f",{good}", "abcd,yesterday,2025-01-01 10:30:00,1,2,3,4",
                                 "abcd,2025-01-01 11:00:00,04/05/2024,1,2,3,4",
                                 "abcd,2025-01-01 11:00:00,2025-01-01 11:30:00,90.1,2,3,4",
                                 "abcd,2025-01-01 11:00:00,2025-01-01 11:30:00,1,2,3,nan",
                                 "abcd,2025-01-01 11:00:00", "x" * 1025 + f",{good}",
                                 "abcd,2025-01-01 12:00:00,2025-01-01 12:30:00,1,2,3,4")
        for _ in range(2):  # a second run keeps each once
            report = self.find(trips, expect=1)
        self.assertEqual([report[k] for k in ("trips", "rejected", "users", "staypoints")], [9, 7, 1, 1])
        letters = sorted(self.dead_letters(), key=lambda letter: letter["row"])
        self.assertEqual([(d["row"], d["code"], d.get("field", "")) for d in letters],
                         [(2, "missing_required_field", "user_id"), (3, "invalid_time", "trip_start_time"),
                          (4, "invalid_time", "trip_end_time"), (5, "invalid_value", "start_lat"),
                          (6, "invalid_value", "end_lng"), (7, "unreadable_row", ""), (8, "invalid_value", "user_id")])
        self.assertIn("yesterday", letters[1]["message"])

    def test_a_null_start_ends_the_chain_and_exit_before_enter_is_kept(self):
        trips = self.write_trips("abcd,2025-01-01 10:00:00,2025-01-01 12:00:00,1,2,3,4",
                                 "abcd,2025-01-01 11:00:00,,1,2,,4", "abcd,,2025-01-01 15:00:00,1,2,5,6",
                                 "abcd,2025-01-01 14:00:00,2025-01-01 14:30:00,1,2,7,8")
        report = self.find(trips)
        self.assertEqual(self.lines()[0]["staypoints"],
                         [{"enter_time": "2025-01-01 12:00:00.000", "exit_time": "2025-01-01 11:00:00.000", "lat": 3, "lng": 4},
                          {"enter_time": None, "exit_time": "2025-01-01 14:00:00.000", "lat": None, "lng": 4}])
        self.assertEqual([report["without_start"], report["overlaps"], report["rejected"]], [1, 1, 0])

    def test_rules_leave_staypoints_out(self):
        trips = self.write_trips("abcd,2025-01-01 10:00:00,2025-01-01 12:00:00,1,2,3,4",
                                 "abcd,2025-01-01 11:00:00,2025-01-01 11:10:00,1,2,3,4",
                                 "abcd,2025-01-01 11:12:00,2025-01-01 11:30:00,1,2,3,4",
                                 "abcd,2025-01-01 12:00:00,2025-01-01 12:30:00,1,2,3,4",
                                 "abcd,2025-01-09 12:00:00,2025-01-09 12:30:00,1,2,3,4")
        for args, left in (([], 4), (["--drop-overlaps"], 3), (["--min-stay", "5m"], 2), (["--max-gap", "72h"], 3),
                           (["--min-stay", "5m", "--max-gap", "72h"], 1), (["--min-stay", "999h"], 0)):
            report = self.find(trips, *args)
            self.assertEqual([report["staypoints"], report["left_out"]], [left, 4 - left], args)

    def test_partitions_of_short_and_unsafe_ids(self):
        ids = {"user123": "p1=us/p2=er", "ab": "p1=ab/p2=__HIVE_DEFAULT_PARTITION__", "abc": "p1=ab/p2=c",
               "a/..": "p1=a%2F/p2=..", "日本語人": "p1=日本/p2=語人", "=%:x": "p1=%3D%25/p2=%3Ax"}
        rows = [f"{name},2025-01-0{day} 10:00:00,2025-01-0{day} 10:30:00,1,2,3,4" for name in ids for day in (1, 2)]
        report = self.find(self.write_trips(*rows), "--output-format", "hive")
        self.assertEqual(report["files"], len(ids))
        files = {str(p.parent.relative_to(self.folder / "out")) for p in (self.folder / "out").rglob("data.parquet")}
        self.assertEqual(files, set(ids.values()))

    def test_columns_by_other_names_and_ndjson(self):
        row = {"uid": "abcd", "trip_start_time": "2025-01-01T10:00:00Z", "trip_end_time": "2025-01-01T10:30:00Z",
               "start_lat": 1, "start_lng": 2, "end_lat": 3.5, "end_lng": "4"}
        trips = self.write_ndjson("trips.ndjson.gz", [row, row | {"trip_start_time": "2025-01-01T11:00:00Z"}])
        self.assertEqual(self.find(trips, "--column", "user_id=uid")["staypoints"], 1)
        self.assertEqual(self.lines()[0]["staypoints"][0]["lng"], 4)


@unittest.skipIf(duck.duckdb is None, "DuckDB is not installed (tools/setup.sh --tests)")
class DuckDbTest(StaypointsTest):
    def setUp(self):
        super().setUp()
        self.db = duck.connect()
        self.db.execute("SELECT setseed(0.25)")

    def count(self, sql):
        return self.db.execute(sql).fetchall()[0][0]

    def want(self, trips):
        self.db.execute(f"CREATE OR REPLACE TABLE want AS {duck.STAYPOINTS.format(trips=trips)}")
        self.db.execute("""CREATE OR REPLACE TABLE want_text AS SELECT user_id, list_transform(staypoints, lambda x:
            {enter_time: strftime(x.enter_time, '%Y-%m-%d %H:%M:%S.%g'),
             exit_time: strftime(x.exit_time, '%Y-%m-%d %H:%M:%S.%g'), lat: x.lat, lng: x.lng}) AS staypoints, p1, p2
            FROM want""")

    def assert_same(self, want, got):
        self.db.execute(f"CREATE OR REPLACE TABLE got AS {got}")
        self.assertEqual(self.count("SELECT count(*) FROM got"), self.count(f"SELECT count(*) FROM {want}"))
        for a, b in ((want, "got"), ("got", want)):
            self.assertEqual(self.db.execute(f"SELECT * FROM {a} EXCEPT ALL SELECT * FROM {b} LIMIT 1").fetchall(), [])

    def assert_outputs_are_right(self, source, *args, expect=0):
        """In every format, and the same bytes whatever the memory and the threads."""
        reports = []
        for output_format in ("hive", "json", "csv"):
            for name, more in (("small", ["--memory", "64MB"]), ("big", ["--memory", "unlimited", "--threads", "5"])):
                reports.append(self.find(source, "--output-format", output_format, *more, *args,
                                         output=f"{output_format}_{name}", expect=expect))
            self.assertTrue(same_tree(self.folder / f"{output_format}_small", self.folder / f"{output_format}_big"))
        self.assert_same("want", f"""SELECT user_id, staypoints, p1, p2 FROM
            read_parquet('{self.folder}/hive_small/**/*.parquet', hive_partitioning = false)""")
        self.assert_same("want_text", f"""SELECT * FROM read_json('{self.folder}/json_small/staypoints.json',
            format = 'newline_delimited', maximum_object_size = 100000000, columns = {{user_id: 'VARCHAR', staypoints:
            'STRUCT(enter_time VARCHAR, exit_time VARCHAR, lat DOUBLE, lng DOUBLE)[]', p1: 'VARCHAR', p2: 'VARCHAR'}})""")
        self.assert_same("want_text", f"""SELECT user_id, from_json(staypoints_json,
            '[{{"enter_time":"VARCHAR","exit_time":"VARCHAR","lat":"DOUBLE","lng":"DOUBLE"}}]') AS staypoints,
            coalesce(p1, ''), coalesce(p2, '') FROM read_csv('{self.folder}/csv_small/staypoints.csv', header = true,
            all_varchar = true, max_line_size = 100000000)""")
        for report in reports:
            self.assertEqual(report["users"], self.count("SELECT count(*) FROM want"))
            self.assertEqual(report["staypoints"], self.count("SELECT sum(len(staypoints)) FROM want"))
        return reports

    @unittest.skipUnless(TRIPS.is_dir(), "the sample data is not here")
    def test_real_trips(self):
        source = TRIPS / "valleybike_trips_2018-2020.parquet"
        self.want(f"SELECT * FROM read_parquet('{source}')")
        reports = self.assert_outputs_are_right(source)
        self.assertEqual([reports[0][k] for k in ("trips", "rejected", "users", "staypoints")], [147636, 0, 553, 147082])

    @unittest.skipUnless(TRIPS.is_dir(), "the sample data is not here")
    def test_real_trips_as_csv(self):
        source = TRIPS / "valleybike_trips_2018-2020.csv.gz"
        self.want(f"""SELECT bike AS user_id, start_time AS trip_start_time, end_time AS trip_end_time, start_latitude
            AS start_lat, start_longitude AS start_lng, end_latitude AS end_lat, end_longitude AS end_lng
            FROM read_csv('{source}', header = true, types = {{bike: 'VARCHAR'}})""")
        names = ["user_id=bike", "trip_start_time=start_time", "trip_end_time=end_time", "start_lat=start_latitude",
                 "start_lng=start_longitude", "end_lat=end_latitude", "end_lng=end_longitude"]
        self.assert_outputs_are_right(source, *[word for name in names for word in ("--column", name)])

    def test_the_query_of_the_benchmark_is_correct(self):
        path = self.folder / "trips.parquet"
        self.db.execute(f"COPY ({GENERATED.format(users=5000, rows=120_000)}) TO '{path}' (ROW_GROUP_SIZE 20000)")
        trips = f"SELECT * FROM read_parquet('{path}') WHERE {duck.POSSIBLE}"
        self.want(trips)
        self.assert_same("want", duck.QUICKEST_STAYPOINTS.format(trips=trips))

    def test_generated_trips_with_all_difficult_cases(self):
        path = self.folder / "trips.parquet"
        self.db.execute(f"COPY ({GENERATED.format(users=5000, rows=120_000)}) TO '{path}' (ROW_GROUP_SIZE 20000)")
        self.want(f"SELECT * FROM read_parquet('{path}') WHERE {duck.POSSIBLE}")
        reports = self.assert_outputs_are_right(path, expect=1)
        self.assertEqual(reports[0]["rejected"],
                         self.count(f"SELECT count(*) FROM read_parquet('{path}') WHERE NOT ({duck.POSSIBLE})"))
        self.assertGreater(reports[0]["bytes_spilled"], 0)

    def test_one_partition_and_one_user_beyond_memory(self):
        """All ids have the same prefix, and one user has most trips: more than 64 MB leave for sorting."""
        path = self.folder / "trips.parquet"
        self.db.execute(f"""COPY (SELECT CASE WHEN i % 3 = 0 THEN 'user_' || lpad((i % 9973)::VARCHAR, 9, '0')
            ELSE 'user_hot' END AS user_id, TIMESTAMP '2024-01-01' + to_seconds(hash(i) % 30000000) AS trip_start_time,
            TIMESTAMP '2024-01-01' + to_seconds(hash(i) % 30000000 + i % 5) AS trip_end_time, i % 90 AS start_lat,
            1.5 AS start_lng, (hash(i) % 90)::DOUBLE AS end_lat, (i % 180)::DOUBLE AS end_lng FROM range(900000) t(i))
            TO '{path}'""")
        self.want(f"SELECT * FROM read_parquet('{path}')")
        for memory in ("64MB", "unlimited"):
            self.find(path, "--output-format", "hive", "--memory", memory, output=memory)
            self.assert_same("want", f"""SELECT user_id, staypoints, p1, p2 FROM
                read_parquet('{self.folder}/{memory}/**/*.parquet', hive_partitioning = false)""")
        self.assertTrue(same_tree(self.folder / "64MB", self.folder / "unlimited"))

    def test_timestamps_of_every_unit_and_zone(self):
        for kind in ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMPTZ", "VARCHAR"):
            path = self.folder / f"{kind}.parquet"
            self.db.execute(f"""COPY (SELECT 'user' || (i % 10) AS user_id,
                (TIMESTAMP '1969-12-31 20:00:00' + to_seconds(i * 61))::{kind} AS trip_start_time,
                (TIMESTAMP '1969-12-31 20:00:30' + to_seconds(i * 61))::{kind} AS trip_end_time,
                1::FLOAT AS start_lat, 2 AS start_lng, 3.25::DECIMAL(9, 4) AS end_lat, i::DOUBLE % 180 AS end_lng
                FROM range(1000) t(i)) TO '{path}'""")
            self.want(f"""SELECT * REPLACE (trip_start_time::TIMESTAMP AS trip_start_time,
                trip_end_time::TIMESTAMP AS trip_end_time, end_lat::DOUBLE AS end_lat) FROM read_parquet('{path}')""")
            self.find(path, "--output-format", "hive")
            self.assert_same("want", f"""SELECT user_id, staypoints, p1, p2 FROM
                read_parquet('{self.folder}/out/**/*.parquet', hive_partitioning = false)""")

    @unittest.skipIf(duck.pyarrow is None, "pyarrow is not installed")
    def test_pyarrow_reads_the_files(self):
        trips = self.write_trips(*[f"abcd{user},2025-01-0{day} 10:00:00,2025-01-0{day} 10:30:00,1,2,3,4"
                                   for user in range(3) for day in (1, 2, 3)])
        self.find(trips, "--output-format", "hive")
        table = duck.pyarrow.parquet.ParquetFile(self.folder / "out/p1=ab/p2=cd/data.parquet").read()
        self.assertEqual(str(table.schema.field("staypoints").type),
                         "list<element: struct<enter_time: timestamp[us], exit_time: timestamp[us], lat: double, "
                         "lng: double> not null>")
        self.assertEqual(table.column("user_id").to_pylist(), ["abcd0", "abcd1", "abcd2"])
        self.assertEqual([len(stays) for stays in table.column("staypoints").to_pylist()], [2, 2, 2])


class BadInputTest(StaypointsTest):
    def refuse(self, source, *args, expect, words, left=(), **options):
        code, out, err = self.run_program("staypoints", source, "--output", self.folder / "out", *args, **options)
        self.assertEqual(code, expect, err)
        for word in words:
            self.assertIn(word, err)
        self.assertFalse((self.folder / "out").exists())
        self.assert_nothing_left(*left)

    def generate_trips(self, rows):
        folder = self.folder / "sample"
        self.run_json("generate", "trips", "--rows", rows, "--seed", 3, "--output", folder, "--format", "parquet")
        return folder

    def test_missing_column(self):
        trips = self.write("trips.csv", "user_id,trip_start_time,trip_end_time,start_lat,start_lng,end_lat\na,b,c,1,2,3\n")
        self.refuse(trips, expect=2, words=["trips.csv", "end_lng", "--column end_lng=YOURS"], left=["trips.csv"])

    def test_wrong_types_and_a_missing_column_in_parquet(self):
        if duck.duckdb is None:
            self.skipTest("DuckDB is not installed")
        path = self.folder / "trips.parquet"
        columns = {"user_id": "'a'", "trip_start_time": "TIMESTAMP '2025-01-01'", "trip_end_time": "TIMESTAMP '2025-01-01'",
                   "start_lat": "1.0", "start_lng": "1.0", "end_lat": "1.0", "end_lng": "1.0"}
        for name, value in (("trip_start_time", "12"), ("end_lat", "'north'"), ("user_id", "[1, 2]"), ("user_id", "true"),
                            ("end_lng", None)):
            wrong = {k: value if k == name else v for k, v in columns.items() if not (k == name and value is None)}
            select = ", ".join(f"{v} AS {k}" for k, v in wrong.items())
            duck.connect().execute(f"COPY (SELECT {select}) TO '{path}'")
            self.refuse(path, expect=2, words=["trips.parquet", name], left=["trips.parquet"])

    def test_truncated_parquet(self):
        folder = self.generate_trips(20_000)
        path = next(folder.rglob("*.parquet"))
        whole = path.read_bytes()
        path.write_bytes(whole[:len(whole) // 2])
        self.refuse(path, expect=3, words=[path.name, "truncated"], left=["sample"])
        damaged = bytearray(whole)
        damaged[len(whole) // 3:len(whole) // 3 + 64] = bytes(64)
        path.write_bytes(damaged)
        code, _, err = self.run_program("staypoints", path, "--output", self.folder / "out")
        if code != 0:  # without checksums, the bytes may still be values
            self.assertIn(path.name, err)
            self.assert_nothing_left("sample")

    def test_no_such_input_and_unknown_content(self):
        self.refuse(self.folder / "nowhere.parquet", expect=2, words=["nowhere.parquet"])
        picture = self.write("picture.parquet", b"\x89PNG\r\n\x1a\n\0\0\0")
        self.refuse(picture, expect=2, words=["picture.parquet", "content type is not supported"], left=["picture.parquet"])

    def test_a_full_disk_in_the_middle_of_a_spill(self):
        folder = self.generate_trips(600_000)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        self.refuse(folder, "--memory", "64MB", expect=3, words=["temporary file", "free some space"], left=["sample"],
                    preexec_fn=limit, restore_signals=False)

    @unittest.skipIf(harness.SANITIZED, "a sanitizer needs terabytes of addresses")
    def test_unlimited_memory_where_addresses_are_limited(self):
        folder = self.generate_trips(20_000)
        most = 3 << 30
        self.find(folder, "--memory", "unlimited",
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)))

    def test_unwritable_outputs(self):
        trips = self.write_trips("a,2025-01-01 10:00:00,2025-01-01 10:30:00,1,2,3,4")
        code, _, err = self.run_program("staypoints", trips, "--output", trips / "out")
        self.assertEqual(code, 2, err)
        self.assertIn("trips.csv", err)
        thesis = self.write("docs/thesis.txt", "years of work")
        code, _, err = self.run_program("staypoints", trips, "--output", self.folder / "docs")
        self.assertEqual(code, 2, err)
        self.assertIn("_SUCCESS", err)
        self.assertEqual(thesis.read_text(), "years of work")
        self.assert_nothing_left("docs", "trips.csv")
        if os.geteuid() != 0:
            (self.folder / "docs").chmod(0o555)
            code, _, err = self.run_program("staypoints", trips, "--output", self.folder / "docs/out")
            self.assertEqual(code, 2, err)

    def test_wrong_usage(self):
        trips = self.write_trips("a,2025-01-01 10:00:00,2025-01-01 10:30:00,1,2,3,4")
        for args in (["--output-format", "orc"], ["--memory", "lots"], ["--memory", "3MB"], ["--column", "user=uid"],
                     ["--threads", "-1"], ["--min-stay", "-5m"]):
            self.refuse(trips, *args, expect=2, words=[args[0]], left=["trips.csv"])
        code, _, err = self.run_program("staypoints", trips)
        self.assertEqual(code, 2)
        self.assertIn("--output", err)


class StopTest(StaypointsTest):
    def begin(self, folder):
        """A run whose hidden folder has just appeared."""
        before = set(self.folder.glob(".out.millrace.*"))
        process = self.start("staypoints", folder, "--output", self.folder / "out", "--output-format", "hive",
                             "--memory", "64MB", "--quiet")
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 60
        while not set(self.folder.glob(".out.millrace.*")) - before:
            if process.poll() is not None or time.monotonic() > deadline:
                self.fail(f"the run ended early: {process.communicate()}")
        return process

    def test_interrupted_and_killed_runs_leave_no_partial_output(self):
        self.run_json("generate", "trips", "--rows", 1_000_000, "--seed", 3, "--output", self.folder / "sample",
                      "--format", "parquet")
        process = self.begin(self.folder / "sample")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 3, err)
        self.assertIn("run it again", err)
        self.assert_nothing_left("sample")

        process = self.begin(self.folder / "sample")
        process.kill()
        process.communicate(timeout=60)
        self.assertFalse((self.folder / "out").exists())

        report = self.find(self.folder / "sample", "--output-format", "hive", "--memory", "64MB")
        self.assertEqual(report["trips"], 1_000_000)
        self.assert_nothing_left("out", "sample")
        marker = json.loads((self.folder / "out/_SUCCESS").read_text())
        self.assertEqual(marker["staypoints"], report["staypoints"])

    def test_a_rerun_replaces_the_output(self):
        trips = self.write_trips("abcd,2025-01-01 10:00:00,2025-01-01 10:30:00,1,2,3,4",
                                 "abcd,2025-01-02 10:00:00,2025-01-02 10:30:00,1,2,3,4")
        self.find(trips, "--output-format", "hive")
        self.find(trips, "--output-format", "json")
        self.assertEqual(sorted(p.name for p in (self.folder / "out").iterdir()), ["_SUCCESS", "staypoints.json"])
        self.assert_nothing_left("out", "trips.csv")


if __name__ == "__main__":
    harness.main()
