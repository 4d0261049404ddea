"""Reads a page of metrics with Prometheus' own parser (Debian package `python3-prometheus-client`)."""
import json
import subprocess
import sys
import unittest

PYTHONS = [sys.executable, "/usr/bin/python3"]
PARSE = """
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps({f.name: [f.type, [[s.name, s.labels, s.value] for s in f.samples]]
                  for f in text_string_to_metric_families(sys.stdin.read())}))
"""


def parse(text):
    """{family: [type, [[sample, labels, value], ...]]}; the family of a counter has no "_total". Skips the test if the
    parser is not installed."""
    for python in PYTHONS:
        parsed = subprocess.run([python, "-c", PARSE], input=text, capture_output=True, text=True, check=False)
        if parsed.returncode == 0:
            return json.loads(parsed.stdout)
        if "No module named" not in parsed.stderr:
            raise AssertionError(f"Prometheus' parser refuses the page: {parsed.stderr}\n{text}")
    raise unittest.SkipTest("python3-prometheus-client is not installed")


def samples_of(families):
    """{(sample, ((label, value), ...)): value}, with sorted labels."""
    return {(name, tuple(sorted(labels.items()))): value
            for _, family in families.values() for name, labels, value in family}
