#!/usr/bin/env python3
"""Runs clang-tidy over the project's sources, in parallel, and remembers clean files by content.

A file is skipped when it, every project header and .clang-tidy are as they were when it was clean.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    build = ROOT / sys.argv[1]
    commands = json.loads((build / "compile_commands.json").read_text())
    headers = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for header in sorted((ROOT / "src").rglob("*.h")):
        headers.update(header.read_bytes())
    stamps = build / "tidy"
    stamps.mkdir(exist_ok=True)

    work = []
    for entry in commands:
        source = pathlib.Path(entry["file"])
        if ROOT / "src" not in source.parents or source.name.endswith("_test.cc"):
            continue
        digest = hashlib.sha256(headers.digest() + source.read_bytes()).hexdigest()
        if not (stamps / digest).exists():
            work.append((source, stamps / digest))

    def run(item):
        source, stamp = item
        command = ["clang-tidy-14", "-p", str(build), "--quiet", "--extra-arg=-Wno-unknown-warning-option",
                   "--extra-arg=-Wno-unused-command-line-argument", str(source)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            stamp.touch()
        return result

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(run, work):
            if result.returncode != 0:
                failed += 1
                print(result.stdout, result.stderr)
    print(f"clang-tidy: {len(work)} files looked at, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
