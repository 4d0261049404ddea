"""The Storage Write API of bigquery_front.py: streams, offsets, commits, limits and errors as documented.

Rows of pending streams are kept as they came, and are read and inserted when they are committed.
"""
import datetime
import threading
import time
import urllib.parse
import uuid
from concurrent import futures

import grpc
from bigquery_front_tables import RowDecoder, WrongSchema
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import any_pb2
from google.rpc import status_pb2

SERVICE = "/google.cloud.bigquery.storage.v1.BigQueryWrite/"
MAX_REQUEST_BYTES = 10_000_000
MAX_STREAMS_OF_A_COMMIT = 100
Code = types.StorageError.StorageErrorCode
Type = types.WriteStream.Type
FAULTS = {"unavailable": (grpc.StatusCode.UNAVAILABLE, "try again"),
          "lost": (grpc.StatusCode.UNAVAILABLE, "the connection broke"),
          "internal": (grpc.StatusCode.INTERNAL, "an internal error"),
          "quota": (grpc.StatusCode.RESOURCE_EXHAUSTED, "Exceeded quota"),
          "unauthenticated": (grpc.StatusCode.UNAUTHENTICATED, "invalid authentication credentials"),
          "denied": (grpc.StatusCode.PERMISSION_DENIED, "bigquery.tables.updateData is missing")}


class Failure(Exception):
    def __init__(self, code, message, storage_code=None, entity=""):
        super().__init__(message)
        self.code, self.storage_code, self.entity = code, storage_code, entity

    def status(self):
        status = status_pb2.Status(code=self.code.value[0], message=str(self))
        if self.storage_code is not None:
            error = types.StorageError(code=self.storage_code, entity=self.entity, error_message=str(self))
            detail = any_pb2.Any()
            detail.Pack(types.StorageError.pb(error))
            status.details.append(detail)
        return status


class Stream:
    def __init__(self, name, kind, table):
        self.name, self.kind, self.table = name, kind, table
        self.created = datetime.datetime.now(datetime.timezone.utc)
        self.batches = []  # (decoder, rows) of a pending stream
        self.rows = 0
        self.is_finalized = False
        self.committed = None  # when
        self.lock = threading.Lock()


class WriteService(grpc.GenericRpcHandler):
    def __init__(self, tables, changes, control):
        self.tables, self.changes, self.control = tables, changes, control
        self.lock = threading.RLock()
        self.streams = {}
        self.unary = {
            "CreateWriteStream": ("create", "parent", types.CreateWriteStreamRequest, self.create),
            "GetWriteStream": ("get", "name", types.GetWriteStreamRequest, self.get),
            "FinalizeWriteStream": ("finalize", "name", types.FinalizeWriteStreamRequest, self.finalize),
            "BatchCommitWriteStreams": ("commit", "parent", types.BatchCommitWriteStreamsRequest, self.commit)}

    def service(self, details):
        method = details.method.removeprefix(SERVICE)
        if method == "AppendRows":
            return grpc.stream_stream_rpc_method_handler(self.serve_append)
        if method not in self.unary:
            return None
        name, field, request_type, call = self.unary[method]
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self.serve(name, field, request_type.deserialize(request), call, context))

    # What all calls have in common

    def check_caller(self, context, route):
        metadata = dict(context.invocation_metadata())
        if not self.control.lets_in(metadata.get("authorization", "")):
            raise Failure(grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials")
        if urllib.parse.unquote(metadata.get("x-goog-request-params", "")) != route:
            self.control.violate("x-goog-request-params")

    @staticmethod
    def abort(context, failure):
        if failure.storage_code is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", failure.status().SerializeToString()),))
        context.abort(failure.code, str(failure))

    def serve(self, name, field, request, call, context):
        try:
            self.check_caller(context, f"{field}={getattr(request, field)}")
            fault = self.control.admit(name)
            if fault and fault != "lost":
                raise Failure(*FAULTS[fault])
            self.control.wait(name, "before")
            response = call(request)
            self.control.wait(name, "after")
            if fault:
                raise Failure(*FAULTS[fault])
            return type(response).serialize(response)
        except Failure as failure:
            self.abort(context, failure)

    def table(self, name):
        """NOT_FOUND: there is none."""
        parts = name.split("/")
        if len(parts) != 6 or parts[::2] != ["projects", "datasets", "tables"]:
            raise Failure(grpc.StatusCode.INVALID_ARGUMENT, f"{name} names no table")
        table = self.tables.find(parts[1], parts[3], parts[5])
        if table is None:
            raise Failure(grpc.StatusCode.NOT_FOUND, f"Requested entity was not found. Entity: {name}",
                          Code.TABLE_NOT_FOUND, name)
        return table

    def stream(self, name):
        """NOT_FOUND: there is none, or its table was dropped, even if there is another one by its name now."""
        stream = self.streams.get(name)
        parent = name.rsplit("/streams/", 1)[0]
        if name.endswith("/streams/_default"):
            return Stream(name, Type.COMMITTED, self.table(parent))
        table = self.table(parent) if stream else None
        if table is None or table.creation_time != stream.table.creation_time:
            raise Failure(grpc.StatusCode.NOT_FOUND, f"Requested entity was not found. Entity: {name}",
                          Code.STREAM_NOT_FOUND, name)
        return stream

    # Calls

    def create(self, request):
        table = self.table(request.parent)
        kind = request.write_stream.type_
        if kind not in (Type.PENDING, Type.COMMITTED):
            raise Failure(grpc.StatusCode.INVALID_ARGUMENT, f"streams of the type {kind} are not served here")
        stream = Stream(f"{request.parent}/streams/{uuid.uuid4().hex[:16]}", kind, table)
        self.streams[stream.name] = stream
        return self.describe(stream)

    @staticmethod
    def describe(stream):
        return types.WriteStream(name=stream.name, type_=stream.kind, create_time=stream.created,
                                 commit_time=stream.committed)

    def get(self, request):
        return self.describe(self.stream(request.name))

    def finalize(self, request):
        stream = self.stream(request.name)
        if request.name.endswith("/_default"):
            raise Failure(grpc.StatusCode.INVALID_ARGUMENT, "the default stream cannot be finalized")
        with stream.lock:
            stream.is_finalized = True
            return types.FinalizeWriteStreamResponse(row_count=stream.rows)

    def commit(self, request):
        self.table(request.parent)
        names = list(request.write_streams)
        if not names or len(names) > MAX_STREAMS_OF_A_COMMIT or len(set(names)) < len(names):
            self.control.violate("streams of a commit")
            raise Failure(grpc.StatusCode.INVALID_ARGUMENT, f"{len(names)} streams cannot be committed at once")
        with self.lock:
            streams, errors = [], []
            for name in names:
                try:
                    stream = self.stream(name)
                except Failure as failure:
                    errors.append(types.StorageError(code=failure.storage_code, entity=name,
                                                     error_message=str(failure)))
                    continue
                streams.append(stream)
                code = (Code.INVALID_STREAM_TYPE if stream.kind != Type.PENDING else
                        Code.STREAM_ALREADY_COMMITTED if stream.committed else
                        Code.INVALID_STREAM_STATE if not stream.is_finalized else None)
                if code is not None:
                    errors.append(types.StorageError(code=code, entity=name))
            if errors:
                return types.BatchCommitWriteStreamsResponse(stream_errors=errors)
            now = datetime.datetime.now(datetime.timezone.utc)
            for stream in streams:
                for decoder, rows in stream.batches:
                    self.tables.insert(stream.table, decoder, rows)
                stream.batches, stream.committed = [], now
            return types.BatchCommitWriteStreamsResponse(commit_time=now)

    # Appends

    def serve_append(self, requests, context):
        name, decoder, table = "", None, None
        try:
            for bytes_of_request in requests:
                request = types.AppendRowsRequest.deserialize(bytes_of_request)
                name = request.write_stream or name
                self.check_caller(context, f"write_stream={name}")
                fault = self.control.admit("append")
                if fault and fault != "lost":
                    raise Failure(*FAULTS[fault])
                self.control.wait("append", "before")
                time.sleep(self.control.append_seconds)
                try:
                    stream = self.stream(name)
                    if request.proto_rows.writer_schema.proto_descriptor.field:
                        descriptor = request.proto_rows.writer_schema.proto_descriptor
                        decoder, table = None, None
                    if decoder is None or table != self.current(table):
                        # The table may have lost a column since the connection was made.
                        table = self.current(stream.table)
                        decoder = RowDecoder(descriptor, table, self.control.hidden)
                    response = self.append(stream, decoder, request, len(bytes_of_request))
                except WrongSchema as wrong:
                    response = self.failed(name, Failure(
                        grpc.StatusCode.INVALID_ARGUMENT, str(wrong),
                        Code.SCHEMA_MISMATCH_EXTRA_FIELDS if wrong.extra else None, name))
                except Failure as failure:
                    response = self.failed(name, failure)
                self.control.wait("append", "after")
                if fault:
                    raise Failure(*FAULTS[fault])
                yield types.AppendRowsResponse.serialize(response)
        except Failure as failure:
            self.abort(context, failure)

    def current(self, table):
        return self.tables.find(table.project_id, table.dataset_id, table.table_id)

    @staticmethod
    def failed(name, failure, row_errors=()):
        return types.AppendRowsResponse(write_stream=name, error=failure.status(), row_errors=row_errors)

    def append(self, stream, decoder, request, size):
        if size >= MAX_REQUEST_BYTES:
            self.control.violate("bytes of a request")
            raise Failure(grpc.StatusCode.INVALID_ARGUMENT, f"AppendRows request is too large: {size} bytes")
        is_default = stream.name.endswith("/_default")
        has_offset = types.AppendRowsRequest.pb(request).HasField("offset")
        if is_default and has_offset:
            raise Failure(grpc.StatusCode.INVALID_ARGUMENT, "the default stream takes no offset")
        are_changes = self.changes.check_writer(Failure, is_default, stream.table, decoder)
        rows, changes, errors = [], [], []
        refused = self.control.refused
        for i, row in enumerate(request.proto_rows.rows.serialized_rows):
            try:
                rows.append(decoder.read(row, refused))
                if are_changes:
                    changes.append(self.changes.read(stream.table, decoder, row, rows[-1]))
            except Exception as error:  # also those of protobuf
                errors.append(types.RowError(index=i, code=types.RowError.RowErrorCode.FIELDS_ERROR,
                                             message=str(error)[:500]))
        with stream.lock:
            if stream.is_finalized or stream.committed:
                raise Failure(grpc.StatusCode.FAILED_PRECONDITION, "the stream is finalized", Code.STREAM_FINALIZED,
                              stream.name)
            if has_offset and request.offset < stream.rows:
                raise Failure(grpc.StatusCode.ALREADY_EXISTS, f"The offset is within stream, expected {stream.rows}",
                              Code.OFFSET_ALREADY_EXISTS, stream.name)
            if has_offset and request.offset > stream.rows:
                raise Failure(grpc.StatusCode.OUT_OF_RANGE, f"The offset is beyond stream, expected {stream.rows}",
                              Code.OFFSET_OUT_OF_RANGE, stream.name)
            if errors:
                failure = Failure(grpc.StatusCode.INVALID_ARGUMENT, "Errors found while processing rows")
                return self.failed(stream.name, failure, errors)
            result = types.AppendRowsResponse.AppendResult()
            if not is_default:
                result.offset = stream.rows
            if stream.kind == Type.PENDING:
                stream.batches.append((decoder, rows))
            elif are_changes:
                self.changes.apply(stream.table, decoder, rows, changes)
            else:
                self.tables.insert(stream.table, decoder, rows)
            stream.rows += len(rows)
            self.control.sizes.append(len(rows))
            return types.AppendRowsResponse(append_result=result, write_stream=stream.name)


def start(tables, changes, control):
    """The running server, and its port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=100), options=[
        ("grpc.max_receive_message_length", 64 << 20), ("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([WriteService(tables, changes, control)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
