"""The DAG mixpanel-export: events of Mixpanel into BigQuery, by the hour in which Mixpanel received them.

It needs the Variable `mixpanel-export` and the connection `mixpanel_export`; docs/airflow.md describes both. Each data
interval ends 35 minutes after an hour of arrival, which has settled by then. A run exports all settled hours of that
day which are not exported yet, so that a missed run leaves no hole.
"""

import os
from datetime import datetime, timedelta, timezone

from airflow_provider_millrace import mixpanel_export
from airflow_provider_millrace.assets import asset_of
from airflow_provider_millrace.operators.millrace import MillraceExportOperator
from airflow_provider_millrace.version_compat import DAG

VARIABLE = "var.json.get('mixpanel-export')"

with DAG(
    dag_id="mixpanel-export",
    schedule="35 * * * *",
    start_date=datetime.fromisoformat(os.environ.get("MIXPANEL_EXPORT_START", "2026-11-01")).replace(
        tzinfo=timezone.utc
    ),
    catchup=True,
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=3),
        "retry_exponential_backoff": True,
        "on_failure_callback": mixpanel_export.on_failure,
        "on_success_callback": mixpanel_export.on_success,
    },
    user_defined_filters={
        "window_day": mixpanel_export.window_day,
        "start": mixpanel_export.start,
        "end": mixpanel_export.end,
    },
    user_defined_macros={"destination": mixpanel_export.destination, "option": mixpanel_export.option},
    tags=["mixpanel", "millrace"],
    doc_md=__doc__,
) as dag:
    MillraceExportOperator(
        task_id="export_events",
        millrace_conn_id=mixpanel_export.CONNECTION,
        by="processing-time",
        since="{{ data_interval_end | window_day }}",
        until="{{ data_interval_end | window_day(1) }}",
        to="{{ destination(" + VARIABLE + ", 'events') }}",
        time_zone="{{ option(" + VARIABLE + ", 'time_zone') }}",
        project_id="{{ option(" + VARIABLE + ", 'project_id') }}",
        execution_timeout=timedelta(hours=2),
        outlets=[asset_of("mixpanel-export", "events")],
    )
