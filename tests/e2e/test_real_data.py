"""Every real sample file imports with a sources.json written for it; the numbers are those of its README."""
import csv
import gzip
import json
import unittest

from harness import DATA, ROOT, MillraceTest, main

CONFIG = ROOT / "examples/real_data/sources.json"


@unittest.skipUnless((DATA / "events").is_dir(), "no sample data: set MILLRACE_TEST_DATA")
class RealDataTest(MillraceTest):
    def import_file(self, name, rows):
        sandbox = self.sandbox()
        # The config names the files by their place under a folder "events"; here, by their place on disk.
        text = CONFIG.read_text().replace('"events/', f'"{DATA}/events/')
        config = self.write("sources.json", text)
        self.write("join_date_and_time.js", (CONFIG.parent / "join_date_and_time.js").read_text())
        report = self.import_json(sandbox, DATA / "events" / name, "--config", config)
        self.assertEqual((report["read"], report["accepted"], report["rejected"]), (rows, rows, 0))
        stats = sandbox.stats()
        self.assertEqual(stats["stored"], rows)
        return sandbox, stats

    def rows_of(self, name):
        with gzip.open(DATA / "events" / name, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def test_wikipedia_ndjson(self):
        sandbox, stats = self.import_file("wikipedia_edits_2015-09-12.ndjson.gz", 39_244)
        rows = self.rows_of("wikipedia_edits_2015-09-12.ndjson.gz")
        events = sandbox.export()
        self.assertEqual(sorted(e["properties"]["page"] for e in events), sorted(r["page"] for r in rows))
        self.assertEqual(sorted(e["properties"]["comment"] for e in events), sorted(r["comment"] for r in rows))
        users = {e["properties"]["distinct_id"] for e in events}
        self.assertEqual(len(users), 10_531)

    def test_wikipedia_parquet(self):
        sandbox, stats = self.import_file("wikipedia_edits_2015-09-12.parquet", 39_244)
        self.assertEqual(stats["unique"], 39_244)
        self.assertEqual(stats["by_event"], {"page_edit": 16_572, "bot_edit": 15_119, "minor_edit": 5_275,
                                             "page_created": 2_278})
        rows = {row["time"] + row["page"] for row in self.rows_of("wikipedia_edits_2015-09-12.ndjson.gz")}
        self.assertEqual(len({str(e["properties"]["time"]) + e["properties"]["page"] for e in sandbox.export()}),
                         len(rows))

    def test_github_ndjson(self):
        sandbox, stats = self.import_file("github_events_2021-07-21.ndjson.gz", 800)
        self.assertEqual(stats["by_event"]["PushEvent"], 425)
        self.assertEqual(stats["by_event"]["CreateEvent"], 103)
        self.assertEqual(stats["by_event"]["PullRequestEvent"], 64)
        self.assertEqual(len(stats["by_event"]), 15)
        rows = {row["id"]: row for row in self.rows_of("github_events_2021-07-21.ndjson.gz")}
        for event in sandbox.export():
            properties = event["properties"]
            row = rows[properties["$insert_id"]]
            self.assertEqual(properties["distinct_id"], str(row["actor"]["id"]))
            self.assertEqual(properties["payload"], row["payload"])

    def test_github_nested_parquet(self):
        sandbox, stats = self.import_file("github_activity_2016-07-07_nested.parquet", 2_000)
        self.assertEqual(len(stats["by_event"]), 14)
        self.assertEqual(stats["by_event"]["PushEvent"], 1_137)
        events = sandbox.export()
        self.assertEqual(len({e["properties"]["actor"]["login"] for e in events} - {None}) > 1_000, True)
        push = next(e for e in events if e["event"] == "PushEvent")
        self.assertIsInstance(push["properties"]["payload"]["commits"], list)

    def test_github_flat_parquet(self):
        sandbox, stats = self.import_file("github_activity_2016-07-07.parquet", 2_000)
        self.assertEqual(stats["unique"], 2_000)
        self.assertEqual(stats["by_event"]["PushEvent"], 1_137)
        self.assertEqual(stats["by_event"]["PublicEvent"], 2)
        self.assertEqual(len({e["properties"]["distinct_id"] for e in sandbox.export()}), 1_271)

    def test_cran_csv(self):
        sandbox, stats = self.import_file("cran_downloads_2013-06-15.csv.gz", 37_459)
        with gzip.open(DATA / "events/cran_downloads_2013-06-15.csv.gz", "rt") as text:
            rows = list(csv.DictReader(text))
        known = sum(row["r_version"] != "NA" for row in rows)
        events = sandbox.export()
        self.assertEqual(sum("r_version" in e["properties"] for e in events), known)
        self.assertEqual(sum("package" not in e["properties"] for e in events), 5)
        self.assertEqual(len({e["properties"]["distinct_id"] for e in events}), 2_373)
        self.assertEqual(sum(e["properties"]["size"] for e in events), sum(int(r["size"]) for r in rows))

    def test_cran_parquet(self):
        sandbox, stats = self.import_file("cran_downloads_2013-06-15.parquet", 37_459)
        self.assertEqual((stats["unique"], stats["by_event"]), (37_459, {"package_download": 37_459}))

    def test_airline_parquet_of_two_writers(self):
        times = []
        for name in ("airline_ontime_2014-01.snappy.parquet", "airline_ontime_2014-01.zstd.parquet"):
            with self.subTest(name):
                sandbox, stats = self.import_file(name, 19_492)
                events = sandbox.export()
                self.assertIsInstance(next(e["properties"]["RandomAirports"] for e in events
                                           if "RandomAirports" in e["properties"]), list)
                times.append(sorted((e["properties"]["time"], e["properties"].get("TailNum", ""),
                                     e["properties"]["FlightNum"]) for e in events))
        self.assertEqual(times[0], times[1])


if __name__ == "__main__":
    main()
