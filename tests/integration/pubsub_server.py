"""Pub/Sub for end-to-end tests: tests/servers/pstest, as tools/test_servers.sh builds it."""
import json
import os
import pathlib
import subprocess
import time

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
SERVER = CACHE / "millrace/servers/pstest-2.8.0-2/pstest"


class PubsubServer:
    def __init__(self):
        self.process = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = json.loads(self.process.stdout.readline())["address"]

    def environment(self):
        return {"PUBSUB_EMULATOR_HOST": self.address}

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def create(self, name, exactly_once=False):
        """A topic and one subscription of it: (topic, subscription)."""
        topic, subscription = f"projects/test/topics/{name}", f"projects/test/subscriptions/{name}"
        self.ask(topic=topic)
        self.ask(subscription=subscription, topic=topic, exactly_once=exactly_once)
        return topic, subscription

    def publish(self, topic, data="", attributes=None):
        return self.ask(publish=topic, data=data, attributes=attributes or {})["id"]

    def fault(self, **fault):
        """What happens to publish requests from now on: delay_ms, code, text, match, every; none: nothing."""
        self.ask(fault=fault)

    def messages(self):
        """All messages ever published, with their deliveries and acks."""
        return self.ask(messages=True)["messages"]

    def count(self):
        """How many messages were ever published."""
        return self.ask(count=True)["count"]

    def wait_until(self, condition, seconds=30):
        """Polls until condition(messages) is true; returns them."""
        end = time.monotonic() + seconds
        while True:
            messages = self.messages()
            if condition(messages):
                return messages
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {messages[:20]}")
            time.sleep(0.02)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
