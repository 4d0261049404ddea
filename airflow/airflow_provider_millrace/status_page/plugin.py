"""Serves the page at /millrace/dags/DAG/status, to users who may read the XComs of the DAG."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_millrace.links.millrace import STATUS_KEY, MillraceRunLink
from airflow_provider_millrace.status_page.page import render
from airflow_provider_millrace.version_compat import AIRFLOW_V_3_0_PLUS

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


def _fastapi_app() -> Any:
    # The annotations are evaluated by FastAPI, so they must not be texts that only this function can resolve.
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse

    app = FastAPI(title="Millrace", docs_url=None, redoc_url=None, openapi_url=None)

    def status(dag_id, run_id, task_id, map_index=-1):
        with create_session() as session:
            found = session.scalars(
                XComModel.get_many(
                    run_id=run_id, key=STATUS_KEY, task_ids=task_id, dag_ids=dag_id, map_indexes=map_index, limit=1
                )
            ).first()
            value = XComModel.deserialize_value(found) if found is not None else None
        key = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id}
        return HTMLResponse(render(key, value), headers=SECURITY_HEADERS)

    status.__annotations__ = {"dag_id": str, "run_id": str, "task_id": str, "map_index": int}
    app.get(
        "/dags/{dag_id}/status",
        dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))],
        response_class=HTMLResponse,
    )(status)
    return app


def _flask_blueprint() -> Any:
    from airflow.api_connexion.exceptions import BadRequest
    from airflow.auth.managers.models.resource_details import DagAccessEntity
    from airflow.models.xcom import XCom
    from airflow.www.auth import has_access_dag
    from flask import Blueprint, Response, request

    blueprint = Blueprint("millrace", __name__, url_prefix="/millrace")

    @blueprint.route("/dags/<dag_id>/status")
    @has_access_dag("GET", DagAccessEntity.XCOM)
    def status(dag_id: str) -> Any:
        key = {"dag_id": dag_id, "run_id": request.args.get("run_id", ""), "task_id": request.args.get("task_id", "")}
        try:
            map_index = int(request.args.get("map_index", "-1"))
        except ValueError:
            raise BadRequest("map_index is no number") from None
        value = XCom.get_one(key=STATUS_KEY, map_index=map_index, **key)
        return Response(render(key, value), headers=SECURITY_HEADERS, mimetype="text/html")

    return blueprint


class MillraceStatusPlugin(AirflowPlugin):
    """The page, and the links to it."""

    name = "millrace_status"
    operator_extra_links = [MillraceRunLink()]


def _add_page() -> None:
    try:
        if AIRFLOW_V_3_0_PLUS:
            MillraceStatusPlugin.fastapi_apps = [{"app": _fastapi_app(), "url_prefix": "/millrace", "name": "Millrace"}]
        else:
            MillraceStatusPlugin.flask_blueprints = [_flask_blueprint()]
    except ImportError:  # a worker without the web server's packages
        pass


_add_page()
