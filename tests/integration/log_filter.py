"""The part of Cloud Logging's query language that deploy/monitoring/terraform uses, and entries as Cloud Logging makes
them of what a program writes."""
import json
import re

TOKEN = re.compile(r'\s*(?:(\()|(\))|(AND|OR)\b|([A-Za-z_.]+)\s*(=~|>=|=|>)\s*("(?:[^"\\]|\\.)*"|[A-Za-z0-9_.]+))')
SEVERITIES = ["DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"]


def entry_of(line, resource=None):
    """Of a line on stderr: JSON becomes jsonPayload without `severity` and `time`, other text is textPayload."""
    entry = {"resource": resource or {"type": "cloud_run_revision", "labels": {}}, "severity": "DEFAULT"}
    try:
        payload = json.loads(line)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        return entry | {"textPayload": line}
    entry["severity"] = payload.pop("severity", "DEFAULT")
    payload.pop("time", None)
    if set(payload) == {"message"}:
        return entry | {"textPayload": payload["message"]}
    return entry | {"jsonPayload": payload}


class Filter:
    """A filter; AND and OR may not be mixed without parentheses, as their precedence is not the usual one."""

    def __init__(self, text):
        self.text, self.tokens, place = text, [], 0
        while text[place:].strip():
            token = TOKEN.match(text, place)
            assert token, f"not understood: {text[place:]}"
            self.tokens.append(token.groups())
            place = token.end()
        self.tree = self._expression()
        assert not self.tokens, f"left over: {self.tokens}"

    def _expression(self):
        parts, operators = [self._term()], set()
        while self.tokens and self.tokens[0][2]:
            operators.add(self.tokens.pop(0)[2])
            parts.append(self._term())
        assert len(operators) < 2, f"AND and OR without parentheses: {self.text}"
        return (operators.pop() if operators else "AND", parts)

    def _term(self):
        token = self.tokens.pop(0)
        if token[0]:
            inner = self._expression()
            assert self.tokens.pop(0)[1], "no closing parenthesis"
            return inner
        assert token[3], f"unexpected {token}"
        return token[3:]

    def matches(self, entry, tree=None):
        tree = tree or self.tree
        if tree[0] in ("AND", "OR"):
            return (all if tree[0] == "AND" else any)(self.matches(entry, part) for part in tree[1])
        field, operator, value = tree
        found = entry
        for name in field.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            return False
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if operator == "=~":
            return isinstance(found, str) and re.search(value, found) is not None
        if field == "severity":
            order, limit = SEVERITIES.index(found), SEVERITIES.index(value)
            return order == limit if operator == "=" else order >= limit if operator == ">=" else order > limit
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            number = float(value)
            return found == number if operator == "=" else found >= number if operator == ">=" else found > number
        assert operator == "=", f"{operator} of a text"
        return str(found).lower() == value.lower()
