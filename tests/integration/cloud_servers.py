"""Servers of the clouds' APIs for tests: those that tools/test_servers.sh installs, and a scripted one.

Each listens on a free loopback port and is stopped by its own process id.
"""
import base64
import contextlib
import datetime
import hashlib
import hmac
import html
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request

SERVERS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "millrace/servers"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(method, url, body=b"", headers=None):
    call = urllib.request.Request(url, data=None if method in ("GET", "DELETE") else body, method=method, headers=headers or {})
    with urllib.request.urlopen(call, timeout=60) as answer:
        return answer.read()


class CloudServer:
    """A running server; subclasses define how it is started and called."""
    program = None
    environment = {}

    def __init__(self):
        self.path = SERVERS / self.program
        if not self.path.exists():
            raise unittest.SkipTest(f"{self.program} is not installed; ./dev test installs it")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-server-"))
        for name in ("data", "meta"):
            (self.folder / name).mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(self.folder / "server.log", "wb")
        self.process = subprocess.Popen([str(self.path), *self.arguments()], stdout=self.log, stderr=self.log,
                                        env=os.environ | self.environment)
        self.wait_until_up()
        self.make_bucket()

    def wait_until_up(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{self.program} did not start")

    def forward(self, request):
        """What this server responds to a request that a ScriptedCloud has received."""
        body = request.rfile.read(int(request.headers["Content-Length"] or 0))
        own = ("connection", "content-length", "date", "server", "transfer-encoding")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(request.command, request.path, body, dict(request.headers))
            response = connection.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in own}
            if request.command == "HEAD":
                return response.status, headers | {"Content-Length": response.headers["Content-Length"]}, iter(())
            return response.status, headers, response.read()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class FakeGcs(CloudServer):
    program = "fake-gcs-server-1.56.1/fake-gcs-server"
    root = "gs://test-bucket/"

    def arguments(self):
        return ["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(self.port),
                "-external-url", self.url]

    def make_bucket(self):
        send("POST", f"{self.url}/storage/v1/b?project=test", b'{"name": "test-bucket"}',
             {"Content-Type": "application/json"})

    def variables(self):
        return {"STORAGE_EMULATOR_HOST": self.url}

    def put(self, key, content):
        send("POST", f"{self.url}/upload/storage/v1/b/test-bucket/o?uploadType=media&name="
             + urllib.parse.quote(key, safe=""), content, {"Content-Type": "application/octet-stream"})

    def objects(self, prefix=""):
        """Key -> content of all objects below the prefix."""
        return {key: send("GET", self.url + self.read_request(key)[0]) for key in self.keys(prefix)}

    def keys(self, prefix=""):
        """Those of all objects below the prefix."""
        query = urllib.parse.urlencode({"prefix": prefix, "maxResults": 10_000})
        page = json.loads(send("GET", f"{self.url}/storage/v1/b/test-bucket/o?{query}"))
        assert "nextPageToken" not in page
        return sorted(item["name"] for item in page.get("items", []))

    def read_request(self, key):
        """(path, headers) of a request for the object; a Range may be added."""
        return f"/storage/v1/b/test-bucket/o/{urllib.parse.quote(key, safe='')}?alt=media", {}


class VersityGateway(CloudServer):
    program = "versitygw-1.8.0/versitygw"
    root = "s3://test-bucket/"
    environment = {"ROOT_ACCESS_KEY": "test-key", "ROOT_SECRET_KEY": "test-secret"}

    def arguments(self):
        return ["--port", f"127.0.0.1:{self.port}", "--quiet", "posix", "--sidecar", str(self.folder / "meta"),
                str(self.folder / "data")]

    def make_bucket(self):
        self.signed("PUT", "/test-bucket", b"")

    def variables(self):
        return {"AWS_ENDPOINT_URL_S3": self.url, "AWS_ACCESS_KEY_ID": "test-key",
                "AWS_SECRET_ACCESS_KEY": "test-secret", "AWS_REGION": "us-east-1"}

    def put(self, key, content):
        self.signed("PUT", "/test-bucket/" + urllib.parse.quote(key), content)

    def remove(self, key):
        self.signed("DELETE", "/test-bucket/" + urllib.parse.quote(key), b"")

    def objects(self, prefix=""):
        """Key -> content of all objects below the prefix: they are files of the gateway's folder."""
        return {key: (self.folder / "data/test-bucket" / key).read_bytes() for key in self.keys(prefix)}

    def keys(self, prefix=""):
        """Those of all objects below the prefix, also while a program creates and removes some."""
        bucket = self.folder / "data/test-bucket"
        keys = [os.path.relpath(os.path.join(folder, name), bucket)
                for folder, _, names in os.walk(bucket) for name in names]
        return sorted(key for key in keys if key.startswith(prefix))

    def read_request(self, key):
        """(path, headers) of a request for the object; a Range may be added."""
        path = "/test-bucket/" + urllib.parse.quote(key)
        return path, self.sign("GET", path, b"")

    def start_upload(self, key):
        self.signed("POST", "/test-bucket/" + urllib.parse.quote(key), b"", "uploads=")

    def uploads(self):
        """The keys of the multipart uploads that are open."""
        listed = self.signed("GET", "/test-bucket", b"", "uploads=").decode()
        assert "<IsTruncated>false" in listed
        return [html.unescape(key) for key in re.findall("<Key>(.*?)</Key>", listed)]

    def signed(self, method, path, body, query=""):
        url = self.url + path + ("?" + query if query else "")
        return send(method, url, body, self.sign(method, path, body, query))

    def sign(self, method, path, body, query=""):
        """AWS Signature Version 4, the few lines of it that these requests need."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": f"127.0.0.1:{self.port}", "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(headers)
        canonical = "\n".join([method, path, query, *(f"{k}:{v}" for k, v in headers.items()), "", names, digest])
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4test-secret"
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential=test-key/{scope}, SignedHeaders={names}, "
                                    f"Signature={signature}")
        return headers


class Azurite(CloudServer):
    program = "azurite-3.35.0/node_modules/.bin/azurite-blob"
    root = "az://test-container/"
    # The emulator's account is public.
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

    def arguments(self):
        return ["--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--inMemoryPersistence",
                "--skipApiVersionCheck", "--disableTelemetry", "--silent"]

    def make_bucket(self):
        self.signed("PUT", "/test-container", b"", "\nrestype:container", "?restype=container", {})

    def variables(self):
        return {"AZURE_STORAGE_CONNECTION_STRING":
                f"AccountName=devstoreaccount1;AccountKey={self.key};BlobEndpoint={self.url}/devstoreaccount1"}

    def put(self, key, content):
        self.signed("PUT", "/test-container/" + urllib.parse.quote(key), content, "", "",
                    {"x-ms-blob-type": "BlockBlob"})

    def objects(self, prefix=""):
        """Key -> content of all objects below the prefix."""
        return {key: self.signed("GET", "/test-container/" + urllib.parse.quote(key), b"", "", "", {})
                for key in self.keys(prefix)}

    def keys(self, prefix=""):
        """Those of all objects below the prefix."""
        page = self.signed("GET", "/test-container", b"", f"\ncomp:list\nprefix:{prefix}\nrestype:container",
                           f"?restype=container&comp=list&prefix={urllib.parse.quote(prefix, safe='')}", {}).decode()
        assert "<NextMarker/>" in page or "<NextMarker></NextMarker>" in page
        return sorted(map(html.unescape, re.findall("<Name>(.*?)</Name>", page)))

    def signed(self, method, path, body, resource_query, query, own):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
        own = dict(sorted((own | {"x-ms-date": now, "x-ms-version": "2021-12-02"}).items()))
        kind = "" if method == "GET" else "application/octet-stream"
        text = "\n".join([method, "", "", str(len(body)) if body else "", "", kind, "", "", "", "", "", "",
                          *(f"{k}:{v}" for k, v in own.items()),
                          f"/devstoreaccount1/devstoreaccount1{path}{resource_query}"])
        signature = base64.b64encode(hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest())
        headers = own | {"Authorization": f"SharedKey devstoreaccount1:{signature.decode()}"}
        if kind:
            headers["Content-Type"] = kind
        return send(method, f"{self.url}/devstoreaccount1{path}{query}", body, headers)


class ScriptedCloud:
    """A loopback server whose answers a function gives: answer(request) -> (status, headers, body).

    A body that is an iterator is sent piece by piece, with the Content-Length that the headers give; where it
    ends early the connection is cut. `date` stands in all answers instead of the time.
    """

    def __init__(self, answer, date=None):
        outer = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                outer.requests.append((self.command, self.path))
                status, headers, body = answer(self)
                self.send_response(status)
                whole = isinstance(body, bytes)
                if whole:
                    headers = headers | {"Content-Length": str(len(body))}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "HEAD":
                    return
                for piece in [body] if whole else body:
                    self.wfile.write(piece)
                self.close_connection = not whole

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

            def date_time_string(self, timestamp=None):
                return date or super().date_time_string(timestamp)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # the program closed the connection

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def gcs_listing(objects, next_token=None):
    """A page of objects.list; `objects` are (name, size, generation)."""
    page = {"items": [{"name": n, "size": str(s), "generation": str(g)} for n, s, g in objects]}
    if next_token:
        page["nextPageToken"] = next_token
    return 200, {"Content-Type": "application/json"}, json.dumps(page).encode()


def gcs_error(status, reason, message):
    body = {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


class ScriptedGcs:
    """Objects in memory, served over the part of the JSON API that reading needs; `fault` may respond instead."""

    def __init__(self, objects, fault=None, page=1000):
        self.objects = dict(objects)  # name -> content
        self.generations = {name: 1 for name in objects}
        self.fault = fault
        self.page = page
        self.cloud = ScriptedCloud(self.answer)
        self.port = self.cloud.server.server_address[1]
        self.variables = {"STORAGE_EMULATOR_HOST": self.cloud.url}

    def answer(self, request):
        if self.fault is not None:
            given = self.fault(self, request)
            if given is not None:
                return given
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/storage/v1/b/bucket/o":
            return self.list(query)
        name = urllib.parse.unquote(url.path[len("/storage/v1/b/bucket/o/"):])
        if name not in self.objects or query.get("generation") != str(self.generations[name]):
            return gcs_error(404, "notFound", f"No such object: bucket/{name}")
        return self.part(request, name)

    def list(self, query):
        names = [n for n in sorted(self.objects) if n.startswith(query.get("prefix", ""))
                 and n >= query.get("startOffset", "") and n > query.get("pageToken", "")]
        page = names[:min(self.page, int(query["maxResults"]))]
        rows = [(n, len(self.objects[n]), self.generations[n]) for n in page]
        return gcs_listing(rows, page[-1] if len(page) < len(names) else None)

    def part(self, request, name):
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"]).groups())
        content = self.objects[name]
        return 206, {"Content-Range": f"bytes {first}-{last}/{len(content)}",
                     "x-goog-generation": str(self.generations[name])}, content[first:last + 1]

    def read_request(self, name):
        """(path, headers) of a request for the object; a Range may be added."""
        return (f"/storage/v1/b/bucket/o/{urllib.parse.quote(name, safe='')}?alt=media"
                f"&generation={self.generations[name]}"), {}
