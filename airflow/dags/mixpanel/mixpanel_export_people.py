"""The DAG mixpanel-export-people: a snapshot of Mixpanel's user profiles into BigQuery, once a day.

It needs the Variable `mixpanel-export` and the connection `mixpanel_export`; docs/airflow.md describes both.
"""

import os
from datetime import datetime, timedelta, timezone

from airflow_provider_millrace import mixpanel_export
from airflow_provider_millrace.assets import asset_of
from airflow_provider_millrace.operators.millrace import MillraceExportOperator
from airflow_provider_millrace.version_compat import DAG

VARIABLE = "var.json.get('mixpanel-export')"

with DAG(
    dag_id="mixpanel-export-people",
    schedule="20 4 * * *",
    start_date=datetime.fromisoformat(os.environ.get("MIXPANEL_EXPORT_START", "2026-11-01")).replace(
        tzinfo=timezone.utc
    ),
    # A snapshot shows profiles as they are now, so that one for an earlier day would only repeat it.
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=3),
        "retry_exponential_backoff": True,
        "on_failure_callback": mixpanel_export.on_failure,
        "on_success_callback": mixpanel_export.on_success,
    },
    user_defined_macros={"destination": mixpanel_export.destination, "option": mixpanel_export.option},
    tags=["mixpanel", "millrace"],
    doc_md=__doc__,
) as dag:
    MillraceExportOperator(
        task_id="export_people",
        stream="users",
        millrace_conn_id=mixpanel_export.CONNECTION,
        to="{{ destination(" + VARIABLE + ", 'users') }}",
        project_id="{{ option(" + VARIABLE + ", 'project_id') }}",
        execution_timeout=timedelta(hours=6),
        outlets=[asset_of("mixpanel-export", "users")],
    )
