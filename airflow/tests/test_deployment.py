"""The make targets, with stand-ins for gcloud and gsutil that record what they are called with."""

import importlib.metadata
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deployment"))

import wheel  # noqa: E402

PLACE = ["ENVIRONMENT=export-test2", "LOCATION=us-east1", "PROJECT=acv-data"]
SEED = {
    "gcs_bucket": "",
    "gcp_dataset": "",
    "gcp_project": "",
    "bigquery_dataset": "",
    "bigquery_event_table": "events",
    "bigquery_people_table": "people",
}


class DeploymentTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-airflow-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        programs = self.folder / "bin"
        programs.mkdir()
        for name in ("gcloud", "gsutil"):
            (programs / name).symlink_to(ROOT / "tests/fake_gcloud.py")
        self.bucket = self.folder / "bucket"
        (self.bucket / "plugins").mkdir(parents=True)
        self.set_state(
            {"variables": {}, "connections": {}, "paused": [], "dags": ["mixpanel-export", "mixpanel-export-people"]}
        )
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "MILLRACE_FAKE_CLOUD": str(self.folder),
        }

    def set_state(self, state):
        (self.folder / "airflow.json").write_text(json.dumps(state))

    def state(self):
        return json.loads((self.folder / "airflow.json").read_text())

    def make(self, target, *variables, expect=0, **environment):
        done = subprocess.run(
            ["make", "-s", "-C", str(ROOT), target, *PLACE, *variables],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def calls(self):
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    def in_bucket(self):
        return sorted(str(path.relative_to(self.bucket)) for path in self.bucket.rglob("*") if path.is_file())

    def test_deploy(self):
        other = self.bucket / "plugins/other.py"
        other.write_text("")
        (self.bucket / "plugins/.airflowignore").write_text("drafts")
        old = self.bucket / "plugins/airflow_provider_millrace-0.9.0.dist-info/METADATA"
        old.parent.mkdir()
        old.write_text("")
        stale = self.bucket / "plugins/airflow_provider_millrace/removed.py"
        stale.parent.mkdir()
        stale.write_text("")
        self.make("deploy")
        there = self.in_bucket()
        for name in (
            "dags/mixpanel/mixpanel_export.py",
            "dags/mixpanel/mixpanel_export_people.py",
            "data/schemas/event_schema.json",
            "data/schemas/people_schema.json",
            "plugins/airflow_provider_millrace/operators/millrace.py",
            "plugins/other.py",
            f"plugins/airflow_provider_millrace-{wheel.version()}.dist-info/entry_points.txt",
        ):
            self.assertIn(name, there)
        for path in (old, stale):
            self.assertNotIn(str(path.relative_to(self.bucket)), there)
        self.assertEqual((self.bucket / "plugins/.airflowignore").read_text(), "drafts\nairflow_provider_millrace\n")
        self.make("deploy-plugin")
        self.assertEqual((self.bucket / "plugins/.airflowignore").read_text(), "drafts\nairflow_provider_millrace\n")

    def test_an_environment_is_named(self):
        self.assertIn("say which environment", self.make("deploy-dag", "ENVIRONMENT=", expect=2))
        self.assertIn("environment not found", self.make("deploy-dag", "ENVIRONMENT=other", expect=2))
        self.assertIn("is not the bucket", self.make("deploy-dag", "BUCKET=gs://b/some/folder", expect=2))

    def test_local_update(self):
        home = self.folder / "home"
        old = home / "plugins/airflow_provider_millrace-0.9.0.dist-info"
        old.mkdir(parents=True)
        self.make("local-update", f"AIRFLOW_HOME={home}")
        self.assertTrue((home / "dags/mixpanel/mixpanel_export.py").is_file())
        self.assertFalse(old.exists())
        found = {one.metadata["Name"]: one for one in importlib.metadata.distributions(path=[str(home / "plugins")])}
        self.assertEqual(found["airflow-provider-millrace"].version, wheel.version())

    def test_variables_go_from_one_environment_to_another(self):
        self.set_state({**self.state(), "variables": {"mixpanel-export": SEED}})
        file = self.folder / "variables.json"
        self.make("variables-export", f"FILE={file}")
        self.assertEqual(json.loads(file.read_text()), {"mixpanel-export": SEED})
        self.assertEqual(file.stat().st_mode & 0o077, 0)
        self.set_state({**self.state(), "variables": {"other": "x"}})
        self.assertIn("imported: mixpanel-export", self.make("variables-import", f"FILE={file}"))
        self.assertEqual(self.state()["variables"], {"mixpanel-export": SEED, "other": "x"})
        self.assertEqual([name for name in self.in_bucket() if name.startswith("data/millrace")], [])

    def test_collisions_of_variables_are_reported(self):
        file = self.folder / "variables.json"
        file.write_text(json.dumps({"mixpanel-export": SEED, "new": 1, "same": {"a": 1}}))
        there = {
            "mixpanel-export": {**SEED, "gcp_project": "acv-data"},
            "same": {"value": '{"a": 1}', "description": "d"},
        }
        self.set_state({**self.state(), "variables": there})
        self.assertIn(
            "with other values: mixpanel-export. Nothing was imported",
            self.make("variables-import", f"FILE={file}", expect=2),
        )
        self.assertEqual(self.state()["variables"], there)
        shown = self.make("variables-import", f"FILE={file}", "OVERWRITE=1")
        for line in ("imported: new", "replaced: mixpanel-export", "the same already: same"):
            self.assertIn(line, shown)
        self.assertEqual(self.state()["variables"]["mixpanel-export"], SEED)
        file.write_text("[]")
        self.assertIn("must be a JSON object", self.make("variables-import", f"FILE={file}", expect=2))
        self.assertIn("No such file", self.make("variables-import", "FILE=/no/such", expect=2))

    def test_connections(self):
        self.assertIn("set MIXPANEL_API_SECRET", self.make("connections-add", expect=2))
        self.make("connections-add", MIXPANEL_API_SECRET="ap1secret")
        self.assertEqual(
            self.state()["connections"],
            {
                "mixpanel_export": {
                    "conn_type": "http",
                    "host": "https://data.mixpanel.com/api/2.0/export",
                    "login": "ap1secret",
                }
            },
        )
        self.assertNotIn("ap1secret", json.dumps(self.calls()))
        self.assertEqual([name for name in self.in_bucket() if name.startswith("data/")], [])
        shown = self.make("connections-list")
        self.assertEqual(shown.strip(), "mixpanel_export  http  https://data.mixpanel.com/api/2.0/export")
        self.assertIn("already", self.make("connections-add", MIXPANEL_API_SECRET="other", expect=2))

    def test_a_dag_is_deleted(self):
        self.make("deploy-dag")
        before = self.in_bucket()
        for wrong, message in [
            (["DAG=mixpanel-export", "FILE=mixpanel/*.py"], "say which file"),
            (["DAG=mixpanel-export", "FILE=mixpanel/"], "say which file"),
            (["DAG=mixpanel-export", "FILE=../x.py"], "say which file"),
            (["DAG=a b", "FILE=x.py"], "say which DAG"),
            (["DAG=another", "FILE=mixpanel/mixpanel_export.py"], "does not contain the name"),
            (["DAG=mixpanel-export", "FILE=mixpanel/no.py"], "matched no objects"),
        ]:
            self.assertIn(message, self.make("delete-dag", *wrong, expect=2))
        self.assertEqual(self.in_bucket(), before)
        self.make("delete-dag", "DAG=mixpanel-export", "FILE=mixpanel/mixpanel_export.py")
        self.assertEqual(self.in_bucket(), [name for name in before if name != "dags/mixpanel/mixpanel_export.py"])
        self.assertEqual(
            (self.state()["dags"], self.state()["paused"]), (["mixpanel-export-people"], ["mixpanel-export"])
        )

    def test_the_wheel_is_reproducible(self):
        first, second = (wheel.build(self.folder / name) for name in "ab")
        self.assertEqual(first.read_bytes(), second.read_bytes())
        with zipfile.ZipFile(first) as archive:
            self.assertIsNone(archive.testzip())
        target = self.folder / "site"
        subprocess.run([sys.executable, "-m", "zipfile", "-e", str(first), str(target)], check=True)
        (one,) = importlib.metadata.distributions(path=[str(target)])
        self.assertEqual(one.metadata["Requires-Dist"], "apache-airflow>=2.9")
        self.assertEqual({entry.group for entry in one.entry_points}, {"apache_airflow_provider", "airflow.plugins"})
        for entry in one.entry_points:
            self.assertTrue((target / entry.module.replace(".", "/")).with_suffix(".py").is_file())


if __name__ == "__main__":
    unittest.main()
