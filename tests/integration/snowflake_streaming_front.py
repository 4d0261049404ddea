"""The front of a Snowflake account with Snowpipe Streaming: named and elastic channels.

It checks what the service documents (tokens, sequences, sizes, rates), commits when a test wants it, and stores rows for
real, in the tables of snowflake_sql.Database.
"""
import base64
import collections
import json
import os
import re
import ssl
import tempfile
import threading
import time
import urllib.parse
import uuid

import snowflake_front
import snowflake_sql
import snowflake_tokens
from snowflake_front import Refused

MAX_BODY = 4 << 20
MAX_CHANNELS = 2000  # of a pipe
MAX_STATUS_CHANNELS = 1000  # of a request, as the official client knows
RATE, BYTE_RATE = 10, 20e6  # of a channel: requests and uncompressed bytes a second
TOKEN_SECONDS = 3600
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
SUBJECTS = {"PROGRAMMATIC_ACCESS_TOKEN": "programmatic_access_token",
            "OAUTH": "urn:ietf:params:oauth:token-type:access_token"}
PIPE = re.compile(r"/v2/streaming/(data/)?databases/([^/]+)/schemas/([^/]+)/(pipes|tables)/([^/:]+)(.*)")
CHANNEL = re.compile(r"/channels/([^/]+)(/rows)?$")
NO_PIPE, NO_CHANNEL = ("ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", "ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED")
# Faults of these routes, besides those of the front: answers that are wrong, or that are rare.
FAULTS = {
    "no_channel": (404, {"error_code": NO_CHANNEL, "message": "the channel is not known here yet"}),
    "reopen": (409, {"error_code": "ERR_CHANNEL_MUST_BE_REOPENED", "message": "the channel is invalid"}),
    "gap": (400, {"error_code": "ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP", "message": "a gap"}),
    "retry_request": (503, "ERR_GENERAL_EXCEPTION_RETRY_REQUEST"),
    "rate": (429, {"code": "390701", "message": "Request rate exceeds max. Try later."}),
}


def name_in(segment):
    """A name in a path: without quotes it means what it means in SQL."""
    name = urllib.parse.unquote(segment)
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name.upper()


class Database(snowflake_sql.Database):
    """Stores rows in NDJSON as a pipe with MATCH_BY_COLUMN_NAME does."""

    def table_id(self, database, schema, table):
        """Another number after the table was made again; None: there is none."""
        with self._lock, self._session.cursor() as cursor:
            rows = cursor._duck_conn.execute(  # pylint: disable=protected-access
                "SELECT table_oid FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?",
                [database, schema, table]).fetchall()
        return rows[0][0] if rows else None

    def load(self, database, schema, table, text):
        """The number of rows that were stored, of those that were not, and the last error."""
        quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (database, schema, table))
        with self._lock, self._session.cursor() as cursor:
            duck = cursor._duck_conn  # pylint: disable=protected-access
            columns = duck.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? "
                "AND table_name = ?", [database, schema, table]).fetchall()
            types = {name: "JSON" if kind in ("JSON", "VARIANT") else kind for name, kind in columns}
            try:
                return self._insert(duck, quoted, types, text), 0, None
            except Exception as error:  # pylint: disable=broad-except
                duck.execute("ROLLBACK") if "transaction" in str(error).lower() else None  # pylint: disable=expression-not-assigned
            stored, failed, message = 0, 0, None
            for line in text.splitlines(keepends=True):
                try:
                    stored += self._insert(duck, quoted, types, line)
                except Exception as error:  # pylint: disable=broad-except
                    failed, message = failed + 1, str(error)[:200]
            return stored, failed, message

    @staticmethod
    def _insert(duck, quoted, types, text):
        columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in types.items()) + "}"
        with tempfile.NamedTemporaryFile("wb", suffix=".ndjson") as file:
            file.write(text.encode())
            file.flush()
            return duck.execute(f"INSERT INTO {quoted} BY NAME SELECT * FROM read_json('{file.name}', "
                                f"format='newline_delimited', columns={columns})").fetchall()[0][0]


class Channel:
    def __init__(self, pipe, name):
        self.pipe, self.name = pipe, name
        self.created = int(time.time() * 1000)
        self.client, self.row = 0, 0  # sequencers
        self.token, self.code = None, "SUCCESS"
        self.inserted, self.parsed, self.errors = 0, 0, 0
        self.error_token, self.error_message, self.error_time = None, None, None
        self.pending = collections.deque()  # [token, text, rows, age]
        self.arrivals = collections.deque()  # times and bytes of requests

    @property
    def continuation(self):
        return f"{self.client}_{self.row}"

    def status(self, errors):
        return {"database_name": self.pipe[0], "schema_name": self.pipe[1], "pipe_name": self.pipe[2],
                "channel_name": self.name, "channel_status_code": self.code, "last_committed_offset_token": self.token,
                "created_on_ms": self.created, "rows_inserted": self.inserted, "rows_parsed": self.parsed,
                errors: self.errors, "rows_error_count": self.errors, "last_error_offset_upper_bound": self.error_token,
                "last_error_message": self.error_message, "last_error_timestamp_ms": self.error_time,
                "snowflake_avg_processing_latency_ms": 5}


class StreamingFront(snowflake_front.Front):
    """`tls`: certificate and key, for clients that insist on https. `commit_after`: so many requests for the status of
    a channel see its rows as uncommitted; None: until commit() is called."""

    def __init__(self, *args, tls=None, **kwargs):
        kwargs.setdefault("database", Database())
        super().__init__(*args, **kwargs)
        self.commit_after = 1
        self.pipes = {}  # (database, schema, pipe): table
        self.channels = {}  # (pipe, name): Channel
        self.max_channels = 0
        self.streaming_faults = collections.Counter()
        self.elastic_retries = 0
        self._scoped = {}  # token: (user, expiry)
        self._tables = {}  # pipe: table_id()
        self._streams = threading.RLock()
        self.host = "127.0.0.1"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")

    # What tests do.

    def commit(self):
        """Everything that was appended."""
        with self._streams:
            for channel in self.channels.values():
                self._commit(channel, None)

    def expire_tokens(self):
        with self._streams:
            self._scoped.clear()

    def add_pipe(self, database, schema, pipe, table):
        self.pipes[database, schema, pipe] = table

    def uncommitted(self):
        with self._streams:
            return sum(len(channel.pending) for channel in self.channels.values())

    # Requests.

    def sign_in(self, request):
        if not request.path.startswith("/v2/streaming/") or request.path == "/v2/streaming/hostname":
            return super().sign_in(request)
        kind = request.headers.get("X-Snowflake-Authorization-Token-Type", "OAUTH")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._streams:
            user, expiry = self._scoped.get(token, (None, 0))
        if kind != "OAUTH" or user is None or expiry < time.time():
            raise snowflake_tokens.SignInFailed("390318", "The scoped token is not valid.")
        if user not in self.tokens.keys and not any(u == user for u, _ in
                                                    [*self.tokens.access_tokens.values(),
                                                     *self.tokens.oauth_tokens.values()]):
            raise snowflake_tokens.SignInFailed("390144", "The user has no key or token any more.")
        return user

    def route(self, request, user, fault):
        if "application/json" not in request.headers.get("Accept", ""):
            raise self.broken(406, "391902", "Unsupported Accept header is specified")
        if request.path == "/v2/streaming/hostname" and request.method == "GET":
            return 200, {"Content-Type": "text/plain"}, self.host.encode()
        if request.path == "/oauth/token" and request.method == "POST":
            return self._exchange(request, user)
        if request.path.startswith("/telemetry/"):
            return 200, {}, {"code": None, "message": None, "data": "Log Received", "success": True}
        found = PIPE.match(request.path)
        if not found:
            return super().route(request, user, fault)
        if fault in FAULTS:
            self.streaming_faults[fault] += 1
            raise Refused(FAULTS[fault][0], _Text(FAULTS[fault][1]))
        if "requestId" in request.query:
            uuid.UUID(request.query["requestId"])
        is_data, kind, rest = bool(found.group(1)), found.group(4), found.group(6)
        pipe = tuple(name_in(found.group(i)) for i in (2, 3, 5))
        with self._streams:
            if kind == "tables":
                pipe = (*pipe[:2], pipe[2] + "-STREAMING")
            self._check_table(pipe)
            if is_data:
                name = "ELASTIC" if kind == "tables" and rest == "/rows" else CHANNEL.match(rest).group(1)
                text = self._body(request)
                append = self._append_elastic if name == "ELASTIC" else self._append
                return 200, {}, append(pipe, urllib.parse.unquote(name), request.query, text)
            if rest == ":pipe-info":
                return 200, {}, _pipe_info()
            if rest == ":bulk-channel-status" and request.method == "POST":
                return 200, {}, self._statuses(pipe, json.loads(request.body)["channel_names"])
            name = urllib.parse.unquote(CHANNEL.match(rest).group(1))
            options = json.loads(request.body or b"{}")
            unknown = set(options) - {"offset_token", "fail_on_uncommitted_rows"}
            if unknown:
                raise self.broken(400, "INVALID_REQUEST", f"unknown members {sorted(unknown)}")
            if request.method == "PUT":
                return 200, {}, self._open(pipe, name, options)
            if request.method == "DELETE":
                return 200, {}, self._drop(pipe, name, options)
        raise self.broken(405, "INVALID_REQUEST", f"{request.method} {request.path}")

    def _exchange(self, request, user):
        kind = request.headers.get("X-Snowflake-Authorization-Token-Type")
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        scope = form.get("scope", "").split()
        wanted = JWT_GRANT if kind == "KEYPAIR_JWT" else EXCHANGE_GRANT
        if request.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise self.broken(415, "391902", "the Content-Type of a token exchange")
        if form.get("grant_type") != wanted or self.host not in scope:
            raise self.broken(400, "invalid_request", f"a token exchange with {form.get('grant_type')} for {scope}")
        if wanted == EXCHANGE_GRANT and kind and form.get("subject_token_type") != SUBJECTS[kind]:
            raise self.broken(400, "invalid_request", f"subject_token_type {form.get('subject_token_type')}")
        claims = {"iat": int(time.time()), "exp": int(time.time()) + TOKEN_SECONDS, "jti": str(uuid.uuid4())}
        token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in
                         (b'{"alg":"HS256","typ":"JWT"}', json.dumps(claims).encode(), os.urandom(32)))
        with self._streams:
            self._scoped[token] = (user, claims["exp"])
        return 200, {"Content-Type": "text/plain"}, token.encode()

    def _check_table(self, pipe):
        """Channels of a table that was dropped go with it."""
        table = self.pipes.get(pipe) or pipe[2].removesuffix("-STREAMING")
        found = self.database.table_id(*pipe[:2], table)
        if pipe[2] == table and pipe not in self.pipes or found is None:
            raise Refused(404, {"error_code": NO_PIPE, "message": f"pipe {'.'.join(pipe)} does not exist"})
        if self._tables.setdefault(pipe, found) != found:
            self.channels = {key: one for key, one in self.channels.items() if key[0] != pipe}
            self._tables[pipe] = found

    def _body(self, request):
        if len(request.body) > MAX_BODY:
            raise self.broken(413, "PAYLOAD_TOO_LARGE", f"{len(request.body)} bytes in a request")
        encoding = request.headers.get("Content-Encoding")
        if request.headers.get("Content-Type") != "application/x-ndjson" or encoding not in (None, "gzip", "zstd"):
            raise self.broken(415, "INVALID_REQUEST", "the Content-Type or Content-Encoding of rows")
        text = _unzstd(request.body) if encoding == "zstd" else request.body  # gzip: decoded by the server
        declared = request.headers.get("x-snowflake-uncompressed-content-length")
        # The official client does not count the line end that it adds.
        if declared and int(declared) not in (len(text), len(text) - 1):
            raise self.broken(400, "INVALID_REQUEST", "the uncompressed length is wrong")
        lines = [line for line in text.decode().split("\n") if line]
        for line in lines[:3] + lines[-1:]:
            if not isinstance(json.loads(line), dict):
                raise self.broken(400, "INVALID_REQUEST", "a row is not a JSON object")
        if not lines:
            raise self.broken(400, "INVALID_REQUEST", "no rows")
        return lines

    # Channels.

    def _open(self, pipe, name, options):
        self.requests["open"] += 1
        channel = self.channels.get((pipe, name))
        if channel is None:
            channel = self.channels[pipe, name] = Channel(pipe, name)
            count = sum(key[0] == pipe for key in self.channels)
            self.max_channels = max(self.max_channels, count)
            if count > MAX_CHANNELS:
                del self.channels[pipe, name]
                raise self.broken(400, "ERR_TOO_MANY_CHANNELS", "more than 2,000 channels")
        self._commit(channel, 1)
        if channel.pending and options.get("fail_on_uncommitted_rows"):
            raise Refused(409, {"error_code": "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", "message": "uncommitted rows"})
        channel.pending.clear()
        channel.client, channel.row, channel.code = channel.client + 1, 0, "SUCCESS"
        if "offset_token" in options:
            channel.token = options["offset_token"]
        return {"next_continuation_token": channel.continuation, "channel_status": channel.status("rows_error_count")}

    def _append(self, pipe, name, query, lines):
        self.requests["append"] += 1
        channel = self.channels.get((pipe, name))
        if channel is None:
            raise Refused(404, {"error_code": NO_CHANNEL, "message": f"channel {name} does not exist"})
        if query.get("continuationToken") != channel.continuation:
            raise Refused(400, {"code": "STALE_CONTINUATION_TOKEN_SEQUENCER", "message":
                                "Channel sequencer in the continuation token is stale. Please reopen the channel"})
        text = "\n".join(lines) + "\n"
        self._check_rate(channel, len(text))
        token = query.get("endOffsetToken") or query.get("offsetToken")
        channel.pending.append([token, text, len(lines), 0])
        channel.row += 1
        if self.commit_after == 0:
            self._commit(channel, 0)
        return {"next_continuation_token": channel.continuation, "message": "OK"}

    def _append_elastic(self, pipe, _, query, lines):
        self.requests["elastic"] += 1
        if {"offsetToken", "startOffsetToken", "endOffsetToken", "continuationToken"} & set(query):
            raise self.broken(400, "INVALID_REQUEST", "tokens in an elastic append")
        self.elastic_retries += query.get("retryCount", "0") != "0"
        table = self.pipes.get(pipe) or pipe[2].removesuffix("-STREAMING")
        self.database.load(*pipe[:2], table, "\n".join(lines) + "\n")
        return {"message": "OK", "next_continuation_token": ""}  # the official client wants the token

    def _check_rate(self, channel, size):
        now = time.monotonic()
        channel.arrivals.append((now, size))
        while channel.arrivals[0][0] < now - 1:
            channel.arrivals.popleft()
        # What arrives within a second may have been sent in a little more.
        if len(channel.arrivals) > RATE * 1.5 or (len(channel.arrivals) > 2 and
                                                  sum(n for _, n in channel.arrivals) > BYTE_RATE * 1.5):
            raise self.broken(429, "390701", "more requests or bytes than a channel takes")

    def _commit(self, channel, age):
        """Commits what is old enough; `age` None: everything."""
        table = self.pipes.get(channel.pipe) or channel.pipe[2].removesuffix("-STREAMING")
        for append in channel.pending:
            append[3] += age or 0
        while channel.pending:
            token, text, rows, old = channel.pending[0]
            if age is not None and (self.commit_after is None or old < self.commit_after):
                return
            inserted, errors, message = self.database.load(*channel.pipe[:2], table, text)
            channel.inserted, channel.parsed = channel.inserted + inserted, channel.parsed + rows
            if errors:
                channel.errors += errors
                channel.error_token, channel.error_message = token, message
                channel.error_time = int(time.time() * 1000)
            channel.token = token
            channel.pending.popleft()

    def _statuses(self, pipe, names):
        if len(names) > MAX_STATUS_CHANNELS:
            raise self.broken(400, "ERR_GET_CHANNEL_STATUS_BATCH_TOO_MANY_CHANNELS", "too many channels in a request")
        statuses = {}
        for name in names:
            # Each pipe has this one without an open.
            channel = Channel(pipe, name) if name == "ELASTIC" else self.channels.get((pipe, name))
            if channel is not None:
                self._commit(channel, 1)
                statuses[name] = channel.status("rows_errors")
        return {"channel_statuses": statuses}

    def _drop(self, pipe, name, options):
        self.requests["drop"] += 1
        channel = self.channels.get((pipe, name))
        if channel is None:
            raise Refused(404, {"error_code": NO_CHANNEL, "message": f"channel {name} does not exist"})
        if channel.pending and options.get("fail_on_uncommitted_rows"):
            raise Refused(409, {"error_code": "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", "message": "uncommitted rows"})
        del self.channels[pipe, name]
        return {"last_committed_offset_token": channel.token}


class _Text(str):
    """A body that is JSON, but not an object."""

    def __new__(cls, body):
        return body if isinstance(body, dict) else super().__new__(cls, body)

    def get(self, _):
        return str(self)


def _unzstd(body):
    import pyarrow
    return pyarrow.input_stream(pyarrow.py_buffer(body), compression="zstd").read()


def _pipe_info():
    place = {"location": "s3://stage/p/", "expiry_time_ms": int(time.time() * 1000) + 3_600_000, "location_type": "S3",
             "use_s3_regional_url": False, "region": "us-east-1", "storage_account": None, "bucket_name": "stage",
             "path_prefix": "p/", "endpoint": None, "parameters": None,
             "creds": {"AWS_KEY_ID": "a", "AWS_SECRET_KEY": "b", "AWS_TOKEN": "c"}}
    return {"rowset_stage_location": place, "durable_stage_location": place, "parameter_overrides": {}, "parameters": {},
            "encryption_info": {"pipe_key": base64.b64encode(bytes(32)).decode(), "pipe_key_id": 1, "diversifier": "d"},
            "binary_input_format": "BASE64"}
