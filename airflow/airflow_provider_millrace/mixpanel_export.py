"""What the DAGs mixpanel-export and mixpanel-export-people share: reading their one Variable, windows, callbacks.

Nothing here reads a Variable: templates do, when a task runs.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

VARIABLE = "mixpanel-export"
CONNECTION = "mixpanel_export"
SETTLE = timedelta(minutes=30)  # as --settle of millrace export
log = logging.getLogger(__name__)


def destination(variable: dict[str, Any] | None, stream: str) -> str:
    """The DEST of "events" or "users" that the Variable describes. Keys: `gcp_project`, `bigquery_dataset` (or
    `gcp_dataset`), `bigquery_event_table`, `bigquery_people_table` (or `people_table`), and `gcs_bucket`, through which
    rows are loaded if it is given. `event_schema` and `people_schema`, which older exports did not have, are paths of
    schema files on the workers. `to`, if there is one, is a DEST that replaces project,
    dataset and bucket."""
    values = {key: str(value).strip() for key, value in (variable or {}).items() if value is not None}
    table = (
        values.get("bigquery_event_table") or "events"
        if stream == "events"
        else values.get("bigquery_people_table") or values.get("people_table") or "people"
    )
    if values.get("to"):
        dest = values["to"]
        return f"{dest}{'&' if '?' in dest else '?'}{urlencode({stream: table})}"
    project, dataset = values.get("gcp_project"), values.get("bigquery_dataset") or values.get("gcp_dataset")
    missing = [name for name, value in (("gcp_project", project), ("bigquery_dataset", dataset)) if not value]
    if missing:
        raise ValueError(f"the Variable {VARIABLE} has no {' and no '.join(missing)}")
    options = {stream: table}
    if values.get("gcs_bucket"):
        bucket = values["gcs_bucket"].split("://")[-1].rstrip("/")
        options["bucket"] = f"gs://{bucket}/data/"
    schema = values.get("event_schema" if stream == "events" else "people_schema")
    if schema:
        options["schema"] = schema
    return f"bigquery://{project}/{dataset}?{urlencode(options, safe=':/')}"


def option(variable: dict[str, Any] | None, name: str) -> str:
    """An optional key of the Variable, such as `time_zone` or `project_id`; "" without it."""
    return str((variable or {}).get(name) or "").strip()


def start(moment: datetime) -> int:
    """For JQL templates: `moment` in milliseconds since 1970, which is the first of the window."""
    return round(moment.timestamp() * 1000)


def end(moment: datetime) -> int:
    """For JQL templates: `moment` in milliseconds since 1970, which is the first after the window."""
    return round(moment.timestamp() * 1000)


def window_day(interval_end: datetime, days: int = 0) -> str:
    """The day, in UTC, of the last hour of arrival that can be read at the end of a data interval, and `days` more."""
    hour = interval_end.astimezone(timezone.utc) - SETTLE - timedelta(hours=1)
    return (hour.date() + timedelta(days=days)).isoformat()


def _report(level: int, message: str, context: dict[str, Any]) -> None:
    ti = context.get("task_instance") or context.get("ti")
    fields = {
        "dag_id": getattr(ti, "dag_id", None),
        "task_id": getattr(ti, "task_id", None),
        "run_id": getattr(ti, "run_id", None) or context.get("run_id"),
        "try_number": getattr(ti, "try_number", None),
    }
    log.log(level, "%s", json.dumps({"severity": logging.getLevelName(level), "message": message, **fields}))


def on_failure(context: dict[str, Any]) -> None:
    """Writes the one line by which alerts find a failed task."""
    _report(logging.ERROR, "mixpanel-export failed", context)


def on_success(context: dict[str, Any]) -> None:
    _report(logging.INFO, "mixpanel-export succeeded", context)
