"""The link from a task to the status page of its run."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from airflow.configuration import conf

from airflow_provider_millrace.version_compat import AIRFLOW_V_3_0_PLUS, BaseOperatorLink

STATUS_KEY = "millrace_status"  # the XCom that the page shows


class MillraceRunLink(BaseOperatorLink):
    """To the page that status_page/ serves."""

    name = "Millrace run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # pylint: disable=unused-argument
        base = conf.get("api" if AIRFLOW_V_3_0_PLUS else "webserver", "base_url", fallback="") or ""
        key = {"run_id": ti_key.run_id, "task_id": ti_key.task_id, "map_index": ti_key.map_index}
        return f"{base.rstrip('/')}/millrace/dags/{quote(ti_key.dag_id, safe='')}/status?{urlencode(key)}"
