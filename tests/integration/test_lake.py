"""Imports into lakes on disk and in buckets, read back with DuckDB and compared with the files that they came from."""
import unittest

import cloud_servers
import duck
from harness import main
from lake_import import LakeImportTest, download


@unittest.skipIf(duck.duckdb is None, "DuckDB is not installed (tools/setup.sh --tests)")
class LakeTest(LakeImportTest):
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
            download(server, f"some/{format}/", local)
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
