"""Runs one program, and stops it when its run folder says so: python supervisor.py FOLDER < SPEC

SPEC is a JSON object: "argv" and "env" of the program, "digest" of the command, "orphan_after" and "grace" in seconds.
It leaves its parent and returns once the program has started; the rest is done by a daemon, which no signal to a
worker's process group reaches. The files are described in run_folder.py.

The program is stopped with SIGTERM, and after `grace` seconds killed with its whole process group, when
  - control.json has "stop", or the supervisor gets SIGTERM;
  - the "deadline" of control.json has passed;
  - nobody has touched control.json for `orphan_after` seconds;
  - the supervisor is killed: then the kernel sends SIGTERM.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from run_folder import HEARTBEAT, identity, read_json, this_host, write_json  # noqa: E402

TICK = 0.25  # seconds between two looks at control.json
PR_SET_PDEATHSIG = 1
WAKE_UP = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Control:
    """What control.json asks for."""

    def __init__(self, folder: pathlib.Path, orphan_after: float):
        self.path = folder / "control.json"
        self.orphan_after = orphan_after
        self.seen = None  # (time of the file, number of the file)
        self.value: dict = {}
        self.touched = time.monotonic()

    def reason_to_stop(self) -> str | None:
        # By this machine's clock: that of the machine which touched the file may be another one.
        with contextlib.suppress(FileNotFoundError):
            stat = self.path.stat()
            if (stat.st_mtime_ns, stat.st_ino) != self.seen:
                self.seen = (stat.st_mtime_ns, stat.st_ino)
                self.touched = time.monotonic()
                self.value = read_json(self.path) or self.value
        if self.value.get("stop"):
            return self.value["stop"]
        deadline = self.value.get("deadline")
        if deadline is not None and time.time() >= deadline:
            return "timeout"
        if time.monotonic() - self.touched > self.orphan_after:
            return "nobody waits for it"
        return None


class Supervisor:
    def __init__(self, folder: pathlib.Path, spec: dict):
        self.folder, self.spec = folder, spec
        self.control = Control(folder, spec["orphan_after"])
        self.stopped: str | None = None
        self.kill_at: float | None = None
        self.next_heartbeat = 0.0

    def start_program(self) -> subprocess.Popen:
        supervisor = os.getpid()
        prctl = ctypes.CDLL(None, use_errno=True).prctl

        def prepare():
            prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != supervisor:
                os._exit(127)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])

        with open(self.folder / "log", "ab") as log, open(self.folder / "stdout", "wb") as out:
            # This process has one thread.  pylint: disable-next=subprocess-popen-preexec-fn
            return subprocess.Popen(
                self.spec["argv"],
                env=self.spec["env"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=prepare,
            )

    def stop(self, program: subprocess.Popen, reason: str) -> None:
        self.stopped = reason
        self.kill_at = time.monotonic() + self.spec["grace"]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGTERM)

    def tick(self, program: subprocess.Popen) -> None:
        now = time.monotonic()
        if self.stopped is None:
            reason = self.control.reason_to_stop()
            if reason is not None:
                self.stop(program, reason)
        elif self.kill_at is not None and now >= self.kill_at:
            self.kill_at = None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
        if now >= self.next_heartbeat:
            self.next_heartbeat = now + HEARTBEAT
            with contextlib.suppress(OSError):
                os.utime(self.folder / "process.json")

    def run(self, on_start) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, WAKE_UP)
        program = self.start_program()
        write_json(
            self.folder / "process.json",
            {
                "host": this_host(),
                "supervisor": identity(os.getpid()),
                "program": identity(program.pid),
                "digest": self.spec["digest"],
            },
        )
        on_start()
        while program.poll() is None:
            got = signal.sigtimedwait(WAKE_UP, TICK)
            if got is not None and got.si_signo != signal.SIGCHLD and self.stopped is None:
                self.stop(program, self.control.reason_to_stop() or f"signal {got.si_signo}")
            self.tick(program)
        # What the program has started and left.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        write_json(self.folder / "result.json", {"exit_status": program.returncode, "stopped": self.stopped})


def supervise(folder: pathlib.Path, spec: dict, answer) -> None:
    """In the daemon. Writes an error, or nothing, to the file `answer`, and closes it once the program runs."""
    os.setsid()
    # Held until the daemon ends. The program does not inherit it.
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"{folder}: a process of this task is still running there") from None
        Supervisor(folder, spec).run(on_start=answer.close)
    except Exception as error:  # pylint: disable=broad-exception-caught
        if not answer.closed:
            with answer:
                answer.write(str(error).encode()[:2000])


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    spec = json.loads(sys.stdin.buffer.read())
    answered, answer = os.pipe()
    if os.fork() == 0:
        os.close(answered)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        os.close(null)
        try:
            supervise(folder, spec, os.fdopen(answer, "wb"))
        finally:
            os._exit(0)
    os.close(answer)
    with open(answered, "rb") as answers:
        error = answers.read()
    if error:
        sys.stderr.buffer.write(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
