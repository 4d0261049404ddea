#!/usr/bin/env python3
"""Runs clang-tidy over the project's sources, in parallel, and remembers clean files by content.

    tools/tidy.py BUILD_FOLDER [--analyzer]

A file is skipped when it, the project headers that it includes, its compile command and .clang-tidy are as they were
when it was clean, in this checkout or another of this user. Sources are parsed without the precompiled headers, so a
source that does not include what it uses is found too.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.M)
ANALYZER = "clang-analyzer-core.*,clang-analyzer-cplusplus.*,-clang-analyzer-cplusplus.NewDeleteLeaks"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "millrace/tidy"


def without_precompiled(command):
    """The compile command as clang takes it, without the precompiled headers."""
    command = re.sub(r"-include \S*cmake_pch\.hxx\b", "", command)
    for option in ("-Winvalid-pch", "-fpch-preprocess", "-Wno-restrict"):
        command = command.replace(option, "")
    return command


class Inputs:
    """Digests of what a source is made of."""

    def __init__(self, build):
        self.build = build
        self.known = {}

    def includes(self, path):
        if path not in self.known:
            text = path.read_bytes()
            found = [ROOT / "src" / name.decode() for name in INCLUDE.findall(text)]
            self.known[path] = (hashlib.sha256(text).digest(), [file for file in found if file.exists()])
        return self.known[path]

    def digest(self, source, command, checks):
        seen, todo = {}, [source]
        while todo:
            path = todo.pop()
            if path not in seen:
                seen[path], headers = self.includes(path)
                todo += headers
        digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
        digest.update((checks + command.replace(str(ROOT), "")).encode())
        for path in sorted(seen):
            digest.update(str(path.relative_to(ROOT)).encode() + seen[path])
        return digest.hexdigest()


def main():
    build = ROOT / sys.argv[1]
    checks = ANALYZER if "--analyzer" in sys.argv else ""
    CACHE.mkdir(parents=True, exist_ok=True)
    inputs, commands, work = Inputs(build), [], []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        if ROOT / "src" not in source.parents or source.name.endswith("_test.cc"):
            continue
        entry["command"] = without_precompiled(entry["command"])
        commands.append(entry)
        stamp = CACHE / inputs.digest(source, entry["command"], checks)
        if not stamp.exists():
            work.append((source, stamp))
    database = build / "tidy"
    database.mkdir(exist_ok=True)
    (database / "compile_commands.json").write_text(json.dumps(commands))

    def run(item):
        source, stamp = item
        command = ["clang-tidy-14", "-p", str(database), "--quiet", f"--checks={checks}",
                   "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-unused-command-line-argument",
                   str(source)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            stamp.touch()
        return result

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(run, work):
            if result.returncode != 0:
                failed += 1
                print(result.stdout, result.stderr, flush=True)
    print(f"clang-tidy: {len(commands)} files, {len(work)} of them changed, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
