"""The commands of the documentation, run as written: by a shell, in a folder with the files that they name."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import time

import duck
import harness
import proxy_harness
from doc_blocks import block_with, blocks


class DocsTest(harness.MillraceTest):
    def setUp(self):
        super().setUp()
        self.server = self.sandbox()

    def shell(self, commands, **variables):
        """Runs them in the test's folder; the first that fails ends it. The sandbox is Mixpanel."""
        folder = pathlib.Path(harness.PROGRAM).resolve().parent
        environment = self.environment() | {"MIXPANEL_URL": self.server.url, "TZ": "UTC",
                                            "PATH": f"{folder}:{os.environ['PATH']}"} | variables
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=self.folder, env=environment,
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, f"{commands}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def sample(self, *names, rows=500):
        """Generated Parquet files under these names."""
        made = self.generate(rows * len(names), "--files", len(names), "--format", "parquet")
        for file, name in zip(sorted(made.rglob("*.parquet")), names, strict=True):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            file.rename(self.folder / name)

    def test_readme(self):
        self.sample("events/day=01/part-0.parquet", "events/day=02/part-0.parquet")
        shown = self.shell(block_with("README.md", "millrace import") +
                           "millrace reconcile 'events/**/*.parquet' --config sources.json\n")
        self.assertRegex(shown, r"accepted +1,000\n")
        self.assertRegex(shown, r"found +1,000\n")

    def test_init(self):
        self.sample("events/2024-01-01.parquet")
        shown = self.shell(block_with("docs/verbs/init.md", "millrace import"))
        self.assertRegex(shown, r"accepted +500\n")

    def test_generate(self):
        commands = block_with("docs/verbs/generate.md", "generate events").replace("--mixpanel-url URL", "")
        shown = self.shell(commands.replace("100000", "1000"))  # rows of each of three formats
        self.assertRegex(shown, r"accepted +3,000\n")

    def test_dlq(self):
        self.write_ndjson("events/a.ndjson", [{"t": 1713928381, "when": "never", "id": "a"},
                                              {"t": 1713928382, "when": "2024-04-24T03:13:02Z", "id": "b"}])
        entry = {"config_id": "a", "source_gcs_prefix": "events/", "file_type": "NDJSON", "mixpanel_event_name": "seen",
                 "field_mappings": [{"source_field": "when", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
                                    {"source_field": "id", "mixpanel_field": "$user_id"}]}
        self.write_config(entry)
        self.assertEqual(self.run_program("import", "events", "--config", "sources.json", "--mixpanel-url",
                                          self.server.url, cwd=self.folder)[0], 1)
        editor = self.write("editor", "#!/bin/sh\nsed -i 's/\"when\"/\"t\"/' \"$1\"\n")
        editor.chmod(0o755)
        shown = self.shell(block_with("docs/verbs/dlq.md", "$EDITOR"), EDITOR=str(editor))
        self.assertIn("invalid_time", shown)
        self.assertEqual(sorted(event["properties"]["time"] for event in self.server.export()),
                         [1713928381000, 1713928382000])

    def test_status(self):
        self.sample("events/a.parquet")
        self.shell("millrace init events/a.parquet > sources.json && millrace import events --config sources.json")
        self.assertIn("a.parquet", self.shell(block_with("docs/verbs/status.md", "millrace status")))

    def test_destinations(self):
        self.sample("events/a.parquet")
        self.shell("millrace init events/a.parquet > sources.json")
        shown = self.shell(block_with("docs/destinations.md", "--to mixpanel --to null:"))
        self.assertRegex(shown, r"accepted +500\n")
        self.assertRegex(shown, r"to null:\nobjects +1 +0 done before\nread +500\n")
        self.assertEqual(len(self.server.export()), 500)
        self.assertIn("ok ", self.shell(block_with("docs/verbs/destinations.md", "check mixpanel")))

    def test_lakes(self):
        self.sample("events/a.parquet")
        self.shell("millrace init events/a.parquet > sources.json")
        self.assertRegex(self.shell(block_with("docs/connectors/lake.md", "--to 'lake/")), r"accepted +500\n")
        files = sorted(self.folder.glob("lake/events/dt=*/*.parquet"))
        self.assertTrue(files)
        if duck.duckdb is None:
            return
        page = (harness.ROOT / "docs/connectors/lake.md").read_text()
        [statement] = re.findall(r"-- DuckDB\n(.*?;)\n", page, re.DOTALL)
        statement = statement.replace("lake/", f"{self.folder}/lake/").replace("2026-11-29", files[0].parent.name[3:])
        self.assertTrue(duck.connect().execute(statement).fetchall())

    def test_iceberg(self):
        self.sample("events/a.parquet")
        self.shell("millrace init events/a.parquet > sources.json")
        self.assertRegex(self.shell(block_with("docs/connectors/iceberg.md", "--to 'iceberg:tables/")), r"accepted +500\n")
        self.assertEqual(self.folder.joinpath("tables/events/metadata/version-hint.text").read_text(), "2")

    def test_proxy(self):
        commands, requests = (block_with("docs/verbs/proxy.md", text) for text in ("--to 'lake/", "curl -d"))
        [to_both] = [line for line in commands.splitlines() if "lake/" in line]
        [token, _, _, *arguments] = shlex.split(to_both, comments=True)
        proxy = proxy_harness.Proxy(self.folder / "log", self.environment() | {
            "MIXPANEL_URL": self.server.url, token.split("=")[0]: "T"}, *(argument.replace("lake/", f"{self.folder}/lake/") for argument in arguments))
        self.addCleanup(proxy.clean_up)
        proxy.wait_until_it_listens()
        shown = self.shell(requests.replace("http://127.0.0.1:8080", proxy.url)
                           .replace("http://127.0.0.1:PORT", proxy.admin_url))
        self.assertIn('"accepted":1', shown)
        proxy.wait_until_delivered("mixpanel")
        self.assertEqual([event["event"] for event in self.server.export()], ["Sign up"])
        proxy.stop()  # what is left of a lake's files is committed
        self.assertTrue(list(self.folder.glob("lake/events/dt=*/*.parquet")))

    def test_the_configuration_of_a_proxy(self):
        first, secrets, last = blocks("docs/proxy-json.md", "json")
        self.write("without_addresses.js", "export default (record) => record;")
        self.write(".env", "DESTINATIONS=mixpanel\nMIXPANEL_REGION=EU\n")
        check, start = block_with("docs/proxy-json.md", "--check").splitlines()
        self.assertEqual(f"{check}\n", f"{start} --check\n")
        for text in (first, last):
            self.write("proxy.json", text)
            said, shown = json.loads(text), json.loads(self.shell(check))
            self.assertEqual({key: shown[key] for key in said if key != "destinations"},
                             {key: value for key, value in said.items() if key != "destinations"})
            self.assertEqual(list(shown["destinations"]), sorted(said["destinations"]))
        self.write("key.json", "{}")
        self.write("proxy.json", secrets.replace("/run/secrets/their-project.json", "key.json"))
        names = dict.fromkeys(re.findall(r'"([A-Z_]*(?:TOKEN|KEY_ID|KEY|FILE))"', secrets), "x")
        self.assertIn("destinations: \"topics\": ", self.shell(f"{check} 2>&1 || [ $? = 2 ]", **names))
        for page in ("docs/verbs/proxy.md", "docs/from-mixpanel-dwh-proxy.md"):
            self.write("proxy.json", last)
            for line in block_with(page, "--env-file").splitlines():
                line = line.split("#")[0].replace(" --check", "")
                self.assertIn('"destinations"', self.shell(f"{line} --check"))

    def test_proxy_replays_dead_letters(self):
        commands = block_with("docs/verbs/proxy.md", "dlq replay")
        token = {"MILLRACE_PROXY_ADMIN_TOKEN": "operators"}
        rules = self.write("rules.json", '{"refuse": ["T"]}')
        proxy = proxy_harness.Proxy(self.folder / "log", self.environment() | token, "--mixpanel-url", self.server.url,
                                    "--token-rules", rules)
        self.addCleanup(proxy.clean_up)
        proxy.wait_until_it_listens()
        client = proxy_harness.Client(proxy.url)
        self.addCleanup(client.close)
        client.post("/track", [{"event": "Sign up", "properties": {"token": "T", "distinct_id": "u1"}}])
        rules.write_text("{}")
        while "new rules of tokens" not in proxy.messages():
            self.assertIsNone(proxy.process.poll())
            time.sleep(0.02)
        shown = self.shell(commands.replace("http://127.0.0.1:9000", proxy.admin_url).replace("TOKEN=...", "TOKEN=operators"))
        self.assertRegex(shown, r"accepted +1\n")
        proxy.wait_until_delivered("mixpanel")
        self.assertEqual([one["event"] for one in self.server.export()], ["Sign up"])

    def test_names_of_destinations(self):
        names, variables = blocks("docs/destinations.md", "json")
        self.write("own.json", variables)
        self.write("their-project.json", "{}")
        for name, problem in (("theirs", "are named for: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"), ("topics", "their-project.json")):
            shown = self.shell(f"millrace destinations drop {name} --destinations own.json 2>&1 || [ $? = 2 ]")
            self.assertIn(problem, shown)
        self.write("destinations.json", names)
        self.write("eu.json", '{"token": "of-eu"}').chmod(0o600)
        self.sample("events/a.parquet")
        self.shell("millrace init events/a.parquet > sources.json")
        command = block_with("docs/destinations.md", "--to warehouse")
        shown = self.shell(command.replace("--to warehouse", "--to discard --dry-run"))  # sends nothing
        self.assertRegex(shown, r"to mixpanel:123\nobjects +1 ")
        self.assertRegex(shown, r"to null:\nobjects +1 ")
        # It says what it would drop, without a connection.
        dropped = block_with("docs/verbs/destinations.md", "drop warehouse").splitlines()[1]
        shown = self.shell(f"set +e\n{dropped}\n[ $? = 2 ]")
        self.assertIn("would drop, if it exists: postgres://db.example.com:5432/analytics: table product.events\n", shown)

    def test_staypoints(self):
        self.shell(block_with("docs/verbs/generate.md", "generate trips").replace("1000000", "5000"))
        commands = block_with("docs/verbs/staypoints.md", "--output staypoints ")
        self.shell(re.sub(r" \[.*?\]", "", commands))
        self.assertTrue((self.folder / "staypoints").is_dir())


if __name__ == "__main__":
    harness.main()
