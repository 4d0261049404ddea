"""The HTTP side of iceberg_rest_server.py: connections, and the strict reading of JSON."""
import collections
import contextlib
import http.server
import json
import socket
import sys
import threading
import traceback

Request = collections.namedtuple("Request", "method path status")


def no_duplicates(pairs):
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"an object has a field twice: {[name for name, _ in pairs]}")
    return dict(pairs)


def difference(sent, parsed, path="body"):
    """The first place where pyiceberg lost or changed what was sent; None if it read everything and added only defaults."""
    if isinstance(sent, dict) and isinstance(parsed, dict):
        for name, value in sent.items():
            if name not in parsed:
                return f"unknown field {path}.{name}"
            if found := difference(value, parsed[name], f"{path}.{name}"):
                return found
        return None
    if isinstance(sent, list) and isinstance(parsed, list) and len(sent) == len(parsed):
        for i, pair in enumerate(zip(sent, parsed)):
            if found := difference(*pair, f"{path}[{i}]"):
                return found
        return None
    if isinstance(sent, str) and isinstance(parsed, str):
        sent, parsed = sent.replace(", ", ","), parsed.replace(", ", ",")  # decimal(9,2)
    return None if type(sent) is type(parsed) and sent == parsed else f"{path} is {sent!r}, read as {parsed!r}"


def parse(model, body, **defaults):
    """The body as a model of pyiceberg, but without its tolerance of unknown fields, Python's names and other types."""
    parsed = model.model_validate_json(json.dumps({**defaults, **body}))
    if found := difference(body, json.loads(parsed.model_dump_json())):
        raise ValueError(found)
    return parsed


class Server(http.server.ThreadingHTTPServer):
    """Knows its connections, so that stopping it also ends those that clients keep open."""
    request_queue_size = 128

    def __init__(self, port, catalog):
        self.connections, self.idle = set(), threading.Condition()
        self.catalog = catalog
        super().__init__(("127.0.0.1", port), make_handler(catalog))

    def process_request(self, request, client_address):
        with self.idle:
            self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        with self.idle:
            self.connections.discard(request)
            self.idle.notify_all()

    def disconnect(self):
        with self.idle:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.idle.wait_for(lambda: not self.connections, 30)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # that is a client which closed the connection
            self.catalog.unexpected.append(traceback.format_exc())


def make_handler(catalog):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self):
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            if len(content) < length:  # the client ended
                self.close_connection = True
                return
            status, answer = catalog.answer(self.command, self.path, self.headers, content)
            catalog.requests.append(Request(self.command, self.path, status))
            if status is None:
                self.close_connection = True
                return
            body = b"" if answer is None or status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
            self.close_connection = self.close_connection or status == 411
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, *args):
            pass

    return Handler
