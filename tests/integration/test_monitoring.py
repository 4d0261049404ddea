"""deploy/monitoring against the program: a Prometheus scrapes every verb that serves metrics, and a node_exporter that
reads the files of runs; every rule and every query of the dashboard runs there."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import monitoring_files
from cloud_servers import free_port
from harness import FAST_RETRY, PROGRAM, MillraceTest, main
from prometheus_server import NODE_EXPORTER, PATIENCE, PROMETHEUS, PROMTOOL, NodeExporter, Prometheus, require
from proxy_harness import Client, Proxy

# Queries of the dashboard that give nothing while all is well, by panel.
PANELS_THAT_MAY_BE_EMPTY = {
    "Errors of servers in the last run": "a status above 504",
    "Alerts": "nothing may fire",
}
ALWAYS = ["--retry-timeout", "1h", *FAST_RETRY]
TRIPS = ("user_id,trip_start_time,trip_end_time,start_lat,start_lng,end_lat,end_lng\n"
         "u,2025-01-01T10:00:00Z,2025-01-01T10:30:00Z,1,2,3,4\n"
         "u,2025-01-01T12:00:00Z,2025-01-01T12:30:00Z,1,2,3,4\n"
         "u,never,2025-01-01T12:30:00Z,1,2,3,4\n")


def events(count):
    now = int(time.time()) - 3600
    return [{"event": "e", "properties": {"time": now, "distinct_id": f"u{number}", "$insert_id": f"id-{number}"}}
            for number in range(count)]


class World(MillraceTest):
    """All verbs, running or run, and a Prometheus that sees them. Not a test by itself."""

    def build(self):
        self.setUp()
        self.good, self.bad = self.sandbox(), self.sandbox()
        self.bad.set_faults("503_retry_after=0", "export_status=500")
        files = self.folder / "metrics"
        files.mkdir()
        self.run_verbs(files)
        jobs = {"millrace-proxy": [self.start_proxy()], "millrace-watch": [self.start_watch()],
                "millrace-import": [self.start_import()], "millrace-export": [self.start_export()]}
        self.exporter = NodeExporter(self.folder, files)
        self.addCleanup(self.exporter.stop)
        self.prometheus = Prometheus(self.folder, jobs | {"node": [self.exporter.address]}, monitoring_files.RULES)
        self.addCleanup(self.prometheus.stop)
        self.wait_until_scraped()
        return self

    def run_verbs(self, files):
        """Scheduled runs, each of which leaves a file."""
        def finish(name, expect, *command, **options):
            code, _, err = self.run_program(*command, "--metrics-file", files / f"{name}.prom", "--run-interval", "1h",
                                            "--quiet", **options)
            self.assertEqual(code, expect, err)

        self.write_ndjson("once/a.ndjson", events(3) + [{"event": "no properties"}])
        finish("nightly_import", 1, "import", self.folder / "once", "--mixpanel-url", self.good.url, *FAST_RETRY)
        since, until = (time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400)) for days in (-2, 1))
        command = ["export", "events", "--project-id", "1", "--time-zone", "utc", "--since", since, "--until", until,
                   "--to", f"{self.folder / 'exported'}/?format=ndjson.gz"]
        finish("mixpanel_events", 0, *command, "--mixpanel-url", self.good.url, *FAST_RETRY)
        finish("failed_events", 3, *command, "--mixpanel-url", self.bad.url, "--retry-timeout", "1s", *FAST_RETRY,
               env={"MILLRACE_STATE": str(self.folder / "failed")})
        self.write("trips.csv", TRIPS)
        finish("staypoints", 1, "staypoints", self.folder / "trips.csv", "--output", self.folder / "stays")

    def environment_of(self, name):
        return self.environment() | {"MILLRACE_STATE": str(self.folder / name)}

    def start_proxy(self):
        self.proxy = Proxy(self.folder / "proxy.log", self.environment_of("proxy"), "--mixpanel-url", self.good.url,
                           "--spool", self.folder / "spool", upstream=f"http://127.0.0.1:{free_port()}")
        self.addCleanup(self.proxy.clean_up)
        self.proxy.wait_until_it_listens()
        client = Client(self.proxy.url)
        self.addCleanup(client.close)
        status, _, body = client.post("/track", [event | {"properties": event["properties"] | {"token": "t"}}
                                                 for event in events(5)])
        self.assertEqual((status, body), (200, b"1"))
        for _ in range(3):  # nothing listens where these are passed on to
            self.assertEqual(client.request("GET", "/flags?token=t")[0], 503)
        return self.proxy.admin_url.removeprefix("http://")

    def serving(self, name, *command):
        """The address of a verb with --metrics, which runs until the end."""
        log = self.folder / f"{name}.log"
        with open(log, "w") as file:
            process = subprocess.Popen([PROGRAM, *map(str, command), "--metrics", "127.0.0.1:0"],
                                       stdout=subprocess.DEVNULL, stderr=file, env=self.environment_of(name))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r'"url":"http://([^/"]+)/metrics"', log.read_text())):
            self.assertIsNone(process.poll(), log.read_text())
            self.assertLess(time.monotonic(), deadline, log.read_text())
            time.sleep(0.02)
        return found[1]

    def start_watch(self):
        self.write_ndjson("incoming/a.ndjson", events(4))
        return self.serving("watch", "watch", self.folder / "incoming", "--mixpanel-url", self.good.url, *FAST_RETRY)

    def start_import(self):
        self.write_ndjson("backfill/a.ndjson", events(4))
        return self.serving("import", "import", self.folder / "backfill", "--mixpanel-url", self.bad.url, "--quiet", *ALWAYS)

    def start_export(self):
        return self.serving("export", "export", "events", "--project-id", "1", "--time-zone", "utc", "--since",
                            time.strftime("%Y-%m-%d", time.gmtime()), "--to", f"{self.folder / 'never'}/?format=ndjson.gz",
                            "--mixpanel-url", self.bad.url, "--quiet", *ALWAYS)

    def wait_until_scraped(self):
        """Every target several times, so that there are rates, and what was sent is delivered."""
        server = self.prometheus
        server.wait_until(lambda: len(server.query("up == 1")) == server.targets, "not all targets were scraped")
        server.wait_until(lambda: server.query('millrace_watch_objects_total{outcome="imported"} > 0'), "nothing was imported")
        server.wait_until(lambda: server.query('millrace_rows_total{job="millrace-proxy", outcome="accepted"} == 5'),
                          "the proxy delivered nothing")
        server.wait_until(lambda: server.query("min(count_over_time(up[30s])) > 3"), "too few samples")


class MonitoringTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require(PROMETHEUS, NODE_EXPORTER)
        cls.world = World()
        cls.addClassCleanup(cls.world.doCleanups)
        cls.world.build()
        cls.server = cls.world.prometheus

    def served(self):
        return set(self.server.get("label/__name__/values"))

    def assert_served(self, expression, where):
        """Each selector of the expression matches something."""
        found = monitoring_files.selectors(expression)
        self.assertTrue(found, f"{where}: no metric in {expression}")
        for selector in found:
            self.assertTrue(self.server.query(selector), f"{where}: nothing is served for {selector}")

    def test_every_rule_runs_and_its_metrics_are_served(self):
        self.server.wait_until(
            lambda: all(rule["health"] != "unknown" for group in self.server.get("rules")["groups"] for rule in group["rules"]),
            "not all rules were evaluated")
        rules = [rule for group in self.server.get("rules")["groups"] for rule in group["rules"]]
        self.assertEqual({rule["name"] for rule in rules}, set(monitoring_files.alerts()))
        for rule in rules:
            with self.subTest(rule["name"]):
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))
                self.server.query(rule["query"])
                self.assert_served(rule["query"], rule["name"])

    def test_every_query_of_the_dashboard_runs_and_its_metrics_are_served(self):
        dashboard = monitoring_files.load_dashboard()
        for panel, expression in monitoring_files.queries(dashboard):
            with self.subTest(panel=panel, expression=expression):
                # Rates need two samples within ten seconds.
                found = self.server.wait_until(lambda: self.server.query(expression) or panel in PANELS_THAT_MAY_BE_EMPTY,
                                               f"{panel}: {expression} gave nothing")
                self.assertTrue(found)
                if panel not in PANELS_THAT_MAY_BE_EMPTY:
                    self.assert_served(expression, panel)
        for name, selector, label in monitoring_files.variable_queries(dashboard):
            with self.subTest(variable=name):
                self.assertTrue(self.server.get(f"label/{label}/values", **{"match[]": selector}))

    def test_every_documented_metric_is_served(self):
        page = (monitoring_files.ROOT / "docs/observability.md").read_text()
        documented = set(re.findall(r"^\| `((?:millrace|process)_[a-z0-9_]+)`", page, re.MULTILINE))
        served = self.served()
        served |= {name.removesuffix("_bucket") for name in served}
        self.assertFalse(documented - served)

    def test_a_server_that_answers_500_is_alerted(self):
        for alert, where in (("MillraceHttp500", {"job": "millrace-export", "host": "127.0.0.1"}),
                             ("MillraceRunHttp500", {"run": "failed_events", "host": "127.0.0.1"}),
                             ("MillraceRunFailed", {"run": "failed_events"}),
                             ("MillraceRunDeadLetters", {"run": "nightly_import"}),
                             ("MillraceRunDeadLetters", {"run": "staypoints"})):
            firing = self.server.wait_until(
                lambda: [one for one in self.server.get("alerts")["alerts"] if one["labels"]["alertname"] == alert
                         and one["state"] == "firing" and where.items() <= one["labels"].items()],
                f"{alert} of {where} does not fire")
            for text in firing[0]["annotations"].values():
                self.assertNotIn("<error", text)
        runs = {one["labels"].get("run") for one in self.server.get("alerts")["alerts"]}
        self.assertNotIn("mixpanel_events", runs)  # it succeeded

    def test_files_of_runs_do_not_collide_with_what_node_exporter_serves(self):
        self.assertEqual(self.server.query("node_textfile_scrape_error")[0][1], 0, self.world.exporter.log.read_text()[-2000:])
        runs = {labels["run"]: value for labels, value in self.server.query("millrace_run_exit_status")}
        self.assertEqual(runs, {"nightly_import": 1, "mixpanel_events": 0, "failed_events": 3, "staypoints": 1})
        self.assertEqual(self.server.query('millrace_export_records_total{run="mixpanel_events"}')[0][1], 3)
        self.assertEqual(self.server.query('millrace_export_windows_total{run="mixpanel_events"}')[0][1], 3)
        retrieved = self.server.query('millrace_export_retrieved_timestamp_seconds{run="mixpanel_events"}')[0][1]
        self.assertLess(abs(time.time() - retrieved), 600)
        self.assertEqual(self.server.query('millrace_export_retrieved_timestamp_seconds{run="failed_events"}')[0][1], 0)
        self.assertEqual(self.server.query('millrace_staypoints_trips_total{run="staypoints"}')[0][1], 3)


class RulesTest(unittest.TestCase):
    def promtool(self, *arguments):
        require(PROMTOOL)
        done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_rules_and_configuration_are_valid(self):
        self.promtool("check", "rules", monitoring_files.RULES)
        self.promtool("check", "config", monitoring_files.MONITORING / "prometheus/prometheus.yml")

    def test_each_alert_fires_and_does_not_fire_just_below(self):
        self.promtool("test", "rules", *monitoring_files.RULE_TESTS)
        cases = {case.split(":", 1)[0]: case for file in monitoring_files.RULE_TESTS
                 for case in file.read_text().split("\n  # ")[1:]}
        self.assertEqual(set(cases), set(monitoring_files.alerts()))
        for alert, (severity, _) in monitoring_files.alerts().items():
            self.assertIn(f"ALERTS{{alertname=\"{alert}\", alertstate=\"firing\", severity=\"{severity}\"", cases[alert])

    def test_a_rule_that_is_changed_fails_its_test(self):
        with tempfile.TemporaryDirectory() as folder:
            tests = monitoring_files.RULE_TESTS[0]
            shutil.copy(tests, folder)
            rules = monitoring_files.RULES.read_text()
            line = 'millrace_http_responses_total{status="500", run=""}[5m])) >= 3'
            self.assertIn(line, rules)
            rules = rules.replace(line, line[:-1] + "4")
            (pathlib.Path(folder) / monitoring_files.RULES.name).write_text(rules)
            require(PROMTOOL)
            done = subprocess.run([PROMTOOL, "test", "rules", tests.name], cwd=folder,
                                  capture_output=True, text=True, timeout=300)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("MillraceHttp500", done.stdout + done.stderr)


class PagesTest(unittest.TestCase):
    """Rules, dashboard and pages name the same alerts."""

    def test_each_alert_has_a_runbook(self):
        anchors = monitoring_files.headings(monitoring_files.RUNBOOKS)
        for alert, (_, url) in monitoring_files.alerts().items():
            self.assertEqual(url, f"https://docs.example.com/millrace/runbooks.md#{alert.lower()}")
            self.assertIn(alert.lower(), anchors)

    def test_each_runbook_says_what_to_do(self):
        sections = re.split(r"^### ", monitoring_files.RUNBOOKS.read_text(), flags=re.MULTILINE)[1:]
        for section in sections:
            for part in ("**Meaning.**", "**Look at.**", "**Do.**"):
                self.assertIn(part, section, section.split("\n", 1)[0])

    def test_runbooks_name_flags_that_exist(self):
        flags = set(re.findall(r"^\| `(--[a-z-]+)", (monitoring_files.ROOT / "docs/cli.md").read_text(), re.MULTILINE))
        for flag in set(re.findall(r"--[a-z][a-z-]+", monitoring_files.RUNBOOKS.read_text())):
            self.assertIn(flag, flags)

    def test_the_page_lists_each_alert_with_its_severity(self):
        page = (monitoring_files.ROOT / "docs/monitoring.md").read_text()
        for alert, (severity, _) in monitoring_files.alerts().items():
            self.assertIn(f"| [{alert}](runbooks.md#{alert.lower()}) | {severity} |", page)

    def test_the_dashboard_names_each_alert_and_no_other(self):
        text = monitoring_files.DASHBOARD.read_text()
        self.assertEqual(set(re.findall(r"\bMillrace[A-Z]\w+", text)), set(monitoring_files.alerts()))

    def test_the_dashboard_can_be_provisioned(self):
        dashboard = monitoring_files.load_dashboard()
        self.assertEqual(dashboard["uid"], "millrace")
        self.assertNotIn("__inputs", dashboard)  # an export for sharing, which provisioning does not fill
        identifiers = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(identifiers), len(set(identifiers)))
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            if panel["type"] != "row":
                self.assertTrue(panel["description"], panel["title"])
                self.assertEqual(panel["datasource"]["uid"], "${datasource}")


if __name__ == "__main__":
    main()
