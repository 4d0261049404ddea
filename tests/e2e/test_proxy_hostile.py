"""Clients that mean harm: slow ones, bombs, endless heads, cut requests, requests hidden in requests. The proxy stays
small, records nothing of them, and serves the others."""
import base64
import concurrent.futures
import gzip
import io
import json
import resource
import selectors
import socket
import struct
import threading
import time
import urllib.parse
import zlib

from harness import SANITIZED, main
from proxy_harness import Client, ProxyTest

MEGABYTE = 1 << 20
PATIENCE = 60  # seconds that anything may take on a busy machine
GOOD_ANSWER_SECONDS = 10  # within which a good client is served meanwhile
JSON_TYPE = {"Content-Type": "application/json"}
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}


def event(name, number=0):
    return {"event": name, "properties": {"token": "t", "distinct_id": f"u{number}", "$insert_id": f"{name}-{number}"}}


def connect(proxy):
    parts = urllib.parse.urlsplit(proxy.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)


def read_to_end(connection):
    """(what arrives until the server closes, whether it reset the connection)"""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except (ConnectionResetError, BrokenPipeError):
        return received, True
    return received, False


def answers_in(data):
    """[(status, headers, body)] of whole answers, without interim ones such as 100."""
    found, stream = [], io.BytesIO(data)
    while line := stream.readline():
        status, headers = int(line.split()[1]), {}
        while (header := stream.readline().strip()):
            name, _, value = header.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        if status >= 200:
            found.append((status, headers, body))
    return found


def exchange(proxy, payload):
    """The answers to what is sent on one connection, until both sides have closed it."""
    with connect(proxy) as connection:
        connection.sendall(payload)
        connection.shutdown(socket.SHUT_WR)
        return answers_in(read_to_end(connection)[0])


def flood(proxy, first, piece, count):
    """Sends `first` and then `piece` over and over, even if it has been answered, until the server closes the
    connection. (answers, bytes that were sent)"""
    with connect(proxy) as connection:
        taken = [0]

        def send():
            try:
                connection.sendall(first)
                for _ in range(count):
                    connection.sendall(piece)
                    taken[0] += len(piece)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server has closed it

        sender = threading.Thread(target=send)
        sender.start()
        received, _ = read_to_end(connection)
        sender.join(PATIENCE)
        if sender.is_alive():
            raise AssertionError(f"the server still has the connection open, after {taken[0]} bytes")
        return answers_in(received), taken[0]


def gzip_of_zeros(megabytes):
    """A valid gzip file, in which one piece of compressed data is repeated."""
    zeros = bytes(MEGABYTE)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = squeeze.compress(zeros) + squeeze.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(megabytes):
        check = zlib.crc32(zeros, check)
    header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return header + first * megabytes + squeeze.flush() + struct.pack("<II", check, megabytes * MEGABYTE & 0xFFFFFFFF)


class HostileTest(ProxyTest):
    def start(self):
        return self.proxy("--to", self.to_lake)

    def memory(self, proxy, name="VmHWM"):
        """In MB."""
        with open(f"/proc/{proxy.process.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) / 1024

    def assert_small(self, proxy, limit):
        peak = self.memory(proxy)
        print(f"\n  peak {peak:.0f} MB, now {self.memory(proxy, 'VmRSS'):.0f} MB", end=" ", flush=True)
        if not SANITIZED:
            self.assertLess(peak, limit)

    def assert_serves(self, proxy):
        """A good record is accepted, and no other one since."""
        self.assertIsNone(proxy.process.poll(), proxy.messages()[-2000:])
        before = proxy.status()
        status, _, body = self.client(proxy).post("/track", [event("Good", before["received"])])
        self.assertEqual((status, body.strip()), (200, b"1"))
        after = proxy.status()
        for count in ("received", "accepted"):
            self.assertEqual(after[count], before[count] + 1)

    # Slow clients.

    SLOW = 2000
    HEADER_TIMEOUT, REQUEST_TIMEOUT = 10, 30  # of the proxy
    SLACK = 60

    def test_slow_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = self.SLOW + 500
        if hard != resource.RLIM_INFINITY and hard < needed:
            self.skipTest(f"only {hard} open files are allowed")
        if soft != resource.RLIM_INFINITY and soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        proxy = self.start()
        starts = {
            "head": b"POST /track HTTP/1.1\r\nHost: proxy\r\nContent-Type: applic",
            "body": b"POST /track HTTP/1.1\r\nHost: proxy\r\nContent-Length: 1000000\r\n\r\n[" +
                    json.dumps(event("Slow")).encode() + b",",
            "silent": b"",
        }
        selector = selectors.DefaultSelector()
        self.addCleanup(selector.close)
        silent = []
        for number in range(self.SLOW):
            kind = list(starts)[number % 3]
            connection = connect(proxy)
            self.addCleanup(connection.close)
            begin = time.monotonic()
            connection.sendall(starts[kind])
            connection.setblocking(False)
            if kind == "silent":
                silent.append(connection)
            else:
                selector.register(connection, selectors.EVENT_READ, [kind, begin, b""])

        slowest = self.serve_good_clients(proxy)
        for connection in silent:
            with self.assertRaises(BlockingIOError):
                connection.recv(1)

        took = {"head": 0.0, "body": 0.0}
        deadline = time.monotonic() + self.REQUEST_TIMEOUT + self.SLACK
        while selector.get_map():
            self.assertLess(time.monotonic(), deadline, f"{len(selector.get_map())} are still open")
            for key, _ in selector.select(1):
                kind, begin, _ = key.data
                if piece := key.fileobj.recv(4096):
                    key.data[2] += piece
                    continue
                selector.unregister(key.fileobj)
                took[kind] = max(took[kind], time.monotonic() - begin)
                self.assertEqual([status for status, _, _ in answers_in(key.data[2])], [408])
        print(f"\n  slowest good answer {slowest:.2f} s; closed after {took['head']:.1f} s (heads) and "
              f"{took['body']:.1f} s (bodies)", end=" ")
        self.assertLess(took["head"], self.HEADER_TIMEOUT + self.SLACK)
        self.assertLess(took["body"], self.REQUEST_TIMEOUT + self.SLACK)
        self.assert_small(proxy, 150)
        self.assert_serves(proxy)
        self.assertEqual(proxy.status()["received"], 201)

    def serve_good_clients(self, proxy):
        """200 requests on kept and on new connections. Seconds that the slowest took."""
        def send_some(thread):
            kept, slowest = Client(proxy.url, timeout=PATIENCE), 0.0
            for number in range(25):
                client = kept if number % 2 else Client(proxy.url, timeout=PATIENCE)
                begin = time.monotonic()
                status, _, body = client.post("/track", [event("Good", 1000 + thread * 100 + number)])
                slowest = max(slowest, time.monotonic() - begin)
                self.assertEqual((status, body.strip()), (200, b"1"))
                if client is not kept:
                    client.close()
            kept.close()
            return slowest

        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            slowest = max(threads.map(send_some, range(8)))
        self.assertLess(slowest, GOOD_ANSWER_SECONDS)
        return slowest

    # Small bodies that become large.

    def test_bombs(self):
        zeros = gzip_of_zeros(1024)
        records = b"[" + b"1," * (4 * MEGABYTE) + b"1]"
        names = b"a&" * (5 * MEGABYTE - 10)
        form_data = b"data=" + urllib.parse.quote_plus(base64.b64encode(zeros)).encode()
        # (body, headers, what is answered on /track, /engage and /groups, what on /import)
        bombs = [
            (zeros, JSON_TYPE, 503, 413),
            (zeros, FORM_TYPE, 413, 413),
            (zeros, {"Content-Encoding": "gzip"} | JSON_TYPE, 503, 413),
            (gzip.compress(zeros), JSON_TYPE, 200, 400),
            (gzip.compress(gzip.compress(zeros)), FORM_TYPE, 200, 400),
            (form_data, FORM_TYPE, 200, 400),
            (gzip.compress(form_data), FORM_TYPE, 200, 400),
            (gzip.compress(records), JSON_TYPE, 503, 413),
            (gzip.compress(b"[" * (9 * MEGABYTE)), JSON_TYPE, 200, 400),
            (gzip.compress(names), FORM_TYPE, 200, 400),
            (gzip.compress(b"data=" + b"%5B" * (3 * MEGABYTE)), FORM_TYPE, 200, 200),
        ]
        proxy = self.start()
        before = self.memory(proxy)
        jobs = [(path, bomb) for _ in range(2) for path in ("/track", "/engage", "/groups", "/import")
                for bomb in enumerate(bombs)]

        def send(job):
            path, (number, (body, headers, answer, import_answer)) = job
            client = Client(proxy.url, timeout=PATIENCE)
            try:
                status, answered, text = client.request("POST", path, body, headers)
            finally:
                client.close()
            expected = import_answer if path == "/import" else answer
            if status == 503 and expected != 503:  # too much at once, which is not this bomb's fault
                self.assertRegex(text, b"too many bytes are in flight|could not be stored in time")
            elif status != expected:
                return f"{path}, bomb {number}: {status} instead of {expected}, {text[:200]}"
            if status == 503:
                self.assertIn("Retry-After", answered)
            return None

        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(16) as threads:
            wrong = [one for one in threads.map(send, jobs) if one]
        print(f"\n  {len(jobs)} bombs in {time.monotonic() - begin:.1f} s; {before:.0f} MB before", end=" ")
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertEqual(proxy.status()["accepted"], 0)
        self.assert_serves(proxy)
        self.assert_small(proxy, 300)

    # Heads without an end.

    def test_endless_heads(self):
        proxy = self.start()
        start = b"POST /track HTTP/1.1\r\nHost: proxy\r\n"
        chunked = start + b"Transfer-Encoding: chunked\r\n\r\n"
        block = b"a" * MEGABYTE
        small = b"".join(b"X-%06d: %s\r\n" % (number, b"v" * 88) for number in range(10_000))
        floods = {
            "a header": (start + b"X: ", block, 100),
            "a name of a header": (start, block, 100),
            "a million headers": (start, small, 100),
            "a million folded lines": (start + b"X: 1\r\n", b" " + b"v" * 97 + b"\r\n", 1_000_000),
            "a method": (b"P", block, 100),
            "a path": (b"POST /", block, 100),
            "a version": (b"POST / HTTP/", b"1" * MEGABYTE, 100),
            "an extension of a chunk": (chunked + b"5;", block, 100),
            "the size of a chunk": (chunked, b"0" * MEGABYTE, 100),
            "a trailer": (chunked + b"0\r\nX: ", block, 100),
            "a million trailers": (chunked + b"0\r\n", small, 100),
            "a body in chunks": (chunked, b"100000\r\n" + block + b"\r\n", 100),
        }
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            running = {name: threads.submit(flood, proxy, *what) for name, what in floods.items()}
        sent = 0
        for name, one in running.items():
            answers, bytes_sent = one.result()
            sent += bytes_sent
            with self.subTest(name):
                self.assertLessEqual(len(answers), 1)
                for status, headers, _ in answers:
                    self.assertIn(status, self.REFUSED)
                    self.assertEqual(headers.get("connection"), "close")
        # Blank lines before a request are skipped, however many there are.
        self.assertEqual(flood(proxy, b"", b"\r\n" * (MEGABYTE // 2), 100), ([], 100 * MEGABYTE))
        print(f"\n  {len(floods) + 1} floods, {sent / MEGABYTE + 100:.0f} MB, in {time.monotonic() - begin:.1f} s",
              end=" ")
        self.assert_small(proxy, 150)
        status = proxy.status()
        self.assertEqual((status["received"], status["accepted"]), (0, 0))
        self.assert_serves(proxy)

    # Requests that end too soon.

    def test_requests_cut_at_every_byte(self):
        proxy = self.start()
        text = json.dumps([event("Cut", 1), event("Cut", 2)]).encode()
        form = b"verbose=1&data=" + urllib.parse.quote_plus(text).encode()
        gzipped = gzip.compress(text)

        def whole(head, body):
            return b"POST /track HTTP/1.1\r\nHost: proxy\r\n" + head + b"\r\n\r\n" + body

        def sized(head, body):
            return whole(head + b"\r\nContent-Length: %d" % len(body), body)

        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece)
                          for piece in (text[at:at + 50] for at in range(0, len(text), 50))) + b"0\r\n\r\n"
        requests = [
            sized(b"Content-Type: application/x-www-form-urlencoded", form),
            sized(b"Content-Type: application/json", text),
            sized(b"Content-Encoding: gzip", gzipped),
            whole(b"Transfer-Encoding: chunked", chunks),
        ]
        begin = time.monotonic()
        before = proxy.status()
        for request in requests:
            for end in range(len(request)):
                with connect(proxy) as connection:  # closed in order
                    connection.sendall(request[:end])
                    connection.shutdown(socket.SHUT_WR)
                    self.assertEqual(read_to_end(connection)[0], b"", request[:end])
                with connect(proxy) as connection:  # reset
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.sendall(request[:end])
        after = proxy.status()
        for count in ("received", "accepted", "rejected", "requests"):
            self.assertEqual(after[count], before[count], count)
        print(f"\n  {2 * sum(map(len, requests))} cut requests in {time.monotonic() - begin:.1f} s", end=" ")
        for request in requests:  # uncut, each is a good one; a second answer would be of the next request
            with connect(proxy) as connection:
                connection.sendall(request + b"GET /ping HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n")
                answers = answers_in(read_to_end(connection)[0])
            self.assertEqual([status for status, _, _ in answers], [200, 200])
        self.assertEqual(proxy.status()["accepted"], 2 * len(requests))
        self.assert_serves(proxy)
        proxy.wait_until_delivered()
        self.assertEqual(proxy.stop(), 3)
        found = [record["event"] for record in self.lake_records()]
        self.assertEqual((found.count("Cut"), found.count("Good")), (2 * len(requests), 1))

    # Requests hidden in requests. Another server may take the rest of these as a second request, so this one must
    # answer only the first, or none. The first one gets /ping, so that any record comes from the second.

    HIDDEN_BODY = json.dumps([event("Smuggled")]).encode()
    HIDDEN = (b"POST /track HTTP/1.1\r\nHost: proxy\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
              len(HIDDEN_BODY)) + HIDDEN_BODY
    REFUSED = (400, 413, 431, 501, 505)

    def ping(self, headers, body=None, start=b"POST /ping HTTP/1.1"):
        return start + b"\r\nHost: proxy\r\n" + headers + b"\r\n\r\n" + (self.HIDDEN if body is None else body)

    def lengths(self):
        """Name -> a request with a Content-Length that must be refused."""
        size = len(self.HIDDEN)
        headers = {
            "two": b"Content-Length: 0\r\nContent-Length: %d" % size,
            "two, the other way": b"Content-Length: %d\r\nContent-Length: 0" % size,
            "two, one of which has another case": b"Content-Length: %d\r\ncontent-LENGTH: 0" % size,
            "a plus": b"Content-Length: +%d" % size,
            "a minus": b"Content-Length: -%d" % size,
            "minus zero": b"Content-Length: -0",
            "a list of different ones": b"Content-Length: 0, %d" % size,
            "2^64": b"Content-Length: %d" % (1 << 64),
            "2^64 and a little": b"Content-Length: %d" % ((1 << 64) + 5),
            "2^64 - 1": b"Content-Length: %d" % ((1 << 64) - 1),
            "2^63": b"Content-Length: %d" % (1 << 63),
            "100 digits": b"Content-Length: " + b"9" * 100,
            "hexadecimal": b"Content-Length: 0x%x" % size,
            "a blank within": b"Content-Length: 1 0",
            "a fraction": b"Content-Length: 5.0",
            "an exponent": b"Content-Length: 1e2",
            "a letter after it": b"Content-Length: 5a",
            "nothing": b"Content-Length:",
            "a comma": b"Content-Length: ,",
            "a blank before the colon": b"Content-Length : %d" % size,
            "a tab before the colon": b"Content-Length\t: %d" % size,
            "NUL after it": b"Content-Length: 5\0",
            "vertical tab before it": b"Content-Length:\x0b5",
            "digits that are not ASCII": "Content-Length: ５".encode(),
        }
        return {"Content-Length, " + name: self.ping(header) for name, header in headers.items()}

    def encodings(self):
        """Name -> a request with a Transfer-Encoding that must be refused, or after which the connection must end."""
        size = len(self.HIDDEN)
        chunks = b"0\r\n\r\n" + self.HIDDEN
        length = b"Content-Length: %d\r\n" % len(chunks)
        headers = {
            "with Content-Length": length + b"Transfer-Encoding: chunked",
            "with Content-Length after it": b"Transfer-Encoding: chunked\r\n" + length.strip(),
            "identity, chunked": length + b"Transfer-Encoding: identity, chunked",
            "chunked, identity": length + b"Transfer-Encoding: chunked, identity",
            "chunked, chunked": b"Transfer-Encoding: chunked, chunked",
            "two, chunked first": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "two, chunked last": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            "two, nothing first": b"Transfer-Encoding:\r\nTransfer-Encoding: xchunked",
            "two, both chunked": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "xchunked": length + b"Transfer-Encoding: xchunked",
            "xchunked without length": b"Transfer-Encoding: xchunked",
            "chunkedx": length + b"Transfer-Encoding: chunkedx",
            "gzip, chunked": length + b"Transfer-Encoding: gzip, chunked",
            "identity": length + b"Transfer-Encoding: identity",
            "quoted": length + b'Transfer-Encoding: "chunked"',
            "with a parameter": length + b"Transfer-Encoding: chunked;q=1",
            "vertical tab before it": length + b"Transfer-Encoding: \x0bchunked",
            "vertical tab after it": length + b"Transfer-Encoding: chunked\x0b",
            "NUL after it": length + b"Transfer-Encoding: chunked\0",
            "nothing": length + b"Transfer-Encoding:",
            "a comma": length + b"Transfer-Encoding: ,",
            "a blank before the colon": length + b"Transfer-Encoding : chunked",
            "a blank before the name": b"X: 1\r\n Transfer-Encoding: chunked\r\n" + length.strip() + b"\r\nY : 1",
            "folded": length + b"Transfer-Encoding:\r\n chunked",
            "folded with a tab": length + b"Transfer-Encoding:\r\n\tchunked",
            "folded after it": length + b"Transfer-Encoding: chunked\r\n , identity",
            "bare CR before it": length + b"X: 1\rTransfer-Encoding: chunked",
            "bare LF before it": length + b"X: 1\nTransfer-Encoding: chunked",
            "bare LF after it": length + b"Transfer-Encoding: chunked\nX: 1",
            "bare CR after it": length + b"Transfer-Encoding: chunked\rX: 1",
            "bare LF before Content-Length": b"X: 1\nContent-Length: %d" % size,
            "bare CR before Content-Length": b"X: 1\rContent-Length: %d" % size,
        }
        found = {"Transfer-Encoding, " + name: self.ping(header, chunks) for name, header in headers.items()}
        found["Transfer-Encoding, HTTP/1.0"] = self.ping(b"Transfer-Encoding: chunked\r\nConnection: keep-alive",
                                                         chunks, b"POST /ping HTTP/1.0")
        return found

    def chunks(self):
        """Name -> a request whose chunks must be refused."""
        hidden, size = self.HIDDEN, len(self.HIDDEN)
        bodies = {
            "a minus": b"-1\r\n\r\n0\r\n\r\n",
            "minus zero": b"-0\r\n\r\n",
            "a plus": b"+0\r\n\r\n",
            "2^64": b"10000000000000000\r\n\r\n0\r\n\r\n",
            "2^64 and a little": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
            "2^64 - 1": b"ffffffffffffffff\r\n\r\n0\r\n\r\n",
            "2^63 - 1": b"7fffffffffffffff\r\n\r\n0\r\n\r\n",
            "hexadecimal sign": b"0x0\r\n\r\n",
            "no digit": b"\r\n\r\n0\r\n\r\n",
            "a letter that is no digit": b"g\r\n\r\n0\r\n\r\n",
            "garbage after it": b"0 garbage\r\n\r\n",
            "garbage after data": b"5\r\nhelloXX0\r\n\r\n",
            "no line end after data": b"5\r\nhello0\r\n\r\n",
            "data longer than said": b"5\r\nhello, world\r\n0\r\n\r\n",
            "LF after the size": b"0\n\r\n",
            "LF after the size of data": b"5\nhello\r\n0\r\n\r\n",
            "LF after data": b"5\r\nhello\n0\r\n\r\n",
            "CR after the size": b"5\rhello\r\n0\r\n\r\n",
            "CR after data": b"5\r\nhello\r0\r\n\r\n",
            "NUL after the size": b"0\0\r\n\r\n",
            "a blank before the size": b" 0\r\n\r\n",
            # Some servers end the line at this LF, others after it.
            "LF in an extension": b"2;\nxx\r\n%x\r\n0\r\n\r\n" % size,
            "CR in an extension": b"0;a\rb\r\n\r\n",
            "NUL in an extension": b"0;a=\0\r\n\r\n",
            "LF for the last line end": b"0\r\n\n",
            "a trailer that is none": b"0\r\nGET /track?x HTTP/1.1\r\n\r\n",
            "a trailer with bare LF": b"0\r\nX: 1\nY: 2\r\n\r\n",
            "a trailer with NUL": b"0\r\nX: \0\r\n\r\n",
        }
        return {"chunk, " + name: self.ping(b"Transfer-Encoding: chunked", body + hidden)
                for name, body in bodies.items()}

    def heads(self):
        """Name -> a head that must be refused."""
        length = b"\r\nContent-Length: %d" % len(self.HIDDEN)
        found = {"head, " + name: self.ping(header + length) for name, header in {
            "NUL in a value": b"X: a\0b",
            "NUL in a name": b"X\0: a",
            "bare CR in a value": b"X: a\rb",
            "bare CR at the end": b"X: a\r",
            "a line without a colon": b"Nothing",
            "no name": b": a",
            "a blank in a name": b"X Y: a",
            "a folded value": b"X: a\r\n b",
            "a folded value, which begins on the second line": b"X:\r\n\tb",
            "two hosts": b"Host: proxy",
            "two hosts, one of which has another case": b"hOST: evil",
            "a byte that is not ASCII in a name": "Xé: a".encode(),
            "DEL in a name": b"X\x7f: a",
            "a bracket in a name": b"X(: a",
        }.items()}
        found |= {"line, " + name: self.ping(length.strip(), start=line) for name, line in {
            "NUL in the path": b"POST /pi\0ng HTTP/1.1",
            "NUL in the method": b"PO\0ST /ping HTTP/1.1",
            "bare CR": b"POST /ping\rHTTP/1.1",
            "no version": b"POST /ping",
            "a blank in the path": b"POST /ping /track HTTP/1.1",
            "two blanks": b"POST  /ping HTTP/1.1",
            "a tab": b"POST\t/ping\tHTTP/1.1",
            "a blank after the version": b"POST /ping HTTP/1.1 ",
            "a blank before the method": b" POST /ping HTTP/1.1",
            "a version in lower case": b"POST /ping http/1.1",
            "version 2.0": b"POST /ping HTTP/2.0",
            "version 0.9": b"POST /ping HTTP/0.9",
            "version 1.10": b"POST /ping HTTP/1.10",
            "version 1.": b"POST /ping HTTP/1.",
        }.items()}
        found["no host"] = b"POST /ping HTTP/1.1" + length + b"\r\n\r\n" + self.HIDDEN
        found["HTTP/2"] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.HIDDEN
        return found

    def wholes(self):
        """Name -> a request that may be answered; the hidden one is its body."""
        size = len(self.HIDDEN)
        length = b"Content-Length: %d" % size
        return {
            "whole, plain": self.ping(length),
            "whole, the same length twice": self.ping(length + b"\r\n" + length),
            "whole, the same length in a list": self.ping(length + b", %d" % size),
            "whole, zeros before it": self.ping(b"Content-Length: 000%d" % size),
            "whole, GET": self.ping(length, start=b"GET /ping HTTP/1.1"),
            "whole, DELETE": self.ping(length, start=b"DELETE /ping HTTP/1.1"),
            "whole, OPTIONS": self.ping(length, start=b"OPTIONS /track HTTP/1.1"),
            "whole, unknown method": self.ping(length, start=b"BREW /track HTTP/1.1"),
            "whole, not found": self.ping(length, start=b"POST /nothing HTTP/1.1"),
            "whole, HTTP/1.0": self.ping(length + b"\r\nConnection: keep-alive", start=b"POST /ping HTTP/1.0"),
            "whole, Expect": self.ping(length + b"\r\nExpect: 100-continue"),
            "whole, Upgrade": self.ping(length + b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c"),
            "whole, Connection names it": self.ping(length + b"\r\nConnection: Content-Length"),
            "whole, a header like it": self.ping(b"Content_Length: 0\r\n" + length),
            "whole, another host": self.ping(length, start=b"POST http://evil/ping HTTP/1.1"),
            "whole, chunked": self.ping(b"Transfer-Encoding: chunked",
                                        b"%x\r\n" % size + self.HIDDEN + b"\r\n0\r\n\r\n"),
            "whole, chunked with capitals": self.ping(b"TRANSFER-ENCODING: Chunked",
                                                      b"%X\r\n" % size + self.HIDDEN + b"\r\n000\r\n\r\n"),
            "whole, chunked with extensions": self.ping(
                b"Transfer-Encoding: chunked", b'%x;a=1;b="2"\r\n' % size + self.HIDDEN + b"\r\n0;c\r\n\r\n"),
            "whole, trailers say otherwise": self.ping(
                b"Transfer-Encoding: chunked",
                b"%x\r\n" % size + self.HIDDEN + b"\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\n"),
        }

    def test_hidden_requests(self):
        proxy = self.start()
        # A hidden request that is taken for one would be noticed.
        with connect(proxy) as connection:
            connection.sendall(self.ping(b"Content-Length: 0") + self.ping(b"Connection: close", b""))
            answers = answers_in(read_to_end(connection)[0])
        self.assertEqual([status for status, _, _ in answers], [200, 200, 200])
        before = proxy.status()
        self.assertEqual((before["received"], before["accepted"]), (1, 1))

        refused = self.lengths() | self.encodings() | self.chunks() | self.heads()
        begin, wrong, seen = time.monotonic(), [], before["received"]
        for name, payload in (refused | self.wholes()).items():
            answers = exchange(proxy, payload)
            statuses = [status for status, _, _ in answers]
            received = proxy.status()["received"]
            if len(answers) != 1 or received != seen:
                wrong.append(f"{name}: {statuses}, {received - seen} smuggled")
            elif name in refused and (statuses[0] not in self.REFUSED or answers[0][1].get("connection") != "close"):
                wrong.append(f"{name}: {answers}")
            seen = received
        print(f"\n  {len(refused)} refused forms and {len(self.wholes())} others in {time.monotonic() - begin:.1f} s",
              end=" ")
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertEqual(proxy.status()["accepted"], before["accepted"])
        self.assert_serves(proxy)


if __name__ == "__main__":
    main()
