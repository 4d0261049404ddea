"""Change data capture of bigquery_front.py, as documented: primary keys of tables, and rows that replace or delete the row
with their key. bqemulator has neither.

Rows are changes if their writer's schema has the field _CHANGE_TYPE. They are applied at once, as a query sees them in a
table without staleness. A table that has got changes refuses UPDATE, DELETE and MERGE.
"""
import re

import bqemulator.api.routes.tables as routes
import grpc
from bigquery_front_tables import COLUMN_TYPES, column_type

MAX_KEY_COLUMNS = 16
KEY_TYPES = {"STRING", "INTEGER", "BOOLEAN", "TIMESTAMP", "DATE", "NUMERIC"}
SEQUENCE = re.compile(r"[0-9A-Fa-f]{1,16}(/[0-9A-Fa-f]{1,16}){0,3}")
STALENESS = re.compile(r"\d+-\d+ \d+ \d+:\d+:\d+")
DML = re.compile(r"\s*(UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
SECTIONS = 4


def place_of(table):
    return table.project_id, table.dataset_id, table.table_id


class Changes:
    def __init__(self, tables):
        self.tables = tables
        self.options = {}  # place -> what bqemulator does not keep of the resource of a table
        self.applied = {}  # (place, creation time) -> {key: sequence number of its last change, also of a deletion}
        describe = routes._table_to_rest
        routes._table_to_rest = lambda table: describe(table) | self.options.get(place_of(table), {})

    # Tables

    def created(self, refusal, project, dataset, resource):
        """Keeps the key of a table that is about to be made."""
        place = (project, dataset, resource.get("tableReference", {}).get("tableId", ""))
        if self.tables.find(*place) is not None:
            return  # which the emulator says
        self.options[place] = {}
        if "maxStaleness" in resource:
            if not STALENESS.fullmatch(resource["maxStaleness"]):
                raise refusal(400, "invalid", f"Invalid interval: {resource['maxStaleness']}")
            self.options[place]["maxStaleness"] = resource["maxStaleness"]
        key = resource.get("tableConstraints", {}).get("primaryKey", {}).get("columns")
        if key is None:
            return
        types = {field["name"]: column_type(field["type"]) for field in resource["schema"]["fields"]}
        if not 0 < len(key) <= MAX_KEY_COLUMNS or any(types.get(name) not in KEY_TYPES for name in key):
            raise refusal(400, "invalid", f"Invalid primary key: {key}")
        self.options[place]["tableConstraints"] = {"primaryKey": {"columns": key}}

    def check_statement(self, refusal, sql):
        """UPDATE, DELETE and MERGE are not for tables with changes."""
        if not DML.match(sql):
            return
        for (_, dataset, table), _ in self.applied:
            if f"{dataset}.{table}" in sql:
                raise refusal(400, "invalidQuery", f"UPDATE, DELETE and MERGE are not supported on {dataset}.{table}, "
                                                   "which is enabled for change data capture")

    def key_of(self, table):
        constraints = self.options.get(place_of(table), {}).get("tableConstraints")
        return constraints["primaryKey"]["columns"] if constraints else None

    # Rows

    def check_writer(self, failure, is_default, table, decoder):
        """Whether rows of this schema are changes."""
        if not decoder.pseudocolumns:
            return False
        code = grpc.StatusCode.INVALID_ARGUMENT
        if not is_default:
            raise failure(code, "change data capture is only supported on the default stream")
        if "_CHANGE_TYPE" not in decoder.pseudocolumns:
            raise failure(code, "_CHANGE_SEQUENCE_NUMBER needs _CHANGE_TYPE")
        key = self.key_of(table)
        if key is None:
            raise failure(code, "change data capture needs a primary key, which the table does not have")
        if missing := set(key) - {column.name for _, column, _ in decoder.columns}:
            raise failure(code, f"the writer schema lacks columns of the primary key: {sorted(missing)}")
        return True

    def read(self, table, decoder, row, cells):
        """(kind, sequence number, key) of a row with these cells. ValueError: the service does not take it."""
        kind, text = decoder.change_of(row)
        if kind not in ("UPSERT", "DELETE"):
            raise ValueError("The given value is not a valid CHANGE_TYPE.")
        sequence = None
        if text is not None:
            if not SEQUENCE.fullmatch(text):
                raise ValueError(f"The given value is not a valid CHANGE_SEQUENCE_NUMBER: {text[:80]}")
            sections = [int(section, 16) for section in text.split("/")]
            sequence = tuple(sections + [0] * (SECTIONS - len(sections)))
        by_name = {column.name: cell for (_, column, _), cell in zip(decoder.columns, cells)}
        return kind, sequence, tuple(by_name[name] for name in self.key_of(table))

    def apply(self, table, decoder, rows, changes):
        with self.tables.lock:
            applied = self.applied.setdefault((place_of(table), table.creation_time), {})
            winners = {}  # of this request
            for cells, (kind, sequence, key) in zip(rows, changes):
                last = applied.get(key)
                if last is not None and sequence is not None and sequence < last:
                    continue  # it came too late
                applied[key] = sequence if sequence is not None else last
                winners[key] = cells if kind == "UPSERT" else None
            names = self.key_of(table)
            kinds = {field.name: column_type(field.type) for field in table.schema_.fields}
            keys = {name: (COLUMN_TYPES[kinds[name]][1], [key[i] for key in winners]) for i, name in enumerate(names)}
            self.tables.replace(table, keys, decoder, [cells for cells in winners.values() if cells is not None])
