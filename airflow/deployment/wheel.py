#!/usr/bin/env python3
"""Builds the wheel of the provider, byte by byte the same for the same sources: wheel.py FOLDER

A wheel is a zip file; with the standard library alone it can be built on every machine that deploys. pyproject.toml
has the metadata for other builders.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = "airflow_provider_millrace"


def version() -> str:
    text = (ROOT / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def _section(text: str, name: str) -> list[str]:
    """The `key = "value"` lines of a table of pyproject.toml."""
    table = text.partition(f"[{name}]\n")[2].partition("\n[")[0]
    return [line for line in table.splitlines() if line]


def files() -> dict[str, bytes]:
    """Of the wheel, by their names, without RECORD."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = {str(path.relative_to(ROOT)): path.read_bytes() for path in sorted((ROOT / PACKAGE).rglob("*.py"))}
    info = f"{PACKAGE}-{version()}.dist-info"
    field = {
        key: re.search(rf'^{key} = "(.+)"$', project, re.MULTILINE)[1]
        for key in ("name", "description", "requires-python")
    }
    requires = re.findall(r'"([^"]+)"', re.search(r"^dependencies = \[(.*)\]$", project, re.MULTILINE)[1])
    extras = [
        (line.partition(" = ")[0], re.findall(r'"([^"]+)"', line))
        for line in _section(project, "project.optional-dependencies")
    ]
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {field['name']}",
        f"Version: {version()}",
        f"Summary: {field['description']}",
        f"Requires-Python: {field['requires-python']}",
        "Description-Content-Type: text/markdown",
        *(f"Requires-Dist: {one}" for one in requires),
    ]
    for extra, needs in extras:
        metadata += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {one}; extra == "{extra}"' for one in needs)]
    entries = []
    for group in re.findall(r"^\[project\.entry-points\.(.+)\]$", project, re.MULTILINE):
        entries += [
            f"[{group.strip(chr(34))}]",
            *(line.replace('"', "") for line in _section(project, f"project.entry-points.{group}")),
            "",
        ]
    found[f"{info}/METADATA"] = (
        "\n".join(metadata) + "\n\n" + (ROOT / "README.md").read_text(encoding="utf-8")
    ).encode()
    found[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: millrace\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    found[f"{info}/entry_points.txt"] = "\n".join(entries).encode()
    found[f"{info}/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    return found


def record(contents: dict[str, bytes]) -> tuple[str, bytes]:
    """RECORD, and its name."""
    name = f"{PACKAGE}-{version()}.dist-info/RECORD"
    lines = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for path, data in contents.items()
    ]
    return name, ("\n".join([*lines, f"{name},,"]) + "\n").encode()


def build(folder: pathlib.Path) -> pathlib.Path:
    """The path of the wheel in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PACKAGE}-{version()}-py3-none-any.whl"
    contents = files()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in [*contents.items(), record(contents)]:
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
    return path


# Airflow imports every file of the plugins folder as a plugin of its own, unless it is ignored. This name means the same
# as a regular expression (Airflow 2) and as a glob (Airflow 3).
IGNORE = "airflow_provider_millrace\n"
PLUGIN = "millrace_plugin.py"
PLUGIN_TEXT = """# Airflow finds the status page of Millrace by this file.
from airflow_provider_millrace.status_page.plugin import MillraceStatusPlugin  # noqa: F401
"""


def unpack(folder: pathlib.Path) -> list[str]:
    """Writes the provider as a plugins folder has it: the package, its metadata, by which Airflow finds it as if it were
    installed, a file for the plugin, and .airflowignore. Returns the names at the top of it."""
    contents = files()
    entries = f"{PACKAGE}-{version()}.dist-info/entry_points.txt"
    contents[entries] = contents[entries].partition(b"\n[airflow.plugins]")[0]  # the file says it; not twice
    contents[PLUGIN] = PLUGIN_TEXT.encode()
    name, data = record(contents)
    for path, content in [*contents.items(), (name, data)]:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    ignore = folder / ".airflowignore"
    known = ignore.read_text(encoding="utf-8") if ignore.exists() else ""
    if IGNORE not in known:
        ignore.write_text(f"{known}{IGNORE}", encoding="utf-8")
    return sorted({path.partition("/")[0] for path in contents} | {".airflowignore"})


if __name__ == "__main__":
    print(build(pathlib.Path(sys.argv[1])))
