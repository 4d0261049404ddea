"""BigQuery for a benchmark of the client: it answers as fast as it can, looks at no row and keeps none.

Its first line on stdout has the addresses. It ends with stdin.
"""
import http.server
import json
import sys
import threading
from concurrent import futures

import grpc
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import timestamp_pb2

SERVICE = "/google.cloud.bigquery.storage.v1.BigQueryWrite/"


class Rest(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # No table exists until it is created; then it is as the client wants it.
        status, body = 200, {"creationTime": "1", "etag": "1"}
        if self.command == "GET" and not Rest.created:
            status, body = 404, {"error": {"code": 404, "message": "none", "errors": [{"reason": "notFound"}]}}
        Rest.created = Rest.created or self.command == "POST"
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = answer
    created = False

    def log_message(self, *arguments):
        pass


class Storage(grpc.GenericRpcHandler):
    def __init__(self):
        self.lock, self.rows, self.streams = threading.Lock(), {}, 0

    def service(self, details):
        method = getattr(self, details.method.removeprefix(SERVICE))
        if details.method.endswith("AppendRows"):
            return grpc.stream_stream_rpc_method_handler(method)
        return grpc.unary_unary_rpc_method_handler(method)

    def CreateWriteStream(self, request, context):
        request = types.CreateWriteStreamRequest.deserialize(request)
        with self.lock:
            self.streams += 1
            name = f"{request.parent}/streams/s{self.streams}"
        return types.WriteStream.serialize(types.WriteStream(name=name, type_=request.write_stream.type_))

    def AppendRows(self, requests, context):
        name = ""
        for request in requests:
            request = types.AppendRowsRequest.pb(types.AppendRowsRequest.deserialize(request))
            name = request.write_stream or name
            with self.lock:
                self.rows[name] = self.rows.get(name, 0) + len(request.proto_rows.rows.serialized_rows)
            result = types.AppendRowsResponse.AppendResult(offset=request.offset.value)
            yield types.AppendRowsResponse.serialize(types.AppendRowsResponse(append_result=result))

    def FinalizeWriteStream(self, request, context):
        name = types.FinalizeWriteStreamRequest.deserialize(request).name
        response = types.FinalizeWriteStreamResponse(row_count=self.rows.get(name, 0))
        return types.FinalizeWriteStreamResponse.serialize(response)

    def BatchCommitWriteStreams(self, request, context):
        response = types.BatchCommitWriteStreamsResponse(commit_time=timestamp_pb2.Timestamp(seconds=1))
        return types.BatchCommitWriteStreamsResponse.serialize(response)


def main():
    rest = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    storage = grpc.server(futures.ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", 64 << 20)])
    storage.add_generic_rpc_handlers([Storage()])
    port = storage.add_insecure_port("127.0.0.1:0")
    storage.start()
    print(json.dumps({"rest": f"127.0.0.1:{rest.server_port}", "storage": f"127.0.0.1:{port}"}), flush=True)
    sys.stdin.read()
    storage.stop(None)


if __name__ == "__main__":
    main()
