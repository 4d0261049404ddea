"""millrace export jql: what the scripts of examples/jql return, each hour once."""
import gzip
import itertools
import json
import pathlib

from export_harness import DAY_MS, ExportTest, day_of, midnight
from harness import FAST_RETRY, main

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "jql"
HOUR_MS = DAY_MS // 24


class JqlTest(ExportTest):
    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"
        self.to = ["--to", f"{self.lake}?format=ndjson.gz"]
        self.started = self.sandbox()
        self.names = itertools.cycle(["buy", "view"])

    def command(self, script, *args):
        return ["export", "jql", "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", *FAST_RETRY, "--script",
                script, "--settle", "0s", "--time-zone", "utc", *self.to, *args]

    def export(self, script, *args, **options):
        report = self.run_json(*self.command(script, *args), **options)
        self.assert_adds_up(report)
        return report

    def script(self, text):
        path = self.folder / "script.js"
        path.write_text(text)
        return path

    def arrive(self, *ages_in_days):
        """Events that arrive in several hours of two days, some of them late."""
        for hours in range(1, 44, 7):
            arrival = midnight(2) + hours * HOUR_MS + 1_800_000
            self.set_clock(self.started, arrival)
            self.send(self.started, [self.event_at(arrival - age * DAY_MS, next(self.names)) for age in ages_in_days])
        self.started.request("DELETE", "/sandbox/clock")

    def rows(self):
        for path in sorted(self.lake.rglob("*.ndjson.gz")):
            with gzip.open(path, "rt") as lines:
                yield from map(json.loads, lines)

    def test_events_of_each_hour_once_also_late_ones(self):
        self.arrive(0, 1, 4)
        flags = ["--since", day_of(2), "--until", day_of(0)]
        report = self.export(EXAMPLES / "events.js", *flags)
        self.assertEqual((report["windows"], report["queries"], report["accepted"], report["filtered"]),
                         (48, 48, len(self.sent), 0))
        self.assert_same(self.lake_keys(self.lake), self.expected(self.started))
        again = self.export(EXAMPLES / "events.js", *flags)
        self.assertEqual((again["windows_skipped"], again["queries"], again["read"]), (48, 0, 0))

    def test_params_and_the_look_back(self):
        self.arrive(0, 3)
        params = self.folder / "params.json"
        params.write_text(json.dumps({"events": ["buy"]}))
        report = self.export(EXAMPLES / "events.js", "--params", params, "--look-back", "24h", "--since", day_of(2), "--until",
                             day_of(0))
        expected = {key for key in self.sent if key[0] == "buy" and key[2] >= midnight(3)}
        self.assertEqual(set(self.lake_keys(self.lake)), expected)
        self.assertEqual(report["accepted"], len(expected))

    def test_failing_queries_are_repeated(self):
        self.arrive(0)
        self.started.set_faults("query_status=503:0.2", "query_status=429:0.1")
        self.export(EXAMPLES / "events.js", "--since", day_of(2), "--until", day_of(0))
        self.assert_same(self.lake_keys(self.lake), self.expected(self.started))

    def test_people_who_were_seen_in_the_hour(self):
        updates = [{"$token": "test-token", "$distinct_id": f"user-{hour}",
                    "$set": {"$last_seen": f"{day_of(1)}T{hour:02}:30:00", "plan": "pro" if hour % 2 else "free"}}
                   for hour in range(24)]
        self.started.request("POST", "/engage?verbose=1", json.dumps(updates), {"Content-Type": "application/json"})
        report = self.export(EXAMPLES / "people.js", "--records", "users", "--params", '{"plan": "pro"}', "--since", day_of(1),
                             "--until", day_of(0))
        self.assertEqual(report["accepted"], 12)
        rows = list(self.rows())
        self.assertEqual({row["distinct_id"] for row in rows}, {f"user-{hour}" for hour in range(1, 24, 2)})
        self.assertEqual({row["operation"] for row in rows}, {"$set"})
        self.assertEqual({row["time"] for row in rows}, {midnight(1) + (hour + 1) * HOUR_MS for hour in range(1, 24, 2)})

    def test_a_script_may_make_records_and_what_is_none_is_a_dead_letter(self):
        self.arrive(0)
        path = self.script("""function main() {
          return Events({from_date: params.from_date, to_date: params.to_date}).filter(function (e) {
            return e.properties.mp_processing_time_ms >= params.from && e.properties.mp_processing_time_ms < params.to;
          }).groupBy(['name'], mixpanel.reducer.count()).map(function (row) {
            if (row.key[0] === 'view') return {name: 'no record'};
            return {event: 'count', properties: {name: row.key[0], count: row.value, time: params.from,
                                                 distinct_id: '', $insert_id: 'count-' + params.from}};
          });
        }""")
        report = self.export(path, "--since", day_of(2), "--until", day_of(0), expect=1)
        self.assertEqual(sum(row["count"] for row in self.rows()), sum(key[0] != "view" for key in self.sent))
        self.assertEqual(report["rejected"], len({key[2] for key in self.sent if key[0] == "view"}))

    def test_a_row_of_another_window_is_refused(self):
        self.arrive(0)
        path = self.script("function main() { return Events({from_date: params.from_date, to_date: params.to_date}); }")
        code, _, err = self.run_program(*self.command(path, "--since", day_of(2), "--until", day_of(0)))
        self.assertNotEqual(code, 0)
        self.assertIn("would be read twice", err)

    def test_errors_say_what_is_wrong(self):
        path = self.script("function main() { throw new Error('my reason'); }")
        code, _, err = self.run_program(*self.command(path, "--since", day_of(1)))
        self.assertNotEqual(code, 0)
        self.assertIn("my reason", err)
        for flags, text in ((["--params", "[1]"], "[1]"), (["--params", '{"from": 1}'], "each window sets"),
                            (["--records", "groups"], "events or users")):
            code, _, err = self.run_program(*self.command(path, "--since", day_of(1), *flags))
            self.assertEqual(code, 2, err)
            self.assertIn(text, err)

    def test_another_script_of_the_same_name_is_refused(self):
        self.arrive(0)
        events = (EXAMPLES / "events.js").read_text()
        flags = ["--since", day_of(2), "--until", day_of(0)]
        self.export(self.script(events), *flags)
        code, _, err = self.run_program(*self.command(self.script(events + "// changed"), *flags))
        self.assertEqual(code, 2, err)
        self.assertIn("another filter", err)


if __name__ == "__main__":
    main()
