"""What deploy/monitoring and docs/runbooks.md say, for tests that compare them with each other and with the program."""
import json
import pathlib
import re

from harness import ROOT

MONITORING = ROOT / "deploy/monitoring"
RULES = MONITORING / "prometheus/millrace.rules.yml"
RULE_TESTS = [MONITORING / "prometheus" / name for name in ("millrace.tests.yml", "millrace.long.tests.yml")]
DASHBOARD = MONITORING / "grafana/millrace.json"
RUNBOOKS = ROOT / "docs/runbooks.md"
METRIC = re.compile(r"\b(?:millrace|process)_[a-z0-9_]+|\bup\b")
# A metric with its matchers, or matchers alone.
SELECTOR = re.compile(r'(?:\b(?:(?:millrace|process)_[a-z0-9_]+|up)\b(?:\{[^}]*\})?|\{__name__=[^}]*\})')
GROUPING = re.compile(r"\b(?:by|on|without|ignoring) *\([^)]*\)")


def alerts():
    """Name -> severity, runbook anchor of every alert of Prometheus. The file is read as text: no YAML parser is
    needed where Prometheus checks it."""
    found = {}
    for block in RULES.read_text().split("- alert: ")[1:]:
        name = block.split("\n", 1)[0]
        severity = re.search(r"severity: (\w+)\n", block)
        url = re.search(r"runbook_url: (\S+)\n", block)
        assert severity and url, f"{name} has no severity or runbook_url"
        assert "summary: " in block and "description: " in block, f"{name} has no summary or description"
        found[name] = severity[1], url[1]
    return found


def queries(dashboard):
    """(panel, expression) of a dashboard, and of its annotations; variables are replaced by values that match all."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], filled(target["expr"])
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], filled(annotation["expr"])


def variable_queries(dashboard):
    """(variable, selector, label) of `label_values(selector, label)`."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            yield variable["name"], filled(selector), label


def filled(expression):
    for name, value in (("$__rate_interval", "10s"), ("$job", ".*"), ("$instance", ".*"), ("$run", ".*")):
        expression = expression.replace(name, value)
    assert "$" not in expression, f"an unknown variable: {expression}"
    return expression


def selectors(expression):
    """The selectors of an expression, without ranges."""
    return SELECTOR.findall(GROUPING.sub("", expression))


def load_dashboard():
    return json.loads(DASHBOARD.read_text())


def headings(page):
    """The anchors of a Markdown page, as GitHub makes them."""
    lines = re.sub(r"```.*?```", "", pathlib.Path(page).read_text(), flags=re.DOTALL).splitlines()
    titles = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
