"""millrace export cohorts|annotations, and OAuth tokens: snapshots of a sandbox, in files and in PostgreSQL.

What needs PostgreSQL is skipped and counted where it is not installed (tools/setup.sh --tests).
"""
import gzip
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import postgres_server
from harness import FAST_RETRY, MillraceTest, main

COHORTS = [{"id": 7, "name": "pro", "description": "Größe", "created": "2026-03-19 23:49:51",
            "where": 'properties["plan"] == "pro"'},
           {"id": 8, "name": "named", "distinct_ids": ["user-1", "without a profile"]}]


class ListsTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.started = self.sandbox("--page-size", "50")

    def fill(self):
        updates = [{"$token": "test-token", "$distinct_id": f"user-{i}", "$set": {"plan": "pro" if i % 2 else "free"}}
                   for i in range(160)]
        self.started.request("POST", "/engage?verbose=1", json.dumps(updates), {"Content-Type": "application/json"})
        self.started.request("PUT", "/sandbox/cohorts", json.dumps(COHORTS))

    def annotate(self, date, description):
        return json.loads(self.started.request(
            "POST", "/api/app/projects/1/annotations", json.dumps({"date": date, "description": description}),
            {"Authorization": "Basic dDo=", "Content-Type": "application/json"}))["results"]["id"]

    def command(self, verb, *args):
        return ["export", verb, "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", *FAST_RETRY, *args]

    def export_json(self, verb, *args, **options):
        report = self.run_json(*self.command(verb, *args), **options)
        self.assert_adds_up(report)
        return report

    @staticmethod
    def rows_of(folder):
        for path in sorted(folder.rglob("*.ndjson.gz")):
            with gzip.open(path, "rt") as lines:
                yield from map(json.loads, lines)


class LakeTest(ListsTest):
    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"
        self.to = ["--to", f"{self.lake}?format=ndjson.gz"]

    def test_cohorts_and_their_members(self):
        self.fill()
        report = self.export_json("cohorts", "--members", *self.to)
        self.assertEqual((report["accepted"], report["queries"]), (2 + 80 + 2, 3))
        rows = list(self.rows_of(self.lake))
        cohorts = {row["group_id"]: row for row in rows if row["group_key"] == "mixpanel_cohort"}
        self.assertEqual(cohorts.keys(), {"7", "8"})
        self.assertEqual({key: cohorts["7"][key] for key in ("id", "name", "description", "created", "count")},
                         {"id": 7, "name": "pro", "description": "Größe", "created": "2026-03-19 23:49:51", "count": 80})
        members = {(row["cohort_id"], row["property_distinct_id"] if "property_distinct_id" in row else row["distinct_id"])
                   for row in rows if row["group_key"] == "mixpanel_cohort_member"}
        self.assertEqual(members, {(7, f"user-{i}") for i in range(1, 160, 2)} | {(8, "user-1"), (8, "without a profile")})

    def test_one_cohort_and_one_that_is_not_there(self):
        self.fill()
        self.assertEqual(self.export_json("cohorts", "--cohort", "8", *self.to)["accepted"], 1)
        code, _, err = self.run_program(*self.command("cohorts", "--cohort", "9", *self.to))
        self.assertNotEqual(code, 0)
        self.assertIn("no cohort 9", err)
        code, _, err = self.run_program(*self.command("cohorts", "--cohort", "pro", *self.to))
        self.assertEqual(code, 2, err)

    def test_failing_queries_are_repeated(self):
        self.fill()
        self.started.set_faults("query_status=503:0.3", "query_status=429:0.2")
        self.assertEqual(self.export_json("cohorts", "--members", *self.to)["accepted"], 84)

    def test_annotations_of_some_days(self):
        ids = [self.annotate(f"2026-02-{day:02} 12:00:00", f"day {day}\n„x“") for day in range(10, 20)]
        self.assertEqual(self.export_json("annotations", "--since", "2026-02-12", "--until", "2026-02-15", *self.to)["accepted"], 3)
        rows = list(self.rows_of(self.lake))
        self.assertEqual({(row["group_key"], row["group_id"], row["description"]) for row in rows},
                         {("mixpanel_annotation", str(ids[day - 10]), f"day {day}\n„x“") for day in range(12, 15)})
        code, _, err = self.run_program(*self.command("annotations", "--since", "2026-02-15", "--until", "2026-02-15", *self.to))
        self.assertEqual(code, 2, err)


class OauthTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.started = self.sandbox("--token", "project", "--oauth-token", "hush-bearer")
        self.to = ["--to", f"{self.folder / 'lake'}?format=ndjson.gz"]

    def export(self, verb, environment, *args):
        return self.run_program("export", verb, "--project-id", "1", "--mixpanel-url", self.started.url, "--quiet", *FAST_RETRY,
                                *self.to, *args,
                                env={"MIXPANEL_TOKEN": "", "MIXPANEL_SERVICE_ACCOUNT": "", **environment})

    def test_every_verb_takes_a_token_or_its_file(self):
        path = self.folder / "token"
        path.write_text("hush-bearer\n")
        path.chmod(0o600)
        for environment in ({"MIXPANEL_OAUTH_TOKEN": "hush-bearer"}, {"MIXPANEL_OAUTH_TOKEN_FILE": str(path)}):
            for verb, *flags in (("events", "--since", "2026-11-01", "--until", "2026-11-03", "--time-zone", "utc"), ("users",),
                                 ("groups", "--group-key", "company"), ("cohorts",), ("annotations",)):
                code, _, err = self.export(verb, environment, *flags)
                self.assertEqual(code, 0, f"{verb}: {err}")

    def test_a_token_that_is_refused_is_said_and_not_shown(self):
        code, out, err = self.export("users", {"MIXPANEL_OAUTH_TOKEN": "hush-expired"})
        self.assertIn(code, (2, 3), err)
        self.assertIn("the OAuth token has expired", err)
        self.assertNotIn("hush", out + err)

    def test_without_credentials_the_variables_are_named(self):
        code, _, err = self.export("users", {})
        self.assertEqual(code, 2, err)
        self.assertIn("MIXPANEL_OAUTH_TOKEN_FILE", err)


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresTest(ListsTest):
    def test_a_snapshot_replaces_the_one_before(self):
        self.fill()
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        to = ["--to", f"{server.uri}&groups=cohorts"]
        self.export_json("cohorts", "--members", *to)
        self.assertEqual(server.query("SELECT count(*) FROM cohorts"), [["84"]])
        self.started.request("PUT", "/sandbox/cohorts", json.dumps(COHORTS[1:]))
        self.export_json("cohorts", "--members", *to)
        self.assertEqual(server.query("SELECT group_key, count(*) FROM cohorts GROUP BY 1 ORDER BY 1"),
                         [["mixpanel_cohort", "1"], ["mixpanel_cohort_member", "2"]])


if __name__ == "__main__":
    main()
