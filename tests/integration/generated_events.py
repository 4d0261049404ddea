"""Shared by tests that import generated events and compare what arrives with an independent reader's view of the files."""
import json
import os
import random

from harness import MillraceTest

# What `millrace generate events` writes: the columns that become properties, and all.
PROPERTIES = {"session_id": "BIGINT", "country": "VARCHAR", "city": "VARCHAR", "os": "VARCHAR",
              "app_version": "VARCHAR", "page_url": "VARCHAR", "amount": "DOUBLE", "is_new": "BOOLEAN",
              "comment": "VARCHAR"}
COLUMNS = {"event_name": "VARCHAR", "business_ts": "VARCHAR", "user_id": "VARCHAR", "device_id": "VARCHAR",
           "insert_id": "VARCHAR"} | PROPERTIES


def source_of(folder):
    """The generated files of a folder, in DuckDB's SQL."""
    files = [str(path) for path in folder.rglob("*.parquet")]
    if files:
        return f"read_parquet({files})"
    files = [str(path) for path in folder.rglob("*.ndjson.gz")]
    return f"read_json({files}, format='newline_delimited', columns={COLUMNS})"


class GeneratedEventsTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("MILLRACE_TEST_SEED", "1"))
        self.randomness = random.Random(self.seed)

    def events(self, rows, *args):
        """A folder of generated events, whose config fills distinct_id too."""
        folder = self.generate(rows, *args, seed=self.seed)
        config = json.loads((folder / "sources.json").read_text())
        config[0]["field_mappings"].insert(0, {"source_field": "user_id", "mixpanel_field": "distinct_id",
                                               "type": "string"})
        (folder / "sources.json").write_text(json.dumps(config))
        return folder
