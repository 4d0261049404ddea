#!/usr/bin/env python3
"""Runs tests in an installed Airflow, in a home folder of their own: airflow_test.py [--airflow VERSION] KIND|FILE...

KIND is smoke, unit, functional or end_to_end. Exits with 77 if this Airflow is not installed (tools/setup.sh --airflow).
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parents[1]
SKIPPED = 77
KINDS = {
    "smoke": ["test_smoke.py"],
    "unit": ["test_process.py", "test_provider.py", "test_deployment.py"],
    "functional": ["test_dags.py"],
    "end_to_end": ["test_dags_test.py", "test_scheduled.py"],
}


def environment(python: pathlib.Path, home: str) -> dict[str, str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MIXPANEL"))}
    return {
        **keep,
        "AIRFLOW_HOME": home,
        "PATH": f"{python.parent}:{keep['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent, ROOT / "tests/e2e", ROOT / "tests/integration"))),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SCARF_ANALYTICS": "false",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--airflow", default="3.3.2", metavar="VERSION")
    parser.add_argument("tests", nargs="+", metavar="KIND|FILE")
    options, more = parser.parse_known_args()
    cache = subprocess.run([ROOT / "tools/cache_folder.sh"], check=True, capture_output=True, text=True).stdout.strip()
    python = pathlib.Path(cache) / f"deps/airflow-{options.airflow}/bin/python"
    if not (python.parents[1] / "requirements.txt").is_file():
        print(f"skipped: Airflow {options.airflow} is not installed (tools/setup.sh --airflow)")
        return SKIPPED
    worst = 0
    for name in (name for test in options.tests for name in KINDS.get(test, [test])):
        home = tempfile.mkdtemp(prefix="millrace-airflow-home-")
        try:
            process = subprocess.Popen([python, TESTS / name, "-v", *more], env=environment(python, home), cwd=TESTS)
            try:
                code = process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                code = process.wait()
        finally:
            shutil.rmtree(home, ignore_errors=True)
        worst = worst or code
    return worst


if __name__ == "__main__":
    sys.exit(main())
