"""SIGKILL of the proxy at random moments under load, restarted each time on the same spool: every record that was
answered with 200 is in every destination, none is invented, and none is twice in the lake."""
import http.client
import json
import os
import random
import select
import signal
import subprocess
import threading
import time

from harness import SANITIZED, main
from proxy_harness import PATIENCE, Client, ProxyTest, as_sent

KILLS = 12 if SANITIZED else 50
CLIENTS = 4
MAX_BATCH = 12
TEXT = "käse 🧀 漢字"


class Load:
    """Threads that send records, each with an id of its own and once only, to the proxy that runs at the moment."""

    def __init__(self, seed, pad=0, pause=0):
        """`pad`: bytes that are added to each event. `pause`: seconds between two requests of a client."""
        self.pad = "x" * pad
        self.pause = pause
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.url = None
        self.generation = 0  # of proxies
        self.ends = False
        self.attempted = {}  # id -> record
        self.answered = set()  # ids, with 200
        self.statuses = {}  # other answers -> count
        self.cut_off = 0  # requests without an answer
        self.threads = [threading.Thread(target=self.run, args=(i, random.Random(seed * 1000 + i)), daemon=True)
                        for i in range(CLIENTS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def set_url(self, url):
        with self.lock:
            self.url = url
            self.generation += 1
            self.changed.notify_all()

    def stop(self):
        with self.lock:
            self.ends = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self.threads), "a client does not end"

    def counts(self):
        """(answered, attempted)"""
        with self.lock:
            return len(self.answered), len(self.attempted)

    def make(self, name, randomness):
        """(path, id -> record)"""
        now = int(time.time() * 1000)
        kind = randomness.random()
        count = 1 if kind < 0.5 else randomness.randint(2, MAX_BATCH)
        if randomness.random() < 0.8:
            path = randomness.choice(["/track", "/track?verbose=1", "/import?strict=1"])
            return path, {f"{name}-{i}": {"event": randomness.choice(["Buy", "View"]), "properties": {
                "token": "t", "distinct_id": f"user-{i}", "time": now - i, "$insert_id": f"{name}-{i}", "text": TEXT,
                "n": randomness.randint(0, 1 << 50), "list": [i, "x" * randomness.randint(0, 200)]}} for i in range(count)}
        if randomness.random() < 0.5:
            return "/engage", {f"{name}-{i}": {"$token": "t", "$distinct_id": f"{name}-{i}", "$set": {"a": i, "text": TEXT}}
                               for i in range(count)}
        return "/groups", {f"{name}-{i}": {"$token": "t", "$group_key": "company", "$group_id": f"{name}-{i}",
                                           "$set": {"a": i, "text": TEXT}} for i in range(count)}

    def padded(self, record):
        if not self.pad or "properties" not in record:
            return record
        return record | {"properties": record["properties"] | {"pad": self.pad}}

    def run(self, thread, randomness):
        client, generation, number = None, 0, 0
        while True:
            with self.lock:
                while not self.ends and client is None and self.generation == generation:
                    self.changed.wait()  # for the next proxy: this one is dead
                if self.ends:
                    break
                if client is None:
                    client, generation = Client(self.url), self.generation
                if self.pause:
                    self.changed.wait(self.pause)
                number += 1
                path, records = self.make(f"{thread}-{number}", randomness)
                self.attempted |= records
            body = [self.padded(record) for record in records.values()]
            try:
                status, _, answer = client.post(path, body[0] if len(body) == 1 else body)
            except (OSError, http.client.HTTPException):
                client.close()
                client = None
                with self.lock:
                    self.cut_off += 1
                continue
            with self.lock:
                if status == 200:
                    self.answered |= records.keys()
                else:
                    self.statuses[status] = self.statuses.get(status, 0) + 1
        if client:
            client.close()


class ProxyKillTest(ProxyTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("MILLRACE_TEST_SEED", "1"))
        self.randomness = random.Random(self.seed)
        self.last_total = 0

    def check_status(self, proxy, load, destinations=2):
        """What it says of each destination adds up to what was appended."""
        answered, _ = load.counts()
        try:
            status = proxy.status()
        except (OSError, http.client.HTTPException):
            return  # it ended
        _, attempted = load.counts()
        totals = {one["accepted"] + one["rejected"] + one["filtered"] + one["pending"] for one in status["destinations"]}
        self.assertEqual(len(status["destinations"]), destinations)
        # They are read one after another while records arrive.
        self.assertGreaterEqual(min(totals), max(answered, self.last_total), status)
        self.assertLessEqual(max(totals), attempted, status)
        self.last_total = max(totals)

    def run_and_kill(self, arguments, load, longest=0.7, seconds=None):
        """True if it listened before it was killed: at a random moment, or after so many seconds."""
        if seconds is None:
            seconds = self.randomness.choice([self.randomness.uniform(0, 0.15), self.randomness.uniform(0.1, longest)])
        end = time.monotonic() + seconds
        proxy = self.begin_proxy(*arguments)
        listens = bool(select.select([proxy.process.stdout], [], [], max(0, end - time.monotonic()))[0])
        if listens:
            proxy.wait_until_it_listens()
            load.set_url(proxy.url)
            while (left := end - time.monotonic()) > 0:
                if self.randomness.random() < 0.3:
                    self.check_status(proxy, load)
                try:
                    proxy.process.wait(min(left, 0.1))
                except subprocess.TimeoutExpired:
                    continue
                break
        self.assertIsNone(proxy.process.poll(), f"the proxy ended by itself: {proxy.messages()[-3000:]}")
        self.assertEqual(proxy.stop(signal.SIGKILL), -signal.SIGKILL)
        return listens

    def test_killed_fifty_times(self):
        sandbox = self.sandbox("--fault", "slow=20ms", "--fault", "reply_lost:0.02", "--seed", str(self.seed))
        arguments = ["--to", "mixpanel", "--mixpanel-url", sandbox.url, "--to", self.to_lake]
        load = Load(self.seed)
        load.start()
        self.addCleanup(load.stop)
        began = time.monotonic()
        listened = sum(self.run_and_kill(arguments, load) for _ in range(KILLS))
        self.assertGreater(listened, KILLS // 3)
        proxy = self.proxy(*arguments)
        load.set_url(proxy.url)
        answered, _ = load.counts()
        self.poll(lambda: load.counts()[0] > answered + 100, "the last proxy does not answer")
        self.check_status(proxy, load)
        load.stop()
        sandbox.set_faults()
        destinations = proxy.wait_until_delivered()
        seconds = time.monotonic() - began

        self.assertEqual(load.statuses, {})
        in_lake = self.check_lake(load)
        again = self.check_sandbox(sandbox, load)
        for name, one in destinations.items():
            self.assertEqual((one["accepted"], one["rejected"], one["filtered"], one["pending"]), (in_lake, 0, 0, 0), name)
        self.assertEqual(proxy.stop(), 3)
        print(f"{KILLS} kills, {listened} while it listened, seed {self.seed}, {seconds:.1f} s: {len(load.attempted)} records "
              f"sent, {len(load.answered)} answered with 200, {load.cut_off} requests cut off, {in_lake} in the lake in "
              f"{len(list(self.lake.rglob('commits/*.json')))} commits, {again} events sent to the sandbox more than once")

    def test_killed_while_segments_are_reused(self):
        """Events so large that segments end and their files are used again between two kills."""
        kills, pad = (3, 100_000) if SANITIZED else (12, 300_000)
        arguments = ["--to", "null:", "--to", self.to_lake, "--spool-max", "300MB"]
        load = Load(self.seed, pad)
        load.start()
        self.addCleanup(load.stop)
        listened = sum(self.run_and_kill(arguments, load, longest=2) for _ in range(kills))
        proxy = self.proxy(*arguments)
        load.set_url(proxy.url)
        answered, _ = load.counts()
        self.poll(lambda: load.counts()[0] > answered + 100, "the last proxy does not answer")
        self.check_status(proxy, load)
        load.stop()
        destinations = proxy.wait_until_delivered()
        # The spool may be full at times.
        self.assertLessEqual(load.statuses.keys(), {503})
        in_lake = self.check_lake(load)
        for name, one in destinations.items():
            self.assertEqual((one["accepted"], one["rejected"], one["filtered"]), (in_lake, 0, 0), name)
        self.assertLess(proxy.status()["spool_bytes"], 2 * (64 << 20))
        last = max(int(path.stem, 16) for path in (self.state / "spool/log").glob("0*.log"))
        self.assertGreater(last, kills + 1)  # each start begins one
        self.assertEqual(proxy.stop(), 3)
        print(f"{kills} kills, {listened} while it listened, seed {self.seed}: {len(load.attempted)} records sent, "
              f"{len(load.answered)} answered with 200, {load.statuses} others, {in_lake} in the lake, {last} segments")

    def check_found(self, load, found, where):
        """`found` has what was answered, and nothing that was not sent."""
        invented = found.keys() - load.attempted.keys()
        self.assertEqual(len(invented), 0, f"invented in {where}: {sorted(invented)[:3]}")
        lost = load.answered - found.keys()
        self.assertEqual(len(lost), 0, f"lost on the way to {where}: {len(lost)} of {len(load.answered)}, such as "
                                       f"{sorted(lost)[:3]}")

    @staticmethod
    def without(record):
        """Without what the proxy adds, and tokens."""
        left_out = ("ip", "$ip", "token", "$token")
        record = {name: value for name, value in record.items() if name not in left_out}
        if "properties" in record:
            record["properties"] = {name: value for name, value in record["properties"].items() if name not in left_out}
        return record

    def check_lake(self, load):
        """Returns the number of records."""
        found = {}
        for folder in ("events", "users", "groups"):
            for record in self.lake_records(folder):
                properties = record.get("properties", record)
                key = properties.get("$insert_id") or record.get("$group_id") or record["$distinct_id"]
                self.assertNotIn(key, found, "twice in the lake")
                if load.pad and "properties" in record:
                    self.assertEqual(properties.pop("pad", None), load.pad, key)
                found[key] = record
        self.check_found(load, found, "the lake")
        for key, record in found.items():
            sent = load.attempted[key]
            self.assertEqual(self.without(record), self.without(sent))
        return len(found)

    @staticmethod
    def groups(sandbox):
        """$group_id -> properties, of all pages."""
        found, query = {}, {"data_group_id": "company"}
        while True:
            answer = json.loads(sandbox.request("POST", "/api/query/engage", json.dumps(query),
                                                {"Authorization": "Basic OnQ6"}))
            found |= {profile["$distinct_id"]: profile["$properties"] for profile in answer["results"]}
            if len(answer["results"]) < answer["page_size"]:
                return found
            query |= {"page": query.get("page", 0) + 1, "session_id": answer["session_id"]}

    def check_sandbox(self, sandbox, load):
        """Returns how many events arrived more than once."""
        found = {event["properties"]["$insert_id"]: event for event in sandbox.export()}
        for key, event in found.items():
            if key in load.attempted:
                self.assertEqual(self.without(as_sent(event)), self.without(load.attempted[key]))
        profiles = {profile["$distinct_id"]: profile["$properties"] for profile in sandbox.profiles()}
        profiles |= self.groups(sandbox)
        for key, values in profiles.items():
            if key in load.attempted:
                self.assertEqual({name: values.get(name) for name in ("a", "text")}, load.attempted[key]["$set"])
        self.check_found(load, found | profiles, "the sandbox")
        return sandbox.stats()["received"] - len(found)


if __name__ == "__main__":
    main()
