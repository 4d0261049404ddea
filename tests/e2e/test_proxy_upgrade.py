"""A proxy is replaced by another one that has the same listening socket and waits for the spool."""
import http.client
import json
import signal
import socket
import subprocess
import threading
import urllib.request

import harness
import proxy_harness

UPGRADES = 3
CLIENTS = 4


class ProxyUpgradeTest(proxy_harness.ProxyTest):
    def begin(self, number, listener):
        """A proxy that may have to wait for the spool."""
        with open(self.folder / f"proxy-{number}.log", "w") as log:
            process = subprocess.Popen(
                [harness.PROGRAM, "proxy", "--listen", f"fd:{listener.fileno()}", "--wait-for-spool", "--upstream", "none",
                 "--library-url", "none", "--to", self.to_lake, "--json"], pass_fds=[listener.fileno()],
                stdout=subprocess.PIPE, stderr=log, text=True, env=self.environment())
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()

    @staticmethod
    def pending(admin):
        with urllib.request.urlopen(f"{admin}/status", timeout=60) as answer:
            return sum(one["pending"] for one in json.load(answer)["destinations"])

    def test_no_connection_is_refused(self):
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            port = listener.getsockname()[1]
            current = self.begin(0, listener)
            json.loads(current.stdout.readline())
            done, answered, faults = threading.Event(), [], []

            def send(client):
                """Each request has a connection of its own."""
                number = 0
                while not done.is_set() and not faults:
                    name, number = f"{client}-{number}", number + 1
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                    try:
                        connection.request("POST", "/track", json.dumps(
                            [{"event": name, "properties": {"token": "t", "distinct_id": "u", "$insert_id": name}}]))
                        answer = connection.getresponse()
                        self.assertEqual((answer.status, answer.read()), (200, b"1"))
                        answered.append(name)
                    except Exception as fault:  # the test fails with it
                        faults.append(f"{name}: {fault!r}")
                    finally:
                        connection.close()

            clients = [threading.Thread(target=send, args=(client,)) for client in range(CLIENTS)]
            for client in clients:
                client.start()
            try:
                for number in range(1, UPGRADES + 1):
                    next_one = self.begin(number, listener)
                    before = len(answered)
                    self.poll(lambda before=before: faults or len(answered) > before + 50, "nothing is answered")
                    current.send_signal(signal.SIGTERM)
                    self.assertEqual(current.wait(60), 3)
                    admin = json.loads(next_one.stdout.readline())["admin_url"]
                    current = next_one
            finally:
                done.set()
                for client in clients:
                    client.join()
            self.assertEqual(faults, [])
            self.poll(lambda: not self.pending(admin), "not delivered")
            current.send_signal(signal.SIGTERM)
            self.assertEqual(current.wait(60), 3)
        self.assertEqual(sorted(record["event"] for record in self.lake_records()), sorted(answered))


if __name__ == "__main__":
    harness.main()
