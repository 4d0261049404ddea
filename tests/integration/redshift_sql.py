"""Redshift's SQL, as far as Millrace and its tests use it, executed by PostgreSQL."""
import re

import redshift_packages

redshift_packages.available()
import psycopg2
import psycopg2.extensions

MAX_VARCHAR = 65535

# What each database gets: the names that Redshift has and PostgreSQL has not. VARCHARs count bytes.
SETUP = f"""
CREATE DOMAIN public.super AS jsonb;
CREATE DOMAIN public.varchar_bytes AS varchar CHECK (octet_length(VALUE) <= {MAX_VARCHAR});
CREATE FUNCTION public.json_parse(text) RETURNS public.super IMMUTABLE STRICT LANGUAGE sql AS 'SELECT $1::jsonb::public.super';
CREATE FUNCTION public.pg_last_copy_count() RETURNS bigint LANGUAGE sql AS
  'SELECT current_setting(''front.copied'')::bigint';
CREATE VIEW public.svv_columns AS
  SELECT table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
         CASE domain_name WHEN 'super' THEN 'super' WHEN 'varchar_bytes' THEN 'character varying' ELSE data_type END
           AS data_type,
         CASE domain_name WHEN 'varchar_bytes' THEN {MAX_VARCHAR} ELSE character_maximum_length END
           AS character_maximum_length
    FROM information_schema.columns;
GRANT SELECT ON public.svv_columns TO PUBLIC;
"""
# A backslash in a literal is an escape, as in the PostgreSQL 8 that Redshift comes from.
SESSION = ("SET standard_conforming_strings = off; SET backslash_quote = on; SET escape_string_warning = off; "
           "SET timezone = 'UTC'; SET search_path = public, pg_catalog; SET lock_timeout = '120s'")

LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.S)
# What PostgreSQL takes and Redshift does not (developer guide, "Unsupported PostgreSQL features").
UNSUPPORTED = re.compile(r"\b(ON\s+CONFLICT|RETURNING|FROM\s*\(\s*VALUES|FOR\s+(UPDATE|SHARE)|JSONB?|UUID|SAVEPOINT|"
                         r"GENERATED\s+ALWAYS|TIMESTAMPTZ\s*\(|FILTER\s*\(|LATERAL)\b|\bE''", re.I)
# PostgreSQL's messages -> Redshift's.
MESSAGES = [(re.compile(r"division by zero"), "Divide by zero"),
            (re.compile(r"value for domain (public\.)?varchar_bytes violates check constraint.*"),
             "Value too long for character type"),
            (re.compile(r"value too long for type.*"), "Value too long for character type"),
            (re.compile(r"null value in column \"(\w+)\" of relation.*"), r"Cannot insert a NULL value into column \1"),
            (re.compile(r"could not serialize access.*"), "1023\n  DETAIL: Serializable isolation violation on table")]


class Failed(Exception):
    """A statement that Redshift does not execute; the message is what it says."""


def translate(sql):
    """The statement for PostgreSQL."""
    bare = LITERAL.sub("''", sql)
    found = UNSUPPORTED.search(bare)
    if found:
        raise Failed(f'ERROR: syntax error at or near "{found[0]}"')
    if ";" in bare.rstrip().rstrip(";"):
        raise Failed("ERROR: cannot insert multiple commands into a prepared statement")
    if re.match(r"\s*(CREATE|ALTER)\b", bare, re.I):
        sql = re.sub(rf"\bVARCHAR\({MAX_VARCHAR}\)", "public.varchar_bytes", sql, flags=re.I)
    return sql


def message_of(error):
    text = str(getattr(error.diag, "message_primary", None) or error).strip()
    for pattern, ours in MESSAGES:
        text = pattern.sub(ours, text)
    return f"ERROR: {text}"


class Connection:
    """A session in one database."""

    def __init__(self, server, database, user="tester"):
        self.connection = psycopg2.connect(server.uri_of(user, database))
        self.connection.set_client_encoding("UTF8")
        self.connection.set_session(autocommit=True)
        self.execute_raw(SESSION)

    def execute_raw(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def begin(self):
        # A statement sees what was committed before the first one after LOCK, as in Redshift.
        self.execute_raw("BEGIN ISOLATION LEVEL REPEATABLE READ")

    def execute(self, sql):
        """(columns, rows, rows changed); columns are None for a statement without a result."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(translate(sql))
                if cursor.description is None:
                    return None, [], cursor.rowcount
                columns = [(column.name, column.type_code) for column in cursor.description]
                return columns, cursor.fetchall(), cursor.rowcount
        except psycopg2.Error as error:
            raise Failed(message_of(error)) from error

    def commit(self):
        try:
            self.execute_raw("COMMIT")
        except psycopg2.Error as error:
            raise Failed(message_of(error)) from error

    def rollback(self):
        self.execute_raw("ROLLBACK")

    def cancel(self):
        self.connection.cancel()

    def close(self):
        self.connection.close()


def set_up(server, database):
    """Makes `database`, with what Redshift has."""
    server.query(f'CREATE DATABASE "{database}"')
    server.query(SETUP, database)
