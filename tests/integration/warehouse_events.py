"""Shared by tests that import generated events into a database."""
import json
import subprocess

from generated_events import GeneratedEventsTest
from harness import FAST_RETRY

PATIENCE = 120  # seconds that anything may take on a busy machine


class WarehouseEventsTest(GeneratedEventsTest):
    """`to` is the DEST."""

    to = None

    def command(self, folder, *more):
        return ["import", folder, "--config", folder / "sources.json", "--to", self.to, *FAST_RETRY, *more]

    def load(self, folder, *more, expect=0, **options):
        """The report of an import, which adds up."""
        report = self.run_json(*self.command(folder, *more), expect=expect, **options)
        self.assert_adds_up(report)
        return report

    def finish(self, process, expect):
        """The report of an import that was started with --json, and what it wrote to stderr."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail(f"the import does not end: {process.communicate()[1][-3000:]}")
        self.assertEqual(process.returncode, expect, f"{out}\n{err[-3000:]}")
        report = json.loads(out)
        self.assert_adds_up(report)
        return report, err
