"""A stand-in for the program, whose first lines a test writes: it prints what it was called with."""

import pathlib
import stat
import sys

PROGRAM = """#!{python} -I
import json, os, signal, sys, time
record, report, code, log, wait = {record!r}, {report!r}, {code!r}, {log!r}, {wait!r}
names = ("MIXPANEL_", "PG", "MILLRACE_GOOGLE_", "AWS_", "SNOWFLAKE_", "GOOGLE_", "AIRFLOW")
with open(record, "a") as file:
    env = {{k: v for k, v in os.environ.items() if k.startswith(names) and k != "AWS_CA_BUNDLE"}}
    file.write(json.dumps({{"argv": sys.argv[1:], "env": env}}) + "\\n")
for line in log:
    print(line, file=sys.stderr, flush=True)
end = time.monotonic() + 600
while wait and not os.path.exists(wait) and time.monotonic() < end:
    time.sleep(0.05)
if report is not None:
    print(json.dumps(report))
sys.exit(code)
"""

REPORT = {
    "success": True,
    "windows": 1,
    "windows_skipped": 0,
    "read": 5,
    "accepted": 3,
    "rejected": 0,
    "filtered": 2,
    "pending": 0,
    "first_error": None,
    "destinations": [],
}


class FakeMillrace:
    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "millrace"
        self.record = pathlib.Path(folder) / "calls"
        self.set()

    def set(self, report=REPORT, code=0, log=("retrieved: 5 records",), wait=None):  # noqa: B006
        # pylint: disable=dangerous-default-value
        # `wait`: the program waits until this file exists.
        # Replaced, not written to: a running program is busy.
        part = self.path.with_suffix(".part")
        part.write_text(
            PROGRAM.format(
                python=sys.executable, record=str(self.record), report=report, code=code, log=list(log), wait=wait
            )
        )
        part.chmod(part.stat().st_mode | stat.S_IXUSR)
        part.replace(self.path)

    def calls(self):
        import json

        return [json.loads(line) for line in self.record.read_text().splitlines()] if self.record.exists() else []
