#!/usr/bin/env python3
"""Prints "N passed, N failed, N skipped" from a ctest JUnit report; fails if a test did or none ran."""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def main():
    report = pathlib.Path(sys.argv[1])
    if not report.exists():
        print("0 passed, 1 failed")
        return 1
    passed = failed = 0
    skipped = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        status = case.get("status")
        if case.find("skipped") is not None or status in ("notrun", "disabled"):
            skipped.append(case.get("name"))
        elif status == "fail" or case.find("failure") is not None:
            failed += 1
        else:
            passed += 1
    for name in skipped:
        print(f"skipped: {name}")
    print(f"{passed} passed, {failed} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
