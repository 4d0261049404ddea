"""A sensor for windows that no later run reads again."""

from __future__ import annotations

from datetime import date
from typing import Any, Sequence

from airflow_provider_millrace.hooks.millrace import MillraceHook
from airflow_provider_millrace.version_compat import AirflowFailException, BaseSensorOperator


class MillraceWindowSensor(BaseSensorOperator):
    """
    Waits until all windows of an export of events are closed at a destination, that is, its rows of these days are
    final. It asks the ledger only (`millrace export plan`), not Mixpanel.

    :param since: first day, `YYYY-MM-DD`.
    :param until: the day after the last one.
    :param to: DEST of the export.
    :param by: "event-date" (default) or "processing-time", as of the export.
    """

    template_fields: Sequence[str] = ("since", "until", "to", "state", "millrace_conn_id", "project_id")

    def __init__(
        self,
        *,
        since: str,
        until: str,
        to: str,
        by: str = "event-date",
        millrace_conn_id: str = MillraceHook.default_conn_name,
        state: str | None = None,
        project_id: str | None = None,
        binary: str | None = None,
        **kwargs: Any,
    ):
        if by not in ("event-date", "processing-time"):
            raise ValueError(f"by must be event-date or processing-time, not {by!r}")
        kwargs.setdefault("mode", "reschedule")
        super().__init__(**kwargs)
        self.since = since
        self.until = until
        self.to = to
        self.by = by
        self.millrace_conn_id = millrace_conn_id
        self.state = state
        self.project_id = project_id
        self.binary = binary

    def poke(self, context: Any) -> bool:  # pylint: disable=unused-argument
        try:
            days = (date.fromisoformat(self.until) - date.fromisoformat(self.since)).days
        except ValueError as error:
            raise AirflowFailException(f"since and until must be days such as 2026-11-01: {error}") from None
        if days <= 0:
            raise AirflowFailException(f"since ({self.since}) must be before until ({self.until})")
        windows = days * 24 if self.by == "processing-time" else days
        hook = MillraceHook(self.millrace_conn_id, binary=self.binary)
        plan = hook.run_json(
            [
                "export",
                "plan",
                "--since",
                self.since,
                "--until",
                self.until,
                "--by",
                self.by,
                "--to",
                self.to,
                *hook.flags(self.state, project_id=self.project_id),
            ],
            hook.environment(),
        )
        self.log.info("%d of %d windows are closed", plan["windows_skipped"], windows)
        return plan["windows_skipped"] >= windows
