"""A private PostgreSQL server for a test: in its own folder, reached by its socket.

As a program it runs a command with MILLRACE_TEST_POSTGRES naming the server, and exits as that does; with 77
if PostgreSQL is not installed.
"""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77


def programs():
    """The folder of initdb and postgres; None if there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    on_path = shutil.which("initdb")
    return found[-1] if found else os.path.dirname(on_path) if on_path else None


class PostgresServer:
    """Running on return; it does not sync to disk, as no test cuts the power."""

    def __init__(self, *settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mr-pg-"))
        # The server refuses to run as root.
        self.user = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("nobody")
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self.folder.chmod(0o755)
        data = self.folder / "data"
        self._run("initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        options = ["listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off",
                   "max_connections=200", *settings]
        self.command = [f"{programs()}/postgres", "-D", str(data)]
        for option in options:
            self.command += ["-c", option]
        self.uri = self.uri_of("tester")
        self.start()

    def uri_of(self, user, database="postgres", host=None):
        return f"postgres://{user}@/{database}?host={host or self.folder}"

    def start(self):
        """Again, after shut_down()."""
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, **self.user)
        self._wait()

    def _run(self, program, *arguments):
        subprocess.run([f"{programs()}/{program}", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL,
                       **self.user)

    def _wait(self):
        deadline = time.monotonic() + 60
        while subprocess.run([f"{programs()}/pg_isready", "-q", "-h", str(self.folder)]).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL does not start: " + (self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def query(self, sql, database="postgres"):
        """The rows of a statement, as lists of texts."""
        done = subprocess.run([f"{programs()}/psql", "-XAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql,
                               self.uri_of("tester", database)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{sql}: {done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def shut_down(self, how=signal.SIGINT):
        """By default fast, that is, sessions are ended; SIGQUIT: as if it crashed."""
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.shut_down()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    if programs() is None:
        print("skipped: PostgreSQL is not installed")
        return SKIPPED
    server = PostgresServer()
    try:
        return subprocess.run(sys.argv[1:], env=os.environ | {"MILLRACE_TEST_POSTGRES": server.uri}).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
