"""A strict stand-in for the HTTP side of a Snowflake account: sign-in and the SQL API, version 2.

It refuses what Snowflake's documentation rules out, remembers the ids of requests, and can inject faults. SQL is
executed for real (snowflake_sql.py). Others add routes: a subclass overrides route().
"""
import collections
import concurrent.futures
import gzip
import http.server
import json
import random
import re
import sys
import threading
import time
import urllib.parse
import uuid

import snowflake_sql
import snowflake_tokens

MAX_STATEMENT = 1 << 20
MAX_BODY = 16 << 20
SYNC_SECONDS = 45
STATEMENTS = "/api/v2/statements"
HANDLE = re.compile(rf"{STATEMENTS}/([0-9a-f-]{{36}})(/cancel)?$")
# Faults by name: before() of a request may answer for it, after() may lose its answer.
BEFORE = {
    "drop": None,  # the connection ends before anything was done
    "500": (500, {"code": "000603", "message": "internal error"}),
    "503": (503, {"message": "service unavailable"}),
    "429": (429, {"code": "391908", "message": "too many requests"}),
    "expired": (401, {"code": "390318", "message": "The access token has expired."}),
    "quota": (422, {"code": "090073", "sqlState": "22000", "message":
                    "Warehouse 'WH' cannot be resumed because resource monitor 'M' has exceeded its quota."}),
    "locked": (422, {"code": "000625", "sqlState": "57014", "message":
                     "the number of waiters for this lock exceeds the 20 statements limit."}),
    "timeout": (408, {"code": "000630", "sqlState": "57014", "message": "Statement reached its timeout."}),
}
AFTER = ("lost",)  # executed, and the connection ends without an answer
SLOW = "slow"  # answered with 202 first
# Requests after one whose token had expired by chance, which meet no other: no service refuses the token that replaces it.
FRESH_REQUESTS = 50


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status, body):
        super().__init__(body.get("message"))
        self.status, self.body = status, body


class Faults:
    """Which fault a request meets: the scripted ones first, then by chance. Thread-safe."""

    def __init__(self, seed=1):
        self.rates = {}  # name: probability
        self.met = collections.Counter()
        self._next = collections.deque()
        self._fresh = 0  # requests until a token may expire again
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def script(self, *names):
        """The next requests meet these; None: no fault."""
        with self._lock:
            self._next.extend(names)

    def clear(self):
        with self._lock:
            self._next.clear()
            self.rates = {}

    def draw(self):
        """The name of a fault, or None."""
        with self._lock:
            name = None
            if self._next:
                name = self._next.popleft()
            else:
                self._fresh = max(0, self._fresh - 1)
                for candidate, rate in self.rates.items():
                    if self._random.random() < rate and not (candidate == "expired" and self._fresh):
                        name = candidate
                        break
                if name == "expired":
                    self._fresh = FRESH_REQUESTS
            if name:
                self.met[name] += 1
            return name


class Execution:
    """The statements of one request, while and after they are executed."""

    def __init__(self, user, future):
        self.user, self.future = user, future
        self.handle = str(uuid.uuid4())
        self.children = []  # handles of several statements


class Front:
    """Serves until close(). `database`: a snowflake_sql.Database or a subclass."""

    def __init__(self, account="ORG-ACCT", database=None):
        self.database = database or snowflake_sql.Database()
        self.tokens = snowflake_tokens.Tokens(account)
        self.faults = Faults()
        self.problems = []  # what a client did that no client may do
        self.requests = collections.Counter()  # by route
        self.partition_rows = 1000
        self.gate = threading.Event()  # statements wait while it is clear
        self.gate.set()
        self._executions = {}  # by handle
        self._by_request = {}  # requestId: Execution
        self._lock = threading.Lock()
        self._pool = concurrent.futures.ThreadPoolExecutor(16)
        front = self

        class Handler(_Handler):
            pass

        Handler.front = front
        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._pool.shutdown(wait=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def destination(self, options="", database="ANALYTICS", schema="RAW"):
        """A DEST in this account."""
        return (f"snowflake://{self.tokens.account.lower()}/{database}/{schema}?url={self.url}&role=LOADER&warehouse=WH"
                + ("&" + options if options else ""))

    # Requests.

    def handle(self, request):
        """(status, headers, body) of a request, or None: the connection ends. Of `request`: method, path, query (a
        dict), headers, body (bytes)."""
        fault = self.faults.draw()
        if fault == "drop":
            return None
        try:
            answer = self._answer(request, fault)
        except Refused as refused:
            answer = refused.status, {}, json.dumps(refused.body).encode()
        return None if fault in AFTER else answer

    def _answer(self, request, fault):
        if not request.headers.get("User-Agent"):
            raise self.broken(400, "391903", "User-Agent is missing")
        try:
            user = self.sign_in(request)
        except snowflake_tokens.SignInFailed as failed:
            raise Refused(401, {"code": failed.code, "message": failed.message}) from failed
        if fault in BEFORE:
            raise Refused(*BEFORE[fault])
        status, headers, body = self.route(request, user, fault)
        return status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()

    def sign_in(self, request):
        """The user. Raises SignInFailed."""
        return self.tokens.check(request.headers)

    def route(self, request, user, fault):
        """(status, headers, body) of a request that was signed in; `body` is bytes or what JSON is made of."""
        if "application/json" not in request.headers.get("Accept", ""):
            raise self.broken(406, "391901", "Accept must admit application/json")
        if request.path == STATEMENTS and request.method == "POST":
            self.requests["submit"] += 1
            return self._submit(request, user, fault)
        found = HANDLE.match(request.path)
        if not found:
            raise self.broken(404, "391917", f"no such path: {request.path}")
        execution = self._executions.get(found.group(1))
        if execution is None or execution.user != user:
            raise Refused(404, {"code": "391918", "message": "no such statement"})
        if found.group(2):
            self.requests["cancel"] += 1
            return 200, {}, {"code": "000604", "statementHandle": execution.handle}
        self.requests["poll"] += 1
        if "partition" in request.query:
            return self._partition(execution, int(request.query["partition"]))
        return self._outcome(execution, 0 if fault == SLOW else SYNC_SECONDS)

    def broken(self, status, code, message):
        """An error that says that the client breaks a rule."""
        self.problems.append(message)
        return Refused(status, {"code": code, "message": message})

    # Statements.

    def _submit(self, request, user, fault):
        if request.headers.get("Content-Type") != "application/json":
            raise self.broken(415, "391902", "Content-Type must be application/json")
        request_id = request.query.get("requestId", "")
        try:
            uuid.UUID(request_id)
        except ValueError:
            raise self.broken(400, "391902", "requestId is no UUID") from None
        with self._lock:
            known = self._by_request.get(request_id)
            if known is not None and request.query.get("retry") != "true":
                raise self.broken(400, "391902", "a requestId was used twice without retry=true")
            if known is None:
                known = self._start(json.loads(request.body), user)
                self._by_request[request_id] = known
                self._executions[known.handle] = known
        return self._outcome(known, 0 if fault == SLOW else SYNC_SECONDS)

    def _start(self, body, user):
        unknown = set(body) - {"statement", "timeout", "database", "schema", "warehouse", "role", "bindings",
                               "parameters"}
        if unknown:
            raise self.broken(400, "391902", f"unknown members {sorted(unknown)}")
        if len(body["statement"].encode()) > MAX_STATEMENT:
            raise self.broken(422, "000401", "the statement is longer than 1 MiB")
        bindings = body.get("bindings") or {}
        values = [(bindings[str(i + 1)]["type"], bindings[str(i + 1)]["value"]) for i in range(len(bindings))]
        if not all(isinstance(value, str) for _, value in values):
            raise self.broken(400, "391902", "values of bindings are text")
        count = int((body.get("parameters") or {}).get("MULTI_STATEMENT_COUNT", 1))
        return Execution(user, self._pool.submit(self._run, body, count, values))

    def _run(self, body, count, values):
        self.gate.wait()
        return self.database.run(body["statement"], count, body, values)

    def _outcome(self, execution, patience):
        status_url = f"{STATEMENTS}/{execution.handle}"
        try:
            results = execution.future.result(patience)
        except concurrent.futures.TimeoutError:
            return 202, {}, {"code": "333334", "message": "Asynchronous execution in progress.",
                             "statementHandle": execution.handle, "statementStatusUrl": status_url}
        except snowflake_sql.SqlFailed as failed:
            status = 403 if failed.code == "390189" else 422
            raise Refused(status, {"code": failed.code, "sqlState": failed.state, "message": failed.message,
                                   "statementHandle": execution.handle, "createdOn": int(time.time() * 1000)}) from None
        body = {"code": "090001", "sqlState": "00000", "message": "Statement executed successfully.",
                "statementHandle": execution.handle, "statementStatusUrl": status_url}
        if len(results) > 1:
            with self._lock:
                if not execution.children:
                    for result in results:
                        child = Execution(execution.user, concurrent.futures.Future())
                        child.future.set_result([result])
                        self._executions[child.handle] = child
                        execution.children.append(child.handle)
            body["statementHandles"] = execution.children
            body["data"] = [["Multiple statements executed successfully."]]
            return 200, {}, body
        names, rows = results[0]
        size = self.partition_rows
        parts = max(1, -(-len(rows) // size))
        body["resultSetMetaData"] = {
            "format": "jsonv2", "numRows": len(rows), "rowType": [{"name": name, "type": "text"} for name in names],
            "partitionInfo": [{"rowCount": len(rows[i * size:(i + 1) * size])} for i in range(parts)]}
        body["data"] = rows[:size]
        return 200, {}, body

    def _partition(self, execution, number):
        _, rows = execution.future.result()[0]
        part = rows[number * self.partition_rows:(number + 1) * self.partition_rows]
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(json.dumps({"data": part}).encode())


class Request:
    """What a client sent."""

    def __init__(self, handler, body):
        parts = urllib.parse.urlsplit(handler.path)
        self.method, self.path = handler.command, parts.path
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.headers, self.body = handler.headers, body


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a client that was killed is none
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front = None

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def _serve(self):
        size = int(self.headers.get("Content-Length") or 0)
        if size > MAX_BODY:
            self.close_connection = True
            return
        body = self.rfile.read(size)
        if len(body) < size:  # the client was killed
            self.close_connection = True
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        answer = self.front.handle(Request(self, body))
        if answer is None:
            self.close_connection = True
            return
        status, headers, text = answer
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = _serve
