"""Prometheus and node_exporter for tests, as tools/test_servers.sh unpacks them from Debian's packages.

Each listens on a free loopback port, which its log names, and is stopped by its own process id.
"""
import json
import re
import subprocess
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from cloud_servers import SERVERS

PROMETHEUS = SERVERS / "prometheus-debian/usr/bin/prometheus"
PROMTOOL = PROMETHEUS.with_name("promtool")
NODE_EXPORTER = SERVERS / "node-exporter-debian/usr/bin/prometheus-node-exporter"
PATIENCE = 120  # seconds that anything may take on a busy machine


def require(*programs):
    for program in programs:
        if not program.exists():
            raise unittest.SkipTest(f"{program.name} is not installed; ./dev test installs it")


class LoggedServer:
    """A process that logs `Listening on" address=HOST:PORT`."""

    def __init__(self, folder, *command):
        self.log = folder / f"{command[0].name}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([*map(str, command), "--web.listen-address=127.0.0.1:0"], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r'msg="Listening on" address=(\S+)', self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0].name} does not listen: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.address = found[1]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class NodeExporter(LoggedServer):
    """Serves the files NAME.prom of a folder, and nothing of the machine."""

    def __init__(self, folder, files):
        super().__init__(folder, NODE_EXPORTER, "--collector.disable-defaults", "--collector.textfile",
                         f"--collector.textfile.directory={files}")


class Prometheus(LoggedServer):
    """`jobs`: {name: [address]}. Scrapes and evaluates as often as it can."""

    def __init__(self, folder, jobs, rules):
        config = {"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
                  "rule_files": [str(rules)],
                  "scrape_configs": [{"job_name": name, "static_configs": [{"targets": addresses}]}
                                     for name, addresses in jobs.items()]}
        file = folder / "prometheus.json"
        file.write_text(json.dumps(config))  # JSON is YAML
        super().__init__(folder, PROMETHEUS, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}")
        self.targets = sum(map(len, jobs.values()))
        self.wait_until(lambda: "Server is ready to receive web requests" in self.log.read_text(), "Prometheus is not ready")

    def get(self, path, **query):
        """`data` of the answer. An error of the query raises an AssertionError with its text."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None

    def query(self, expression):
        """The samples of an instant query: [(labels, value)]."""
        data = self.get("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def wait_until(self, condition, what):
        """Returns what `condition` returns once that is true."""
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} within {PATIENCE} s")
            time.sleep(0.05)
        return found
