"""The asset of a destination: what a finished task has changed."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, unquote

from airflow_provider_millrace.version_compat import Asset


def asset_uri(dest: str, stream: str) -> str:
    """millrace://KIND/PLACE/TABLE for a DEST: postgres://loader@db/analytics?table=clicks and "events" give
    millrace://postgres/db/analytics/clicks. Without users and options, so that they can change."""
    place, _, query = dest.partition("?")
    options = parse_qs(query)
    table = (options.get(stream) or (options.get("table") if stream == "events" else None) or [stream])[0]
    kind, colon, rest = place.partition(":")
    if not colon or "/" in kind:
        kind, rest = ("file", place) if "/" in place else ("name", place)
    rest = re.sub(r"^([a-z0-9]+):/*", r"\1/", rest.lstrip("/"))  # iceberg:gs://bucket
    authority, slash, path = rest.partition("/")
    parts = [authority.rpartition("@")[2], *f"{slash}{path}".split("/"), table]
    return "/".join(["millrace:/", kind or "file", *(quote(unquote(part), safe=":._-") for part in parts if part)])


def asset_of(dest: str, stream: str) -> Asset:
    """For `outlets` of a task, and for `schedule` of the DAG that uses its data."""
    return Asset(asset_uri(dest, stream))
