"""OpenLineage datasets of a run. Its packages are imported only if Airflow asks for lineage."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_millrace.assets import asset_uri

PORTS = {"postgres": 5432, "redshift": 5439}


def dataset_name(dest: str, stream: str) -> tuple[str, str]:
    """The namespace and the name of a DEST by OpenLineage's rules; for a kind that has none, those of its asset."""
    url = urlsplit(dest)
    options = parse_qs(url.query)
    table = (options.get(stream) or (options.get("table") if stream == "events" else None) or [stream])[0]
    path = unquote(url.path).strip("/")
    if url.scheme in ("postgres", "postgresql") and url.hostname:
        schema = (options.get("schema") or ["public"])[0]
        qualified = table if "." in table else f"{schema}.{table}"
        return f"postgres://{url.hostname}:{url.port or PORTS['postgres']}", f"{path}.{qualified}"
    if url.scheme == "bigquery" and url.hostname:
        return "bigquery", f"{url.netloc}.{path}.{table}"
    if url.scheme == "snowflake" and url.hostname:
        return f"snowflake://{url.netloc}", ".".join([*path.split("/"), table.upper()])
    if url.scheme in ("gs", "s3"):
        return f"{url.scheme}://{url.netloc}", path or "/"
    if not url.scheme and "/" in dest:
        return "file", url.path
    if dest == "mixpanel" or url.scheme == "mixpanel":
        return f"mixpanel://{(options.get('project_id') or [''])[0]}", stream
    namespace, _, name = asset_uri(dest, stream).rpartition("/")
    return namespace, name


def lineage_of(source: tuple[str, str], to: list[str], stream: str, report: dict[str, Any] | None) -> Any:
    """OperatorLineage; None if OpenLineage's provider is not installed. `report`: of a run that has ended."""
    try:
        from airflow.providers.common.compat.openlineage.facet import (
            Dataset,
            OutputDataset,
            OutputStatisticsOutputDatasetFacet,
        )
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    accepted = {one.get("name"): one.get("accepted") for one in (report or {}).get("destinations", [])}
    outputs = []
    for index, dest in enumerate(to):
        namespace, name = dataset_name(dest, stream)
        facets = {}
        if report is not None:
            # Destinations are reported in the order of --to.
            rows = list(accepted.values())[index] if len(accepted) == len(to) else report.get("accepted")
            facets["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=rows)
        outputs.append(OutputDataset(namespace=namespace, name=name, outputFacets=facets))
    return OperatorLineage(inputs=[Dataset(namespace=source[0], name=source[1])], outputs=outputs)
