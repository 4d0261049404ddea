"""Faults of table commits, for a catalog under test: lost answers, failures, and commits held in flight."""
import collections
import threading

Fault = collections.namedtuple("Fault", "status applied")

# The type that the REST specification gives for each status; after 503 the client knows no more than after the others.
ERROR_TYPES = {500: "CommitStateUnknownException", 502: "CommitStateUnknownException", 503: "ServiceUnavailableException",
               504: "CommitStateUnknownException"}


def error_json(status, type, message):
    return {"error": {"message": message, "type": type, "code": status}}


class CommitFaults:
    """Each fault applies to the next `count` table commits; several faults follow each other in the order of the calls."""

    def __init__(self):
        self._changed = threading.Condition()
        self._faults = collections.deque()
        self._gate, self._to_hold, self._hold_applied = threading.Event(), 0, False
        self._held = 0

    def lose_answers(self, count=1):
        """Commits are applied, then the connection is closed without an answer."""
        self._add(count, Fault(None, True))

    def fail_commits(self, count, status, applied=False):
        """The answer is this status (500, 502, 503 or 504), whether the commit was applied or not."""
        assert status in ERROR_TYPES, status
        self._add(count, Fault(status, applied))

    def hold_commits(self, count=None, applied=False):
        """Commits (all or the next `count`) wait for release(): before they are applied, or between that and the answer."""
        with self._changed:
            self._gate.set()  # an earlier hold ends with this one
            self._gate, self._to_hold, self._hold_applied = threading.Event(), float("inf") if count is None else count, applied

    def wait_until_held(self, count=1, seconds=30):
        """Returns as soon as that many commits are held."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._held >= count, seconds):
                raise TimeoutError(f"{self._held} commits are held after {seconds} s, not {count}")

    def release(self):
        """Held commits continue, and no later one is held."""
        with self._changed:
            self._to_hold = 0
            self._gate.set()

    def run_commit(self, commit):
        """The answer (status, JSON) of commit(), or that of the fault which is set for this commit."""
        with self._changed:
            fault = self._faults.popleft() if self._faults else Fault(200, True)
            gate, applied = (self._gate, self._hold_applied) if self._to_hold else (None, False)
            self._to_hold -= gate is not None
        if gate and not applied:
            self._hold(gate)
        answer = commit() if fault.applied else None
        if gate and applied:
            self._hold(gate)
        if fault.status == 200:
            return answer
        if fault.status is None:
            return None, None
        return fault.status, error_json(fault.status, ERROR_TYPES[fault.status], "the test set this fault")

    def _add(self, count, fault):
        with self._changed:
            self._faults.extend([fault] * count)

    def _hold(self, gate):
        with self._changed:
            self._held += 1
            self._changed.notify_all()
        gate.wait()
        with self._changed:
            self._held -= 1
