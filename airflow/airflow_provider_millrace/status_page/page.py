"""The page as a text. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from typing import Any

SUMS = (
    "windows",
    "windows_skipped",
    "objects",
    "objects_skipped",
    "read",
    "accepted",
    "rejected",
    "filtered",
    "pending",
    "queries",
    "requests",
    "retries",
    "bytes_read",
    "bytes_sent",
    "elapsed_s",
    "peak_memory_bytes",
)
STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b2733}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .9rem .25rem 0;text-align:left;border-bottom:1px solid #dde3ea}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{background:#eef2f6;padding:.1rem .3rem;overflow-wrap:anywhere}
.bad{color:#b00020;font-weight:600}.good{color:#0a7a3c;font-weight:600}"""


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) and not isinstance(value, bool) else escape(str(value))


def _time(value: Any) -> str:
    return (
        datetime.fromtimestamp(value, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
        if isinstance(value, (int, float))
        else ""
    )


def _state(status: dict[str, Any]) -> str:
    report = status.get("report")
    if not isinstance(report, dict):
        return f"started {_time(status.get('started'))}; the accounting follows when it has ended"
    end = _time(status.get("ended"))
    if report.get("success"):
        return f'<span class="good">success</span>, {end}'
    problem = report.get("first_error") or report.get("stopped_by") or ""
    return (
        f'<span class="bad">exit status {escape(str(status.get("exit_status")))}</span>, {end} {escape(str(problem))}'
    )


def render(key: dict[str, Any], status: dict[str, Any] | None) -> str:
    """`status` is the XCom millrace_status of the task that `key` names, or None."""
    title = escape(f"{key['dag_id']} / {key['task_id']}")
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Millrace: {title}</title><style>{STYLE}</style>",
        f"<h1>{title}</h1><p>Run <code>{escape(str(key['run_id']))}</code></p>",
    ]
    if not isinstance(status, dict):
        return "".join([*parts, "<p>This task has not started a process yet.</p></html>"])
    parts.append(f"<p>{_state(status)}</p>")
    report = status.get("report")
    if isinstance(report, dict):
        destinations = [one for one in report.get("destinations") or [] if isinstance(one, dict)]
        columns = (
            [("all", report), *((str(one.get("name")), one) for one in destinations)]
            if len(destinations) > 1
            else [("", report)]
        )
        head = "".join(f"<th class=n>{escape(name)}</th>" for name, _ in columns)
        rows = "".join(
            f"<tr><td>{name}</td>"
            + "".join(f"<td class=n>{_number(one.get(name, ''))}</td>" for _, one in columns)
            + "</tr>"
            for name in SUMS
            if name in report
        )
        parts.append(
            f"<table><tr><th></th>{head}</tr>{rows}</table><p>read = accepted + rejected + filtered + pending</p>"
        )
    if isinstance(status.get("command"), list):
        parts.append(f"<p>Command <code>{escape(' '.join(map(str, status['command'])))}</code></p>")
    parts.append(f"<p>Log and result on the worker: <code>{escape(str(status.get('folder', '')))}</code></p></html>")
    return "".join(parts)
