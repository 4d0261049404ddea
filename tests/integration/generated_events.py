"""Shared by tests that import generated events and compare what arrives with an independent reader's view of the files."""
import json
import os
import random

import duck
from harness import MillraceTest

# What `millrace generate events` writes: the columns that become properties, and all.
PROPERTIES = {"session_id": "BIGINT", "country": "VARCHAR", "city": "VARCHAR", "os": "VARCHAR",
              "app_version": "VARCHAR", "page_url": "VARCHAR", "amount": "DOUBLE", "is_new": "BOOLEAN",
              "comment": "VARCHAR"}
COLUMNS = {"event_name": "VARCHAR", "business_ts": "VARCHAR", "user_id": "VARCHAR", "device_id": "VARCHAR",
           "insert_id": "VARCHAR"} | PROPERTIES
# How a row is compared: the columns of any form, and the properties; the same of a table whose column `properties` is JSON.
IDS = "event, event_time, distinct_id, user_id, device_id, insert_id"
TABLE_ROW = ", ".join([IDS, *(f"(properties->>'{name}')::{type} AS {name}" for name, type in PROPERTIES.items())])


def source_of(folder):
    """The generated files of a folder, or those of a list, in DuckDB's SQL."""
    paths = folder if isinstance(folder, list) else list(folder.rglob("*"))
    files = [str(path) for path in paths if path.suffix == ".parquet"]
    if files:
        return f"read_parquet({files})"
    files = [str(path) for path in paths if path.name.endswith(".ndjson.gz")]
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

    def expected_rows(self, *folders):
        """A DuckDB connection with the table `expected`: the events of these folders or lists of files, as tables have them."""
        db = duck.connect()
        properties = ", ".join(f"{name}::{type} AS {name}" for name, type in PROPERTIES.items())
        source = " UNION ALL ".join(f"FROM {source_of(folder)}" for folder in folders)
        db.execute(f"""CREATE TABLE expected AS
                       SELECT event_name AS event, date_trunc('milliseconds', business_ts::TIMESTAMPTZ) AS event_time,
                              user_id::VARCHAR AS distinct_id, user_id::VARCHAR AS user_id,
                              device_id::VARCHAR AS device_id, insert_id::VARCHAR AS insert_id, {properties}
                       FROM ({source})""")
        return db

    def assert_same_rows(self, db, actual, who="the reader"):
        """The query gives each row of `expected` once, and nothing else."""
        db.execute(f"CREATE OR REPLACE TEMP TABLE actual AS {actual}")
        [(wanted, found)] = db.execute("SELECT (SELECT count(*) FROM expected), (SELECT count(*) FROM actual)").fetchall()
        self.assertGreater(wanted, 0)
        # Of two multisets of one size, neither has more than the other if one has not.
        [(invented,)] = db.execute("SELECT count(*) FROM (FROM actual EXCEPT ALL FROM expected)").fetchall()
        if (found, invented) != (wanted, 0):
            lost, wrong = [db.execute(f"SELECT columns(*)::VARCHAR FROM (FROM {one} EXCEPT ALL FROM {other}) LIMIT 2").fetchall()
                           for one, other in (("expected", "actual"), ("actual", "expected"))]
            self.fail(f"{who}: {wanted} rows expected, {found} found, {invented} wrong: {wrong}; lost: {lost}")
