"""What a test tells bigquery_front.py: faults, calls that are held, quotas and tokens; and what the front has counted.

Methods are those of the Storage Write API by short names ("create", "append", "finalize", "commit", "get"), and
requests of the REST API by "rest:" and their HTTP method ("rest:PATCH"); bigquery_front_jobs.py has more.
"""
import collections
import secrets
import threading
import time

LONGEST_HOLD = 120  # seconds
# As documented: calls in a time, of a project.
QUOTAS = {"create": (10_000, 3600), "rest:PATCH": (50, 10), "job": (1500, 86400)}


class Control:
    def __init__(self):
        self.lock = threading.Condition()
        self.calls = collections.Counter()
        self.violations = collections.Counter()  # what a client must not do
        self.faults = []  # {"method", "how", "skip", "count", "every"}
        self.hold, self.is_held = None, False  # {"method", "skip", "when"}
        self.quotas = dict(QUOTAS)
        self.recent = collections.defaultdict(collections.deque)
        self.sizes = []  # rows of the appends that were stored, in order
        self.append_seconds = 0  # how long an append takes at least
        self.refused = None  # {"field", "value"}: rows that the service does not take
        self.hidden = set()  # columns that the Storage Write API does not know yet
        self.tokens = {}  # -> when it expires; None: no tokens are needed
        self.needs_tokens, self.token_seconds, self.key_is_revoked = False, 3600, False
        self.permissions = None  # None: all

    def violate(self, rule):
        with self.lock:
            self.violations[rule] += 1

    # Calls

    def admit(self, method):
        """Counts a call; what happens to it: None, "quota", or the fault of the test."""
        with self.lock:
            self.calls[method] += 1
            if method in self.quotas:
                limit, seconds = self.quotas[method]
                recent, now = self.recent[method], time.monotonic()
                while recent and recent[0] <= now - seconds:
                    recent.popleft()
                recent.append(now)
                if len(recent) > limit:
                    self.violations[f"quota of {method}"] += 1
                    return "quota"
            for fault in self.faults:
                if fault["method"] not in (method, "any"):
                    continue
                if fault["skip"] > 0:
                    fault["skip"] -= 1
                    continue
                fault["skip"] = fault["every"] - 1
                fault["count"] -= 1
                if fault["count"] <= 0:
                    self.faults.remove(fault)
                return fault["how"]
        return None

    def wait(self, method, when):
        """Returns at once unless this is the call that is to be held."""
        with self.lock:
            hold = self.hold
            if not hold or hold["method"] != method or hold["when"] != when or self.is_held:
                return
            if hold["skip"] > 0:
                hold["skip"] -= 1
                return
            self.is_held = True
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.hold is not hold, LONGEST_HOLD)

    # Tokens

    def new_token(self):
        token = secrets.token_hex(16)
        with self.lock:
            self.tokens[token] = time.monotonic() + self.token_seconds
        return token

    def lets_in(self, authorization):
        if not self.needs_tokens:
            return True
        with self.lock:
            expires = self.tokens.get(authorization.removeprefix("Bearer "))
        return expires is not None and time.monotonic() < expires

    # Commands, each a JSON object

    def answer(self, command):
        with self.lock:
            if "hold" in command:
                self.hold, self.is_held = command["hold"], False
            elif "await_held" in command:
                return {"held": self.lock.wait_for(lambda: self.is_held, command["await_held"])}
            elif "release" in command:
                self.release()
            elif "fault" in command:
                self.faults.append({"skip": 0, "count": 1, "every": 1} | command["fault"])
            elif "take_sizes" in command:
                sizes, self.sizes = self.sizes, []
                return {"sizes": sizes}
            elif "clear_faults" in command:
                self.faults.clear()
            elif "quota" in command:
                self.quotas[command["quota"]["method"]] = (command["quota"]["calls"], command["quota"]["seconds"])
            elif "append_seconds" in command:
                self.append_seconds = command["append_seconds"]
            elif "refuse" in command:
                self.refused = command["refuse"]
            elif "hide_columns" in command:
                self.hidden = set(command["hide_columns"])
            elif "tokens" in command:
                self.needs_tokens, self.token_seconds = command["tokens"] is not None, command["tokens"]
            elif "expire_tokens" in command:
                self.tokens.clear()
            elif "revoke_key" in command:
                self.tokens.clear()
                self.key_is_revoked = True
            elif "permissions" in command:
                self.permissions = command["permissions"]
            return {"calls": self.calls, "violations": self.violations, "faults": self.faults}

    def release(self):
        with self.lock:
            self.hold, self.is_held = None, False
            self.lock.notify_all()
