"""External stages and COPY INTO of a Snowflake account: objects are read from the bucket of a server of cloud_servers.py."""
import gzip
import json
import re
import urllib.error

import cloud_servers
import snowflake_sql
from snowflake_sql import QUOTED, SqlFailed

CREATE = re.compile(rf"\s*CREATE STAGE IF NOT EXISTS {QUOTED}\.{QUOTED}\.{QUOTED} URL = '([^']*)' "
                    rf"STORAGE_INTEGRATION = {QUOTED}\s*$")
DROP = re.compile(rf"\s*DROP STAGE IF EXISTS {QUOTED}\.{QUOTED}\.{QUOTED}\s*$")
COPY = re.compile(rf"\s*COPY INTO ({QUOTED}\.{QUOTED}\.{QUOTED}) \((.*?)\) FROM \(SELECT (.*) FROM @{QUOTED}\.{QUOTED}\.{QUOTED}\)"
                  r" FILES = \((.*?)\) FILE_FORMAT = \((.*?)\) (.*)$", re.S)
FORMAT = {"TYPE = JSON", "COMPRESSION = GZIP", "ALLOW_DUPLICATE = TRUE"}
OPTIONS = "ON_ERROR = ABORT_STATEMENT FORCE = FALSE"
MAX_FILES = 1000
COLUMNS = ["file", "status", "rows_parsed", "rows_loaded", "error_limit", "errors_seen", "first_error",
           "first_error_line", "first_error_character", "first_error_column_name"]
# What COPY returned is not kept for RESULT_SCAN, but for the question that is asked of it.
ROWS_COPIED = """(SELECT SUM(OBJECT_CONSTRUCT(*):"rows_loaded"::NUMBER(38,0)) FROM TABLE(RESULT_SCAN(LAST_QUERY_ID())))"""
TIME_FORMAT = "'YYYY-MM-DD\"T\"HH24:MI:SS.FF6\"Z\"'"


class StagedDatabase(snowflake_sql.Database):
    """`integrations`: names that exist. A table remembers the files that it has loaded."""

    def __init__(self, bucket):
        super().__init__()
        self.bucket = bucket
        self.stages = {}  # (database, schema, name): URL
        self.integrations = {"S3_INT"}
        self.loaded = set()  # (table, file)
        self._pending = []
        self._copied = "NULL"  # rows of the last COPY; NULL: it loaded no file
        self.before_commit = lambda: None  # called after each COPY

    def run(self, text, count, context, bindings=()):
        with self._lock:
            self._pending = []
            results = super().run(text, count, context, bindings)
            self.loaded.update(self._pending)
            return results

    def execute_one(self, cursor, sql, context, bindings):
        if found := CREATE.match(sql):
            if found.group(5) not in self.integrations:
                raise SqlFailed("002003", "02000", f"Integration '{found.group(5)}' does not exist or not authorized.")
            self.stages.setdefault(found.group(1, 2, 3), found.group(4))
            return ["status"], [[f"Stage area {found.group(3)} successfully created."]]
        if found := DROP.match(sql):
            self.stages.pop(found.group(1, 2, 3), None)
            return ["status"], [[f"{found.group(3)} successfully dropped."]]
        if re.match(r"\s*COPY\s", sql):
            names, rows = self._copy(cursor, sql, context)
            self._copied = sum(int(row[COLUMNS.index("rows_loaded")]) for row in rows) if names == COLUMNS else "NULL"
            return names, rows
        sql = sql.replace(ROWS_COPIED, f"({self._copied})")
        return super().execute_one(cursor, sql, context, bindings)

    def _copy(self, cursor, sql, context):
        found = COPY.match(sql)
        if not found:
            raise SqlFailed("001003", "42000", f"SQL compilation error: {sql[:200]}")
        table, columns, select = found.group(1), found.group(5), found.group(6)
        stage, files, options = found.group(7, 8, 9), found.group(10), found.group(12)
        if set(re.split(r" (?=[A-Z_]+ =)", found.group(11))) != FORMAT or options.strip() != OPTIONS:
            raise SqlFailed("001003", "42000", f"unexpected options: {found.group(11)} {options}")
        names = re.findall(r"'([^']*)'", files)
        if len(names) > MAX_FILES:
            raise SqlFailed("001063", "42601", "FILES has more than 1,000 names")
        if stage not in self.stages:
            raise SqlFailed("002003", "02000", f"Stage '{stage}' does not exist or not authorized.")
        contents = {name: self._read(self.stages[stage] + name) for name in names
                    if (table, name) not in self.loaded}
        if not contents:
            return ["status"], [["Copy executed with 0 files processed."]]
        rows = []
        for name, lines in contents.items():
            duck = cursor._duck_conn  # pylint: disable=protected-access
            # A line is the element of an array; DuckDB reads the times of this format without being told it.
            cells = select.replace("$1:", "value:").replace(f", {TIME_FORMAT})", ")")
            for begin in range(0, len(lines), 4000):
                duck.execute("SET VARIABLE copied = ?", ["[" + ",".join(lines[begin:begin + 4000]) + "]"])
                super().execute_one(cursor, f"INSERT INTO {table} ({columns}) SELECT {cells} FROM "
                                    f"TABLE(FLATTEN(INPUT => PARSE_JSON(GETVARIABLE('copied'))))", context, ())
            self._pending.append((table, name))
            rows.append([name, "LOADED", str(len(lines)), str(len(lines)), "1", "0", None, None, None, None])
        self.before_commit()
        return COLUMNS, rows

    def _read(self, url):
        if not url.startswith(self.bucket.root):
            raise SqlFailed("003167", "42601", f"the stage's URL {url} is not that of the bucket")
        path, headers = self.bucket.read_request(url[len(self.bucket.root):])
        try:
            lines = gzip.decompress(cloud_servers.send("GET", self.bucket.url + path, headers=headers)).decode()
        except urllib.error.HTTPError as error:
            raise SqlFailed("091016", "22000", f"Remote file '{url}' was not found.") from error
        for line in lines.splitlines():
            if not isinstance(json.loads(line), dict):
                raise SqlFailed("100069", "22P02", "Error parsing JSON")
        return lines.splitlines()
