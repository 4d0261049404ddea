"""The Redshift Data API, in front of PostgreSQL: strict about signatures, sizes, quotas and ids, and it executes for real.

Behaviour and limits are those of the API reference and of "Considerations when calling the Amazon Redshift Data API".
As a program it runs a command with MILLRACE_TEST_REDSHIFT naming the front and MILLRACE_TEST_POSTGRES the server behind
it, and exits as that does; with 77 if what it needs is not installed.
"""
import collections
import contextlib
import hashlib
import http.server
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import uuid

import postgres_server
import redshift_packages

AVAILABLE = redshift_packages.available() and postgres_server.programs() is not None
if AVAILABLE:
    import aws_signatures
    import redshift_copy
    import redshift_sql

SKIPPED = 77
REGION = "eu-west-1"
MAX_STATEMENTS = 40
MAX_STATEMENT_BYTES = 100_000
MAX_PAGE_ROWS = 200
# Requests in a second, by operation.
RATES = {"BatchExecuteStatement": 20, "ExecuteStatement": 30, "DescribeStatement": 100, "GetStatementResult": 20}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:\d+)?$")
FIELDS = {"BatchExecuteStatement": {"Sqls", "ClusterIdentifier", "SecretArn", "DbUser", "Database", "WithEvent",
                                    "StatementName", "Parameters", "WorkgroupName", "ClientToken", "ResultFormat",
                                    "SessionKeepAliveSeconds", "SessionId", "ExecutionMode", "WaitTimeSeconds"},
          "DescribeStatement": {"Id", "WaitTimeSeconds"},
          "GetStatementResult": {"Id", "NextToken", "WaitTimeSeconds"}}
FIELDS["ExecuteStatement"] = (FIELDS["BatchExecuteStatement"] - {"Sqls", "ExecutionMode"}) | {"Sql"}


class Refused(Exception):
    def __init__(self, kind, message, status=400):
        super().__init__(message)
        self.kind, self.status = kind, status


class Statement:
    """One request of statements, which a thread executes."""

    def __init__(self, sqls, database, is_batch, fault):
        self.fault = fault  # "fail_before", "fail_after": it fails without or with its effect
        self.id = str(uuid.uuid4())
        self.sqls, self.database, self.is_batch = sqls, database, is_batch
        self.status = "SUBMITTED"
        self.error = ""
        self.parts = [{"status": "SUBMITTED", "error": "", "result": None, "changed": -1} for _ in sqls]
        self.created = time.time()

    def is_active(self):
        return self.status in ("SUBMITTED", "PICKED", "STARTED")


class RateLimiter:
    def __init__(self, rate):
        self.rate, self.tokens, self.at = rate, float(rate), time.monotonic()

    def admits(self):
        now = time.monotonic()
        self.tokens = min(self.rate, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def field_of(value):
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value if isinstance(value, str) else json.dumps(value) if isinstance(value, (dict, list))
            else str(value)}


class RedshiftFront:
    """Listens on return. `server` is a PostgresServer, which outlives it."""

    def __init__(self, server, workgroup="work", database="dev", cluster="clu", max_active=500, total_bytes=None,
                 rates=None, region=REGION, seed=1):
        self.server, self.workgroup, self.cluster, self.region = server, workgroup, cluster, region
        self.max_active, self.total_bytes = max_active, total_bytes
        self.keys = aws_signatures.Keys()
        self.keys.add("AKIDTEST", "secret-of-tests")
        self.lock = threading.RLock()
        self.statements = {}
        self.tokens = {}  # ClientToken -> (hash of the request, Statement)
        self.rates = {name: RateLimiter(rate) for name, rate in (RATES if rates is None else rates).items()}
        self.counts = collections.Counter()  # of operations, and of refusals by their type
        self.largest = 0                     # statement in bytes
        self.faults = collections.deque()    # of the next requests: (operation, "Rows" or "*"; kind)
        self.random_faults = {}              # kind -> probability, of every request
        self.randomness = random.Random(seed)
        self.bucket = None                   # what COPY reads from: redshift_copy.Bucket
        self.databases = set()
        if not self.has_database(database):
            redshift_sql.set_up(server, database)
        self.databases.add(database)
        self.idle = collections.defaultdict(list)  # connections by database
        self.workers = []
        self.http = self.serve()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def has_database(self, name):
        return self.server.query(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") != []

    def variables(self):
        return {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret-of-tests", "AWS_REGION": self.region,
                "AWS_ENDPOINT_URL_REDSHIFT_DATA": self.url, "AWS_EC2_METADATA_DISABLED": "true"}

    # -- HTTP ---------------------------------------------------------------------------------------------------------

    def serve(self):
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/control":
                    return self.answer(200, front.control(json.loads(body)))
                status, answer = front.respond(self, body)
                if status is None:  # the connection breaks
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RDWR)
                    return None
                return self.answer(status, answer)

            def answer(self, status, answer):
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(text)))
                if status != 200 and "__type" in answer:
                    self.send_header("x-amzn-ErrorType", answer["__type"])
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, address):
                pass  # clients are killed

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def control(self, order):
        """For tests in another process."""
        with self.lock:
            for operation, kind in order.get("faults", []):
                self.faults.append((operation, kind))
            if "random_faults" in order:
                self.random_faults = order["random_faults"]
            return {"counts": self.counts}

    def take_fault(self, operation):
        with self.lock:
            for i, (of, kind) in enumerate(self.faults):
                if of in (operation, "*"):
                    del self.faults[i]
                    return kind
            for kind, probability in self.random_faults.items():
                if operation != "Rows" and self.randomness.random() < probability:
                    return kind
        return None

    def respond(self, request, body):
        """(status, answer); the status is None if the response is lost."""
        target = request.headers.get("X-Amz-Target", "")
        operation = target.removeprefix("RedshiftData.")
        fault = self.take_fault(operation)
        try:
            if fault == "lost_before":
                return None, None
            if fault in ("500", "503"):
                raise Refused({"500": "InternalServerException", "503": "ServiceUnavailable"}[fault], "try later", int(fault))
            if fault == "throttle":
                raise Refused("ThrottlingException", "Rate exceeded")
            if fault == "expired":
                raise Refused("ExpiredTokenException", "The security token included in the request is expired")
            answer = self.execute(request, operation, body, fault)
            return (None, None) if fault == "lost" else (200, answer)
        except (Refused, aws_signatures.Refused) as refused:
            with self.lock:
                self.counts[refused.kind] += 1
            return getattr(refused, "status", 400), {"__type": refused.kind, "message": str(refused)}

    def execute(self, request, operation, body, fault=None):
        if operation not in FIELDS:
            raise Refused("UnknownOperationException", operation)
        if request.headers.get("Content-Type") != "application/x-amz-json-1.1":
            raise Refused("SerializationException", "Content-Type")
        aws_signatures.check(request, body, self.keys, self.region, "redshift-data")
        with self.lock:
            self.counts[operation] += 1
            limiter = self.rates.get(operation)
            if limiter and not limiter.admits():
                raise Refused("ThrottlingException", "Rate exceeded")
        call = json.loads(body)
        unknown = set(call) - FIELDS[operation]
        if unknown:
            raise Refused("ValidationException", f"unknown members: {sorted(unknown)}")
        if operation == "DescribeStatement":
            return self.describe(*self.find(call))
        if operation == "GetStatementResult":
            return self.result(*self.find(call), call.get("NextToken"))
        return self.submit(operation, call, fault)

    # -- the operations -----------------------------------------------------------------------------------------------

    def submit(self, operation, call, fault):
        is_batch = operation == "BatchExecuteStatement"
        sqls = call.get("Sqls" if is_batch else "Sql")
        sqls = sqls if is_batch else [sqls]
        if not isinstance(sqls, list) or not 1 <= len(sqls) <= MAX_STATEMENTS or not all(isinstance(s, str) for s in sqls):
            raise Refused("ValidationException", f"Sqls: 1 to {MAX_STATEMENTS} statements")
        sizes = [len(sql.encode()) for sql in sqls]
        if max(sizes) > MAX_STATEMENT_BYTES or (self.total_bytes and sum(sizes) > self.total_bytes):
            raise Refused("ValidationException", "Cannot process query string larger than 100kB")
        token = call.get("ClientToken")
        if token is not None and not 1 <= len(token) <= 64:
            raise Refused("ValidationException", "ClientToken: 1 to 64 characters")
        self.check_target(call)
        digest = hashlib.sha256(json.dumps(call, sort_keys=True).encode()).hexdigest()
        if fault is None and any("VALUES\n" in sql for sql in sqls):
            fault = self.take_fault("Rows")
        with self.lock:
            self.largest = max(self.largest, *sizes)
            if token in self.tokens:
                known, statement = self.tokens[token]
                if known != digest:
                    raise Refused("ValidationException", "the ClientToken belongs to another request")
                self.counts["repeated"] += 1
            else:
                if sum(s.is_active() for s in self.statements.values()) >= self.max_active:
                    raise Refused("ActiveStatementsExceededException", "Active statements exceeded the allowed quota")
                statement = Statement(sqls, call["Database"], is_batch, fault)
                self.statements[statement.id] = statement
                if token is not None:
                    self.tokens[token] = (digest, statement)
                threading.Thread(target=self.run, args=(statement,), daemon=True).start()
        return {"Id": statement.id, "CreatedAt": statement.created, "Database": statement.database,
                **({"WorkgroupName": call["WorkgroupName"]} if "WorkgroupName" in call else
                   {"ClusterIdentifier": call["ClusterIdentifier"]})}

    def check_target(self, call):
        if not call.get("Database"):
            raise Refused("ValidationException", "Database is required")
        if "WorkgroupName" in call:
            if "DbUser" in call or "ClusterIdentifier" in call:
                raise Refused("ValidationException", "WorkgroupName goes without ClusterIdentifier and DbUser")
            if call["WorkgroupName"] != self.workgroup:
                raise Refused("ResourceNotFoundException", "Redshift endpoint doesn't exist in this region.")
        elif call.get("ClusterIdentifier") != self.cluster:
            raise Refused("ValidationException", "Redshift endpoint doesn't exist in this region.")

    def find(self, call):
        ident = call.get("Id", "")
        if not UUID.match(ident):
            raise Refused("ValidationException", "Id must satisfy the pattern of an id")
        base, _, part = ident.partition(":")
        with self.lock:
            statement = self.statements.get(base)
        if statement is None or (part and not (statement.is_batch and 1 <= int(part) <= len(statement.parts))):
            raise Refused("ResourceNotFoundException", "Query does not exist.")
        return statement, int(part) - 1 if part else None

    def describe(self, statement, part):
        with self.lock:
            answer = {"Id": statement.id, "Status": statement.status, "Database": statement.database,
                      "CreatedAt": statement.created, "UpdatedAt": time.time(), "ResultRows": -1, "ResultSize": -1,
                      "HasResultSet": any(p["result"] is not None for p in statement.parts)}
            if statement.error:
                answer["Error"] = statement.error
            if not statement.is_batch:
                answer["QueryString"] = statement.sqls[0][:100]
                return answer
            answer["SubStatements"] = [
                {"Id": f"{statement.id}:{i + 1}", "Status": p["status"], "QueryString": sql[:100],
                 "HasResultSet": p["result"] is not None, "ResultRows": p["changed"],
                 **({"Error": p["error"]} if p["error"] else {})}
                for i, (p, sql) in enumerate(zip(statement.parts, statement.sqls))]
            return answer if part is None else answer["SubStatements"][part]

    def result(self, statement, part, next_token):
        if statement.status != "FINISHED":
            raise Refused("ResourceNotFoundException", "Query does not have result. Please check query status with "
                          "DescribeStatement.")
        if statement.is_batch and part is None:
            raise Refused("ValidationException", "name the statement of the batch")
        result = statement.parts[part or 0]["result"]
        if result is None:
            raise Refused("ResourceNotFoundException", "Query does not have result.")
        columns, rows = result
        begin = int(next_token or 0)
        page = rows[begin:begin + MAX_PAGE_ROWS]
        answer = {"Records": [[field_of(value) for value in row] for row in page], "TotalNumRows": len(rows),
                  "ColumnMetadata": [{"name": name, "label": name} for name, _ in columns]}
        if begin + MAX_PAGE_ROWS < len(rows):
            answer["NextToken"] = str(begin + MAX_PAGE_ROWS)
        return answer

    # -- execution ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def session(self, database):
        with self.lock:
            connection = self.idle[database].pop() if self.idle[database] else None
        if connection is None:
            if not self.has_database(database):
                raise redshift_sql.Failed(f'FATAL: database "{database}" does not exist')
            connection = redshift_sql.Connection(self.server, database)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self.lock:
            self.idle[database].append(connection)

    def run(self, statement):
        """Executes it; nobody waits for this thread but through the status."""
        statement.status = "PICKED"
        status, error = "FINISHED", ""
        try:
            if statement.fault != "fail_before":
                with self.session(statement.database) as connection:
                    statement.status = "STARTED"
                    error = self.run_all(statement, connection)
            if statement.fault == "fail_after" and error:
                self.faults.append(("Rows", "fail_after"))  # the next one that has an effect
            elif statement.fault in ("fail_before", "fail_after"):
                error = "ERROR: the connection to the compute node was lost"
        except Exception as failed:  # the server is gone, say
            error = str(failed)
        if error:
            status = "FAILED"
        with self.lock:
            statement.error = error and f"{error} [ErrorId: 1-{statement.id}]"
            statement.status = status
            statement.sqls = [sql[:100] for sql in statement.sqls]

    def run_all(self, statement, connection):
        """The error; "" if all is committed."""
        if statement.is_batch:
            connection.begin()
        for i, sql in enumerate(statement.sqls):
            part = statement.parts[i]
            part["status"] = "STARTED"
            try:
                columns, rows, changed = self.run_one(connection, sql)
            except redshift_sql.Failed as failed:
                part["status"], part["error"] = "FAILED", str(failed)
                for later in statement.parts[i + 1:]:
                    later["status"] = "ABORTED"
                if statement.is_batch:
                    connection.rollback()
                return str(failed)
            part["status"], part["changed"] = "FINISHED", changed
            part["result"] = None if columns is None else (columns, rows)
        if statement.is_batch:
            try:
                connection.commit()
            except redshift_sql.Failed as failed:
                return str(failed)
        return ""

    def run_one(self, connection, sql):
        if re.match(r"\s*COPY\b", sql, re.I):
            return None, [], redshift_copy.execute(connection, sql, self.bucket)
        made = re.match(r'\s*CREATE\s+DATABASE\s+"?(\w+)"?', sql, re.I)
        if made:
            if self.has_database(made[1]):
                raise redshift_sql.Failed(f'ERROR: database "{made[1]}" already exists')
            redshift_sql.set_up(self.server, made[1])
            return None, [], -1
        return connection.execute(sql)

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        with self.lock:
            connections = [connection for idle in self.idle.values() for connection in idle]
            self.idle.clear()
        for connection in connections:
            connection.close()


def main():
    if not AVAILABLE:
        print("skipped: PostgreSQL, psycopg2 or boto3 is not installed")
        return SKIPPED
    server = postgres_server.PostgresServer()
    try:
        front = RedshiftFront(server, rates={})
        try:
            variables = front.variables() | {"MILLRACE_TEST_REDSHIFT": front.url, "MILLRACE_TEST_POSTGRES": server.uri_of("tester", "dev")}
            return subprocess.run(sys.argv[1:], env=os.environ | variables).returncode
        finally:
            front.stop()
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
