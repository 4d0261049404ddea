"""Load jobs, tabledata.insertAll and the ids of jobs, as documented, for bigquery_front.py. bqemulator has none of these
rules: it runs a job twice, loads a part of its files, and takes any row.

Calls have the names "jobs.insert", "jobs.get" and "insertAll" (bigquery_front_control.py), besides those of their HTTP
method; "job" is the run of a load job: its fault is the reason for which the job fails.
"""
import datetime
import json
import pathlib
import re
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from bigquery_front_tables import END_OF_TIME, EPOCH, FIRST_TIME, column_type, exact_number
from bqemulator.storage.sql_identifiers import quoted_table_ref

JOBS = re.compile(r"/bigquery/v2/projects/([^/]+)/jobs")
JOB = re.compile(r"/bigquery/v2/projects/([^/]+)/jobs/([^/]+)")
INSERT_ALL = re.compile(r"/bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)/insertAll")
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,1024}")
MAX_URIS, MAX_ROWS, MAX_REQUEST, MAX_ID = 10_000, 50_000, 10_000_000, 128
DEDUPE_SECONDS = 60
EXACT = 2**53 - 1  # an integer beyond it is a string in JSON
TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?( ?UTC|Z)"
MICROSECOND = datetime.timedelta(microseconds=1)
# What a value of a file must be, and what is stored, in DuckDB; {v}: its JSON.
CHECKS = {
    "STRING": "json_type({v}) = 'VARCHAR'",
    "JSON": "true",
    "INTEGER": f"try_cast({{v}}->>'$' AS BIGINT) BETWEEN -{EXACT} AND {EXACT} OR json_type({{v}}) = 'VARCHAR' AND "
               "try_cast({v}->>'$' AS BIGINT) IS NOT NULL",
    "FLOAT": "json_type({v}) IN ('DOUBLE', 'UBIGINT', 'BIGINT') AND isfinite(try_cast({v}->>'$' AS DOUBLE))",
    "BOOLEAN": "json_type({v}) = 'BOOLEAN'",
    "TIMESTAMP": "regexp_full_match({v}->>'$', '" + TIME.replace("{", "{{").replace("}", "}}") +
                 "') AND try_cast({v}->>'$' AS TIMESTAMPTZ) IS NOT NULL",
}
VALUES = {"STRING": "{v}->>'$'", "JSON": "{v}", "INTEGER": "({v}->>'$')::BIGINT", "FLOAT": "({v}->>'$')::DOUBLE",
          "BOOLEAN": "({v}->>'$')::BOOLEAN", "TIMESTAMP": "({v}->>'$')::TIMESTAMPTZ"}


class JobFailed(Exception):
    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


class Refused(ValueError):
    """A row that insertAll does not take."""

    def __init__(self, field, message):
        super().__init__(message)
        self.field = field


class Columns:
    """As RowDecoder has them, of a table."""

    def __init__(self, table):
        self.columns = [(field.name, field, column_type(field.type)) for field in table.schema_.fields]

    def read(self, row):
        by_name = {name.lower(): (name, kind) for name, _, kind in self.columns}
        cells = {}
        for key, value in row.items():
            if key.lower() not in by_name:
                raise Refused(key, f"no such field: {key}.")
            name, kind = by_name[key.lower()]
            cells[name] = None if value is None else self.cell(name, kind, value)
        for name, field, _ in self.columns:
            if field.mode == "REQUIRED" and cells.get(name) is None:
                raise Refused(name, f"Missing required field: {name}.")
        return [cells.get(name) for name, _, _ in self.columns]

    @staticmethod
    def cell(name, kind, value):
        try:
            if kind == "JSON":
                json.loads(value, parse_int=exact_number, parse_float=exact_number)
                return value
            if kind == "INTEGER":
                value = int(value) if isinstance(value, str) or abs(value) <= EXACT else None
                return value if -2**63 <= value < 2**63 else int("too large")
            if kind == "TIMESTAMP":
                assert re.fullmatch(TIME, value)
                time = datetime.datetime.fromisoformat(re.sub(r" ?UTC|Z", "+00:00", value).replace(" +", "+"))
                micros = (time - EPOCH) // MICROSECOND
                assert FIRST_TIME <= micros < END_OF_TIME
                return micros
            if kind == "FLOAT":
                return float(value)
            assert isinstance(value, {"STRING": str, "BOOLEAN": bool}[kind])
            return value
        except (AssertionError, TypeError, ValueError) as error:
            raise Refused(name, f"Cannot convert value to {kind.lower()} (bad value): {str(value)[:40]}") from error


class Jobs:
    def __init__(self, tables, control):
        self.tables, self.control = tables, control
        self.lock = threading.Lock()
        self.jobs = {}  # (project, location, id) -> resource
        self.inserted = {}  # (table, insertId) -> when
        self.gcs = None  # the URL of its server
        self.folder = tempfile.TemporaryDirectory(prefix="mr-bq-load-")

    def answer(self, refusal, method, path, query, body):
        """The JSON, or None: it is no such request. `refusal` makes an exception of a status, a reason and a message, or of
        the name of a fault."""
        if method == "POST" and (match := JOBS.fullmatch(path)):
            job = json.loads(body)
            configuration = job.get("configuration", {})
            if "load" not in configuration and configuration.get("query", {}).get("query") != "SELECT 1":
                return None  # the emulator runs queries
            return self.call("jobs.insert", refusal, lambda: self.insert(refusal, match[1], job))
        if method == "GET" and (match := JOB.fullmatch(path)):
            return self.call("jobs.get", refusal, lambda: self.get(refusal, match, urllib.parse.parse_qs(query)))
        if method == "POST" and (match := INSERT_ALL.fullmatch(path)):
            return self.call("insertAll", refusal, lambda: self.insert_all(refusal, match, body))
        return None

    def call(self, name, refusal, execute):
        fault = self.control.admit(name)
        if fault and fault != "lost":
            raise refusal(fault)
        self.control.wait(name, "before")
        answer = execute()
        self.control.wait(name, "after")
        if fault:
            raise refusal(fault)
        return answer

    # Jobs

    def insert(self, refusal, project, job):
        reference = job.get("jobReference", {})
        name, location = reference.get("jobId", ""), reference.get("location")
        if not JOB_ID.fullmatch(name) or not location or reference.get("projectId") != project:
            self.control.violate("job without an id or a location")
            raise refusal(400, "invalid", "the reference of the job is not complete")
        with self.lock:
            if (project, location, name) in self.jobs:
                raise refusal(409, "duplicate", f"Already Exists: Job {project}:{location}.{name}")
            self.check(refusal, job["configuration"])
            job = job | {"kind": "bigquery#job", "status": {"state": "RUNNING"}, "statistics": {}}
            self.jobs[project, location, name] = job
        threading.Thread(target=self.run, args=(job,), daemon=True).start()
        return job

    def check(self, refusal, configuration):
        load = configuration.get("load")
        if load is None:
            return
        if not 0 < len(load["sourceUris"]) <= MAX_URIS or not all(uri.startswith("gs://") for uri in load["sourceUris"]):
            raise refusal(400, "invalid", "Source URI is invalid")
        if load.get("sourceFormat") != "NEWLINE_DELIMITED_JSON":
            raise refusal(400, "invalid", "JSON columns are loaded from JSON, Avro and CSV only")

    def get(self, refusal, match, query):
        with self.lock:
            job = self.jobs.get((match[1], query.get("location", [""])[0], match[2]))
        if job is None:
            if "location" not in query:
                self.control.violate("jobs.get without a location")
            raise refusal(404, "notFound", f"Not found: Job {match[1]}:{match[2]}")
        return job

    def run(self, job):
        status, load = {"state": "DONE"}, job["configuration"].get("load")
        try:
            self.control.wait("job", "before")
            if load:
                job["statistics"]["load"] = {"outputRows": str(self.load(job, load))}
            self.control.wait("job", "after")
        except JobFailed as error:
            result = {"reason": error.reason, "message": str(error)}
            status |= {"errorResult": result, "errors": [result]}
        job["status"] = status

    def load(self, job, load):
        place = [load["destinationTable"][name] for name in ("projectId", "datasetId", "tableId")]
        fault = self.control.admit("job")
        if fault == "quota":
            raise JobFailed("quotaExceeded", "Quota exceeded: Your table exceeded quota for imports or query appends per table")
        if fault:
            raise JobFailed(fault, f"{fault}, as the test wants")
        dataset = self.tables.context.catalog.get_dataset(place[0], place[1])
        if dataset is None or dataset.location != job["jobReference"]["location"]:
            raise JobFailed("notFound", f"Not found: Dataset {place[0]}:{place[1]} was not found in the location of the job")
        table = self.tables.find(*place)
        if table is None:
            raise JobFailed("notFound", "Not found: Table {}:{}.{}".format(*place))
        if (load.get("createDisposition"), load.get("writeDisposition")) != ("CREATE_NEVER", "WRITE_APPEND"):
            self.control.violate("a load that does not append to the table that is there")
        with tempfile.TemporaryDirectory(dir=self.folder.name) as folder:
            files = [self.fetch(uri, pathlib.Path(folder) / f"{i}.ndjson.gz") for i, uri in enumerate(load["sourceUris"])]
            return self.append(table, files)

    def fetch(self, uri, path):
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        url = f"{self.gcs}/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}?alt=media"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept-Encoding": "gzip"}), timeout=60) as answer:
                path.write_bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise JobFailed("notFound", f"Not found: URI {uri}") from error
        return str(path)

    def append(self, table, files):
        """Reads all files, then stores all of their rows or none."""
        columns = [(field.name, column_type(field.type)) for field in table.schema_.fields]
        names = ", ".join(f"'{name.lower()}'" for name, _ in columns)
        wrong = [f"EXISTS (SELECT 1 FROM (SELECT unnest(json_keys(json)) AS k) WHERE lower(k) NOT IN ({names}))"]
        cells = []
        for name, kind in columns:
            value = f"(json->'{name}')"
            is_there = f"json_type({value}) <> 'NULL'"
            wrong.append(f"({is_there} AND NOT coalesce({CHECKS[kind].format(v=value)}, false))")
            cells.append(f"CASE WHEN {is_there} THEN {VALUES[kind].format(v=value)} END")
        target = quoted_table_ref(table.project_id, table.dataset_id, table.table_id)
        with self.tables.lock, self.tables.context.engine.connection.cursor() as cursor:
            try:
                cursor.execute(f"CREATE OR REPLACE TEMP TABLE loaded AS SELECT json FROM read_ndjson_objects({files}, "
                               "maximum_object_size=100000000)")
            except Exception as error:
                raise JobFailed("invalid", f"Error while reading data: {str(error)[:200]}") from error
            bad = cursor.execute(f"SELECT json FROM loaded WHERE {' OR '.join(wrong)} LIMIT 1").fetchall()
            if bad:
                raise JobFailed("invalid", f"Error while reading data, a row does not fit the table: {bad[0][0][:200]}")
            [(rows,)] = cursor.execute("SELECT count(*) FROM loaded").fetchall()
            cursor.execute(f"INSERT INTO {target} ({', '.join(chr(34) + name + chr(34) for name, _ in columns)}) "
                           f"SELECT {', '.join(cells)} FROM loaded")
            cursor.execute("DROP TABLE loaded")
        self.tables.changed(table)
        return rows

    # insertAll

    def insert_all(self, refusal, match, body):
        if len(body) > MAX_REQUEST:
            self.control.violate("a request of insertAll is too large")
            raise refusal(413, "requestTooLarge", "Request payload size exceeds the limit: 10485760 bytes.")
        request = json.loads(body)
        rows = request.get("rows", [])
        if not 0 < len(rows) <= MAX_ROWS:
            raise refusal(400, "invalid", "No rows present in the request." if not rows else "too many rows present")
        table = self.tables.find(*match.groups())
        if table is None:
            raise refusal(404, "notFound", "Not found: Table {}:{}.{}".format(*match.groups()))
        columns, cells, errors = Columns(table), [], {}
        for i, row in enumerate(rows):
            if len(row.get("insertId", "")) > MAX_ID:
                self.control.violate("an insertId is too long")
            try:
                cells.append(columns.read(row["json"]))
                refused = self.control.refused
                if refused and row["json"].get(refused["field"]) == refused["value"]:
                    raise Refused(refused["field"], f"the test does not like {refused['field']}")
            except Refused as error:
                errors[i] = {"reason": "invalid", "location": error.field, "message": str(error)}
        if errors:
            stopped = {"reason": "stopped", "location": "", "message": ""}
            return {"kind": "bigquery#tableDataInsertAllResponse",
                    "insertErrors": [{"index": i, "errors": [errors.get(i, stopped)]} for i in range(len(rows))]}
        with self.lock:
            self.tables.insert(table, columns, self.new_rows(match.groups(), rows, cells))
        return {"kind": "bigquery#tableDataInsertAllResponse"}

    def new_rows(self, place, rows, cells):
        """Those whose ids were not there within the last minute."""
        now, new = time.monotonic(), []
        for row, values in zip(rows, cells):
            key = (place, row["insertId"]) if "insertId" in row else None
            if key is None or self.inserted.get(key, -DEDUPE_SECONDS) <= now - DEDUPE_SECONDS:
                new.append(values)
            if key:
                self.inserted[key] = now
        return new
