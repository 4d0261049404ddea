"""Imports into lakes on disk and in buckets, read back with DuckDB and compared with the files that they came from."""
import json
import time
import unittest

import cloud_servers
import duck
from generated_events import IDS, PROPERTIES, TABLE_ROW, GeneratedEventsTest
from harness import FAST_RETRY, SANITIZED, main

TABLE = {"event": "VARCHAR", "event_time": "TIMESTAMPTZ", "distinct_id": "VARCHAR", "user_id": "VARCHAR",
         "device_id": "VARCHAR", "insert_id": "VARCHAR"}
ROWS, FILE_ROWS = (50_000, 20_000) if SANITIZED else (1_000_000, 200_000)
PATIENCE = 120


@unittest.skipIf(duck.duckdb is None, "DuckDB is not installed (tools/setup.sh --tests)")
class LakeTest(GeneratedEventsTest):
    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"

    def environment(self):
        return super().environment() | {"AWS_EC2_METADATA_DISABLED": "true"}

    def command(self, folder, to, *more):
        return ["import", folder, "--config", folder / "sources.json", "--to", to, *FAST_RETRY, *more]

    def load(self, folder, to, *more, expect=0, **options):
        report = self.run_json(*self.command(folder, to, *more), expect=expect, **options)
        self.assert_adds_up(report)
        return report

    def assert_rows(self, folder, lake, kind):
        """The data files of `lake` have each event of `folder` once, and nothing else."""
        glob = f"{lake}/**/*.{kind}"
        if kind == "parquet":
            actual = f"SELECT {TABLE_ROW} FROM read_parquet('{glob}', hive_partitioning=false)"
        else:
            actual = (f"SELECT {IDS}, {', '.join(PROPERTIES)} FROM read_json('{glob}', format='newline_delimited', "
                      f"columns={TABLE | PROPERTIES}, hive_partitioning=false)")
        self.assert_same_rows(self.expected_rows(folder), actual)

    def stray(self, lake):
        """Files that are neither data of a commit nor its manifest, but for manifests that were never finished."""
        commits = {path.stem for path in lake.glob("*/_millrace/commits/*.json")}
        return [path for path in lake.rglob("*") if path.is_file() and not path.match("commits/.millrace-*") and path.name.split("-")[0].split(".")[0] not in commits]

    def test_each_format_on_disk(self):
        folder = self.events(20_000, "--format", "ndjson", "--files", "5")
        for kind in ("parquet", "ndjson.gz", "ndjson.zst"):
            with self.subTest(kind):
                lake = self.folder / kind
                to = f"{lake}/?format={kind}"
                report = self.load(folder, to)
                self.assertEqual((report["accepted"], report["rejected"]), (20_000, 0))
                self.assert_rows(folder, lake, kind)
                self.assertEqual(self.stray(lake), [])
                self.assertEqual(self.load(folder, to)["objects_skipped"], 5)
                self.assert_rows(folder, lake, kind)

    def test_folders_and_columns_can_be_chosen(self):
        folder = self.events(2000, "--format", "ndjson", "--files", "1")
        to = (f"{self.lake}/?table=clicks&path=dt={{date}}/hour={{hour}}&columns=country,amount:number,is_new:boolean,"
              "session_id:integer")
        self.load(folder, to)
        db = duck.connect()
        rows = db.execute(f"""SELECT count(*), count(country), sum(amount), count(is_new), min(dt), count(DISTINCT hour)
                              FROM read_parquet('{self.lake}/clicks/**/*.parquet', hive_partitioning=true)
                              WHERE event_time::DATE = dt AND date_part('hour', event_time) = hour::INT""").fetchone()
        self.assertEqual(rows[0], 2000)
        self.assertGreater(min(rows[1], rows[2], rows[3], rows[5]), 0)

    def test_staging_max_makes_more_commits(self):
        folder = self.events(40_000, "--format", "ndjson", "--files", "4")
        commits = {}
        for limit in ((), ("--staging-max", "1MB"), ("--staging-max", "1TB")):
            lake = self.folder / ("lake" + "".join(limit))
            self.load(folder, f"{lake}/", *limit)
            self.assert_rows(folder, lake, "parquet")
            commits[limit[1:]] = len(list(lake.glob("events/_millrace/commits/*.json")))
        # The rows are 17 MB; what is in flight when the limit is reached belongs to the commit too.
        self.assertEqual((commits[()], commits[("1TB",)]), (1, 1))  # it does not raise the limit
        self.assertGreaterEqual(commits[("1MB",)], 3)

        def repair(*more):
            for file in self.lake.rglob("*.parquet"):
                file.unlink()
            report = self.run_json("reconcile", folder, "--config", folder / "sources.json", "--to", f"{self.lake}/",
                                   "--repair", *more)
            self.assertEqual(report["repaired"], 40_000)
            self.assert_rows(folder, self.lake, "parquet")
            return len(list(self.lake.glob("events/_millrace/commits/*.json")))

        self.assertEqual(repair(), 2)
        self.assertGreaterEqual(repair("--staging-max", "1MB"), 2 + 3)

    def test_what_a_lake_cannot_be_is_refused(self):
        folder = self.events(10, "--format", "ndjson", "--files", "1")
        for query, text in (("format=orc", "parquet, ndjson.gz or ndjson.zst"), ("path=dt={day}", "path=dt={day}"),
                            ("format=parquet&form=raw", "form=table"), ("time=now", "event or arrival"),
                            ("colour=red", "format, form"), ("columns=a:b", "columns="), ("table=_x", "readers skip"),
                            ("age=soon", "30s"), ("file_size=0", "megabytes")):
            code, _, err = self.run_program(*self.command(folder, f"{self.lake}/?{query}"))
            self.assertEqual(code, 2, query)
            self.assertIn(text, err, query)
        self.assertFalse(self.lake.exists())

    def test_a_folder_that_cannot_be_written(self):
        folder = self.events(10, "--format", "ndjson", "--files", "1")
        file = self.write("file", "x")
        code, _, err = self.run_program(*self.command(folder, f"{file}/lake/"))
        self.assertNotEqual(code, 0)
        self.assertIn(str(file), err)
        code, out, _ = self.run_program("destinations", "check", f"{file}/lake/")
        self.assertEqual(code, 2)
        self.assertIn("writing below", out)
        code, out, err = self.run_program("destinations", "check", f"{self.lake}/")
        self.assertEqual(code, 0, out + err)
        self.assertEqual([path for path in self.lake.rglob("*") if path.is_file()], [])

    def wait_for_commits(self, count, *processes):
        """Until there are so many commits; False if all processes have ended before."""
        deadline = time.monotonic() + PATIENCE
        while sum(1 for _ in self.lake.glob("*/_millrace/commits/*.json")) < count:
            if all(process.poll() is not None for process in processes):
                return False
            self.assertLess(time.monotonic(), deadline, "the files do not come")
            time.sleep(0.001)
        return True

    def kill(self, process):
        return self.kill_after(process, self.randomness.uniform(0, 0.2))

    def test_one_process_killed_ten_times(self):
        folder = self.events(ROWS, "--format", "parquet", "--files", "40")
        to = f"{self.lake}/?format=parquet&age=50ms"
        started = time.monotonic()
        kills = runs = 0
        while kills < 10:
            runs += 1
            commits = sum(1 for _ in self.lake.glob("*/_millrace/commits/*.json"))
            process = self.start(*self.command(folder, to, "--quiet"))
            if runs % 2:
                self.wait_for_commits(commits + 1, process)
            killed = self.kill(process)
            kills += killed
            if not killed:
                break
        report = self.load(folder, to)
        self.assertEqual(report["rejected"] + report["pending"], 0)
        self.assertEqual(self.run_json("status")["totals"]["accepted"], ROWS)
        elapsed = time.monotonic() - started
        self.assertGreater(kills, 0)
        self.assert_rows(folder, self.lake, "parquet")
        self.assertEqual(self.stray(self.lake), [])
        print(f"{kills} kills, seed {self.seed}: {ROWS} rows once each, in {elapsed:.1f} s")

    def test_four_processes_killed_ten_times(self):
        folder = self.events(FILE_ROWS, "--format", "ndjson", "--files", "2000")
        command = self.command(folder, f"{self.lake}/?format=ndjson.gz&age=50ms", "--quiet", "--json")
        started = time.monotonic()
        workers = [self.start(*command) for _ in range(4)]
        kills = 0
        while kills < 10:
            commits = sum(1 for _ in self.lake.glob("*/_millrace/commits/*.json"))
            if not self.wait_for_commits(commits + 1, *workers):
                break
            victim = workers.pop(self.randomness.randrange(4))
            kills += self.kill(victim)
            workers.append(self.start(*command))
        for worker in workers:
            out, err = worker.communicate(timeout=PATIENCE)
            self.assertEqual(worker.returncode, 0, err[-2000:])
            self.assert_adds_up(json.loads(out))
        elapsed = time.monotonic() - started
        self.assertGreater(kills, 0)
        self.assert_rows(folder, self.lake, "ndjson.gz")
        self.assertEqual(self.stray(self.lake), [])
        print(f"{kills} kills of 4 processes, seed {self.seed}: {FILE_ROWS} rows of 2000 files once each, "
              f"in {elapsed:.1f} s")

    def check_bucket(self, kind):
        server = kind()
        self.addCleanup(server.stop)
        env = server.variables()
        folder = self.events(5000, "--format", "ndjson", "--files", "3")
        for format in ("parquet", "ndjson.zst"):
            to = f"{server.root}some/{format}/?format={format}"
            self.assertEqual(self.load(folder, to, env=env)["accepted"], 5000)
            self.assertEqual(self.load(folder, to, env=env)["objects_skipped"], 3)
            local = self.folder / f"from-bucket-{format}"
            for key, content in server.objects(f"some/{format}/").items():
                path = local / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.assert_rows(folder, local / f"some/{format}", format)
            self.assertEqual(self.stray(local / f"some/{format}"), [])
        code, out, err = self.run_program("destinations", "check", f"{server.root}some/", env=env)
        self.assertEqual(code, 0, out + err)
        code, out, err = self.run_program("destinations", "drop", f"{server.root}some/parquet/", "--yes", env=env)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(server.objects("some/parquet/"), {})
        self.assertNotEqual(server.objects("some/ndjson.zst/"), {})

    def test_gcs(self):
        self.check_bucket(cloud_servers.FakeGcs)

    def test_s3(self):
        self.check_bucket(cloud_servers.VersityGateway)

    def test_azure(self):
        self.check_bucket(cloud_servers.Azurite)


if __name__ == "__main__":
    main()
