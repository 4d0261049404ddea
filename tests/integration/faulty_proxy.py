"""An HTTP proxy in front of one server on loopback, for tests of what is lost on the way and of servers that are down."""
import collections
import http.client
import http.server
import random
import re
import socket
import threading

# Not forwarded: they are about one connection.
OF_CONNECTION = {"connection", "keep-alive", "expect", "transfer-encoding", "content-length"}


class FaultyProxy:
    """Listens on a free port. While `is_down`, it closes connections without an answer. `before(method, path)` is called before
    a request is forwarded.

    lose(pattern, share, seed) makes it lose this share of the requests whose "METHOD path" matches: by turns the answer,
    after the server has executed the request, and the request. It loses none twice in a row, so that clients get on.
    """

    def __init__(self, port):
        self.target = port
        self.is_down = False
        self.before = lambda method, path: None
        self.refused = 0  # requests while it was down
        self.lost = collections.Counter()  # "answer" and "request"
        self._lock = threading.Lock()
        self._pattern, self._share, self._dice, self._has_lost = None, 0, None, False
        self._server = Server(("127.0.0.1", 0), make_handler(self))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def lose(self, pattern, share, seed):
        with self._lock:
            self._pattern, self._share, self._dice = re.compile(pattern), share, random.Random(seed)

    def fault_of(self, method, path):
        """ "down", "request", "answer" or None."""
        with self._lock:
            if self.is_down:
                self.refused += 1
                return "down"
            if not self._pattern or not self._pattern.fullmatch(f"{method} {path}"):
                return None
            if self._has_lost or self._dice.random() >= self._share:
                self._has_lost = False
                return None
            self._has_lost = True
            fault = "request" if self.lost["answer"] > self.lost["request"] else "answer"
            self.lost[fault] += 1
            return fault

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # one of both ends has closed its connection


def make_handler(proxy):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        upstream = None

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.fault_of(self.command, self.path)
            if fault in ("down", "request"):
                return self.cut()
            proxy.before(self.command, self.path)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_CONNECTION}
            if body or self.command in ("PUT", "POST"):
                headers["Content-Length"] = str(len(body))
            answer, content = self.ask(headers, body)
            while b"<Code>ExistingObjectIsDirectory</Code>" in content:
                # versitygw cannot make a folder that it removes at this moment because it was empty; S3 has no folders.
                answer, content = self.ask(headers, body)
            if fault == "answer":
                return self.cut()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OF_CONNECTION:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            if length and answer.status != 204:
                self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(content)

        def ask(self, headers, body):
            if self.upstream is None:
                self.upstream = http.client.HTTPConnection("127.0.0.1", proxy.target, timeout=60)
            self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                self.upstream.putheader(name, value)
            self.upstream.endheaders(body or None)
            answer = self.upstream.getresponse()
            return answer, answer.read()

        def cut(self):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def finish(self):
            if self.upstream is not None:
                self.upstream.close()
            super().finish()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, *args):
            pass

    return Handler
