"""fakesnow and Snowflake's own clients, as `tools/setup.sh --tests` installs them."""
import importlib
import sys
import warnings

import duck

FOLDERS = [duck.CACHE / "fakesnow-0.12.1", duck.CACHE / "pyarrow-26.0.1"]


def available():
    """True, and the packages can be imported, if they are installed for this Python."""
    if duck.duckdb is None or not all(folder.is_dir() for folder in FOLDERS):
        return False
    sys.path[:0] = [str(folder) for folder in FOLDERS if str(folder) not in sys.path]
    sys.modules.pop("typing_extensions", None)  # that of the interpreter may be too old
    warnings.filterwarnings("ignore", module="fakesnow")
    try:
        importlib.import_module("fakesnow.instance")
        importlib.import_module("cryptography")
    except ImportError:
        return False
    return True
