"""What Airflow's provider manager reads."""

from __future__ import annotations

from typing import Any

from airflow_provider_millrace import __version__

PACKAGE = "airflow_provider_millrace"


def _nullable(label: str, description: str = "") -> dict[str, Any]:
    field: dict[str, Any] = {"label": label, "schema": {"type": ["string", "null"]}}
    return {**field, "description": description} if description else field


def get_provider_info() -> dict[str, Any]:
    return {
        "package-name": "airflow-provider-millrace",
        "name": "Millrace",
        "description": "Exports of Mixpanel into warehouses and lakes, and imports into it, with Millrace.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Millrace",
                "external-doc-url": "https://docs.mixpanel.com/docs/export-methods",
                "tags": ["service"],
            }
        ],
        "operators": [{"integration-name": "Millrace", "python-modules": [f"{PACKAGE}.operators.millrace"]}],
        "sensors": [{"integration-name": "Millrace", "python-modules": [f"{PACKAGE}.sensors.millrace"]}],
        "hooks": [{"integration-name": "Millrace", "python-modules": [f"{PACKAGE}.hooks.millrace"]}],
        "triggers": [{"integration-name": "Millrace", "python-modules": [f"{PACKAGE}.triggers.millrace"]}],
        "connection-types": [
            {
                "connection-type": "millrace",
                "hook-class-name": f"{PACKAGE}.hooks.millrace.MillraceHook",
                "hook-name": "Millrace (Mixpanel)",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {
                        "host": "Mixpanel URL",
                        "login": "Service account",
                        "password": "Secret of the account",
                    },
                    "placeholders": {"host": "empty for Mixpanel itself; http://127.0.0.1:8080 for a sandbox"},
                },
                "conn-fields": {
                    "project_id": _nullable("Project id"),
                    "region": _nullable("Region", "us, eu or in"),
                    "time_zone": _nullable("Time zone of exported times", "utc, or the zone of an older project"),
                    "token": {"label": "Project token", "schema": {"type": ["string", "null"], "format": "password"}},
                    "ledger": _nullable("Ledger", "a database for several workers: postgres://USER@HOST/DATABASE"),
                    "dlq": _nullable("Dead-letter queue"),
                    "state": _nullable("State folder"),
                },
            }
        ],
        "extra-links": [f"{PACKAGE}.links.millrace.MillraceRunLink"],
        "asset-uris": [{"schemes": ["millrace"], "handler": None}],
        "config": {
            "millrace": {
                "description": "Where Millrace is on the workers.",
                "options": {
                    "binary": {
                        "description": "The program, by its path or by a name on PATH.",
                        "version_added": "1.0.0",
                        "type": "string",
                        "example": "/opt/millrace/bin/millrace",
                        "default": "millrace",
                    },
                    "state": {
                        "description": "The folder for ledger, dead letters and runs; it must outlive the workers.",
                        "version_added": "1.0.0",
                        "type": "string",
                        "example": "/var/lib/millrace",
                        "default": "",
                    },
                },
            }
        },
    }
