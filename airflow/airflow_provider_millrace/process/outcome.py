"""What became of a process, and its log, for a task and for a trigger alike."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any, Iterable

from airflow_provider_millrace.process.run_folder import RunFolder

MAX_LINE = 4096  # characters of a line in Airflow's log


def outcome_of(folder: RunFolder) -> dict[str, Any]:
    """{"status", "exit_status", "stopped", "report", "last_lines", "folder"}: all of it can be JSON."""
    result = folder.result() or {}
    return {
        "status": folder.status(),
        "exit_status": result.get("exit_status"),
        "stopped": result.get("stopped"),
        "report": result.get("report"),
        "last_lines": [line[:MAX_LINE] for line in folder.last_log_lines()],
        "folder": str(folder.path),
    }


def write_log(log: logging.Logger, lines: Iterable[str]) -> None:
    """Each line at the level that it names."""
    for line in lines:
        severity = None
        if line.startswith("{"):
            with contextlib.suppress(ValueError, AttributeError):
                severity = json.loads(line).get("severity")
        log.log(
            logging.getLevelName(severity) if severity in ("DEBUG", "WARNING", "ERROR", "CRITICAL") else logging.INFO,
            "%s",
            line[:MAX_LINE],
        )
