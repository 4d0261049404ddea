"""Conditions at the start of a process: closed descriptors, a limit of file sizes, addresses with secrets."""

import os
import resource
import signal
import subprocess
import time

from harness import PROGRAM, MillraceTest, main


def close_standard_descriptors():
    for descriptor in (0, 1, 2):
        os.close(descriptor)


class ProcessTest(MillraceTest):
    def start_closed(self, *args):
        process = subprocess.Popen([PROGRAM, *map(str, args)], env=self.environment(),
                                   preexec_fn=close_standard_descriptors)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def test_no_file_or_connection_becomes_a_standard_descriptor(self):
        process = self.start_closed("sandbox", "--listen", "127.0.0.1:0", "--store", self.folder / "store")
        folder = f"/proc/{process.pid}/fd"

        def links():
            found = {}
            for name in os.listdir(folder):
                try:
                    found[name] = os.readlink(f"{folder}/{name}")
                except FileNotFoundError:  # closed since
                    pass
            return found

        deadline = time.monotonic() + 60
        while not any(link.startswith("socket:") for link in links().values()):
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), deadline)
        for name in ("0", "1", "2"):
            self.assertEqual(links()[name], "/dev/null")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), 3)  # what it printed was lost

    def test_an_import_with_closed_output_is_recorded(self):
        sandbox = self.sandbox()
        good = {"event": "a", "properties": {"time": 1700000000, "distinct_id": "u", "$insert_id": "i"}}
        self.write_ndjson("in.ndjson", [good, {"event": "", "properties": {}}])
        process = self.start_closed("import", self.folder / "in.ndjson", "--mixpanel-url", sandbox.url)
        self.assertEqual(process.wait(120), 3)  # its report was lost
        self.assertEqual(len(sandbox.export()), 1)
        self.assertEqual(len(self.dead_letters()), 1)
        self.assertEqual(self.run_json("status", expect=1)["objects"][0]["state"], "done")

    def test_a_limit_of_file_sizes_is_an_error_and_not_a_signal(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        code, out, err = self.run_program("generate", "events", "--rows", "100000", "--output",
                                          self.folder / "sample", "--format", "ndjson", preexec_fn=limit)
        self.assertEqual((code, out), (3, ""), err)
        self.assertIn("File too large", err)
        self.assertIn("ulimit -f", err)

    def test_a_password_is_in_no_output(self):
        self.write_ndjson("in.ndjson", [{"event": "a", "properties": {"time": 1700000000}}])
        for ledger in ("postgres://user:hush/hush@127.0.0.1:1/d", "postgres://user:hush@127.0.0.1:1/d",
                       "host=127.0.0.1 port=1 user=u password=hush", "password='hush"):
            for verb in ("status", "import", "plan", "reconcile"):
                inputs = () if verb == "status" else (self.folder / "in.ndjson",)
                code, out, err = self.run_program(verb, *inputs, "--json", "--ledger", ledger,
                                                  env={"MIXPANEL_SERVICE_ACCOUNT": "user:secret"})
                self.assertIn(code, (2, 3), err)
                self.assertNotIn("hush", out + err)
        self.assertEqual([path.name for path in self.folder.iterdir() if "host" in path.name or "pass" in path.name],
                         [])


if __name__ == "__main__":
    main()
