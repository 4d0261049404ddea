"""Shared by tests that import generated events into lakes and read them back with DuckDB."""
import duck
from generated_events import IDS, PROPERTIES, TABLE_ROW, GeneratedEventsTest
from harness import FAST_RETRY

TABLE = {"event": "VARCHAR", "event_time": "TIMESTAMPTZ", "distinct_id": "VARCHAR", "user_id": "VARCHAR",
         "device_id": "VARCHAR", "insert_id": "VARCHAR"}


def download(server, prefix, folder):
    """Copies the objects of a bucket below the prefix to a folder."""
    for key, content in server.objects(prefix).items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class LakeImportTest(GeneratedEventsTest):
    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"

    def environment(self):
        return super().environment() | {"AWS_EC2_METADATA_DISABLED": "true"}

    def command(self, folder, to, *more):
        return ["import", folder, "--config", folder / "sources.json", "--to", to, *FAST_RETRY, *more]

    def load(self, folder, to, *more, expect=0, **options):
        report = self.run_json(*self.command(folder, to, *more), expect=expect, **options)
        self.assert_adds_up(report)
        return report

    def assert_rows(self, folder, lake, kind):
        """The data files of `lake` have each event of `folder` once, and nothing else."""
        glob = f"{lake}/**/*.{kind}"
        if kind == "parquet":
            actual = f"SELECT {TABLE_ROW} FROM read_parquet('{glob}', hive_partitioning=false)"
        else:
            actual = (f"SELECT {IDS}, {', '.join(PROPERTIES)} FROM read_json('{glob}', format='newline_delimited', "
                      f"columns={TABLE | PROPERTIES}, hive_partitioning=false)")
        self.assert_same_rows(self.expected_rows(folder), actual)

    def stray(self, lake):
        """Files that are neither data of a commit nor its manifest, but for manifests that were never finished."""
        commits = {path.stem for path in lake.glob("*/_millrace/commits/*.json")}
        return [path for path in lake.rglob("*") if path.is_file() and not path.match("commits/.millrace-*") and path.name.split("-")[0].split(".")[0] not in commits]
