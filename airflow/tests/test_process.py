"""The supervisor and the run folder: a process is found again, stopped for every reason, and never left behind."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from airflow_provider_millrace.process import run_folder
from airflow_provider_millrace.process.run_folder import RunFolder, is_running

# Ignores SIGTERM if told so, starts a child of its own, and waits.
PROGRAM = """
import json, os, signal, subprocess, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "child" in sys.argv:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("secret" if os.environ.get("SECRET") else "none", file=sys.stderr, flush=True)
if "wait" in sys.argv:
    print("waiting", file=sys.stderr, flush=True)
    time.sleep(600)
print(json.dumps({"read": 3}))
sys.exit(int(sys.argv[1]))
"""


def wait_until(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.02)


class ProcessTest(unittest.TestCase):
    def setUp(self):
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="millrace-airflow-"))
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)
        self.folder = RunFolder.of_task(str(self.state), "a dag/../x", "task", "manual__2026-11-30T00:00:00+00:00", -1)
        self.addCleanup(self.kill)

    def kill(self):
        process = self.folder.process() or {}
        for one in ("supervisor", "program"):
            if one in process:
                run_folder.signal_process(process[one], signal.SIGKILL, group=one == "program")

    def start(self, *args, deadline=None, **spec):
        spec = {
            "argv": [sys.executable, "-c", PROGRAM, *args],
            "env": {"SECRET": "s3cret"},
            "digest": "d",
            "orphan_after": 60,
            "grace": 30,
            **spec,
        }
        return self.folder.start(spec, deadline)

    def wait(self, seconds=30):
        wait_until(lambda: self.folder.status() != "running", seconds)
        return self.folder.result()

    def wait_for_log(self):
        wait_until(lambda: "waiting" in self.folder.read_log(0)[0])

    def program(self):
        return self.folder.process()["program"]

    def group(self):
        """The processes of the program's group that have not ended."""
        leader, found = self.program()["pid"], []
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == leader and fields[0] != b"Z":
                found.append(path.parent.name)
        return found

    def test_result_and_log(self):
        self.start("1")
        self.assertEqual(self.wait(), {"exit_status": 1, "stopped": None, "report": {"read": 3}})
        self.assertEqual(self.folder.status(), "ended")
        lines, offset = self.folder.read_log(0)
        self.assertEqual(lines, ["secret"])
        self.assertEqual(self.folder.read_log(offset), ([], offset))

    def test_the_folder_is_inside_the_state_folder(self):
        self.assertEqual(self.folder.path.parents[3], self.state)
        long = RunFolder.of_task(str(self.state), "d" * 300, "t", "r" * 300, 3)
        self.assertTrue(all(len(part) < 130 for part in long.path.parts))
        self.assertTrue(long.path.name.endswith("~3"))

    def test_secrets_are_in_no_file_and_no_command_line(self):
        self.start("0", "wait")
        self.wait_for_log()
        for path in self.folder.path.iterdir():
            self.assertNotIn(b"s3cret", path.read_bytes(), path)
            self.assertEqual(path.stat().st_mode & 0o077, 0 if path.suffix == ".json" else path.stat().st_mode & 0o077)
        process = self.folder.process()
        for one in (process["supervisor"], process["program"]):
            self.assertNotIn(b"s3cret", pathlib.Path(f"/proc/{one['pid']}/cmdline").read_bytes())
        self.assertNotIn(b"s3cret", pathlib.Path(f"/proc/{process['supervisor']['pid']}/environ").read_bytes())
        self.assertEqual(self.folder.path.stat().st_mode & 0o777, 0o700)

    def test_a_program_that_is_not_there(self):
        with self.assertRaisesRegex(RuntimeError, "No such file or directory: '/no/such/program'"):
            self.start(argv=["/no/such/program"])
        self.assertEqual(self.folder.status(), "absent")

    def test_stop_ends_the_whole_group(self):
        owner = self.start("0", "wait", "child")
        self.wait_for_log()
        self.assertEqual(len(self.group()), 2)
        self.assertTrue(self.folder.stop(owner, "cleared", 30))
        self.assertEqual(self.group(), [])
        self.assertEqual(self.folder.result()["stopped"], "cleared")
        self.assertEqual(self.folder.result()["exit_status"], -signal.SIGTERM)

    def test_a_stubborn_program_is_killed_after_the_grace(self):
        owner = self.start("0", "wait", "child", "stubborn", grace=0.3)
        self.wait_for_log()
        self.assertTrue(self.folder.stop(owner, "cleared", 30))
        self.assertEqual(self.folder.result()["exit_status"], -signal.SIGKILL)
        self.assertEqual(self.group(), [])

    def test_a_stop_from_another_machine_needs_only_the_folder(self):
        owner = self.start("0", "wait")
        self.wait_for_log()
        process = self.folder.process()
        run_folder.write_json(self.folder.path / "process.json", {**process, "host": "elsewhere"})
        self.assertEqual(self.folder.status(), "running")  # by its heartbeat
        self.assertTrue(self.folder.stop(owner, "cleared", 30))
        self.assertFalse(is_running(process["program"]))

    def test_the_deadline_needs_nobody(self):
        self.start("0", "wait", deadline=time.time() + 0.5)
        self.assertEqual(self.wait()["stopped"], "timeout")
        self.assertEqual(self.group(), [])

    def test_nobody_waits(self):
        self.start("0", "wait", orphan_after=0.5)
        self.assertEqual(self.wait()["stopped"], "nobody waits for it")

    def test_somebody_waits(self):
        self.start("0", "wait", orphan_after=1)
        for _ in range(20):
            time.sleep(0.1)
            self.folder.keep_alive()
        self.assertEqual(self.folder.status(), "running")

    def test_an_earlier_owner_stops_nothing(self):
        earlier = self.start("0", "wait")
        self.wait_for_log()
        self.assertTrue(self.folder.can_continue("d"))
        self.assertFalse(self.folder.can_continue("another command"))
        now = self.folder.own(None)
        self.assertFalse(self.folder.request_stop(earlier, "cleared"))
        self.assertEqual(self.folder.status(), "running")
        self.assertTrue(self.folder.stop(now, "cleared", 30))

    def test_a_result_is_collected_once(self):
        self.start("0")
        self.wait()
        self.assertTrue(self.folder.can_continue("d"))
        self.folder.collect()
        self.assertFalse(self.folder.can_continue("d"))

    def test_a_killed_supervisor_leaves_no_program(self):
        self.start("0", "wait")
        self.wait_for_log()
        process = self.folder.process()
        os.kill(process["supervisor"]["pid"], signal.SIGKILL)
        wait_until(lambda: not is_running(process["program"]))
        self.assertEqual(self.folder.status(), "lost")
        self.assertIsNone(self.folder.result())

    def test_what_a_killed_supervisor_left_is_killed_before_the_next_start(self):
        self.start("0", "wait", "stubborn")
        self.wait_for_log()
        process = self.folder.process()
        os.kill(process["supervisor"]["pid"], signal.SIGKILL)
        wait_until(lambda: self.folder.status() == "lost")
        self.assertTrue(is_running(process["program"]))
        self.start("0")
        wait_until(lambda: not is_running(process["program"]))

    def test_only_one_process_runs(self):
        self.start("0", "wait")
        self.wait_for_log()
        with self.assertRaisesRegex(RuntimeError, "is still running there"):
            self.start("0")
        (self.folder.path / "process.json").rename(
            self.state / "aside"
        )  # of two that start at once, the lock stops one
        with self.assertRaisesRegex(RuntimeError, "is still running there"):
            self.start("0")
        (self.state / "aside").rename(self.folder.path / "process.json")

    def test_a_process_id_that_was_given_to_another_process(self):
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        stranger = {"pid": other.pid, "start": run_folder.start_time(other.pid) - 1}
        self.assertFalse(is_running(stranger))
        self.assertFalse(run_folder.signal_process(stranger, signal.SIGKILL))
        self.assertIsNone(other.poll())

    def test_the_parent_ends_and_the_process_continues(self):
        code = (
            "import json, sys; from airflow_provider_millrace.process.run_folder import RunFolder;"
            "RunFolder(sys.argv[1]).start(json.loads(sys.argv[2]), None); import os, signal; os.killpg(0, signal.SIGKILL)"
        )
        spec = {
            "argv": [sys.executable, "-c", PROGRAM, "0", "wait"],
            "env": {},
            "digest": "d",
            "orphan_after": 60,
            "grace": 5,
        }
        worker = subprocess.run(
            [sys.executable, "-c", code, str(self.folder.path), json.dumps(spec)], start_new_session=True, check=False
        )
        self.assertEqual(worker.returncode, -signal.SIGKILL)
        self.assertTrue(self.folder.can_continue("d"))
        self.assertTrue(self.folder.stop(self.folder.own(None), "cleared", 30))

    def test_long_and_cut_lines_of_a_log(self):
        self.folder.path.mkdir(parents=True)
        (self.folder.path / "log").write_bytes(b"a\n" + b"x" * (run_folder.LOG_CHUNK + 5) + b"\nhalf")
        lines, offset = self.folder.read_log(0)
        self.assertEqual(lines, ["a"])
        lines, offset = self.folder.read_log(offset)
        self.assertEqual(len(lines[0]), run_folder.LOG_CHUNK)
        lines, offset = self.folder.read_log(offset)
        self.assertEqual(lines, ["xxxxx"])
        self.assertEqual(self.folder.read_log(offset), ([], offset))

    def test_old_runs_are_removed(self):
        old = self.folder.path.parent / "old"
        old.mkdir(parents=True)
        (old / "result.json").write_text("{}")
        self.start("0", "wait")
        run_folder.remove_old_runs(RunFolder(self.folder.path.parent / "next"), 3600)
        self.assertTrue(old.exists())
        os.utime(old, (0, 0))
        os.utime(self.folder.path, (0, 0))
        run_folder.remove_old_runs(RunFolder(self.folder.path.parent / "next"), 3600)
        self.assertFalse(old.exists())
        self.assertEqual(self.folder.status(), "running")


if __name__ == "__main__":
    unittest.main()
