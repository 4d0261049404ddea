"""DuckDB's iceberg extension, as `tools/setup.sh --tests` installs it, as a reader of the tables that Millrace writes.

It needs a DuckDB of its own version, so it runs in a process of its own, and its results come back as Parquet files.
"""
import importlib
import json
import pathlib
import subprocess
import sys

EXTENSIONS = ["avro", "httpfs", "iceberg"]  # in an order in which each finds those that it needs


def folder():
    import duck  # not by the process of this one: it loads the other DuckDB
    return duck.CACHE / "duckdb-iceberg-1.5.5"


def available():
    return folder().is_dir()


def query(*statements):
    """The rows of the last statement, as lists of texts, numbers and nulls: select times as text."""
    done = subprocess.run([sys.executable, __file__, str(folder())], input=json.dumps(statements), capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def save(table, path, *setup):
    """Writes all rows of the table, which is an expression of SQL, to a Parquet file."""
    query(*setup, f"COPY (FROM {table}) TO '{path}' (FORMAT parquet)")
    return path


def attach(url, warehouse, credential=None):
    """Attaches a REST catalog as `lake`: lake.NAMESPACE.TABLE."""
    if credential is None:
        return [f"ATTACH '{warehouse}' AS lake (TYPE iceberg, ENDPOINT '{url}', AUTHORIZATION_TYPE 'none')"]
    client, secret = credential.split(":")
    return [f"CREATE SECRET catalog (TYPE iceberg, CLIENT_ID '{client}', CLIENT_SECRET '{secret}', "
            f"OAUTH2_SERVER_URI '{url}/v1/oauth/tokens')",
            f"ATTACH '{warehouse}' AS lake (TYPE iceberg, ENDPOINT '{url}', SECRET catalog)"]


def main():
    sys.path.insert(0, sys.argv[1])
    duckdb = importlib.import_module("duckdb")
    db = duckdb.connect(config={"autoinstall_known_extensions": False})
    for name in EXTENSIONS:
        package = pathlib.Path(importlib.import_module(f"duckdb_extension_{name}").__file__).parent
        db.execute(f"LOAD '{package}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
    db.execute("SET timezone = 'UTC'; SET threads = 2")
    for statement in json.load(sys.stdin):
        db.execute(statement)
    json.dump(db.fetchall(), sys.stdout)


if __name__ == "__main__":
    main()
