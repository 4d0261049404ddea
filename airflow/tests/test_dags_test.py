"""`airflow dags test` of both DAGs with the program, a sandbox and PostgreSQL, or the front of BigQuery."""

import json
import pathlib
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "airflow/deployment")]

import bigquery_server  # noqa: E402
import cloud_servers  # noqa: E402
import postgres_server  # noqa: E402
from export_harness import ExportTest  # noqa: E402
from harness import main  # noqa: E402
from local import LocalAirflow, seed_environment  # noqa: E402
from mixpanel_dags import SEED  # noqa: E402

HOUR_MS = 3_600_000


class DagsTestTest(ExportTest):
    def setUp(self):
        super().setUp()
        # The last data interval that has ended, and the hour of arrival that its run exports.
        now = int(time.time() * 1000)
        self.interval_end = (now - 35 * 60_000) // HOUR_MS * HOUR_MS + 35 * 60_000
        self.logical_date = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(self.interval_end / 1000))
        self.mixpanel = self.sandbox()
        self.set_clock(self.mixpanel, self.interval_end - 80 * 60_000)
        self.track(self.mixpanel, [self.event_at(self.interval_end - 90 * 60_000 - i * 1000) for i in range(500)])
        people = [{"$token": "t", "$distinct_id": f"u{i}", "$set": {"n": i}} for i in range(20)]
        self.mixpanel.request("POST", "/engage?verbose=1", json.dumps(people), {"Content-Type": "application/json"})

    def airflow(self, variable, **variables):
        airflow = LocalAirflow(
            self.folder / "home",
            AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
            **seed_environment(variable, self.mixpanel.url, "ap1secret"),
            **variables,
        )
        airflow.migrate()
        return airflow

    def dags_test(self, airflow, dag):
        """All that the command shows."""
        shown = airflow.airflow("dags", "test", dag, self.logical_date, check=False)
        self.assertNotIn("ap1secret", shown)
        for path in self.folder.rglob("*.log"):
            self.assertNotIn("ap1secret", path.read_text(errors="replace"), path)
        return shown

    @unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
    def test_postgresql(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        airflow = self.airflow(
            {"to": server.uri, "bigquery_event_table": "clicks", "people_table": "people", "time_zone": "utc"}
        )
        for run in range(2):  # the second run finds nothing new
            shown = self.dags_test(airflow, "mixpanel-export")
            self.assertEqual("retrieved: 500 records" in shown, run == 0)
            rows = server.query(
                "SELECT event, distinct_id, round(extract(epoch FROM event_time) * 1000)::bigint, insert_id FROM clicks"
            )
            found = {(row[0], row[1], int(row[2]), row[3]): 1 for row in rows}
            self.assertEqual(len(rows), len(found))
            self.assert_same(found, self.expected(self.mixpanel))
            self.dags_test(airflow, "mixpanel-export-people")
            self.assertEqual(server.query("SELECT count(*), count(DISTINCT distinct_id) FROM people"), [["20", "20"]])

    @unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
    def test_bigquery_by_the_variable_of_the_seed(self):
        server = bigquery_server.BigqueryServer()
        self.addCleanup(server.stop)
        gcs = cloud_servers.FakeGcs()
        self.addCleanup(gcs.stop)
        server.read_bucket_of(gcs)
        variable = {**SEED, "gcp_project": bigquery_server.PROJECT, "gcs_bucket": "test-bucket"}
        airflow = self.airflow(variable, **server.environment(), **gcs.variables())
        # People need nothing else. Of events, nobody but the user knows how an older project exports times.
        shown = self.dags_test(airflow, "mixpanel-export-people")
        self.assertIn("retrieved: 20 records", shown)
        self.assertEqual(server.query("SELECT count(*) FROM analytics.people"), [["20"]])
        self.assertIn("give --time-zone", self.dags_test(airflow, "mixpanel-export"))
        airflow.environment.update(seed_environment({**variable, "time_zone": "utc"}, self.mixpanel.url, "ap1secret"))
        self.dags_test(airflow, "mixpanel-export")
        rows = server.query("SELECT insert_id FROM analytics.events")
        self.assertEqual(sorted(row[0] for row in rows), sorted(key[3] for key in self.expected(self.mixpanel)))
        self.assertEqual(server.violations(), {})
        self.assertEqual(gcs.keys(), [])  # staged files are removed again


if __name__ == "__main__":
    main()
