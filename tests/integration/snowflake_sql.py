"""What a Snowflake account has: databases, in fakesnow, and roles, warehouses and privileges.

Statements are executed for real, in DuckDB. One script is executed at a time, which is stricter than Snowflake's locks
of tables: no script sees another one halfway.
"""
import datetime
import decimal
import re
import string
import threading

PIECES = re.compile(r"""\$\$.*?\$\$|'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|;""", re.S)
LONG = 256  # characters of a literal that is not parsed as SQL
QUOTED = r'"((?:[^"]|"")+)"'
TABLE = re.compile(rf"\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|COPY\s+INTO|TRUNCATE\s+TABLE)\s+"
                   rf"(?:{QUOTED}\.)?(?:{QUOTED}\.)?{QUOTED}", re.I)
SESSION_ONLY = re.compile(r"\s*(BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK|USE|ALTER\s+SESSION|SET)\b", re.I)
NEEDS_WAREHOUSE = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE|COPY|SELECT\b.*\bFROM)\b", re.I | re.S)
# DuckDB's messages, and what Snowflake says instead.
MESSAGES = [
    (r'Referenced column|does not have a column|Referenced update column', "000904", "42000", "invalid identifier"),
    (r"does not exist", "002003", "42S02", "does not exist or not authorized"),
    (r"NOT NULL constraint", "100072", "22000", "NULL result in a non-nullable column"),
    (r"Malformed JSON", "100069", "22P02", "Error parsing JSON"),
    (r"Could not convert|Conversion Error|out of range", "100038", "22018", "value is not recognized"),
    (r"Duplicate key", "100069", "22P02", "Error parsing JSON: duplicate object attribute"),
]

# FLATTEN: that of fakesnow takes names that begin with '$' for paths, and mixes up positions if there are many lists.
FLATTEN = string.Template("""
CREATE OR REPLACE MACRO ${catalog}._fs_flatten(input) AS TABLE
SELECT hash(TO_JSON(input))::UBIGINT AS SEQ, e.m.k AS KEY, COALESCE(e.m.k, '[' || e.m.n || ']') AS PATH,
    CASE WHEN e.m.k IS NULL THEN e.m.n END AS INDEX, e.m.v AS VALUE, TO_JSON(input) AS THIS
FROM (SELECT UNNEST(CASE WHEN json_type(TO_JSON(input)) = 'OBJECT'
    THEN list_transform(json_keys(TO_JSON(input)), lambda x, n: struct_pack(k := x, n := n - 1, v := json_extract(
        TO_JSON(input), concat('$$."', replace(replace(x, '\\', '\\\\'), '"', '\\"'), '"'))))
    ELSE list_transform(CAST(TO_JSON(input) AS JSON[]), lambda x, n: struct_pack(k := NULL::VARCHAR, n := n - 1, v := x))
    END)) AS e(m)
""")


class SqlFailed(Exception):
    """A statement that failed, with Snowflake's code and SQLSTATE."""

    def __init__(self, code, state, message):
        super().__init__(message)
        self.code, self.state, self.message = code, state, message


def split(text):
    """The statements of `text`, with names of variables for their long literals, and the variables."""
    statements, variables, begin, done = [], {}, 0, ""
    for piece in PIECES.finditer(text):
        token = piece.group()
        if token == ";":
            statements.append(done + text[begin:piece.start()])
            done, begin = "", piece.end()
        elif token.startswith("$$") and len(token) > LONG:
            name = f"long{len(variables)}"
            variables[name] = token[2:-2]
            done += text[begin:piece.start()] + f"GETVARIABLE('{name}')"
            begin = piece.end()
    statements.append(done + text[begin:])
    return [one for one in statements if one.strip()], variables


def as_text(value):
    """A cell as the SQL API writes it: text, or None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        delta = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        micros = delta // datetime.timedelta(microseconds=1)
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}000"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


class Database:
    """Thread-safe. `warehouses`, `roles`: names that exist. `denied`: (role, first word, table) that is refused."""

    def __init__(self):
        from fakesnow import macros
        from fakesnow.instance import FakeSnow
        macros.FS_FLATTEN = FLATTEN
        self._instance = FakeSnow(create_database_on_connect=False, create_schema_on_connect=False)
        self._lock = threading.RLock()
        self._session = self.connect()
        self.warehouses = {"WH"}
        self.roles = {"LOADER"}
        self.denied = set()
        self.executed = 0  # statements

    def connect(self):
        """A connection of Snowflake's connector for Python, for looking at what is there."""
        connection = self._instance.connect(database=None, schema=None)
        # fakesnow takes '$set' in a literal for a session variable, of which there are none here.
        connection.variables.inline_variables = lambda sql: sql
        return connection

    def query(self, sql):
        """The rows of one statement, as the connector returns them."""
        with self._lock, self.connect() as connection, connection.cursor() as cursor:
            return cursor.execute(sql).fetchall()

    def run(self, text, count, context, bindings=()):
        """Executes a request's statements in a session of their own and returns [(names, rows)] of each."""
        statements, variables = split(text)
        if count not in (0, len(statements)):
            raise SqlFailed("000008", "0A000", f"Actual statement count {len(statements)} did not match the desired "
                                               f"statement count {count}.")
        if len(statements) == 1 and SESSION_ONLY.match(statements[0]):
            raise SqlFailed("391911", "0A000", "Unsupported statement type in a request with a single statement")
        if len(statements) > 1 and bindings:
            raise SqlFailed("391912", "0A000", "bind variables in a request with several statements")
        with self._lock, self._session.cursor() as cursor:
            duck = cursor._duck_conn  # pylint: disable=protected-access
            try:
                self._enter(cursor, context)
                for name, value in variables.items():
                    duck.execute(f"SET VARIABLE {name} = ?", [value])
                return [self._execute(cursor, one, context, bindings) for one in statements]
            finally:
                try:
                    duck.execute("ROLLBACK")  # what a request leaves open is undone
                except Exception:  # pylint: disable=broad-except
                    pass  # none was open

    def _enter(self, cursor, context):
        if context.get("role") and context["role"] not in self.roles:
            raise SqlFailed("390189", "08001", f"Role '{context['role']}' is not granted to this user")
        if context.get("database") and context.get("schema"):
            try:
                cursor.execute(f'USE SCHEMA "{context["database"]}"."{context["schema"]}"')
            except Exception as error:
                raise SqlFailed("002043", "02000", f"the schema does not exist: {error}") from error

    def _execute(self, cursor, sql, context, bindings):
        self.executed += 1
        if NEEDS_WAREHOUSE.match(sql) and context.get("warehouse") not in self.warehouses:
            raise SqlFailed("000606", "57P03", "No active warehouse selected in the current session.")
        target = TABLE.match(sql)
        if target and (context.get("role"), target.group(1).split()[0].upper(), target.group(4)) in self.denied:
            raise SqlFailed("003001", "42501", f"Insufficient privileges to operate on table '{target.group(4)}'")
        return self.execute_one(cursor, sql, context, bindings)

    def execute_one(self, cursor, sql, context, bindings):
        """Names and rows of one statement. Overridden for what fakesnow lacks."""
        sql = re.sub(r"CURRENT_WAREHOUSE\(\)", f"'{context.get('warehouse') or ''}'", sql)
        sql = re.sub(r"CURRENT_ROLE\(\)", f"'{context.get('role') or 'PUBLIC'}'", sql)
        sql = re.sub(r"CURRENT_VERSION\(\)", "'9.38.1'", sql)
        sql = re.sub(r"\bDATETIME_PRECISION\b", "9", sql)  # fakesnow does not keep it
        # fakesnow ignores formats.
        sql = re.sub(r"""TO_VARCHAR\((\w+), 'YYYY-MM-DD"T"HH24:MI:SS\.FF6"Z"'\)""",
                     r"STRFTIME(\1, '%Y-%m-%dT%H:%M:%S.%fZ')", sql)
        try:
            if bindings:
                values = iter(bindings)
                sql = re.sub(r"\?", lambda _: "%s", sql)
                cursor.execute(sql, [None if value is None else value for _, value in values])
            else:
                cursor.execute(sql.replace("%", "%%") if "%(" in sql else sql)
            rows = cursor.fetchall()
        except SqlFailed:
            raise
        except Exception as error:  # pylint: disable=broad-except
            raise self._failure(error) from error
        names = [column.name for column in cursor.description or []]
        return names, [[as_text(cell) for cell in row] for row in rows]

    @staticmethod
    def variable(cursor, name):
        """The long literal that GETVARIABLE('name') stands for."""
        return cursor._duck_conn.execute(f"SELECT getvariable('{name}')").fetchone()[0]  # pylint: disable=protected-access

    @staticmethod
    def _failure(error):
        text = str(error)
        for pattern, code, state, message in MESSAGES:
            if re.search(pattern, text):
                return SqlFailed(code, state, f"{message}: {text[:300]}")
        number = getattr(error, "errno", None)
        if number and number > 0:
            return SqlFailed(f"{number:06d}", getattr(error, "sqlstate", None) or "42000", text[:300])
        return SqlFailed("000603", "XX000", f"SQL execution internal error: {text[:300]}")
