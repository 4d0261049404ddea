"""The tables of bqemulator, as the strict parts of bigquery_front.py see them: rows are inserted into its DuckDB."""
import datetime
import json
import re
import threading

import pyarrow
from bqemulator.domain.events import TableDataChanged
from bqemulator.storage.sql_identifiers import quoted_table_ref
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Proto = descriptor_pb2.FieldDescriptorProto
# Types of columns, in the names of REST, with the types of fields that they take and how they are stored.
COLUMN_TYPES = {
    "STRING": ({Proto.TYPE_STRING}, pyarrow.string()),
    "JSON": ({Proto.TYPE_STRING}, pyarrow.string()),
    "INTEGER": ({Proto.TYPE_INT64}, pyarrow.int64()),
    "FLOAT": ({Proto.TYPE_DOUBLE}, pyarrow.float64()),
    "BOOLEAN": ({Proto.TYPE_BOOL}, pyarrow.bool_()),
    "TIMESTAMP": ({Proto.TYPE_INT64}, pyarrow.timestamp("us", tz="UTC")),
    "DATE": ({Proto.TYPE_INT32}, pyarrow.date32()),
    "NUMERIC": ({Proto.TYPE_STRING}, pyarrow.string()),
    "BYTES": ({Proto.TYPE_BYTES}, pyarrow.binary()),
}
OTHER_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}
DUCKDB_TYPES = {"STRING": "VARCHAR", "JSON": "JSON", "INTEGER": "BIGINT", "FLOAT": "DOUBLE", "BOOLEAN": "BOOLEAN",
                "TIMESTAMP": "TIMESTAMPTZ", "DATE": "DATE", "NUMERIC": "DECIMAL(38, 9)", "BYTES": "BLOB"}
PSEUDOCOLUMNS = ("_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
FIRST_TIME = (datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc) - EPOCH) // datetime.timedelta(microseconds=1)
END_OF_TIME = (datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc) - EPOCH) // datetime.timedelta(
    microseconds=1) + 86_400_000_000


def column_type(name):
    return OTHER_NAMES.get(name.upper(), name.upper())


def exact_number(text):
    """JSON columns keep integers of 64 bits and doubles; other numbers are refused."""
    if re.fullmatch(r"-?\d+", text):
        value = int(text)
        if -2**63 <= value < 2**64 or int(float(text)) == value:
            return value
    elif float(text) not in (float("inf"), float("-inf")):
        return float(text)
    raise ValueError(f"number {text[:40]} cannot be stored without rounding")


class WrongSchema(Exception):
    """What is wrong with the fields of a writer; `extra`: it has one that the table does not have."""

    def __init__(self, what, extra=False):
        super().__init__(what)
        self.extra = extra


class RowDecoder:
    """Reads rows that are written with a descriptor, for a table."""

    def __init__(self, descriptor, table, hidden):
        file = descriptor_pb2.FileDescriptorProto(name="row.proto", syntax="proto2")
        file.message_type.add().CopyFrom(descriptor)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self.message = message_factory.GetMessageClass(
            pool.FindFileByName("row.proto").message_types_by_name[descriptor.name])
        columns = {field.name.lower(): field for field in table.schema_.fields if field.name not in hidden}
        self.columns = []  # (field, column, type)
        self.pseudocolumns = []  # that say how a row changes the table
        for field in descriptor.field:
            if field.name in PSEUDOCOLUMNS:
                if field.type != Proto.TYPE_STRING:
                    raise WrongSchema(f"The proto field mismatched with BigQuery field at {field.name}")
                self.pseudocolumns.append(field.name)
                continue
            column = columns.get(field.name.lower())
            if column is None:
                raise WrongSchema(
                    f"Input schema has more fields than BigQuery schema, extra fields: '{field.name}'", True)
            kind = column_type(column.type)
            if field.type not in COLUMN_TYPES[kind][0] or field.label == Proto.LABEL_REPEATED:
                raise WrongSchema(f"The proto field mismatched with BigQuery field at {field.name}")
            self.columns.append((field.name, column, kind))
        written = {name.lower() for name, _, _ in self.columns}
        for column in table.schema_.fields:
            if column.mode == "REQUIRED" and column.name.lower() not in written:
                raise WrongSchema(f"Required field {column.name} is missing from the writer schema")

    def read(self, row, refused):
        """The cells of a row. ValueError: the service does not take it."""
        message = self.message.FromString(row)
        cells = []
        for name, column, kind in self.columns:
            if not message.HasField(name):
                if column.mode == "REQUIRED":
                    raise ValueError(f"Field {name} is required")
                cells.append(None)
                continue
            cell = getattr(message, name)
            if kind == "JSON":
                json.loads(cell, parse_int=exact_number, parse_float=exact_number, parse_constant=self.no_constant)
            elif kind == "TIMESTAMP" and not FIRST_TIME <= cell < END_OF_TIME:
                raise ValueError(f"Timestamp value {cell} at {name} is out of range")
            if refused and refused["field"] == name and cell == refused["value"]:
                raise ValueError(f"the test does not like {name}")
            cells.append(cell)
        return cells

    def change_of(self, row):
        """The values of the pseudocolumns, None if there is none."""
        message = self.message.FromString(row)
        return [getattr(message, name) if name in self.pseudocolumns and message.HasField(name) else None
                for name in PSEUDOCOLUMNS]

    @staticmethod
    def no_constant(name):
        raise ValueError(f"{name} is no JSON")


class Tables:
    def __init__(self, context):
        self.context = context  # of bqemulator
        self.lock = threading.RLock()  # one change at a time

    def find(self, project, dataset, table):
        return self.context.catalog.get_table(project, dataset, table)

    def insert(self, table, decoder, rows):
        """Rows, as RowDecoder.read() returns them, become visible."""
        if not rows:
            return
        with self.lock, self.context.engine.connection.cursor() as cursor:
            self.insert_by(cursor, table, decoder, rows)
        self.changed(table)

    @staticmethod
    def insert_by(cursor, table, decoder, rows):
        columns = list(zip(*rows))
        data = pyarrow.table({
            column.name: pyarrow.array(cells, COLUMN_TYPES[kind][1])
            for cells, (_, column, kind) in zip(columns, decoder.columns)})
        names = ", ".join(f'"{column.name}"' for _, column, _ in decoder.columns)
        target = quoted_table_ref(table.project_id, table.dataset_id, table.table_id)
        cursor.register("new_rows", data)
        cursor.execute(f"INSERT INTO {target} ({names}) SELECT {names} FROM new_rows")
        cursor.unregister("new_rows")

    def replace(self, table, keys, decoder, rows):
        """Rows become visible in place of those with these keys, {name: (type, values)}."""
        names = ", ".join(f'"{name}"' for name in keys)
        data = pyarrow.table({name: pyarrow.array(values, kind) for name, (kind, values) in keys.items()})
        target = quoted_table_ref(table.project_id, table.dataset_id, table.table_id)
        with self.lock, self.context.engine.connection.cursor() as cursor:
            cursor.register("old_keys", data)
            cursor.execute("BEGIN")
            cursor.execute(f"DELETE FROM {target} WHERE ({names}) IN (SELECT ({names}) FROM old_keys)")
            if rows:
                self.insert_by(cursor, table, decoder, rows)
            cursor.execute("COMMIT")
            cursor.unregister("old_keys")
        self.changed(table)

    def changed(self, table):
        self.context.events.publish(TableDataChanged(table.project_id, table.dataset_id, table.table_id))

    def add_columns(self, table, columns):
        with self.lock, self.context.engine.connection.cursor() as cursor:
            target = quoted_table_ref(table.project_id, table.dataset_id, table.table_id)
            for name, kind in columns:
                cursor.execute(f'ALTER TABLE {target} ADD COLUMN "{name}" {DUCKDB_TYPES[column_type(kind)]}')

    def save(self, project, dataset, table, path):
        """Writes all rows to a Parquet file."""
        with self.lock, self.context.engine.connection.cursor() as cursor:
            cursor.execute(f"COPY {quoted_table_ref(project, dataset, table)} TO '{path}' (FORMAT parquet)")

    def drop_column(self, project, dataset, table_id, name):
        """As ALTER TABLE DROP COLUMN does."""
        table = self.find(project, dataset, table_id)
        fields = tuple(field for field in table.schema_.fields if field.name != name)
        with self.lock, self.context.engine.connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE {quoted_table_ref(project, dataset, table_id)} DROP COLUMN "{name}"')
            schema = table.schema_.model_copy(update={"fields": fields})
            self.context.catalog.update_table(
                table.model_copy(update={"schema_": schema, "etag": f"{table.etag}-dropped-{name}"}))
