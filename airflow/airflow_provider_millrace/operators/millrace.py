"""Operators that run `millrace export` and `millrace import` on the worker."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Sequence

from airflow.configuration import conf

from airflow_provider_millrace.assets import asset_of
from airflow_provider_millrace.hooks.millrace import MillraceHook
from airflow_provider_millrace.lineage import lineage_of
from airflow_provider_millrace.links.millrace import STATUS_KEY, MillraceRunLink
from airflow_provider_millrace.process.outcome import outcome_of, write_log
from airflow_provider_millrace.process.run_folder import RunFolder, remove_old_runs
from airflow_provider_millrace.triggers.millrace import MillraceTrigger
from airflow_provider_millrace.version_compat import AirflowException, AirflowFailException, Asset, BaseOperator

GRACE = 30  # seconds from SIGTERM to SIGKILL; the program itself takes --stop-grace, 10 s, for requests in flight
ORPHAN_AFTER = 300  # seconds after which a process stops for which nobody waits
KEEP_RUNS = 30 * 24 * 3600  # seconds
ACCOUNTING = ("read", "accepted", "rejected", "filtered", "pending")
# Flags with secrets, which every user of the machine could read.
SECRET_FLAGS = ("--token", "--mixpanel_project_token", "--mixpanel_api_secret")


def _list(value: str | Sequence[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


class MillraceOperator(BaseOperator):
    """
    Runs one command of Millrace and fails unless everything was accepted. The subclasses say which.

    The process has a supervisor of its own and a run folder in the state folder. If the worker is killed, the next try
    continues to wait for it instead of starting another one. It is stopped if the task times out, is cleared, marked or
    killed.

    :param to: DEST, or several. Never with secrets; see `destination_conn_ids`.
    :param millrace_conn_id: the connection to Mixpanel.
    :param destination_conn_ids: connections (postgres, google_cloud_platform, aws, snowflake) whose credentials the
        process gets in its environment.
    :param state: the state folder (templated); default: that of the connection, or of the configuration.
    :param flags: more flags, such as ["--late", "10d"]. Without secrets.
    :param fail_on_rejected: fail, without another try, if records were rejected. They are dead letters in any case.
    :param deferrable: wait in the triggerer. It must see the state folder, and the worker's machine must stay.
    :param poll_interval: seconds between two looks at the process.
    :param orphan_after: seconds after which the process stops if neither a task nor a trigger waits for it.
    :param binary: the program; default: see MillraceHook.
    """

    template_fields: Sequence[str] = ("to", "flags", "state", "millrace_conn_id", "destination_conn_ids")
    operator_extra_links = (MillraceRunLink(),)
    ui_color = "#e6f1fb"
    stream = "events"
    project_id: str | None = None

    def __init__(
        self,
        *,
        to: str | Sequence[str],
        millrace_conn_id: str | None = MillraceHook.default_conn_name,
        destination_conn_ids: Sequence[str] = (),
        state: str | None = None,
        flags: Sequence[str] = (),
        fail_on_rejected: bool = True,
        deferrable: bool | None = None,
        poll_interval: float = 2.0,
        orphan_after: float = ORPHAN_AFTER,
        binary: str | None = None,
        **kwargs: Any,
    ):
        if kwargs.get("outlets") is None:
            kwargs["outlets"] = [
                asset_of(dest, self.stream) for dest in _list(to) if "{{" not in dest and "{%" not in dest
            ]
        super().__init__(**kwargs)
        self.to = to
        self.millrace_conn_id = millrace_conn_id
        self.destination_conn_ids = destination_conn_ids
        self.state = state
        self.flags = flags
        self.fail_on_rejected = fail_on_rejected
        self.deferrable = (
            conf.getboolean("operators", "default_deferrable", fallback=False) if deferrable is None else deferrable
        )
        self.poll_interval = poll_interval
        self.orphan_after = orphan_after
        self.binary = binary
        self._run: RunFolder | None = None
        self._owner: str | None = None
        self._report: dict[str, Any] | None = None

    # -- the command --

    def verb(self, hook: MillraceHook) -> list[str]:
        """The verb with the arguments that are its own."""
        raise NotImplementedError

    def source(self) -> tuple[str, str]:
        """For lineage: the namespace and the name of what is read."""
        raise NotImplementedError

    def hook(self) -> MillraceHook:
        return MillraceHook(self.millrace_conn_id, binary=self.binary)

    def command(self, hook: MillraceHook) -> list[str]:
        """The whole command, which has no secrets."""
        given = [str(flag) for flag in _list(self.flags)]
        for flag in given:
            if flag.partition("=")[0] in SECRET_FLAGS:
                raise AirflowFailException(
                    f"{flag.partition('=')[0]} would show a secret to every user of the machine: use a connection"
                )
        destinations = [dest.strip() for dest in _list(self.to) if dest and dest.strip()]
        if not destinations:
            raise AirflowFailException("`to` is empty: say where the records go, e.g. postgres://HOST/DATABASE")
        to = [part for dest in destinations for part in ("--to", dest)]
        return [
            hook.binary(),
            *self.verb(hook),
            *to,
            *hook.flags(self.state, project_id=self.project_id),
            *given,
            "--json",
            "--quiet",
        ]

    # -- the run --

    def execute(self, context: Any) -> dict[str, Any]:
        hook = self.hook()
        command = self.command(hook)
        environment = hook.environment(_list(self.destination_conn_ids))
        ti = context["ti"]
        folder = RunFolder.of_task(hook.state_folder(self.state), ti.dag_id, ti.task_id, ti.run_id, ti.map_index)
        deadline = self._deadline(ti)
        self._run = folder
        try:
            self._owner = self._start_or_continue(
                folder, command, environment, deadline, getattr(ti, "max_tries", None)
            )
        except (RuntimeError, OSError) as error:
            raise AirflowException(f"{command[0]} cannot be run: {error}") from error
        ti.xcom_push(key=STATUS_KEY, value={"command": command, "folder": str(folder.path), "started": time.time()})
        if not self.deferrable:
            return self._complete(context, self._wait(folder))
        left = None if deadline is None else max(0.0, deadline - time.time())
        key = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
        self.defer(
            trigger=MillraceTrigger(str(folder.path), self._owner, 0, self.poll_interval, key),
            method_name="execute_complete",
            # The supervisor stops the process at the deadline; the trigger then has time to say so.
            timeout=None if left is None else timedelta(seconds=left + GRACE + 60),
        )

    def _start_or_continue(
        self,
        folder: RunFolder,
        command: list[str],
        environment: dict[str, str],
        deadline: float | None,
        max_tries: int | None,
    ) -> str:
        # Airflow raises max_tries when a user clears a task, who wants another process then, and not for a retry.
        digest = hashlib.sha256(json.dumps([command, max_tries]).encode()).hexdigest()
        if folder.can_continue(digest):
            self.log.info("an earlier try has started this command: waiting for its process; %s", folder.path)
            return folder.own(deadline)
        if folder.status() == "running" and not folder.stop(
            folder.own(deadline), "another command replaces it, or the task was cleared", GRACE + 30
        ):
            raise RuntimeError(f"the process of an earlier try does not end; its files are in {folder.path}")
        remove_old_runs(folder, KEEP_RUNS)
        self.log.info("running: %s", " ".join(command))
        spec = {
            "argv": command,
            "env": environment,
            "digest": digest,
            "orphan_after": self.orphan_after,
            "grace": GRACE,
        }
        return folder.start(spec, deadline)

    def _deadline(self, ti: Any) -> float | None:
        if self.execution_timeout is None:
            return None
        started = ti.start_date or datetime.now(timezone.utc)
        return (started + self.execution_timeout).timestamp()

    def _wait(self, folder: RunFolder) -> dict[str, Any]:
        offset = 0
        try:
            while True:
                status = folder.status()
                lines, offset = folder.read_log(offset)
                write_log(self.log, lines)
                if status != "running" and not lines:
                    return outcome_of(folder)
                folder.keep_alive()
                if not lines:
                    time.sleep(self.poll_interval)
        except BaseException:  # a timeout, a signal
            self._stop("the task has ended")
            raise

    def on_kill(self) -> None:
        self._stop("the task was killed")

    def _stop(self, reason: str) -> None:
        if self._run is not None and self._owner is not None:
            self._run.stop(self._owner, reason, GRACE + 10)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Called when the trigger has fired."""
        return self._complete(context, event)

    # -- the outcome --

    def _complete(self, context: Any, outcome: dict[str, Any]) -> dict[str, Any]:
        """Returns what the command has printed; raises unless it is a success."""
        self._report = report = outcome["report"]
        code, folder = outcome["exit_status"], outcome["folder"]
        last = "".join(f"\n  {line}" for line in outcome["last_lines"])
        if outcome["status"] == "absent":
            raise AirflowException(
                f"{folder} is not there: the triggerer must see the state folder of the worker, or the task must not be deferrable"
            )
        if outcome["status"] != "ended":
            raise AirflowException(
                f"the process ended without a result: it was killed, its machine is gone, or the disk is full; {folder}{last}"
            )
        RunFolder(folder).collect()
        if report is not None:
            context["ti"].xcom_push(
                key=STATUS_KEY, value={"report": report, "folder": folder, "exit_status": code, "ended": time.time()}
            )
            self.log.info("%s", ", ".join(f"{key} {report[key]}" for key in ACCOUNTING if key in report))
        if outcome["stopped"]:
            raise AirflowException(
                f"the process was stopped: {outcome['stopped']}. What it delivered is recorded; run the task again{last}"
            )
        if code == 2:
            raise AirflowFailException(f"wrong usage or configuration, which another try does not change:{last}")
        if code not in (0, 1) or report is None:
            raise AirflowException(
                f"the process ended with exit status {code}; nothing is lost, and another try continues{last}"
            )
        if code == 1 and self.fail_on_rejected:
            raise AirflowFailException(
                f"{report.get('rejected', 0)} records were rejected; see `millrace dlq list`. The first error: {report.get('first_error')}"
            )
        if code == 1:
            self.log.warning("%s records were rejected: %s", report.get("rejected", 0), report.get("first_error"))
        events = context.get("outlet_events")
        for outlet in self.outlets if events is not None else ():
            if isinstance(outlet, Asset):
                events[outlet].extra = {key: report[key] for key in ACCOUNTING if key in report}
        return report

    # -- OpenLineage --

    def get_openlineage_facets_on_start(self) -> Any:
        return lineage_of(self.source(), _list(self.to), self.stream, None)

    def get_openlineage_facets_on_complete(self, _: Any) -> Any:
        return lineage_of(self.source(), _list(self.to), self.stream, self._report)


class MillraceExportOperator(MillraceOperator):
    """
    Exports events or profiles of Mixpanel; see docs/verbs/export.md for what the parameters mean.

    :param stream: "events", "users" or "groups".
    :param since: first day of events, `YYYY-MM-DD`; e.g. "{{ data_interval_start | ds }}".
    :param until: the day after the last one.
    :param by: "event-date" or "processing-time".
    :param late: how long a day is read again, e.g. "5d".
    :param time_zone: how the project exports times, e.g. "utc"; default: `time_zone` of the connection's extra, else a
        probe, which needs a service account.
    :param events: names of events; default: all.
    :param where: an expression of Mixpanel.
    :param properties: of profiles; default: all.
    :param project_id: instead of the connection's.
    """

    template_fields: Sequence[str] = (
        *MillraceOperator.template_fields,
        "since",
        "until",
        "late",
        "time_zone",
        "events",
        "where",
        "properties",
        "project_id",
    )

    def __init__(
        self,
        *,
        stream: str = "events",
        since: str | None = None,
        until: str | None = None,
        by: str | None = None,
        late: str | None = None,
        time_zone: str | None = None,
        events: str | Sequence[str] = (),
        where: str | None = None,
        properties: str | Sequence[str] = (),
        project_id: str | None = None,
        **kwargs: Any,
    ):
        if stream not in ("events", "users", "groups"):
            raise ValueError(f"stream must be events, users or groups, not {stream!r}")
        self.stream = stream
        super().__init__(**kwargs)
        self.since = since
        self.until = until
        self.by = by
        self.late = late
        self.time_zone = time_zone
        self.events = events
        self.where = where
        self.properties = properties
        self.project_id = project_id

    def verb(self, hook: MillraceHook) -> list[str]:
        pairs = [("--where", self.where)]
        if self.stream == "events":
            if not self.since:
                raise AirflowFailException("`since` is empty: it is the first day of the export")
            pairs += [
                ("--since", self.since),
                ("--until", self.until),
                ("--by", self.by),
                ("--late", self.late),
                ("--time-zone", self.time_zone or hook.options().get("time_zone")),
                *(("--event", name) for name in _list(self.events)),
            ]
        else:
            pairs += [("--properties", name) for name in _list(self.properties)]
        return ["export", self.stream, *(part for flag, value in pairs if value for part in (flag, value))]

    def source(self) -> tuple[str, str]:
        return f"mixpanel://{self.project_id or self.hook().options().get('project_id', '')}", self.stream


class MillraceImportOperator(MillraceOperator):
    """
    Imports files; see docs/verbs/import.md.

    :param inputs: files, folders or URIs.
    :param config: `sources.json`: its path on the worker, or its entries, a list.
    :param to: DEST; default: Mixpanel.
    :param millrace_conn_id: None if nothing of Mixpanel is needed, because `to` is something else.
    """

    template_fields: Sequence[str] = (*MillraceOperator.template_fields, "inputs", "config")

    def __init__(
        self,
        *,
        inputs: str | Sequence[str],
        config: str | list[dict[str, Any]] | None = None,
        to: str | Sequence[str] = "mixpanel",
        **kwargs: Any,
    ):
        super().__init__(to=to, **kwargs)
        self.inputs = inputs
        self.config = config

    def verb(self, hook: MillraceHook) -> list[str]:
        inputs = _list(self.inputs)
        if not inputs:
            raise AirflowFailException("`inputs` is empty: name files, folders or URIs")
        for one in inputs:
            if one.startswith("-"):
                raise AirflowFailException(f"{one!r} is a flag, not an input")
        return ["import", *inputs, *(["--config", self._config_file(hook)] if self.config else [])]

    def _config_file(self, hook: MillraceHook) -> str:
        if isinstance(self.config, str):
            return self.config
        # Named after its content, so that a command means the same to every try.
        text = json.dumps(self.config, indent=1)
        folder = RunFolder(hook.state_folder(self.state)).path / "airflow" / "configs"
        path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = path.with_suffix(f".{time.time_ns()}")
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        return str(path)

    def source(self) -> tuple[str, str]:
        first = (_list(self.inputs) or [""])[0]
        scheme, separator, rest = first.partition("://")
        if not separator:
            return "file", first
        bucket, _, path = rest.partition("/")
        return f"{scheme}://{bucket}", path or "/"
