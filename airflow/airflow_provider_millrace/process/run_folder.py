"""The folder of a run: how Airflow and the supervisor of a process learn about each other.

Every file is replaced as a whole, so that a reader on any machine that shares the folder sees one or the other.

  control.json   by Airflow: {"owner", "deadline", "stop"}. The task or trigger that waits touches it; a supervisor
                 whose control.json is untouched for `orphan_after` seconds stops the process.
  process.json   by the supervisor: {"host", "supervisor": {"pid", "start"}, "program": {"pid", "start"}, "digest"}.
                 It is touched every HEARTBEAT seconds.
  log, stdout    of the process.
  result.json    by the supervisor, last: {"exit_status", "stopped"}; exit_status is -N after signal N.
  collected      the result reached Airflow.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import uuid

HEARTBEAT = 2.0  # seconds
SILENT_AFTER = 60.0  # seconds without a heartbeat after which a process on another machine counts as lost
MAX_STDOUT = 4 << 20  # bytes of the one JSON object that a verb prints
LOG_CHUNK = 256 << 10  # bytes of the log that are read at once
START_TIMEOUT = 60.0  # seconds until a supervisor has started the process
SUPERVISOR = pathlib.Path(__file__).with_name("supervisor.py")


def write_json(path: pathlib.Path, value: dict) -> None:
    """Replaces the file as a whole, and syncs it."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_json(path: pathlib.Path) -> dict | None:
    """None if there is no such file, or one that a full disk has cut."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.loads(file.read(1 << 20))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def this_host() -> str:
    """Names the machine and container in which a process id means something."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return "/".join(parts)


def start_time(pid: int) -> int | None:
    """When the process was started, in ticks since the machine was; None if there is no such process, or it has ended."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def identity(pid: int) -> dict:
    return {"pid": pid, "start": start_time(pid)}


def is_running(process: dict | None) -> bool:
    """Whether this very process runs, on this machine: its id may have been given to another one since."""
    return bool(process) and process["start"] is not None and start_time(process["pid"]) == process["start"]


def signal_process(process: dict, number: int, group: bool = False) -> bool:
    """Sends a signal to this very process, or to the process group that it leads. False: it has ended."""
    try:
        handle = os.pidfd_open(process["pid"])
    except (AttributeError, OSError):  # an old kernel, or it has ended
        handle = None
    try:
        if not is_running(process):
            return False
        if group:
            os.killpg(process["pid"], number)
        elif handle is not None:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(process["pid"], number)
        return True
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            os.close(handle)


class RunFolder:
    """Of one task of one DAG run. All methods but start() and stop() return at once, apart from file access."""

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)

    @classmethod
    def of_task(cls, state: str, dag_id: str, task_id: str, run_id: str, map_index: int) -> RunFolder:
        """Below the state folder of Millrace. Every try of the task has the same one."""

        def name(text: str) -> str:
            quoted = urllib.parse.quote(text, safe="+").replace(".", "%2E")
            if len(quoted) <= 120:
                return quoted
            return f"{quoted[:80]}~{hashlib.sha256(text.encode()).hexdigest()[:32]}"

        run = name(run_id) if map_index < 0 else f"{name(run_id)}~{map_index}"
        return cls(pathlib.Path(state) / "airflow" / name(dag_id) / name(task_id) / run)

    def _file(self, name: str) -> pathlib.Path:
        return self.path / name

    # -- what there is --

    def process(self) -> dict | None:
        return read_json(self._file("process.json"))

    def result(self) -> dict | None:
        """{"exit_status", "stopped", "report"}; `report` is the JSON object that the process printed, or None."""
        result = read_json(self._file("result.json"))
        if result is None:
            return None
        report = None
        with contextlib.suppress(OSError, ValueError), open(self._file("stdout"), "rb") as file:
            report = json.loads(file.read(MAX_STDOUT))
        return {**result, "report": report if isinstance(report, dict) else None}

    def status(self) -> str:
        """ "absent", "running", "ended", or "lost": it can have no result any more."""
        if self._file("result.json").exists():
            return "ended"
        process = self.process()
        if process is None:
            return "absent"
        if process["host"] == this_host():
            running = is_running(process["supervisor"])
        else:
            running = self._silence() < SILENT_AFTER
        # It may have ended between the two looks.
        return "running" if running else "ended" if self._file("result.json").exists() else "lost"

    def _silence(self) -> float:
        try:
            return time.time() - self._file("process.json").stat().st_mtime
        except FileNotFoundError:
            return SILENT_AFTER

    def can_continue(self, digest: str) -> bool:
        """Whether a process of the same command is running, or has a result that Airflow did not get."""
        process = self.process()
        if process is None or process["digest"] != digest:
            return False
        status = self.status()
        if status == "running":
            return (read_json(self._file("control.json")) or {}).get("stop") is None
        result = self.result() if status == "ended" else None
        return result is not None and result["exit_status"] in (0, 1) and not self._file("collected").exists()

    def read_log(self, offset: int) -> tuple[list[str], int]:
        """The next lines, at most LOG_CHUNK bytes of them, and the offset after them. A longer line is cut."""
        try:
            with open(self._file("log"), "rb") as file:
                file.seek(offset)
                data = file.read(LOG_CHUNK)
        except FileNotFoundError:
            return [], offset
        end = data.rfind(b"\n") + 1
        if end == 0:
            end = len(data) if len(data) == LOG_CHUNK else 0
        return data[:end].decode("utf-8", "replace").splitlines(), offset + end

    def last_log_lines(self, count: int = 5) -> list[str]:
        with contextlib.suppress(OSError), open(self._file("log"), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - (16 << 10)))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
        return []

    # -- what Airflow does --

    def own(self, deadline: float | None) -> str:
        """Makes the caller the one who may stop the process, and returns its name for that. `deadline`: seconds since
        1970 at which the supervisor stops the process, whatever becomes of Airflow."""
        owner = uuid.uuid4().hex
        write_json(self._file("control.json"), {"owner": owner, "deadline": deadline, "stop": None})
        return owner

    def has_another_owner(self, owner: str) -> bool:
        """Whether a later try has taken the process over, or replaced it."""
        control = read_json(self._file("control.json"))
        return control is not None and control["owner"] != owner

    def keep_alive(self) -> None:
        """Says that somebody waits for the process."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._file("control.json"))

    def collect(self) -> None:
        self._file("collected").touch()

    def start(self, spec: dict, deadline: float | None) -> str:
        """Starts `spec` (see supervisor.py) and returns the owner's name; a result from before is removed. RuntimeError:
        it was not started, and why."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.status() == "running":
            raise RuntimeError(f"{self.path}: a process of this task is still running there")
        self._kill_what_a_supervisor_left()
        # First, so that an earlier owner does not take a folder without files for its own.
        owner = self.own(deadline)
        for name in ("result.json", "collected", "process.json", "log", "stdout"):
            self._file(name).unlink(missing_ok=True)
        # Isolated (-I), without Airflow's variables; secrets are in stdin only, which no other process can read.
        done = subprocess.run(
            [sys.executable, "-I", str(SUPERVISOR), str(self.path)],
            input=json.dumps(spec).encode(),
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            timeout=START_TIMEOUT,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode("utf-8", "replace").strip()[-2000:] or "the supervisor did not start")
        return owner

    def request_stop(self, owner: str | None, reason: str) -> bool:
        """Asks the supervisor to stop the process. False, and nothing is done, if the process has another owner."""
        control = read_json(self._file("control.json"))
        if control is None or (owner is not None and control["owner"] != owner):
            return False
        write_json(self._file("control.json"), {**control, "stop": reason})
        process = self.process()
        if process and process["host"] == this_host() and not signal_process(process["supervisor"], signal.SIGTERM):
            self._kill_what_a_supervisor_left()
        return True

    def _kill_what_a_supervisor_left(self) -> None:
        """If the supervisor was killed, the program has had its SIGTERM; what is left of it goes now."""
        process = self.process()
        if process and process["host"] == this_host() and not is_running(process["supervisor"]):
            signal_process(process["program"], signal.SIGKILL, group=True)

    def stop(self, owner: str | None, reason: str, timeout: float) -> bool:
        """Asks, and waits until the process has ended. False: it has another owner, or did not end within `timeout`."""
        if not self.request_stop(owner, reason):
            return False
        deadline = time.monotonic() + timeout
        while self.status() == "running":
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


def remove_old_runs(folder: RunFolder, max_age: float) -> None:
    """Removes ended runs of the same task, as well as lost ones, that nobody has touched for `max_age` seconds."""
    with contextlib.suppress(FileNotFoundError):
        for path in folder.path.parent.iterdir():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                if (
                    path != folder.path
                    and re.fullmatch(r"[^.].*", path.name)
                    and time.time() - path.stat().st_mtime > max_age
                    and RunFolder(path).status() != "running"
                ):
                    shutil.rmtree(path, ignore_errors=True)
