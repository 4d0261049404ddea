"""Waits for the process of a run in the triggerer."""

from __future__ import annotations

import asyncio
import time
from typing import Any, AsyncIterator

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_millrace.process.outcome import outcome_of, write_log
from airflow_provider_millrace.process.run_folder import RunFolder
from airflow_provider_millrace.version_compat import AIRFLOW_V_3_0_PLUS


class MillraceTrigger(BaseTrigger):
    """
    Fires with the outcome of a process (process/outcome.py). The process is stopped if the task is cleared, marked or
    deleted, and when its time is over. It is left alone if the triggerer ends: the next one waits for it. If there is
    none, the supervisor stops it after a while.

    :param folder: the run folder, which the triggerer must see under the same path as the worker.
    :param owner: what RunFolder.own() returned.
    :param offset: bytes of the log that the task has shown.
    :param poll_interval: seconds.
    """

    def __init__(
        self,
        folder: str,
        owner: str,
        offset: int = 0,
        poll_interval: float = 2.0,
        task_key: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.folder = folder
        self.owner = owner
        self.offset = offset
        self.poll_interval = poll_interval
        self.task_key = task_key or {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "airflow_provider_millrace.triggers.millrace.MillraceTrigger",
            {
                "folder": self.folder,
                "owner": self.owner,
                "offset": self.offset,
                "poll_interval": self.poll_interval,
                "task_key": self.task_key,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        folder, offset = RunFolder(self.folder), self.offset
        try:
            while True:
                status = await asyncio.to_thread(folder.status)
                lines, offset = await asyncio.to_thread(folder.read_log, offset)
                write_log(self.log, lines)
                # After the look at the status, which may be that of a later try. Airflow cancels this trigger soon; an event
                # of it would end that try.
                if await asyncio.to_thread(folder.has_another_owner, self.owner):
                    await asyncio.sleep(self.poll_interval)
                    continue
                if status != "running" and not lines:
                    break
                await asyncio.to_thread(folder.keep_alive)
                if not lines:
                    await asyncio.sleep(self.poll_interval)
            yield TriggerEvent(await asyncio.to_thread(outcome_of, folder))
        except asyncio.CancelledError:
            # Newer versions call on_kill() for that.
            if not hasattr(BaseTrigger, "on_kill") and not await self._is_awaited():
                await asyncio.shield(asyncio.to_thread(self._request_stop))
            raise

    async def on_kill(self) -> None:
        """Called by Airflow 3.3 and newer if a user has cleared or marked the task."""
        await asyncio.to_thread(self._request_stop)

    def _request_stop(self) -> None:
        if RunFolder(self.folder).request_stop(self.owner, "the task was cleared or marked"):
            self.log.info(
                "stopping the process, because the task was cleared or marked at %s", time.strftime("%H:%M:%S")
            )

    async def _is_awaited(self) -> bool:
        """Whether the task still waits for this trigger, so that only the triggerer ends. True if that is not known: then
        the supervisor notices that nobody waits."""
        try:
            return await (self._is_awaited_3() if AIRFLOW_V_3_0_PLUS else asyncio.to_thread(self._is_awaited_2))
        except Exception:  # pylint: disable=broad-exception-caught
            self.log.exception("the state of the task cannot be read")
            return True

    async def _is_awaited_3(self) -> bool:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from asgiref.sync import sync_to_async

        key = self.task_key
        states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=key["dag_id"], task_ids=[key["task_id"]], run_ids=[key["run_id"]], map_index=key["map_index"]
        )
        name = key["task_id"] if key["map_index"] < 0 else f"{key['task_id']}_{key['map_index']}"
        return states.get(key["run_id"], {}).get(name) == "deferred"

    def _is_awaited_2(self) -> bool:
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        key = self.task_key
        with create_session() as session:
            found = session.query(TaskInstance.state, TaskInstance.trigger_id).filter_by(**key).one_or_none()
        return found is not None and found[0] == "deferred" and found[1] == self.trigger_id
