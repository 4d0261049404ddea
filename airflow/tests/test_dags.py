"""Airflow loads the provider from a plugins folder and the DAGs from theirs, reads no Variable meanwhile, and renders templates."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from datetime import datetime, timedelta, timezone
from unittest import mock

from mixpanel_dags import DAGS, SEED

from airflow_provider_millrace import mixpanel_export
from airflow_provider_millrace.version_compat import AIRFLOW_V_3_0_PLUS

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deployment"))

import wheel  # noqa: E402

SHOW = """
import json
from airflow.providers_manager import ProvidersManager
from airflow import plugins_manager
import airflow_provider_millrace
manager = ProvidersManager()
if hasattr(plugins_manager, "_get_plugins"):  # 3.2 and newer
    plugins, errors = plugins_manager._get_plugins()
else:
    plugins_manager.ensure_plugins_loaded()
    plugins, errors = plugins_manager.plugins, plugins_manager.import_errors
provider = manager.providers.get("airflow-provider-millrace")
hook = manager.hooks.get("millrace")
print(json.dumps({
    "file": airflow_provider_millrace.__file__,
    "provider": provider and provider.version,
    "connection": hook and hook.hook_name,
    "plugins": [plugin.name for plugin in plugins],
    "links": [type(link).__name__ for plugin in plugins for link in plugin.operator_extra_links],
    "errors": dict(errors),
}))
"""


def load(name):
    """The one DAG of a file."""
    if AIRFLOW_V_3_0_PLUS:
        try:
            from airflow.dag_processing.dagbag import DagBag
        except ImportError:  # 3.0, 3.1
            from airflow.models.dagbag import DagBag
    else:
        from airflow.models.dagbag import DagBag
    bag = DagBag(str(DAGS / name))
    if bag.import_errors:
        raise AssertionError(bag.import_errors)
    (dag,) = bag.dags.values()
    return dag


def context(variable, end=datetime(2026, 11, 30, 11, 35, tzinfo=timezone.utc)):
    values = {"mixpanel-export": variable}
    accessor = types.SimpleNamespace(get=lambda key, default=None: values.get(key, default))
    return {"data_interval_end": end, "data_interval_start": end - timedelta(hours=1), "var": {"json": accessor}}


class DagsTest(unittest.TestCase):
    def render(self, name, variable, **more):
        dag = load(name)
        (task,) = dag.tasks
        task.render_template_fields(context(variable, **more))
        return task

    def test_dags_load_and_read_no_variable(self):
        with mock.patch.dict(os.environ, {"AIRFLOW_VAR_MIXPANEL-EXPORT": "no JSON"}), mock.patch(
            "airflow.models.variable.Variable.get", side_effect=AssertionError("a Variable is read")
        ):
            dags = [load("mixpanel_export.py"), load("mixpanel_export_people.py")]
        self.assertEqual([dag.dag_id for dag in dags], ["mixpanel-export", "mixpanel-export-people"])
        for dag in dags:
            self.assertEqual(dag.max_active_runs, 1)
            for task in dag.tasks:
                self.assertTrue(task.on_failure_callback)
                self.assertTrue(task.on_success_callback)
                self.assertGreater(task.execution_timeout, timedelta(0))
        self.assertTrue(dags[0].catchup)

    def test_the_variable_as_it_was(self):
        task = self.render("mixpanel_export.py", SEED)
        self.assertEqual(
            task.to, "bigquery://acv-data/analytics?events=events&bucket=gs://us-east1-export-bucket/data/"
        )
        self.assertEqual(
            (task.since, task.until, task.time_zone, task.project_id), ("2026-11-30", "2026-12-01", "", "")
        )
        people = self.render("mixpanel_export_people.py", SEED)
        self.assertEqual(
            people.to, "bigquery://acv-data/analytics?users=people&bucket=gs://us-east1-export-bucket/data/"
        )

    def test_windows_follow_data_intervals(self):
        # The hour from 23 to 24 has settled at 0:30.
        for end, day in [(datetime(2026, 12, 1, 0, 35), "2026-11-30"), (datetime(2026, 12, 1, 1, 35), "2026-12-01")]:
            task = self.render("mixpanel_export.py", SEED, end=end.replace(tzinfo=timezone.utc))
            self.assertEqual(task.since, day)

    def test_other_variables(self):
        for variable, stream, expected in [
            ({**SEED, "gcs_bucket": ""}, "events", "bigquery://acv-data/analytics?events=events"),
            (
                {**SEED, "bigquery_dataset": ""},
                "events",
                "bigquery://acv-data/mixpanel?events=events&bucket=gs://us-east1-export-bucket/data/",
            ),
            (
                {"gcp_project": "p", "bigquery_dataset": "d", "people_table": "people_test"},
                "users",
                "bigquery://p/d?users=people_test",
            ),
            ({"gcp_project": "p", "bigquery_dataset": "d"}, "users", "bigquery://p/d?users=people"),
            (
                {"gcp_project": "p", "bigquery_dataset": "d", "gcs_bucket": "gs://b/", "event_schema": "/s/e.json"},
                "events",
                "bigquery://p/d?events=events&bucket=gs://b/data/&schema=/s/e.json",
            ),
            (
                {"to": "postgres://u@h/d?sslmode=require", "bigquery_people_table": "people"},
                "users",
                "postgres://u@h/d?sslmode=require&users=people",
            ),
            ({"to": "postgres://u@h/d"}, "events", "postgres://u@h/d?events=events"),
        ]:
            self.assertEqual(mixpanel_export.destination(variable, stream), expected)
        with self.assertRaisesRegex(ValueError, "has no gcp_project and no bigquery_dataset"):
            mixpanel_export.destination({key: "" for key in SEED}, "events")

    def test_filters_of_jql_templates(self):
        environment = load("mixpanel_export.py").get_template_env()
        text = "from {{ data_interval_start | start }} to {{ data_interval_end | end }}"
        end = datetime(2001, 9, 9, 1, 46, 40, tzinfo=timezone.utc)
        self.assertEqual(environment.from_string(text).render(context(SEED, end)), "from 999996400000 to 1000000000000")

    def test_callbacks_write_one_line(self):
        ti = types.SimpleNamespace(dag_id="d", task_id="t", run_id="r", try_number=2)
        with self.assertLogs("airflow_provider_millrace.mixpanel_export", "INFO") as logged:
            mixpanel_export.on_failure({"task_instance": ti})
            mixpanel_export.on_success({"task_instance": ti})
        lines = [json.loads(record.getMessage()) for record in logged.records]
        self.assertEqual(
            [(line["severity"], line["message"]) for line in lines],
            [("ERROR", "mixpanel-export failed"), ("INFO", "mixpanel-export succeeded")],
        )
        self.assertEqual(lines[0]["try_number"], 2)


class DocsTest(unittest.TestCase):
    """The code of docs/airflow.md."""

    PAGE = (ROOT.parent / "docs/airflow.md").read_text(encoding="utf-8")

    def block(self, language):
        return self.PAGE.partition(f"```{language}\n")[2].partition("```")[0]

    def test_the_example(self):
        names = {}
        exec(compile(self.block("python"), "docs/airflow.md", "exec"), names)  # pylint: disable=exec-used
        dag = names["events"].dag
        self.assertEqual(sorted(task.task_id for task in dag.tasks), ["events", "final", "offline"])
        self.assertEqual(
            [outlet.uri for outlet in dag.get_task("events").outlets],
            ["millrace://postgres/db.example.com/analytics/events"],
        )

    def test_the_variable(self):
        variable = json.loads(self.block("json"))["mixpanel-export"]
        self.assertEqual(set(variable), set(SEED))
        dest = mixpanel_export.destination(variable, "events")
        self.assertEqual(dest, "bigquery://my-project/analytics?events=events")

    def test_every_make_target_is_described(self):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for line in makefile.splitlines():
            if "##" in line and ":" in line and not line.startswith("\t"):
                self.assertIn(line.partition(":")[0], self.PAGE)


class PluginsFolderTest(unittest.TestCase):
    """The provider is not installed, and Airflow finds all of it in the plugins folder."""

    def show(self, **more):
        home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-airflow-"))
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        wheel.unpack(home / "plugins")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        more = {name: value.format(home=home) for name, value in more.items()}
        done = subprocess.run(
            [sys.executable, "-c", SHOW],
            env={**environment, "AIRFLOW_HOME": str(home), **more},
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        shown = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(shown["file"], str(home / "plugins/airflow_provider_millrace/__init__.py"))
        self.assertEqual(shown["plugins"].count("millrace_status"), 1)
        self.assertEqual(shown["links"], ["MillraceRunLink"])
        self.assertEqual(shown["errors"], {})
        return shown

    def test_airflow_finds_the_plugin(self):
        shown = self.show()
        if not AIRFLOW_V_3_0_PLUS:
            self.assertEqual((shown["provider"], shown["connection"]), (wheel.version(), "Millrace (Mixpanel)"))

    def test_with_pythonpath_airflow_finds_the_provider(self):
        shown = self.show(PYTHONPATH="{home}/plugins")
        self.assertEqual((shown["provider"], shown["connection"]), (wheel.version(), "Millrace (Mixpanel)"))


if __name__ == "__main__":
    unittest.main()
