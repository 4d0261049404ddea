"""COPY of Redshift, as far as Millrace uses it: reads the files that a manifest lists from S3 and inserts their rows."""
import gzip
import json
import re

import redshift_sql

STATEMENT = re.compile(r'COPY (?P<table>"[^"]+"\."[^"]+") \((?P<columns>[^)]+)\) FROM \'(?P<manifest>s3://[^\']+)\' '
                       r"IAM_ROLE (?P<role>default|'arn:[^']+') MANIFEST GZIP FORMAT AS JSON 'auto ignorecase' "
                       r"TIMEFORMAT 'auto'$")
MAX_LINE_BYTES = 4 << 20
PAGE_ROWS = 5000


class Bucket:
    """Objects of S3, by boto3."""

    def __init__(self, url, key_id, secret, region="us-east-1"):
        import boto3
        self.client = boto3.client("s3", endpoint_url=url, region_name=region, aws_access_key_id=key_id,
                                   aws_secret_access_key=secret)

    def read(self, uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey as missing:
            raise redshift_sql.Failed(f"ERROR: The specified S3 prefix '{key}' does not exist") from missing


def execute(connection, sql, bucket):
    """The number of rows; `connection` is a redshift_sql.Connection."""
    match = STATEMENT.match(sql)
    if not match or bucket is None:
        raise redshift_sql.Failed(f"ERROR: syntax error in {sql[:200]}")
    manifest = json.loads(bucket.read(match["manifest"]))
    names = [name.strip().strip('"') for name in match["columns"].split(",")]
    copied = 0
    for entry in manifest["entries"]:
        if set(entry) - {"meta"} != {"url", "mandatory"} or not entry["mandatory"]:
            raise redshift_sql.Failed("ERROR: Manifest file is not in correct json format")
        lines = gzip.decompress(bucket.read(entry["url"])).splitlines()
        for begin in range(0, len(lines), PAGE_ROWS):
            rows = [row_of(line, names) for line in lines[begin:begin + PAGE_ROWS]]
            insert(connection, match, json.dumps(rows))
            copied += len(rows)
    connection.execute_raw(f"SELECT set_config('front.copied', '{copied}', true)")
    return copied


def row_of(line, names):
    if len(line) > MAX_LINE_BYTES:
        raise redshift_sql.Failed("ERROR: Load into table failed. JSON object is larger than 4 MB")
    row = {name.lower(): value for name, value in json.loads(line).items()}
    if not set(row) <= set(names):
        raise redshift_sql.Failed(f"ERROR: Load into table failed: {sorted(row)}")
    return row


def insert(connection, match, rows):
    table, columns = match["table"], match["columns"]
    try:
        with connection.connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM "
                           f"jsonb_populate_recordset(NULL::{table}, %s::jsonb)", (rows,))
    except redshift_sql.psycopg2.Error as error:
        raise redshift_sql.Failed("ERROR: Load into table failed. Check 'sys_load_error_detail' system table for details. "
                                  + redshift_sql.message_of(error)) from error
