#!/usr/bin/env python3
"""Fails on an #include that the layer table forbids.

The table is the DEPS of millrace_library() in src/CMakeLists.txt: a folder may include itself and,
transitively, its DEPS. Third-party headers that one folder owns stay in that folder's .cc files.
"""
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
    "grpc": {"connectors/pubsub"},
    "google/protobuf/": {"connectors/pubsub"},
    "CLI/": {"cli"},
    "JavaScriptCore/": {"mapping"},
    "libpq": {"connectors/postgres"},
    "sqlite3": {"connectors/sqlite", "sandbox"},
    "isa-l": {"io"},
    "zstd": {"io"},
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


def main():
    table = read_table()
    problems = []
    for path in sorted([*SRC.rglob("*.h"), *SRC.rglob("*.cc")]):
        relative = path.relative_to(SRC)
        folder = folder_of(relative, table)
        if folder is None:
            problems.append(f"src/{relative}: no millrace_library() in src/CMakeLists.txt has this folder")
            continue
        allowed = closure(table, folder) | {folder}
        is_test = relative.name.endswith("_test.cc") or "testing" in relative.parts
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if not match:
                continue
            quote, name = match.groups()
            where = f"src/{relative}:{number}"
            target = folder_of(pathlib.Path(name), table) if quote == '"' else None
            if target is not None and target not in allowed:
                problems.append(f"{where}: {folder} must not include {name} (layer {target})")
            for prefix, owners in OWNERS.items():
                if name.startswith(prefix) and not is_test:
                    if folder not in owners:
                        problems.append(f"{where}: <{name}> belongs to {', '.join(sorted(owners))}")
                    elif relative.suffix == ".h" and not relative.stem.endswith("_internal"):
                        problems.append(f"{where}: <{name}> belongs in a .cc or *_internal.h file")
    print("\n".join(problems) if problems else f"{len(table)} folders keep to their layers")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
