"""DAGs for test_scheduled.py: a consumer of an asset, and tasks that are killed, time out and are cleared."""

import os
import pathlib
from datetime import datetime, timedelta, timezone

from airflow_provider_millrace.assets import asset_of
from airflow_provider_millrace.operators.millrace import MillraceExportOperator
from airflow_provider_millrace.version_compat import DAG, BaseOperator

FAKE = os.environ.get("MILLRACE_TEST_FAKE")  # a stand-in that waits
COMMON = {"start_date": datetime(2026, 1, 1, tzinfo=timezone.utc), "catchup": False}


class Consumer(BaseOperator):
    """Writes a file."""

    def execute(self, context):
        pathlib.Path(os.environ["MILLRACE_TEST_FOLDER"], "consumed").write_text(context["run_id"])


class Export(MillraceExportOperator):
    """Says which process waits."""

    def _wait(self, folder):
        (folder.path / "worker").write_text(str(os.getpid()))
        return super()._wait(folder)


with DAG("consumer", schedule=[asset_of("mixpanel-export", "events")], **COMMON):
    Consumer(task_id="consume")

EXPORT = {
    "since": "2026-11-01",
    "to": "null:",
    "millrace_conn_id": "mixpanel_export",
    "binary": FAKE,
    "poll_interval": 0.5,
}

with DAG("killed", schedule=None, **COMMON):
    Export(task_id="t", deferrable=False, retries=2, retry_delay=timedelta(seconds=1), **EXPORT)

with DAG("late", schedule=None, **COMMON):
    Export(task_id="t", deferrable=False, execution_timeout=timedelta(seconds=8), **EXPORT)

with DAG("late-deferred", schedule=None, **COMMON):
    Export(task_id="t", deferrable=True, execution_timeout=timedelta(seconds=8), **EXPORT)

with DAG("cleared", schedule=None, **COMMON):
    Export(task_id="t", deferrable=True, **EXPORT)
