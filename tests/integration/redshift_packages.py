"""Amazon's client and that of PostgreSQL, as `tools/setup.sh --tests` installs them."""
import importlib
import sys

import duck

FOLDER = duck.CACHE / "boto3-1.44.8"


def available():
    """True, and the packages can be imported, if they are installed for this Python."""
    if not FOLDER.is_dir():
        return False
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    try:
        importlib.import_module("psycopg2")
        importlib.import_module("boto3")
    except ImportError:
        return False
    return True
