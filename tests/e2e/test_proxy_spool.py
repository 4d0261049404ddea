"""The spool of the proxy: one process has it, what a crash or damage leaves of it, how large it may become, and the proxy
without one."""
import contextlib
import gzip
import json
import os
import pathlib
import select
import signal
import subprocess
import threading
import time
import unittest

from harness import main
from proxy_harness import PATIENCE
from proxy_lake import ORIGIN, LakeProxyTest, event

LARGE_BATCH = 7  # events of 1 MB: one frame of the log, which is written or not


class SpoolTest(LakeProxyTest):
    @staticmethod
    def large_batch(name):
        return gzip.compress(json.dumps([event(f"{name}-{number}", pad="x" * 1_000_000) for number in range(LARGE_BATCH)]).encode(), 1)

    def fill(self, client, max_bytes):
        """Sends large events until they are refused. Returns how many were accepted."""
        accepted = 0
        while True:
            status, headers, content = client.request("POST", "/track", self.large_batch(accepted), {"Origin": ORIGIN})
            if status != 200:
                break
            accepted += LARGE_BATCH
            self.assertLess(accepted * 1_000_000, max_bytes, "it is never full")
        self.assertEqual(status, 503, content)
        self.assertGreater(int(headers["Retry-After"]), 0)
        self.assertEqual(headers["Access-Control-Allow-Origin"], ORIGIN)
        return accepted

    def test_without_a_spool_an_answer_means_delivered(self):
        sandbox = self.sandbox()
        gate = self.gate(sandbox.url)
        running = self.proxy(*self.to_mixpanel(gate.url), "--to", "null:", "--spool", "none", "--respond", "results")
        client = self.client(running)
        sent = [f"i{number}" for number in range(20)]
        for insert_id in sent:
            status, _, content = client.post("/track", event(insert_id))
            self.assertEqual(status, 200, content)
            self.assertEqual(json.loads(content), [{"name": name, "result": {"status": "success"}}
                                                   for name in ("mixpanel", "null:")])
            self.assertEqual(running.destinations()["mixpanel"]["pending"], 0)
        self.assertEqual([one["properties"]["$insert_id"] for one in sandbox.export()], sent)

        gate.shut()
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(self.client(running).post("/track", event("late"))))
        waiting.start()
        self.poll(lambda: running.destinations()["mixpanel"]["pending"] == 1, "nothing waits")
        self.poll(lambda: running.destinations()["null:"]["pending"] == 0, "the other one waits too")
        self.assertEqual(answers, [])
        gate.open(sandbox.url)
        waiting.join(PATIENCE)
        self.assertEqual(answers[0][0], 200)
        self.assertEqual(len(sandbox.export()), len(sent) + 1)
        self.assertFalse((self.state / "spool").exists())

    def test_without_a_spool_a_stop_refuses_what_waits(self):
        running = self.proxy(*self.to_mixpanel(self.gate().url), "--spool", "none")
        answers = []
        waiting = threading.Thread(
            target=lambda: answers.append(self.client(running).post("/track", event("late"), {"Origin": ORIGIN})))
        waiting.start()
        self.poll(lambda: running.destinations()["mixpanel"]["pending"] == 1, "nothing waits")
        self.assertEqual(running.stop(), 3)
        waiting.join(PATIENCE)
        status, headers, _ = answers[0]
        self.assertEqual(status, 503)
        self.assertIn("Retry-After", headers)
        self.assertEqual(headers["Access-Control-Allow-Origin"], ORIGIN)

    def test_without_a_spool_some_things_are_refused(self):
        code, said = self.refused("--to", self.to_lake, "--spool", "none")
        self.assertEqual(code, 2)
        self.assertIn(f"--spool none: {self.lake_name} gets files", said)
        code, said = self.refused("--to", "null:", "--respond", "results")
        self.assertEqual(code, 2)
        self.assertIn("--respond results needs --spool none", said)

    def test_one_process_has_a_spool(self):
        first = self.proxy("--to", self.to_lake)
        code, said = self.refused("--to", self.to_lake)
        self.assertIn(code, (2, 3))
        self.assertIn(f"process {first.process.pid};", said)
        self.assertIn("--spool", said)
        client = self.client(first)
        self.send(client, "before")

        lock = str(self.state / "spool/lock")

        def waits(process):
            for link in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                    if os.readlink(link) == lock:
                        return True
            return False

        second = self.begin_proxy("--to", self.to_lake, "--wait-for-spool")
        third = self.begin_proxy("--to", self.to_lake, "--wait-for-spool")
        for one in (second, third):
            self.poll(lambda: waits(one.process), "it does not try to lock the spool")
        self.assertEqual(third.stop(), 3)  # while it waits
        self.assertEqual(select.select([second.process.stdout], [], [], 0)[0], [])
        self.send(client, "meanwhile")
        self.assertEqual(first.stop(), 3)
        second.wait_until_it_listens()
        self.send(self.client(second), "after")
        self.assertEqual(sorted(self.delivered(second)), ["after", "before", "meanwhile"])
        first = second
        first.stop(signal.SIGKILL)
        self.proxy("--to", self.to_lake)  # a lock ends with its process

    def test_a_torn_end_is_cut_off(self):
        down = self.to_mixpanel(self.gate().url)
        running = self.proxy(*down)
        client = self.client(running)
        for number in range(10):
            self.send(client, f"{number:02}")
        running.stop(signal.SIGKILL)
        [segment] = (self.state / "spool/log").glob("0*.log")
        content = segment.read_bytes()
        last = content.rindex(b'"$insert_id":"09"')
        segment.write_bytes(content[:last])  # not written to the disk in full, as after a power cut
        running, _ = self.start_with_lake("--from-oldest", *down)
        running.wait_until_delivered(self.lake_name)
        self.assertEqual(sorted(self.delivered_to(self.lake)), [f"{number:02}" for number in range(9)])
        running.stop(signal.SIGKILL)

    def test_damage_is_not_taken_for_a_torn_end(self):
        down = self.to_mixpanel(self.gate().url)
        running = self.proxy(*down)
        client = self.client(running)
        for number in range(10):
            self.send(client, f"{number:02}")
        running.stop(signal.SIGKILL)
        [segment] = (self.state / "spool/log").glob("0*.log")
        content = segment.read_bytes()
        self.assertEqual(content.count(b'"$insert_id":"04"'), 1)
        segment.write_bytes(content.replace(b'"$insert_id":"04"', b'"$insert_id":"44"'))
        # All of it was answered with 200: what follows the damage is delivered, and the rest is named and counted.
        running, _ = self.start_with_lake("--from-oldest", *down)
        found = running.wait_until_delivered(self.lake_name)[self.lake_name]
        self.assertEqual(sorted(self.delivered_to(self.lake)), [f"{number:02}" for number in range(10) if number != 4])
        self.assertEqual((found["accepted"], found["rejected"], running.status()["damaged"]), (9, 1, 1))
        self.assertIn(segment.stem, running.messages())
        running.stop(signal.SIGKILL)
        [lost] = self.dead_letters()
        self.assertEqual(lost["code"], "unreadable_row")
        self.assertIn('"$insert_id":"44"', json.dumps(lost).replace("\\", ""))

    def test_a_full_spool_refuses_and_recovers(self):
        sandbox = self.sandbox("--discard")
        gate = self.gate()
        limit = 270_000_000  # about the smallest that is allowed: four segments
        running = self.proxy(*self.to_mixpanel(gate.url), "--spool-max", f"{limit // 1_000_000}MB")
        client = self.client(running)
        accepted = self.fill(client, limit)
        self.assertGreater(accepted * 1_000_000, limit // 2)
        self.assertLessEqual(running.status()["spool_bytes"], limit)
        self.assertEqual(client.request("GET", "/ping")[0], 200)
        self.assertEqual(running.destinations()["mixpanel"]["pending"], accepted)
        gate.open(sandbox.url)
        batch = self.large_batch("again")
        self.poll(lambda: client.request("POST", "/track", batch)[0] == 200, "it does not recover")
        accepted += LARGE_BATCH
        found = running.wait_until_delivered()
        self.assertEqual((found["mixpanel"]["accepted"], found["mixpanel"]["rejected"]), (accepted, 0))
        self.assertGreaterEqual(sandbox.stats()["received"], accepted)
        self.assertLess(running.status()["spool_bytes"], 128 << 20)

    def test_a_proxy_starts_with_a_full_spool(self):
        sandbox = self.sandbox("--discard")
        gate = self.gate()
        arguments = [*self.to_mixpanel(gate.url), "--spool-max", "270MB"]
        running = self.proxy(*arguments)
        accepted = self.fill(self.client(running), 270_000_000)
        for how in (signal.SIGTERM, signal.SIGKILL):
            running.stop(how)
            running = self.proxy(*arguments)
            self.assertEqual(running.destinations()["mixpanel"]["pending"], accepted)
        client = self.client(running)
        self.assertEqual(client.request("POST", "/track", self.large_batch("refused"))[0], 503)
        gate.open(sandbox.url)
        self.poll(lambda: client.request("POST", "/track", self.large_batch("again"))[0] == 200, "it does not recover")
        self.assertEqual(running.wait_until_delivered()["mixpanel"]["accepted"], accepted + LARGE_BATCH)

    def test_restarts_do_not_fill_the_spool(self):
        sandbox = self.sandbox()
        gate = self.gate()
        for number in range(8):
            running = self.proxy(*self.to_mixpanel(gate.url), "--spool-max", "270MB")
            self.send(self.client(running), str(number))
            if number == 7:
                gate.open(sandbox.url)
                self.assertEqual(running.wait_until_delivered()["mixpanel"]["accepted"], 8)
            running.stop(signal.SIGKILL)

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small file system")
    def test_a_full_disk_refuses_and_recovers(self):
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", disk], capture_output=True).returncode:
            self.skipTest("a file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(disk)], check=True)
        running, client = self.start_with_lake("--spool", disk / "spool")
        self.send(client, "before")
        running.wait_until_delivered()
        filler = open(disk / "filler", "wb", buffering=0)
        self.addCleanup(filler.close)

        def take_all():
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError:
                    pass

        take_all()
        accepted = 0
        deadline = time.monotonic() + PATIENCE
        while True:
            status, headers, content = client.request("POST", "/track", self.large_batch(accepted))
            if status != 200:
                break
            accepted += LARGE_BATCH
            take_all()
            self.assertLess(time.monotonic(), deadline, "it is never full")
        self.assertEqual((status, "Retry-After" in headers), (503, True), content)
        self.assertIsNone(running.process.poll())
        filler.truncate(0)
        filler.seek(0)
        self.poll(lambda: client.post("/track", event("after"))[0] == 200, "it does not recover")
        filler.close()
        os.unlink(disk / "filler")
        found = self.delivered(running)
        names = sorted(["before", "after", *(f"{start}-{number}" for start in range(0, accepted, LARGE_BATCH)
                                             for number in range(LARGE_BATCH))])
        self.assertEqual(sorted(found), names)
        self.assertEqual(running.stop(), 3)


if __name__ == "__main__":
    main()
