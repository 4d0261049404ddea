"""Shared by tests of imports from Iceberg tables that pyiceberg writes."""
import collections
import datetime
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import packages
from iceberg_tables import COLUMNS, IcebergTablesTest

if packages.available():
    import pyarrow as pa
    from pyiceberg.manifest import DataFileContent
    from pyiceberg.typedef import Record

POSITION_IDS = [2147483546, 2147483545]  # field ids of the columns of position delete files


def millis(time):
    return (time.replace(tzinfo=datetime.timezone.utc) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
            ) // datetime.timedelta(milliseconds=1)


class ImportIcebergBase(IcebergTablesTest):
    def config_for(self, table, **more):
        names = dict(zip(COLUMNS, [field.name for field in table.schema().fields]))
        entry = {"config_id": "trips", "source_prefix": f"iceberg:{self.location(table)}", "mixpanel_event_name": "trip",
                 "field_mappings": [
                     {"source_field": names["user_id"], "mixpanel_field": "distinct_id", "type": "string"},
                     {"source_field": names["trip_start_time"], "mixpanel_field": "time", "type": "unix_timestamp_auto"},
                     *({"source_field": names[column], "mixpanel_field": column} for column in COLUMNS[2:])]}
        return self.write_config(entry | more, name="config.json")

    def load(self, sandbox, table, *args, config=None, **options):
        place = table if isinstance(table, (str, pathlib.Path)) else self.location(table)
        return self.import_json(sandbox, f"iceberg:{place}", "--config", config or self.config_for(table), *args, **options)

    def arrived(self, sandbox):
        """The multiset of the trips that arrived."""
        return collections.Counter(
            (event["properties"]["distinct_id"], event["properties"]["time"],
             *(event["properties"].get(column) for column in COLUMNS[3:])) for event in sandbox.export())

    def trips(self, data):
        """The same of rows, or of a pyiceberg scan."""
        rows = data if isinstance(data, list) else data.to_arrow().rename_columns(COLUMNS).to_pylist()
        return collections.Counter((row["user_id"], millis(row["trip_start_time"]),
                                    *(row[column] for column in COLUMNS[3:])) for row in rows)

    def files(self, table):
        return sorted(task.file.file_path for task in table.scan().plan_files())

    def delete_positions(self, table, path, rows, name):
        deletes = pa.table({"file_path": [path] * len(rows), "pos": pa.array(rows, pa.int64())})
        return self.commit_deletes(table, DataFileContent.POSITION_DELETES, deletes, name, Record(), POSITION_IDS)
