"""Where tests let Millrace write Iceberg tables, and how other readers find them there: a folder on disk, a bucket of
cloud_servers.py, a REST catalog."""
import os
import pathlib
import re

import duck_iceberg
import packages
from iceberg_tables import catalog_of

if packages.available():
    from pyiceberg.table import StaticTable

UNAVAILABLE = "" if packages.available() and duck_iceberg.available() else "pyiceberg or DuckDB is not installed"
NAMESPACE = "analytics"


def version_of(key):
    """The number of a metadata file of a table in a folder, else 0."""
    found = re.fullmatch(r"(?:.*/)?metadata/v(\d+)\.metadata\.json", key)
    return int(found[1]) if found else 0


def files_below(folder):
    """Their relative paths, also while a program creates and removes some."""
    return sorted(os.path.relpath(os.path.join(parent, name), folder) for parent, _, names in os.walk(folder) for name in names)


class DiskTables:
    """Tables in a folder; each is in the folder of its name."""
    variables = {}  # of Millrace's environment
    properties = {}  # of pyiceberg
    setup = []  # statements of duck_iceberg

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = str(self.folder)

    def to(self, query=""):
        """The DEST."""
        return f"iceberg:{self.root}/{'?' * bool(query)}{query}"

    def keys(self, name="events"):
        """The files of a table, relative to its folder; also while they are written."""
        return files_below(self.folder / name)

    def path(self, uri):
        """The file on this disk."""
        return pathlib.Path(uri)

    def write(self, key, content):
        """Writes a file as another program may."""
        (self.folder / key).write_bytes(content)

    def version(self, name="events"):
        """The newest one, which is 0 until there is a table."""
        return max((version_of(str(path)) for path in self.folder.glob(f"{name}/metadata/v*")), default=0)

    def hint(self, name="events"):
        return int(self.path(f"{self.root}/{name}/metadata/version-hint.text").read_text())

    def table(self, name="events"):
        """pyiceberg's table of the newest version."""
        return StaticTable.from_metadata(f"{self.root}/{name}/metadata/v{self.version(name)}.metadata.json", self.properties)

    def scan(self, name="events"):
        """The table as an expression of duck_iceberg."""
        return f"iceberg_scan('{self.root}/{name}')"


class S3Tables(DiskTables):
    """Tables in the bucket of a VersityGateway, whose objects are files."""

    def __init__(self, server, prefix):
        super().__init__(server.folder / "data/test-bucket" / prefix)
        self.server, self.prefix = server, prefix
        self.root = f"{server.root}{prefix}"
        self.variables = server.variables()
        self.properties = catalog_of(server)
        self.setup = [f"CREATE SECRET (TYPE s3, KEY_ID 'test-key', SECRET 'test-secret', REGION 'us-east-1', URL_STYLE 'path', "
                      f"USE_SSL false, ENDPOINT '127.0.0.1:{server.port}')"]

    def write(self, key, content):
        self.server.put(f"{self.prefix}/{key}", content)

    def path(self, uri):
        return self.server.folder / "data/test-bucket" / uri.removeprefix(self.server.root)


class GcsTables(DiskTables):
    """Tables in the bucket of a FakeGcs; download() copies one to `folder`, for readers of files."""

    def __init__(self, server, prefix, folder):
        super().__init__(folder)
        self.server, self.prefix = server, prefix
        self.root = f"{server.root}{prefix}"
        self.variables = server.variables()
        self.properties = catalog_of(server)

    def keys(self, name="events"):
        folder = f"{self.prefix}/{name}/"
        return sorted(key.removeprefix(folder) for key in self.server.keys(folder))

    def version(self, name="events"):
        return max(map(version_of, self.server.keys(f"{self.prefix}/{name}/metadata/v")), default=0)

    def hint(self, name="events"):
        return int(self.server.objects(f"{self.prefix}/{name}/metadata/version-hint.text").popitem()[1])

    def download(self, name="events"):
        for key, content in self.server.objects(f"{self.prefix}/{name}/").items():
            path = self.folder / key.removeprefix(f"{self.prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def path(self, uri):
        return self.folder / uri.removeprefix(f"{self.root}/")

    def scan(self, name="events"):
        # DuckDB reads Google's buckets by S3's protocol, which this server does not have.
        return f"iceberg_scan('{self.folder}/{name}', allow_moved_paths = true)"


class CatalogTables:
    """Tables in a RestCatalog whose warehouse is on disk."""

    def __init__(self, catalog, url=None):
        self.catalog = catalog
        self.url = url or catalog.url  # that of a proxy
        self.variables = {"ICEBERG_REST_CREDENTIAL": catalog.credential} if catalog.credential else {}
        self.setup = duck_iceberg.attach(catalog.url, "w", catalog.credential)

    def to(self, query=""):
        return f"iceberg:{self.url}?namespace={NAMESPACE}&warehouse=w{'&' * bool(query)}{query}"

    def keys(self, name="events"):
        return files_below(self.path(self.table(name).location()))

    def path(self, uri):
        return pathlib.Path(uri.removeprefix("file://"))

    def table(self, name="events"):
        return self.catalog.load(NAMESPACE, name)

    def scan(self, name="events"):
        return f"lake.{NAMESPACE}.{name}"
