"""deploy/monitoring/terraform: format, policies, arguments by the provider's types, and log filters that match the lines
that the program writes. No provider can be installed without its registry, so nothing is planned or applied."""
import importlib
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import time
import unittest

import duck
import monitoring_files
import provider_types
from cloud_servers import SERVERS
from harness import FAST_RETRY, PROGRAM, ROOT, MillraceTest, main
from log_filter import Filter, entry_of

CHECKOV = duck.CACHE / "checkov-3.3.30"
HCLFMT = SERVERS / "hclfmt-2.25.0/hclfmt"
TERRAFORM = monitoring_files.MONITORING / "terraform"
FILES = sorted(TERRAFORM.rglob("*.tf"))
META = {"count", "for_each", "provider", "depends_on", "lifecycle", "__start_line__", "__end_line__"}


def parse(path):
    """What a file or all files of a folder have: [(kind, content)]."""
    if not CHECKOV.is_dir():
        raise unittest.SkipTest("checkov is not installed; ./dev test installs it")
    if str(CHECKOV) not in sys.path:
        sys.path.append(str(CHECKOV))
    hcl2 = importlib.import_module("hcl2")
    found = []
    for file in sorted(path.glob("*.tf")) if path.is_dir() else [path]:
        with open(file) as text:
            found += [(kind, one) for kind, many in hcl2.load(text).items() for one in many]
    return found


def named(parsed, kind):
    """Name -> content of the variables, outputs or modules of a folder."""
    return {name: content for found, one in parsed if found == kind for name, content in one.items()}


def locals_of(parsed):
    return {name: value[0] for kind, one in parsed if kind == "locals" for name, value in one.items() if name[0] != "_"}


def unescaped(text):
    return re.sub(r"\\(.)", r"\1", text)


def filters():
    """Name of each log-based metric -> its filter, for a Cloud Run service."""
    metrics = locals_of(parse(TERRAFORM / "modules/logs/main.tf"))["metrics"]
    return {name: Filter(f'resource.type="cloud_run_revision" AND ({unescaped(metric["filter"])})')
            for name, metric in metrics.items()}


class FilesTest(unittest.TestCase):
    def test_format(self):
        if not HCLFMT.exists():
            raise unittest.SkipTest("hclfmt is not installed; ./dev test installs it")
        self.assertGreater(len(FILES), 10)
        for file in FILES:
            done = subprocess.run([HCLFMT, file], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, f"{file}: {done.stderr}")
            self.assertEqual(file.read_text(), done.stdout, f"{file} is not formatted: hclfmt -w {file}")

    def test_policies(self):
        if not CHECKOV.is_dir():
            raise unittest.SkipTest("checkov is not installed; ./dev test installs it")
        done = subprocess.run([sys.executable, "-m", "checkov.main", "-d", TERRAFORM, "--framework", "terraform", "secrets",
                               "--compact", "--skip-download", "-o", "json"], capture_output=True, text=True, timeout=300,
                              env=os.environ | {"PYTHONPATH": str(CHECKOV)})
        results = json.loads(done.stdout)
        for result in results if isinstance(results, list) else [results]:
            summary = result.get("summary", result)  # without a finding and a check there is only the summary
            self.assertEqual((summary["failed"], summary["parsing_errors"]), (0, 0), done.stdout[-3000:])

    def assert_known(self, where, content, arguments):
        for name, values in content.items():
            if name in META:
                continue
            self.assertIn(name, arguments, where)
            for value in values if isinstance(values, list) else [values]:
                if arguments[name]["block"] is not None:
                    self.assert_known(f"{where}.{name}", value, arguments[name]["block"])
                elif arguments[name]["values"] and "${" not in str(value):
                    self.assertIn(value, arguments[name]["values"], f"{where}.{name}")
        for name, argument in arguments.items():
            self.assertTrue(name in content or not argument["required"], f"{where} needs {name}")

    def test_resources_have_the_arguments_of_the_provider(self):
        types = json.loads(provider_types.TYPES.read_text())["resources"]
        seen = set()
        for file in FILES:
            for kind, one in parse(file):
                self.assertIn(kind, {"terraform", "provider", "module", "variable", "output", "locals", "resource"}, file)
                if kind == "resource":
                    [(resource, content)] = one.items()
                    [(name, arguments)] = content.items()
                    seen.add(resource)
                    self.assert_known(f"{file.parent.name}: {resource}.{name}", arguments, types[resource])
        self.assertEqual(seen, set(types))
        policy = types["google_monitoring_alert_policy"]
        threshold = policy["conditions"]["block"]["condition_threshold"]["block"]["aggregations"]["block"]
        for file in FILES:  # values that come from locals
            for value in re.findall(r'"(ALIGN_\w+)"', file.read_text()):
                self.assertIn(value, threshold["per_series_aligner"]["values"])
            for value in re.findall(r'severity += "(\w+)"', file.read_text()):
                self.assertIn(value, policy["severity"]["values"])

    def test_variables_and_outputs_are_declared_and_used(self):
        folders = {file.parent for file in FILES}
        self.assertEqual(len(folders), 6)
        for folder in folders:
            parsed = parse(folder)
            text = "".join(file.read_text() for file in folder.glob("*.tf"))
            variables = named(parsed, "variable")
            self.assertEqual(set(re.findall(r"\bvar\.(\w+)", text)), set(variables), folder)
            for name, variable in variables.items():
                self.assertIn("description", variable, name)
                if re.search(r"_key$|_token$", name):
                    self.assertEqual(variable["sensitive"], [True], name)
            self.assertLessEqual(set(re.findall(r"\blocal\.(\w+)", text)), set(locals_of(parsed)), folder)
            modules = named(parsed, "module")
            for name, module in modules.items():
                source = parse((folder / module["source"][0]).resolve())
                wanted = named(source, "variable")
                given = {key for key in module if key not in META | {"source"}}
                self.assertLessEqual(given, set(wanted), f"{folder.name}: module {name}")
                needed = {key for key, one in wanted.items() if "default" not in one}
                self.assertLessEqual(needed, given, f"{folder.name}: module {name}")
            for module, output in re.findall(r"\bmodule\.(\w+)\.(\w+)", text):
                self.assertIn(output, named(parse((folder / modules[module]["source"][0]).resolve()), "output"))

    def test_policies_link_to_runbooks(self):
        anchors = monitoring_files.headings(monitoring_files.RUNBOOKS)
        for module in ("logs", "resources"):
            alerts = locals_of(parse(TERRAFORM / "modules" / module))["alerts"]
            for alert in alerts.values():
                self.assertIn(alert["name"].lower(), anchors)
        for anchor in re.findall(r"\$\{var\.runbook_url\}#(\w+)", "".join(file.read_text() for file in FILES)):
            self.assertIn(anchor, anchors)

    def test_the_rules_can_be_read_as_the_module_does(self):
        for duration in re.findall(r"^ +for: (\S+)$", monitoring_files.RULES.read_text(), re.MULTILINE):
            self.assertRegex(duration, r"^[0-9]+[smh]$")
        example = TERRAFORM / "examples/cloud_run"
        path = re.search(r'rules_file += "\$\{path\.module\}/(\S+)"', (example / "main.tf").read_text())[1]
        self.assertEqual((example / path).resolve(), monitoring_files.RULES)

    def test_messages_of_filters_are_messages_of_the_program(self):
        sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.cc"))
        text = (TERRAFORM / "modules/logs/main.tf").read_text()
        messages = re.findall(r'jsonPayload\.message=\\"([^"\\]+)\\"', text)
        self.assertGreater(len(messages), 4)
        for message in messages:
            self.assertIn(f'"{message}"', sources)


class LinesTest(MillraceTest):
    """The filters and the lines of real runs."""

    def setUp(self):
        super().setUp()
        self.filters = filters()
        self.server = self.sandbox()

    def matched(self, lines):
        """Name of each metric -> the lines that it counts."""
        found = {name: [line for line in lines if one.matches(entry_of(line))] for name, one in self.filters.items()}
        # In the log of an Airflow task a line is a text after other text.
        for name, one in self.filters.items():
            if "textPayload" in one.text and name != "run_failed":
                task = "[2026-11-30, 22:00:00 UTC] {process.py:93} INFO - "
                self.assertEqual([line for line in lines if one.matches(entry_of(task + line))], found[name], name)
        return {name: lines for name, lines in found.items() if lines}

    def export(self, *args):
        since, until = (time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400)) for days in (-1, 1))
        return ["export", "events", "--project-id", "1", "--mixpanel-url", self.server.url, "--time-zone", "utc",
                "--since", since, "--until", until, "--to", f"{self.folder / 'lake'}/?format=ndjson.gz", "--quiet", *args]

    def import_lines(self, expect, file):
        return self.lines(expect, "import", file, "--mixpanel-url", self.server.url, "--quiet", *FAST_RETRY)

    def lines(self, expect, *command):
        code, _, err = self.run_program(*command)
        self.assertEqual(code, expect, err)
        return err.splitlines()

    def test_an_export_says_what_it_has_retrieved_also_for_zero(self):
        found = self.matched(self.lines(0, *self.export(*FAST_RETRY)))
        self.assertEqual(set(found), {"retrieved"})
        self.assertEqual([json.loads(line)["message"] for line in found["retrieved"]], ["retrieved: 0 records"] * 2)

    def test_a_server_that_answers_500(self):
        self.server.set_faults("export_status=500")
        lines = self.lines(3, *self.export("--retry-timeout", "1s", *FAST_RETRY))
        found = self.matched(lines)
        self.assertEqual(set(found), {"http_500", "run_failed"})
        self.assertGreaterEqual(len(found["http_500"]), 3)
        self.assertEqual([json.loads(line)["message"] for line in found["run_failed"]], ["Export complete"])

    def test_a_run_that_cannot_begin(self):
        found = self.matched(self.lines(2, "export", "events", "--project-id", "1", "--to", "lake/"))
        self.assertEqual(set(found), {"run_failed"})
        self.assertEqual(len(found["run_failed"]), 1)

    def test_dead_letters(self):
        event = {"event": "e", "properties": {"time": 1_700_000_000, "distinct_id": "u"}}
        bad = self.write_ndjson("a.ndjson", [event, {"event": "no properties"}])
        found = self.matched(self.import_lines(1, bad))
        self.assertEqual({name: len(lines) for name, lines in found.items()}, {"dead_letters": 1, "run_failed": 1})
        self.assertEqual(self.matched(self.import_lines(0, self.write_ndjson("b.ndjson", [event]))), {})

    def test_a_watch_with_a_damaged_file_and_a_damaged_config(self):
        config = self.write_config({"config_id": "a", "source_prefix": str(self.folder / "in"), "record_type": "event"})
        self.write("in/a.parquet", b"PAR1 and nothing else PAR1")
        log = pathlib.Path(self.folder / "watch.log")
        with open(log, "w") as file:
            process = self.start_watch(config, file)
        self.wait_for(log, '"object failed"', process)
        config.write_text("[")
        self.wait_for(log, "config not reloaded", process)
        process.terminate()
        process.wait(60)
        found = self.matched(log.read_text().splitlines())
        self.assertIn("object_failed", found)
        self.assertEqual(len(found["config_invalid"]), 1)

    def start_watch(self, config, file):
        process = subprocess.Popen([PROGRAM, "watch", self.folder / "in", "--config", config, "--mixpanel-url",
                                    self.server.url, "--config-interval", "50ms", *FAST_RETRY],
                                   stdout=subprocess.DEVNULL, stderr=file, env=self.environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for(self, log, text, process):
        deadline = time.monotonic() + 120
        while text not in log.read_text():
            self.assertIsNone(process.poll(), log.read_text())
            self.assertLess(time.monotonic(), deadline, log.read_text())
            time.sleep(0.02)

    def test_lines_of_a_terminal(self):
        """Airflow may give the program a terminal; then lines are text."""
        self.server.set_faults("export_status=500")
        ours, theirs = pty.openpty()
        process = subprocess.Popen([PROGRAM, *map(str, self.export(*FAST_RETRY))],
                                   stdout=subprocess.DEVNULL, stderr=theirs, env=self.environment())
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 4096):
                text += piece
                if b"a server answered" in text:
                    self.server.set_faults()
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        self.assertEqual(process.wait(), 0, text)
        lines = text.decode().splitlines()
        found = self.matched(lines)
        self.assertEqual(len(found["retrieved"]), 2, lines)
        self.assertEqual(found["http_500"], [line for line in lines if "a server answered" in line])


if __name__ == "__main__":
    main()
