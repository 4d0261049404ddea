"""Hook, operators, trigger, sensor, lineage and status page, with a stand-in for the program."""

import asyncio
import importlib.util
import json
import logging
import os
import pathlib
import shutil
import tempfile
import time
import types
import unittest
from datetime import datetime, timedelta, timezone
from unittest import mock

import jsonschema
from airflow.triggers.base import BaseTrigger
from airflow.utils.state import TaskInstanceState
from fake_millrace import REPORT, FakeMillrace

import airflow_provider_millrace
from airflow_provider_millrace.assets import asset_uri
from airflow_provider_millrace.get_provider_info import get_provider_info
from airflow_provider_millrace.hooks.millrace import MillraceHook, destination_credentials, mixpanel_place
from airflow_provider_millrace.lineage import dataset_name
from airflow_provider_millrace.links.millrace import MillraceRunLink
from airflow_provider_millrace.operators import millrace as operators
from airflow_provider_millrace.operators.millrace import MillraceExportOperator, MillraceImportOperator
from airflow_provider_millrace.process.outcome import write_log
from airflow_provider_millrace.process.run_folder import RunFolder, is_running, signal_process
from airflow_provider_millrace.sensors.millrace import MillraceWindowSensor
from airflow_provider_millrace.status_page.page import render
from airflow_provider_millrace.triggers.millrace import MillraceTrigger
from airflow_provider_millrace.version_compat import AIRFLOW_V_3_0_PLUS, AirflowException, AirflowFailException

TO = "postgres://loader@db/analytics?table=clicks"
ACCOUNT = {
    "conn_type": "millrace",
    "login": "user",
    "password": "pa55word",
    "extra": {"project_id": "7", "region": "eu"},
}
SEED = {"conn_type": "http", "host": "http://data.mixpanel.com/api/2.0/export", "login": "ap1secret"}


class Task(types.SimpleNamespace):
    """What an operator needs of a task instance."""

    def __init__(self, **fields):
        super().__init__(
            dag_id="d", task_id="t", run_id="r", map_index=-1, start_date=datetime.now(timezone.utc), xcoms={}, **fields
        )

    def xcom_push(self, key, value):
        self.xcoms[key] = json.loads(json.dumps(value))


class ProviderTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-airflow-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.program = FakeMillrace(self.folder)
        self.state = self.folder / "state"
        self.addCleanup(self.stop)
        environment = {"AIRFLOW__MILLRACE__BINARY": str(self.program.path), "AIRFLOW__MILLRACE__STATE": str(self.state)}
        self.set_environment(**environment)
        self.connect("millrace_default", **ACCOUNT)
        self.connect("mixpanel_export", **SEED)

    def set_environment(self, **variables):
        patch = mock.patch.dict(os.environ, variables)
        patch.start()
        self.addCleanup(patch.stop)

    def connect(self, name, **fields):
        self.set_environment(**{f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields)})

    def run_folder(self):
        return RunFolder.of_task(str(self.state), "d", "t", "r", -1)

    def stop(self):
        self.run_folder().stop(None, "the test ends", 30)

    def export(self, **kwargs):
        return MillraceExportOperator(
            **{"task_id": "t", "since": "2026-11-01", "to": TO, "poll_interval": 0.05, **kwargs}
        )

    def execute(self, operator, task=None, **context):
        return operator.execute({"ti": task or Task(), **context})

    # -- package --

    def test_provider_info_is_valid(self):
        schema = (
            pathlib.Path(importlib.util.find_spec("airflow").submodule_search_locations[0])
            / "provider_info.schema.json"
        )
        info = get_provider_info()
        jsonschema.validate(info, json.loads(schema.read_text()))
        self.assertEqual(info["versions"], [airflow_provider_millrace.__version__])
        for kind in ("operators", "sensors", "hooks", "triggers"):
            for module in info[kind][0]["python-modules"]:
                importlib.import_module(module)
        for name in [*info["extra-links"], info["connection-types"][0]["hook-class-name"]]:
            module, _, attribute = name.rpartition(".")
            self.assertTrue(hasattr(importlib.import_module(module), attribute))

    # -- hook --

    def test_places_of_mixpanel(self):
        for host, expected in [
            ("http://data.mixpanel.com/api/2.0/export", {"region": "us"}),
            ("https://data-eu.mixpanel.com/api/2.0/export/", {"region": "eu"}),
            ("in.mixpanel.com", {"region": "in"}),
            ("", {}),
            (None, {}),
            ("http://127.0.0.1:8080/api/2.0/export", {"mixpanel_url": "http://127.0.0.1:8080"}),
            ("http://[::1]:80", {"mixpanel_url": "http://[::1]:80"}),
            ("http://proxy.example.com/mp/api/2.0/export", {"mixpanel_url": "https://proxy.example.com/mp"}),
        ]:
            self.assertEqual(mixpanel_place(host), expected, host)
        self.assertEqual(mixpanel_place("localhost", "http", 99), {"mixpanel_url": "http://localhost:99"})
        for host in ("http://user:x@host/", "http://host:port", "https://?x=1", "https://h/?secret=1"):
            with self.assertRaises(AirflowFailException, msg=host):
                mixpanel_place(host)

    def test_a_service_account(self):
        hook = MillraceHook()
        self.assertEqual(hook.credentials(), {"MIXPANEL_SERVICE_ACCOUNT": "user:pa55word"})
        self.assertEqual(hook.flags(), ["--state", str(self.state), "--project-id", "7", "--region", "eu"])
        self.assertEqual(hook.flags("/else", project_id="8")[:4], ["--state", "/else", "--project-id", "8"])

    def test_the_http_connection_of_the_seed(self):
        with mock.patch("airflow_provider_millrace.hooks.millrace.mask_secret") as masked:
            hook = MillraceHook("mixpanel_export")
            self.assertEqual(hook.credentials(), {"MIXPANEL_API_SECRET": "ap1secret"})
        masked.assert_called_with("ap1secret")
        self.assertEqual(hook.options(), {"region": "us", "project_id": "mixpanel_export"})

    def test_a_connection_without_credentials(self):
        self.connect("empty", conn_type="millrace")
        with self.assertRaisesRegex(AirflowFailException, "'empty' has no credentials"):
            MillraceHook("empty").credentials()

    def test_the_environment_has_no_variables_of_airflow(self):
        self.set_environment(
            AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite:////x", MIXPANEL_TOKEN="another", HTTPS_PROXY="p"
        )
        environment = MillraceHook().environment()
        self.assertEqual(environment["HTTPS_PROXY"], "p")
        self.assertFalse([name for name in environment if name.startswith("AIRFLOW")])
        self.assertNotIn("MIXPANEL_TOKEN", environment)

    def test_credentials_of_destinations(self):
        key = {"client_email": "a@b", "private_key": "-----"}
        for fields, expected in [
            ({"conn_type": "postgres", "password": "p"}, {"PGPASSWORD": "p"}),
            (
                {"conn_type": "aws", "login": "id", "password": "key", "extra": {"region_name": "r"}},
                {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_REGION": "r"},
            ),
            (
                {"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": json.dumps(key)}},
                {"MILLRACE_GOOGLE_EMAIL": "a@b", "MILLRACE_GOOGLE_PRIVATE_KEY": "-----"},
            ),
            (
                {"conn_type": "google_cloud_platform", "extra": {"extra__google_cloud_platform__key_path": "/k"}},
                {"GOOGLE_APPLICATION_CREDENTIALS": "/k"},
            ),
            ({"conn_type": "google_cloud_platform"}, {}),
            (
                {"conn_type": "snowflake", "login": "u", "password": "pat"},
                {"SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": "pat"},
            ),
            (
                {"conn_type": "snowflake", "login": "u", "password": "p", "extra": {"private_key_content": "k"}},
                {"SNOWFLAKE_USER": "u", "SNOWFLAKE_PRIVATE_KEY": "k", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "p"},
            ),
        ]:
            self.connect("dest", **fields)
            self.assertEqual(destination_credentials(MillraceHook.get_connection("dest")), expected)
        self.connect("dest", conn_type="ftp")
        with self.assertRaisesRegex(AirflowFailException, "of type 'ftp'"):
            MillraceHook().environment(["dest"])
        for name in ("one", "two"):
            self.connect(name, conn_type="postgres", password=name)
        with self.assertRaisesRegex(AirflowFailException, "'one' and 'two' both give PGPASSWORD"):
            MillraceHook().environment(["one", "two"])

    def test_a_program_that_is_not_there(self):
        with self.assertRaisesRegex(AirflowFailException, "'no-such-program' is not on this machine"):
            MillraceHook(binary="no-such-program").binary()

    def test_the_button(self):
        check = {"what": "credentials", "ok": True, "error": None, "remedy": ""}
        self.program.set({"success": True, "destinations": [{"name": "mixpanel:7", "checks": [check]}]})
        self.assertEqual(MillraceHook().test_connection(), (True, "Mixpanel accepts the credentials (mixpanel:7)"))
        self.assertEqual(
            self.program.calls()[0]["argv"],
            ["destinations", "check", "mixpanel", "--project-id", "7", "--region", "eu", "--json"],
        )
        check.update(ok=False, error="401", remedy="ask")
        self.program.set({"success": False, "destinations": [{"name": "mixpanel:7", "checks": [check]}]}, code=2)
        self.assertEqual(MillraceHook().test_connection(), (False, "credentials: 401; to fix: ask"))
        self.program.set(None, code=2, log=["no credentials"])
        self.assertEqual(MillraceHook().test_connection(), (False, "millrace destinations check: no credentials"))
        self.assertFalse(MillraceHook(binary="no-such-program").test_connection()[0])

    # -- operators --

    def test_an_export(self):
        operator = self.export(
            until="2026-11-03",
            by="processing-time",
            events=["A", "B"],
            time_zone="utc",
            flags=["--memory", "64"],
            millrace_conn_id="mixpanel_export",
        )
        task, events = Task(), {outlet: types.SimpleNamespace(extra=None) for outlet in operator.outlets}
        with mock.patch("airflow_provider_millrace.operators.millrace.write_log") as lines, mock.patch.object(
            type(operator), "log"
        ) as log:
            self.assertEqual(self.execute(operator, task, outlet_events=events), REPORT)
        call = self.program.calls()[0]
        self.assertEqual(
            call["argv"],
            [
                "export",
                "events",
                "--since",
                "2026-11-01",
                "--until",
                "2026-11-03",
                "--by",
                "processing-time",
                "--time-zone",
                "utc",
                "--event",
                "A",
                "--event",
                "B",
                "--to",
                TO,
                "--state",
                str(self.state),
                "--project-id",
                "mixpanel_export",
                "--region",
                "us",
                "--memory",
                "64",
                "--json",
                "--quiet",
            ],
        )
        self.assertEqual(call["env"], {"MIXPANEL_API_SECRET": "ap1secret"})
        shown = repr([*lines.mock_calls, *log.mock_calls])
        self.assertIn("retrieved: 5 records", shown)
        self.assertIn("read 5, accepted 3, rejected 0, filtered 2, pending 0", shown)
        self.assertNotIn("ap1secret", shown)
        self.assertEqual(task.xcoms["millrace_status"]["report"], REPORT)
        self.assertEqual([event.extra["accepted"] for event in events.values()], [3])
        self.assertEqual([outlet.uri for outlet in operator.outlets], ["millrace://postgres/db/analytics/clicks"])

    def test_profiles(self):
        self.execute(self.export(stream="users", since=None, properties=["plan"], where="x"))
        self.assertEqual(
            self.program.calls()[0]["argv"][:6], ["export", "users", "--where", "x", "--properties", "plan"]
        )
        with self.assertRaises(ValueError):
            self.export(stream="people")

    def test_an_import(self):
        config = [{"config_id": "clicks", "source_prefix": "/"}]
        operator = MillraceImportOperator(
            task_id="t", inputs=["a.parquet"], config=config, to=["mixpanel", "null:"], poll_interval=0.05
        )
        self.execute(operator)
        argv = self.program.calls()[0]["argv"]
        self.assertEqual(
            [*argv[:3], *argv[4:8]], ["import", "a.parquet", "--config", "--to", "mixpanel", "--to", "null:"]
        )
        self.assertEqual(json.loads(pathlib.Path(argv[3]).read_text()), config)
        self.execute(
            MillraceImportOperator(
                task_id="t", inputs="b.parquet", to="null:", millrace_conn_id=None, poll_interval=0.05
            )
        )
        self.assertEqual(self.program.calls()[1]["env"], {})
        for wrong in ([], ["--token=x"]):
            with self.assertRaises(AirflowFailException):
                self.execute(MillraceImportOperator(task_id="t", inputs=wrong))

    def test_what_is_refused_before_anything_runs(self):
        for wrong, message in [
            ({"flags": ["--token", "x"]}, "would show a secret"),
            ({"to": " "}, "`to` is empty"),
            ({"flags": ["--mixpanel_api_secret=x"]}, "would show a secret"),
            ({"since": ""}, "`since` is empty"),
            ({"binary": "no-such"}, "is not on this machine"),
        ]:
            with self.assertRaisesRegex(AirflowFailException, message):
                self.execute(self.export(**wrong))
        self.assertEqual(self.program.calls(), [])

    def test_exit_statuses(self):
        bad = {**REPORT, "success": False, "rejected": 2, "first_error": "too long"}
        for code, report, error, message in [
            (1, bad, AirflowFailException, "2 records were rejected.*too long"),
            (2, None, AirflowFailException, "wrong usage or configuration.*\n  --by must be"),
            (3, bad, AirflowException, "exit status 3"),
            (0, None, AirflowException, "exit status 0"),
        ]:
            self.program.set(report, code, log=["--by must be"])
            with self.assertRaisesRegex(error, message) as caught:
                self.execute(self.export())
            if error is AirflowException:  # another try is made
                self.assertNotIsInstance(caught.exception, AirflowFailException)
        self.program.set(bad, 1)
        self.assertEqual(self.execute(self.export(fail_on_rejected=False))["rejected"], 2)

    def start_worker_that_is_killed(self, operator):
        """The process that a task has started before its worker was killed (SIGKILL)."""

        class Killed(BaseException):
            pass

        self.program.set(wait="/no/such/file")
        with sleeping(Killed), mock.patch.object(operator, "_stop"), self.assertRaises(Killed):
            self.execute(operator)
        folder = self.run_folder()
        deadline = time.monotonic() + 30
        while not self.program.calls() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(folder.status(), "running")
        return folder, folder.process()

    def test_the_next_try_continues_with_the_process(self):
        folder, process = self.start_worker_that_is_killed(self.export())

        def end(_):
            self.program.set()
            signal_process(process["program"], 15)

        with sleeping(end), self.assertRaisesRegex(AirflowException, "exit status -15"):
            self.execute(self.export())
        self.assertEqual(len(self.program.calls()), 1)
        self.assertEqual(folder.process(), process)

    def test_another_command_replaces_the_process(self):
        _, process = self.start_worker_that_is_killed(self.export())
        self.program.set()
        self.assertEqual(self.execute(self.export(since="2026-11-02")), REPORT)
        self.assertFalse(is_running(process["program"]))

    def test_a_cleared_task_has_a_process_of_its_own(self):
        _, process = self.start_worker_that_is_killed(self.export())
        self.program.set()
        self.assertEqual(self.execute(self.export(), Task(max_tries=1)), REPORT)
        self.assertFalse(is_running(process["program"]))

    def test_a_result_that_airflow_did_not_get(self):
        folder, _ = self.start_worker_that_is_killed(self.export())
        folder.stop(None, "x", 30)
        self.program.set()
        operator = self.export()
        with mock.patch.object(operator, "_complete"):  # the worker is killed before that
            self.execute(operator)
        self.assertEqual(self.execute(self.export()), REPORT)
        self.assertEqual(len(self.program.calls()), 2)

    def test_a_timeout_leaves_no_process(self):
        self.program.set(wait="/no/such/file")
        with sleeping(TimeoutError("execution_timeout")), self.assertRaises(TimeoutError):
            self.execute(self.export())
        self.assertEqual(self.run_folder().status(), "ended")
        self.assertFalse(is_running(self.run_folder().process()["program"]))

    def test_a_killed_task_leaves_no_process(self):
        operator = self.export()
        folder, process = self.start_worker_that_is_killed(operator)
        operator.on_kill()
        self.assertFalse(is_running(process["program"]))
        self.assertEqual(folder.result()["stopped"], "the task was killed")

    def test_the_deadline_is_that_of_the_task(self):
        self.program.set(wait="/no/such/file")
        task = Task()
        task.start_date -= timedelta(seconds=60)
        with self.assertRaisesRegex(AirflowException, "the process was stopped: timeout"):
            self.execute(self.export(execution_timeout=timedelta(seconds=60.5)), task)

    def test_lines_of_the_log_keep_their_level(self):
        log = mock.Mock()
        write_log(log, ['{"severity":"ERROR"}', "text", "[1]", "{", "x" * 5000])
        self.assertEqual([call.args[0] for call in log.log.mock_calls], [logging.ERROR, *[logging.INFO] * 4])
        self.assertEqual(len(log.log.mock_calls[-1].args[2]), 4096)

    # -- deferral --

    def defer(self, operator, task=None):
        """The trigger, as it is after its way through the database."""
        with self.assertRaises(BaseException) as deferred:
            self.execute(operator, task)
        self.assertEqual(type(deferred.exception).__name__, "TaskDeferred")
        self.assertEqual(deferred.exception.method_name, "execute_complete")
        path, kwargs = deferred.exception.trigger.serialize()
        self.assertEqual(path, f"{MillraceTrigger.__module__}.MillraceTrigger")
        return MillraceTrigger(**json.loads(json.dumps(kwargs))), deferred.exception

    @staticmethod
    async def fire(trigger):
        async for event in trigger.run():
            return event.payload
        return None

    def test_a_deferred_export(self):
        trigger, deferred = self.defer(self.export(deferrable=True, execution_timeout=timedelta(hours=1)))
        self.assertGreater(deferred.timeout, timedelta(hours=1))
        with mock.patch("airflow_provider_millrace.triggers.millrace.write_log") as lines:
            event = asyncio.run(self.fire(trigger))
        self.assertIn("retrieved: 5 records", repr(lines.mock_calls))
        task = Task()
        self.assertEqual(self.export().execute_complete({"ti": task}, json.loads(json.dumps(event))), REPORT)
        self.assertEqual(task.xcoms["millrace_status"]["exit_status"], 0)

    async def cancel(self, trigger):
        shown = asyncio.Event()

        def show(_, lines):
            if "waiting" in lines:
                shown.set()

        with mock.patch("airflow_provider_millrace.triggers.millrace.write_log", show):
            running = asyncio.ensure_future(self.fire(trigger))
            await asyncio.wait_for(shown.wait(), 30)
        running.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await running

    def cancelled(self, awaited):
        """The run folder after the trigger was cancelled, while the task waits for it (or not)."""
        self.program.set(wait="/no/such/file", log=["waiting"])
        trigger, _ = self.defer(self.export(deferrable=True))

        async def is_awaited():
            return awaited

        async def cancel():
            if hasattr(BaseTrigger, "on_kill"):  # Airflow tells the two apart
                await self.cancel(trigger)
                if not awaited:
                    await trigger.on_kill()
            else:
                with mock.patch.object(trigger, "_is_awaited", is_awaited):
                    await self.cancel(trigger)

        asyncio.run(cancel())
        return self.run_folder()

    def test_a_cleared_task_leaves_no_process(self):
        folder = self.cancelled(awaited=False)
        deadline = time.monotonic() + 30
        while folder.status() == "running" and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(folder.result()["stopped"], "the task was cleared or marked")

    def test_a_triggerer_that_ends_stops_nothing(self):
        folder = self.cancelled(awaited=True)
        self.assertIsNone(json.loads((folder.path / "control.json").read_text())["stop"])
        self.assertEqual(folder.status(), "running")

    def test_a_trigger_that_was_replaced_never_fires(self):
        trigger, _ = self.defer(self.export(deferrable=True))
        self.run_folder().own(None)

        async def fire():
            await asyncio.wait_for(self.fire(trigger), 1)

        with mock.patch.object(trigger, "_is_awaited", mock.AsyncMock(return_value=False)), self.assertRaises(
            asyncio.TimeoutError
        ):
            asyncio.run(fire())

    def test_whether_the_task_waits_is_asked(self):
        trigger = MillraceTrigger("/f", "o", task_key={"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": 2})
        if not AIRFLOW_V_3_0_PLUS:
            self.skipTest("the database of Airflow 2 is asked in test_airflow.py")
        path = "airflow.sdk.execution_time.task_runner.RuntimeTaskInstance.get_task_states"
        for states, expected in [
            ({"r": {"t_2": TaskInstanceState.DEFERRED}}, True),
            ({"r": {"t_2": "running"}}, False),
            ({}, False),
        ]:
            with mock.patch(path, return_value=states):
                self.assertEqual(asyncio.run(trigger._is_awaited()), expected)
        with mock.patch(path, side_effect=OSError):
            self.assertTrue(asyncio.run(trigger._is_awaited()))

    def test_a_state_folder_that_the_triggerer_does_not_see(self):
        event = asyncio.run(self.fire(MillraceTrigger("/no/such/folder", "o")))
        with self.assertRaisesRegex(AirflowException, "the triggerer must see the state folder"):
            self.export().execute_complete({"ti": Task()}, event)

    # -- sensor --

    def test_the_sensor(self):
        for by, since, until, skipped, expected in [
            ("event-date", "2026-11-01", "2026-11-03", 2, True),
            ("event-date", "2026-11-01", "2026-11-03", 1, False),
            ("processing-time", "2026-11-01", "2026-11-02", 24, True),
            ("processing-time", "2026-11-01", "2026-11-02", 23, False),
        ]:
            self.program.set({"windows": 0, "windows_skipped": skipped})
            sensor = MillraceWindowSensor(task_id="t", since=since, until=until, to=TO, by=by)
            self.assertEqual(sensor.poke({}), expected)
        self.assertEqual(
            self.program.calls()[-1]["argv"][:10],
            ["export", "plan", "--since", "2026-11-01", "--until", "2026-11-02", "--by", "processing-time", "--to", TO],
        )
        for since, until in (("2026-11-02", "2026-11-02"), ("x", "2026-11-02")):
            with self.assertRaises(AirflowFailException):
                MillraceWindowSensor(task_id="t", since=since, until=until, to=TO).poke({})

    # -- assets, lineage, page --

    def test_assets(self):
        for dest, uri in [
            (TO, "millrace://postgres/db/analytics/clicks"),
            ("gs://b/lake/?format=parquet", "millrace://gs/b/lake/events"),
            ("/data/lake/", "millrace://file/data/lake/events"),
            ("iceberg:gs://b/t", "millrace://iceberg/gs/b/t/events"),
            ("mixpanel", "millrace://name/mixpanel/events"),
            ("bigquery://p/d?events=E", "millrace://bigquery/p/d/E"),
        ]:
            self.assertEqual(asset_uri(dest, "events"), uri)
        self.assertEqual(self.export(to="{{ x }}").outlets, [])

    def test_lineage(self):
        for dest, expected in [
            (TO, ("postgres://db:5432", "analytics.public.clicks")),
            ("bigquery://p/d", ("bigquery", "p.d.events")),
            ("gs://b/lake/", ("gs://b", "lake")),
            ("snowflake://a/D/S", ("snowflake://a", "D.S.EVENTS")),
            ("warehouse", ("millrace://name/warehouse", "events")),
        ]:
            self.assertEqual(dataset_name(dest, "events"), expected)
        operator = self.export(to=[TO, "null:"])
        started = operator.get_openlineage_facets_on_start()
        self.assertEqual([(one.namespace, one.name) for one in started.inputs], [("mixpanel://7", "events")])
        self.program.set({**REPORT, "destinations": [{"name": "a", "accepted": 1}, {"name": "b", "accepted": 2}]})
        self.execute(operator)
        done = operator.get_openlineage_facets_on_complete(None)
        self.assertEqual([one.outputFacets["outputStatistics"].rowCount for one in done.outputs], [1, 2])

    def test_the_page(self):
        key = {"dag_id": "d<script>", "task_id": "t", "run_id": "r"}
        self.assertIn("has not started", render(key, None))
        running = render(key, {"command": ["millrace", "<b>"], "folder": "/f", "started": 0})
        self.assertIn("started 1970-01-01", running)
        self.assertNotIn("<b>", running)
        self.assertNotIn("<script>", running)
        report = {**REPORT, "read": 1234567, "destinations": [{"name": "a<", "read": 1}, {"name": "b", "read": 2}]}
        ended = render(key, {"report": report, "folder": "/f", "exit_status": 0, "ended": 0})
        self.assertIn("1,234,567", ended)
        self.assertIn("a&lt;", ended)
        self.assertIn("exit status 1", render(key, {"report": {**REPORT, "success": False}, "exit_status": 1}))

    def test_the_link(self):
        key = types.SimpleNamespace(dag_id="a/b", task_id="t", run_id="r+1", map_index=-1)
        self.assertTrue(
            MillraceRunLink()
            .get_link(None, ti_key=key)
            .endswith("/millrace/dags/a%2Fb/status?run_id=r%2B1&task_id=t&map_index=-1")
        )


def sleeping(effect):
    """In its place, when an operator waits."""
    return mock.patch.object(
        operators, "time", types.SimpleNamespace(time=time.time, sleep=mock.Mock(side_effect=effect))
    )


if __name__ == "__main__":
    unittest.main()
