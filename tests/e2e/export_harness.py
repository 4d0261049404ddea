"""Shared by tests of exports: events in a sandbox as they come from everywhere, and what a destination must have then."""
import collections
import datetime
import gzip
import json
import random

from harness import FAST_RETRY, MillraceTest, key_of

DAY_MS = 86_400_000


def midnight(days_ago):
    """Of a day in UTC, in milliseconds."""
    today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(today.timestamp() * 1000) - days_ago * DAY_MS


def day_of(days_ago):
    return datetime.datetime.fromtimestamp(midnight(days_ago) / 1000, datetime.timezone.utc).date().isoformat()


class ExportTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.seed = random.randrange(1 << 30)
        self.randomness = random.Random(self.seed)
        self.numbers = iter(range(1 << 62))
        self.sent = {}  # each event once, by the keys by which Mixpanel deduplicates

    def event(self, days_ago, name=None):
        """Of a random moment of that day, but for the present hour."""
        return self.event_at(midnight(days_ago) + self.randomness.randrange(self.end_of(days_ago)), name)

    def end_of(self, days_ago):
        return DAY_MS if days_ago else max(1, self.now_ms() - midnight(0))

    def event_at(self, millis, name=None):
        number = next(self.numbers)
        return {"event": name or self.randomness.choice(["view", "buy", "Größe \"x\""]),
                "properties": {"time": millis,
                               "distinct_id": f"user-{number % 97}", "$insert_id": f"id-{self.seed}-{number}",
                               "amount": number / 8, "note": "line\nbreak" if number % 50 == 0 else "ü" * (number % 40)}}

    @staticmethod
    def now_ms():
        return int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000)

    def send(self, sandbox, events):
        """Without Millrace's importer."""
        for begin in range(0, len(events), 2000):
            body = gzip.compress(json.dumps(events[begin:begin + 2000]).encode(), 1)
            answer = json.loads(sandbox.request("POST", "/import?strict=1&project_id=1", body,
                                                {"Authorization": "Basic dDo=", "Content-Type": "application/json",
                                                 "Content-Encoding": "gzip"}))
            self.assertEqual(answer["status"], "OK", answer)
        self.sent.update(dict.fromkeys(map(key_of, events), 1))

    def track(self, sandbox, events):
        """As SDKs do, at the time of the sandbox's clock: such an event is none that was imported."""
        events = [event | {"properties": event["properties"] | {"token": "test-token"}} for event in events]
        answer = sandbox.request("POST", "/track?verbose=1", json.dumps(events), {"Content-Type": "application/json"})
        self.assertEqual(json.loads(answer)["status"], 1, answer)
        self.sent.update(dict.fromkeys(map(key_of, events), 1))

    @staticmethod
    def set_clock(sandbox, millis):
        sandbox.request("PUT", "/sandbox/clock", json.dumps({"now": millis, "stopped": True}))

    def export_command(self, sandbox, *args):
        return ["export", "events", "--project-id", "1", "--mixpanel-url", sandbox.url, "--quiet", *FAST_RETRY, *args]

    def export_json(self, sandbox, *args, expect=0, zone="utc", **options):
        zones = ["--time-zone", zone] if zone else []
        report = self.run_json(*self.export_command(sandbox, *zones, *args), expect=expect, **options)
        self.assert_adds_up(report)
        return report

    def expected(self, sandbox):
        """Each event that was sent, all of which the sandbox has."""
        self.assertEqual(sandbox.stats()["unique"], len(self.sent))
        return self.sent

    @staticmethod
    def lake_keys(lake):
        """The events of the NDJSON files of a lake, by the same keys, and how often each is there."""
        keys = collections.Counter()
        for path in lake.rglob("*.ndjson.gz"):
            with gzip.open(path, "rt") as lines:
                for row in map(json.loads, lines):
                    time = datetime.datetime.fromisoformat(row["event_time"])
                    time = time.replace(tzinfo=time.tzinfo or datetime.timezone.utc)
                    keys[row["event"], row["distinct_id"], round(time.timestamp() * 1000), row["insert_id"]] += 1
        return dict(keys)

    def assert_same(self, actual, expected):
        missing, more = expected.keys() - actual.keys(), actual.keys() - expected.keys()
        self.assertFalse(missing, f"seed {self.seed}: {len(missing)} of {len(expected)} are missing, e.g. {list(missing)[:3]}")
        self.assertFalse(more, f"seed {self.seed}: {len(more)} are unexpected, e.g. {list(more)[:3]}")
        repeats = {key: count for key, count in actual.items() if count != 1}
        self.assertFalse(repeats, f"seed {self.seed}: there more than once: {list(repeats.items())[:3]}")
