"""A proxy in front of a PostgreSQL server's socket, for tests of what is lost on the way."""
import os
import pathlib
import selectors
import shutil
import socket
import tempfile
import threading
import time

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class PostgresProxy:
    """Listens in a folder of its own. lose_commits(n) makes it cut the next n connections at their COMMIT: in turn
    after the server has answered, so that it is committed, and before the server has received it, so that it is not.
    `delay` is added to whatever clients send."""

    def __init__(self, server):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mr-px-"))
        self.target = str(server.folder / ".s.PGSQL.5432")
        self.delay = 0
        self.lock = threading.Lock()
        self.to_lose = 0
        self.lost_answers = self.lost_requests = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self.listener.listen(100)
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_commits(self, count):
        with self.lock:
            self.to_lose = count

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # stopped
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        server = socket.socket(socket.AF_UNIX)
        with client, server, selectors.DefaultSelector() as selector:
            try:
                server.connect(self.target)
                selector.register(client, selectors.EVENT_READ)
                selector.register(server, selectors.EVENT_READ)
                while all(self._forward(key.fileobj, client, server) for key, _ in selector.select()):
                    pass
            except OSError:  # one of them is gone, and so both are
                pass

    def _forward(self, source, client, server):
        """False: the connection has ended."""
        data = source.recv(1 << 16)
        if source is server:
            client.sendall(data)
            return bool(data)
        if self.delay:
            time.sleep(self.delay)
        how = self._how_to_lose() if data == COMMIT else None
        if how == "request":
            return False
        server.sendall(data)
        if how == "answer":
            server.recv(1 << 16)
            return False
        return bool(data)

    def _how_to_lose(self):
        with self.lock:
            if self.to_lose == 0:
                return None
            self.to_lose -= 1
            if self.lost_answers > self.lost_requests:
                self.lost_requests += 1
                return "request"
            self.lost_answers += 1
            return "answer"

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)
