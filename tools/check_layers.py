#!/usr/bin/env python3
"""Checks the #include lines of src/ against the layer table, the DEPS of millrace_library() in src/CMakeLists.txt.

A module is a folder of that table. It may include itself and, transitively, its DEPS. The check fails on an include
that the table forbids, a cycle in the table, a DEPS entry that no file of the module needs, and a third-party header
outside the .cc files of the modules that own it.
"""
import argparse
import graphlib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

# Prefix of a third-party header -> the folders whose .cc files may include it.
OWNERS = {
    "arrow/": {"io", "formats"},
    "parquet/": {"formats"},
    "simdjson": {"connectors/mixpanel", "formats", "mapping", "plan", "sandbox"},
    "boost/": {"net"},
    "curl/": {"net"},
    "pugixml": {"stores"},
    "grpc/": {"connectors/bigquery", "connectors/pubsub", "grpc_client"},
    "grpcpp/": {"connectors/bigquery", "connectors/pubsub", "grpc_client"},
    "google/protobuf/": {"connectors/bigquery", "connectors/pubsub"},
    "CLI/": {"cli"},
    "JavaScriptCore/": {"script"},
    "libpq": {"postgres_client"},
    "sqlite3": {"connectors/sqlite", "sandbox"},
    "isa-l": {"io", "record_log"},
    "zstd": {"io"},
    "prometheus/": {"base"},
    "xxhash": {"base"},
}


def read_table():
    text = (SRC / "CMakeLists.txt").read_text()
    table = {}
    for body in re.findall(r"millrace_library\(([^)]*)\)", text):
        words = body.split()
        deps, inside = [], False
        for word in words[1:]:
            if word in ("DEPS", "PRIVATE"):
                inside = word == "DEPS"
            elif inside:
                deps.append(word)
        table[words[0]] = deps
    return table


def closure(table, folder, seen=None):
    seen = set() if seen is None else seen
    for dep in table[folder]:
        if dep not in table:
            sys.exit(f"src/CMakeLists.txt: {folder} depends on unknown folder {dep}")
        if dep not in seen:
            seen.add(dep)
            closure(table, dep, seen)
    return seen


def folder_of(path, table):
    parts = path.parts
    for length in range(len(parts) - 1, 0, -1):
        folder = "/".join(parts[:length])
        if folder in table:
            return folder
    return None


def includes(path):
    """Yields (line number, quoted or not, header) of each #include."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if match:
            yield number, match[1] == '"', match[2]


def check_table(table, used, used_by_tests):
    try:
        graphlib.TopologicalSorter(table).prepare()
    except graphlib.CycleError as error:
        yield f"src/CMakeLists.txt: a cycle: {' -> '.join(reversed(error.args[1]))}"
    for folder, deps in table.items():
        for dep in deps:
            if dep not in used[folder] | used_by_tests[folder]:
                yield f"src/CMakeLists.txt: no file of {folder} includes a header of {dep}; remove it from its DEPS"


def print_arrows(table, used, used_by_tests):
    for folder in table:
        line = " ".join([folder, "->", *(f for f in table if f in used[folder])])
        tests = [f for f in table if f in used_by_tests[folder] - used[folder]]
        print(line + (f"  (tests only: {' '.join(tests)})" if tests else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", dest="arrows",
                        help="print what each module includes, in the order of the table, and check nothing")
    arrows = parser.parse_args().arrows

    table = read_table()
    problems = []
    used = {folder: set() for folder in table}  # by the module's headers and sources
    used_by_tests = {folder: set() for folder in table}
    for path in sorted([*SRC.rglob("*.h"), *SRC.rglob("*.cc")]):
        relative = path.relative_to(SRC)
        folder = folder_of(relative, table)
        if folder is None:
            problems.append(f"src/{relative}: no millrace_library() in src/CMakeLists.txt has this folder")
            continue
        allowed = closure(table, folder) | {folder}
        is_test = relative.name.endswith("_test.cc") or "testing" in relative.parts
        for number, quoted, name in includes(path):
            where = f"src/{relative}:{number}"
            target = folder_of(pathlib.Path(name), table) if quoted else None
            if target not in (None, folder):
                (used_by_tests if is_test else used)[folder].add(target)
                if target not in allowed:
                    problems.append(f"{where}: {folder} must not include {name} (layer {target})")
            for prefix, owners in OWNERS.items():
                if name.startswith(prefix) and not is_test:
                    if folder not in owners:
                        problems.append(f"{where}: <{name}> belongs to {', '.join(sorted(owners))}")
                    elif relative.suffix == ".h" and not relative.stem.endswith("_internal"):
                        problems.append(f"{where}: <{name}> belongs in a .cc or *_internal.h file")
    if arrows:
        print_arrows(table, used, used_by_tests)
        return 0
    problems += check_table(table, used, used_by_tests)
    print("\n".join(problems) if problems else f"{len(table)} modules keep to their layers")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
