"""The scheduler, the triggerer and the web server of Airflow run the DAGs: assets, killed workers, timeouts, cleared tasks."""

import json
import os
import pathlib
import shutil
import signal
import sys
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "airflow/deployment")]

import postgres_server  # noqa: E402
from export_harness import ExportTest  # noqa: E402
from fake_millrace import FakeMillrace  # noqa: E402
from harness import main  # noqa: E402
from local import LocalAirflow, seed_environment  # noqa: E402

from airflow_provider_millrace.process.run_folder import RunFolder, is_running  # noqa: E402
from airflow_provider_millrace.version_compat import AIRFLOW_V_3_0_PLUS  # noqa: E402

WAIT = 480  # seconds, for what takes a few on an idle machine


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class ScheduledTest(ExportTest):
    def setUp(self):
        super().setUp()
        self.mixpanel = self.sandbox()
        self.set_clock(self.mixpanel, self.now_ms() - 3 * 3_600_000)
        self.track(self.mixpanel, [self.event_at(self.now_ms() - 3 * 3_600_000 - i * 1000) for i in range(200)])
        self.postgres = postgres_server.PostgresServer()
        self.addCleanup(self.postgres.stop)
        self.fake = FakeMillrace(self.folder)
        self.release = self.folder / "release"
        self.fake.set(wait=str(self.release))
        self.runs = 0
        variable = {"to": self.postgres.uri, "time_zone": "utc"}
        self.home = self.folder / "home"
        self.airflow = LocalAirflow(
            self.home,
            **seed_environment(variable, self.mixpanel.url, "ap1secret"),
            MILLRACE_TEST_FAKE=str(self.fake.path),
            MILLRACE_TEST_FOLDER=str(self.folder),
            AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE="True",
            AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC="1",
            AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
            AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC="1",
            MIXPANEL_EXPORT_START="2026-11-01",
        )
        shutil.copy(pathlib.Path(__file__).with_name("dags_scheduled.py"), self.home / "dags")
        self.addCleanup(self.airflow.stop)
        self.airflow.start_all()

    def wait_until(self, what, true):
        deadline = time.monotonic() + WAIT
        while True:
            found = true()
            if found:
                return found
            if time.monotonic() > deadline:
                logs = "".join(
                    f"\n== {path}\n{path.read_text(errors='replace')[-3000:]}"
                    for path in sorted(self.home.rglob("*.log"))
                )
                self.fail(f"not within {WAIT} s: {what}{logs[-20000:]}")
            time.sleep(0.5)

    def trigger(self, dag):
        """The run folder of its task `t`, once that exists."""
        self.runs += 1
        run = f"run-{self.runs}"
        self.airflow.airflow("dags", "unpause", "--yes", dag)
        self.airflow.airflow("dags", "trigger", dag, "--run-id", run)
        return run, RunFolder.of_task(str(self.home / "state"), dag, "t", run, -1)

    def task_state(self, dag, run, task="t"):
        shown = self.airflow.airflow("tasks", "states-for-dag-run", dag, run, "-o", "json", check=False)
        rows = next((json.loads(line) for line in shown.splitlines() if line.startswith('[{"dag_id"')), [])
        return next((row["state"] for row in rows if row["task_id"] == task), None)  # None: SQLite was busy, too

    def running(self, folder):
        self.wait_until(f"{folder.path} has a process", lambda: folder.status() == "running")
        return folder.process()

    def no_process_is_left(self, folder, process):
        self.wait_until(
            "the process has ended",
            lambda: not is_running(process["program"]) and not is_running(process["supervisor"]),
        )
        return folder.result()

    def test_everything(self):
        # One Airflow for all of it, which takes long to start.
        for step in (
            self.an_asset_triggers_a_dag,
            self.a_killed_worker,
            self.a_timeout,
            self.a_deferred_timeout,
            self.a_cleared_task,
        ):
            step()
            print(f"{step.__name__}: ok", flush=True)
        for path in self.home.rglob("*.log"):
            self.assertNotIn("ap1secret", path.read_text(errors="replace"), path)

    def an_asset_triggers_a_dag(self):
        self.wait_until(
            "the consumer is known", lambda: "consumer" in self.airflow.airflow("dags", "list", "-o", "plain").split()
        )
        self.airflow.airflow("dags", "unpause", "--yes", "consumer")
        self.airflow.airflow("dags", "unpause", "--yes", "mixpanel-export")  # catches up from its start
        consumed = self.folder / "consumed"
        self.wait_until("the consumer has run", consumed.exists)
        self.airflow.airflow("dags", "pause", "--yes", "mixpanel-export")
        self.wait_until(
            "the asset's run", lambda: consumed.read_text().startswith(("asset_triggered", "dataset_triggered"))
        )
        if AIRFLOW_V_3_0_PLUS:
            self.the_status_page_shows_the_run()

    def the_status_page_shows_the_run(self):
        with urllib.request.urlopen(f"{self.airflow.url}/auth/token", timeout=30) as answer:
            token = json.load(answer)["access_token"]
        runs = self.get("/api/v2/dags/mixpanel-export/dagRuns?state=success&limit=1", token)
        run = json.loads(runs)["dag_runs"][0]["dag_run_id"]
        query = urllib.parse.urlencode({"run_id": run, "task_id": "export_events", "map_index": -1})
        page = self.get(f"/millrace/dags/mixpanel-export/status?{query}", token)
        self.assertIn("read = accepted + rejected + filtered + pending", page)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.get(f"/millrace/dags/mixpanel-export/status?{query}", "no-token")
        self.assertIn(refused.exception.code, (401, 403))
        link = json.loads(
            self.get(
                f"/api/v2/dags/mixpanel-export/dagRuns/{urllib.parse.quote(run)}/taskInstances/export_events/links",
                token,
            )
        )
        self.assertEqual(
            link["extra_links"], {"Millrace run": f"{self.airflow.url}/millrace/dags/mixpanel-export/status?{query}"}
        )

    def get(self, path, token):
        request = urllib.request.Request(self.airflow.url + path, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def a_killed_worker(self):
        run, folder = self.trigger("killed")
        process = self.running(folder)
        worker = folder.path / "worker"
        first = self.wait_until("the worker waits", lambda: worker.exists() and worker.read_text())
        os.kill(int(first), signal.SIGKILL)
        self.wait_until("another try waits", lambda: worker.read_text() not in ("", first))
        self.assertEqual(folder.process(), process)
        self.release.touch()
        self.wait_until("success", lambda: self.task_state("killed", run) == "success")
        self.assertEqual(len(self.fake.calls()), 1)
        self.release.unlink()

    def a_timeout(self):
        run, folder = self.trigger("late")
        process = self.running(folder)
        self.no_process_is_left(folder, process)
        self.wait_until("failure", lambda: self.task_state("late", run) == "failed")

    def a_deferred_timeout(self):
        run, folder = self.trigger("late-deferred")
        process = self.running(folder)
        self.assertEqual(self.no_process_is_left(folder, process)["stopped"], "timeout")
        self.wait_until("failure", lambda: self.task_state("late-deferred", run) == "failed")

    def a_cleared_task(self):
        run, folder = self.trigger("cleared")
        process = self.running(folder)
        self.wait_until("it waits in the triggerer", lambda: self.task_state("cleared", run) == "deferred")
        self.airflow.stop(
            ["triggerer"], signal.SIGKILL
        )  # the process outlives that, and the next triggerer waits for it
        self.airflow.start("triggerer")
        self.assertEqual(folder.status(), "running")
        control = folder.path / "control.json"
        touched = control.stat().st_mtime_ns
        self.wait_until("the next triggerer waits for it", lambda: control.stat().st_mtime_ns > touched)
        self.airflow.airflow("tasks", "clear", "--yes", "cleared")
        self.wait_until(
            "the process has ended",
            lambda: not is_running(process["program"]) and not is_running(process["supervisor"]),
        )
        self.release.touch()  # for the process of the next try
        self.wait_until("success", lambda: self.task_state("cleared", run) == "success")
        self.assertNotEqual(folder.process(), process)
        self.release.unlink()


if __name__ == "__main__":
    main()
