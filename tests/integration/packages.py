"""pyiceberg, as `tools/setup.sh --tests` installs it, with pyarrow and DuckDB for tests that read what it writes."""
import importlib
import sys

import duck

FOLDERS = [duck.CACHE / "pyiceberg-0.12.0", duck.CACHE / "pyarrow-26.0.1"]


def available():
    """True, and the packages can be imported, if they are installed for this Python."""
    if duck.duckdb is None or not all(folder.is_dir() for folder in FOLDERS):
        return False
    sys.path[:0] = [str(folder) for folder in FOLDERS if str(folder) not in sys.path]
    try:
        importlib.import_module("pyiceberg.catalog.sql")
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        return False
    return True
