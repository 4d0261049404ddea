"""What a proxy is configured with: proxy.json, environment variables of mixpanel-dwh-proxy, .env files and SIGHUP."""
import gzip
import json
import os
import signal

import harness
import proxy_harness


def event(name, token="t"):
    return {"event": name, "properties": {"token": token, "distinct_id": "u"}}


class ProxyConfigTest(proxy_harness.ProxyTest):
    variables = {}

    def environment(self):
        kept = {name: value for name, value in super().environment().items()
                if name not in ("PORT", "RUNTIME", "DESTINATIONS", "MIXPANEL_TOKEN")}
        return kept | self.variables

    def write_json(self, name, content):
        return self.write(name, json.dumps(content))

    def check(self, *arguments, expect=0):
        """What --check prints: the configuration and warnings, or problems."""
        code, out, err = self.run_program("proxy", "--check", *arguments, timeout=60)
        self.assertEqual(code, expect, err)
        self.assertFalse(self.state.exists(), "--check makes nothing")
        return (json.loads(out), err) if expect == 0 else (out, err)

    def problems(self, *arguments):
        out, err = self.check(*arguments, expect=2)
        self.assertEqual(out, "")
        return err

    def records(self, folder):
        """The records of an NDJSON lake, by their file's folder."""
        found = []
        for path in sorted(folder.rglob("*.ndjson.gz")):
            if "_millrace" not in path.parts:
                found += [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        return found


class ProxyJsonTest(ProxyConfigTest):
    def test_destinations_have_their_own_tables_forms_and_transforms(self):
        self.write("all.js", "export default (record) => { record.properties.by = 'all'; return record; }")
        self.write("clean.js", "export default (record) => record.event === 'b' ? null "
                               ": { ...record, properties: { ...record.properties, by: 'clean' } };")
        config = self.write_json("proxy.json", {
            "listen": "127.0.0.1:0", "upstream": "none", "library_url": "none", "threads": 1, "prefix": ["/_p"],
            "transform": str(self.folder / "all.js"),
            "destinations": {
                "raw": {"uri": f"{self.folder}/raw/", "format": "ndjson.gz", "form": "raw", "events": "seen", "path": ""},
                "clean": {"uri": f"{self.folder}/clean/", "format": "ndjson.gz", "transform": str(self.folder / "clean.js")},
                "discard": "null:"}})
        proxy = self.proxy("--config", config)
        client = self.client(proxy)
        self.assertEqual(client.post("/_p/track", [event("a"), event("b")])[0], 200)
        self.assertEqual(client.post("/engage", [{"$token": "t", "$distinct_id": "u", "$set": {"n": 1}}])[0], 200)
        proxy.wait_until_delivered("null:")
        proxy.stop()  # files of lakes are committed
        self.assertEqual(sorted((r["event"], r["properties"]["by"]) for r in self.records(self.folder / "raw/seen")),
                         [("a", "all"), ("b", "all")])
        self.assertFalse((self.folder / "raw/users").exists(), "it names a folder for events only")
        self.assertEqual([(r["event"], r["by"]) for r in self.records(self.folder / "clean/events")], [("a", "clean")])

    def test_check_prints_what_it_would_do(self):
        self.write("key", "secret-token")
        config = self.write_json("proxy.json", {
            "$schema": "proxy.schema.json", "listen": "127.0.0.1:1", "spool_max": "1GB", "retry_max": "1m30s",
            "replace_token_variable": "OUR_TOKEN", "anonymize_ip": True, "trusted_proxy": ["10.0.0.0/8"],
            "destinations": {"lake": {"uri": "s3://b/lake", "environment": {"AWS_ACCESS_KEY_ID": "LAKE_KEY",
                                                                            "AWS_PROFILE": None}}}})
        self.variables = {"OUR_TOKEN": "secret-token", "LAKE_KEY": "secret-key"}
        shown, err = self.check("--config", config, "--spool-max", "2GB", "--prefix", "/a", "--prefix", "/b")
        self.assertEqual(err, "")
        self.assertEqual(shown, {
            "listen": "127.0.0.1:1", "spool_max": "2GB", "retry_max": "1m30s", "replace_token_variable": "OUR_TOKEN",
            "anonymize_ip": True, "trusted_proxy": ["10.0.0.0/8"], "prefix": ["/a", "/b"], "state": str(self.state),
            "destinations": {"lake": {"uri": "s3://b/lake", "environment": {"AWS_ACCESS_KEY_ID": "LAKE_KEY",
                                                                            "AWS_PROFILE": None}}}})
        # What it prints says the same.
        again = self.write_json("again.json", shown)
        self.assertEqual(self.check("--config", again)[0], shown)

    def test_flags_win_and_may_name_the_destinations(self):
        config = self.write_json("proxy.json", {"destinations": {"a": "null:"}, "threads": 3})
        shown, _ = self.check("--config", config, "--to", self.to_lake, "--threads", "4")
        self.assertEqual((shown["threads"], shown["destinations"]), (4, {"destination-1": {"uri": self.to_lake}}))

    def test_all_problems_are_named_at_once(self):
        rules = self.write("tokens.json", '{"acept": []}')
        config = self.write_json("proxy.json", {
            "spol_max": "1GB", "threads": "four", "anonymize_ip": "yes", "spool_max": "1MB", "listen": 8080,
            "trusted_proxy": ["10.0.0.0/99"], "origin": ["here"], "alias": ["/t"], "to": ["null:"],
            "replace_token_variable": "NOT_SET", "token_rules": str(rules), "tls_cert": "a.pem", "upstream": "nowhere",
            "log_level": "loud", "transform": str(self.folder / "none.js"),
            "destinations": {"a": {"uri": "null:", "colour": "red"}, "b": {"uri": "postgres://h/d?table=a&table=b"},
                             "c": {"uri": "null:"}, "d": {"uri": "null:"},
                             "f": {"uri": f"{self.folder}/f/", "transform": str(self.write("f.js", "export default 1;"))},
                             "g": f"{self.folder}/g/",
                             "e": {"uri": "gs://b/l", "environment": {"GOOGLE_APPLICATION_CREDENTIALS": "NO_FILE"}}}})
        err = self.problems("--config", config, "--threads", "2")
        name = f"{config}: "
        for problem in (f'{name}spol_max: is no key; did you mean "spool_max"?',
                        f"{name}anonymize_ip: must be true or false",
                        f"{name}spool_max 1MB: write a size of at least 256MB",
                        f"{name}listen: must be a text in quotes", f"{name}trusted_proxy 10.0.0.0/99",
                        f'{name}origin here: "here" is not an origin', f"{name}alias /t: write NAME=PATH",
                        f"{name}to: is no key", f"{name}replace_token_variable: names a variable that is not set",
                        "tokens.json", "--tls-cert and --tls-key need each other", f"{name}upstream nowhere",
                        f"{name}log_level: write debug", f'{name}destinations: "a": destination null: unknown option',
                        f'{name}destinations: "b": ', f"{name}transform: opening {self.folder}/none.js",
                        f'{name}destinations: "f": transform: ',
                        f'{name}destinations: "d": two destinations',
                        f'{name}destinations: "e": environment: variables that are not set are named for: GOOGLE_'):
            self.assertIn(problem, err)
        self.assertNotIn("threads", err, "the flag wins")
        self.assertEqual(err.count("none.js"), 1, err)

    def test_files_that_are_none(self):
        for err in (self.problems("--config", self.folder / "no-such.json"),
                    self.problems("--config", self.write("a.json", "{"))):
            self.assertIn(".json", err)
            self.assertNotIn("credentials", err, "the file may have named destinations")
        self.assertIn("is not JSON", self.problems("--config", self.write("a.json", "{")))
        self.assertIn("no-such.env", self.problems("--env-file", self.folder / "no-such.env"))
        self.assertIn("line 1: is no variable", self.problems("--to", "null:", "--env-file", self.write(".env", "?")))

    def test_a_pipe_is_read_to_its_end_and_a_signal_ends_the_wait(self):
        pipe = self.folder / "pipe.json"
        os.mkfifo(pipe)
        process = self.start("proxy", "--check", "--config", pipe)
        pipe.write_text('{"destinations": {"a": "null:"}}')
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, list(json.loads(out)["destinations"])), (0, ["a"]), err)
        process = self.start("proxy", "--check", "--config", pipe)
        opened = f"/proc/{process.pid}/fd"
        self.poll(lambda: any(os.path.realpath(f"{opened}/{fd}") == str(pipe) for fd in os.listdir(opened)), "the wait")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 3)

    def test_problems_are_in_the_place_and_words_of_the_user(self):
        config = self.write_json("proxy.json", {"credentials_file": "none.json", "destinations": {"a": "null:"}})
        self.check("--config", config)
        config = self.write_json("proxy.json", {"credentials_file": "none.json", "destinations": {"m": "mixpanel"}})
        err = self.problems("--config", config)
        self.assertIn('"m": ', err)
        self.assertNotIn("--region", err)
        err = self.problems("--config", self.write_json("proxy.json", {"origin": 7}))
        self.assertIn('origin: must be a list of texts in quotes, such as ["a", "b"]', err)
        self.variables = {"DESTINATIONS": "gcs", "gcs_bucket": "b", "gcs_service_account": "e",
                          "gcs_service_account_private_key": "no key"}
        err = self.problems()
        self.assertIn("gcs_service_account_private_key", err)
        self.assertNotIn("MILLRACE_GOOGLE", err)

    def test_a_variable_twice_is_a_warning(self):
        file = self.write(".env", "DESTINATIONS=mixpanel\nmixpanel_token=a\nMIXPANEL_TOKEN=b\n")
        _, err = self.check("--env-file", file)
        self.assertIn("line 3: MIXPANEL_TOKEN is set in line 2 too, as mixpanel_token: the last value counts", err)

    def test_the_demo_can_be_checked(self):
        code, out, err = self.run_program("proxy", "--demo", "--check", "--prefix", "/a", timeout=60)
        self.assertEqual((code, json.loads(out)["prefix"]), (0, ["/a"]), err)
        self.assertEqual(self.run_program("proxy", "--demo", "--check", "--prefix", "a b", timeout=60)[0], 2)

    def test_hangup_takes_what_can_change(self):
        def write(**settings):
            return self.write_json("proxy.json", {
                "upstream": "none", "library_url": "none", "destinations": {"a": "null:"}} | settings)

        config = write(accept_token=["one"], prefix=["/a"])
        proxy = self.proxy("--config", config)
        client = self.client(proxy)

        def reload(said):
            before = proxy.messages().count(said)
            proxy.process.send_signal(signal.SIGHUP)
            self.poll(lambda: proxy.messages().count(said) > before, f"no {said!r} in {proxy.messages()}")

        def accepted(path, token):
            before = proxy.status()["accepted"]
            status = client.post(path, [event("e", token)], {"Origin": "https://b.example"})
            return status[0], proxy.status()["accepted"] - before, status[1]["Access-Control-Allow-Origin"]

        self.assertEqual(accepted("/a/track", "one"), (200, 1, "https://b.example"))
        self.assertEqual(accepted("/a/track", "two"), (200, 0, "https://b.example"))

        write(accept_token=["two"], prefix=["/b"], origin=["https://a.example"])
        reload("the configuration was read again")
        self.assertEqual(accepted("/a/track", "two")[0], 404)
        self.assertEqual(accepted("/b/track", "one"), (200, 0, "https://a.example"))
        self.assertEqual(accepted("/b/track", "two"), (200, 1, "https://a.example"))
        self.assertNotIn("needs a restart", proxy.messages())

        write(accept_token=["one"], threads=7, destinations={"b": f"{self.lake}/"})
        reload("needs a restart")
        self.assertRegex(proxy.messages(), r"threads, destinations")
        self.assertEqual(accepted("/track", "one")[:2], (200, 1))
        self.assertEqual(list(proxy.destinations()), ["null:"])

        config.write_text('{"accept_token": 1}')
        reload("the earlier one stays in use")
        self.assertIn("accept_token", proxy.messages())
        self.assertEqual(accepted("/track", "one")[:2], (200, 1))
        self.assertEqual(proxy.stop(), 3)


class VariablesTest(ProxyConfigTest):
    """A test for each table of the old server's documentation that needs no server of a cloud."""

    def test_mixpanel(self):
        server = self.sandbox()
        self.variables = {"destinations": "MIXPANEL", "Mixpanel_Token": "the-token", "mixpanel_region": "us",
                          "FRONTEND_URL": "https://shop.example", "RUNTIME": "LOCAL", "NODE_ENV": "dev", "PORT": "8080",
                          "MIXPANEL_URL": server.url}
        proxy = self.proxy()  # its --listen wins
        client = self.client(proxy)
        status, headers, body = client.post("/track?verbose=1", [event("a", "of the page"), event("b")],
                                            {"Origin": "https://shop.example"})
        self.assertEqual((status, json.loads(body)), (200, {"error": None, "status": 1}))
        self.assertEqual(headers["Access-Control-Allow-Origin"], "https://shop.example")
        self.assertEqual(client.post("/engage", [{"$token": "of the page", "$distinct_id": "u", "$set": {"n": 1}}])[0], 200)
        self.assertEqual(client.request("GET", "/ping", headers={"Origin": "https://other.example"})[1]
                         ["Access-Control-Allow-Origin"], "https://shop.example")
        proxy.wait_until_delivered()
        self.assertEqual(sorted((one["event"], one["properties"]["token"]) for one in server.export()),
                         [("a", "the-token"), ("b", "the-token")])
        self.assertEqual([one["$distinct_id"] for one in server.profiles()], ["u"])
        self.assertEqual(proxy.stop(), 3)

    def test_mixpanel_without_a_token(self):
        """As before, each record then goes to the project of its own token."""
        server = self.sandbox()
        self.variables = {"DESTINATIONS": "mixpanel", "MIXPANEL_URL": server.url}
        proxy = self.proxy()
        client = self.client(proxy)
        client.post("/track", [event("a", "one"), event("b", "two"), {"event": "c", "properties": {"distinct_id": "u"}}])
        client.post("/engage", [{"$token": "one", "$distinct_id": "u", "$set": {"n": 1}},
                                {"$token": "two", "$distinct_id": "v", "$set": {"n": 2}}])
        found = proxy.wait_until_delivered()["mixpanel"]
        self.assertEqual((found["accepted"], found["rejected"]), (4, 1))
        self.assertEqual(sorted((one["event"], one["properties"]["token"]) for one in server.export()),
                         [("a", "one"), ("b", "two")])
        self.assertEqual(sorted(one["$distinct_id"] for one in server.profiles()), ["u", "v"])
        proxy.stop()
        [letter] = self.dead_letters()
        self.assertIn("no project token", json.dumps(letter))

    def test_the_server(self):
        self.variables = {"DESTINATIONS": "mixpanel", "MIXPANEL_TOKEN": "hidden", "PORT": "9", "frontend_url": "none",
                          "QUEUE_MAX": "10", "QUEUE_INTERVAL": "900", "MAX_RETRIES": "5", "MIXPANEL_REGION": "EU"}
        shown, err = self.check()
        self.assertEqual(shown, {"create": True, "destinations": {"mixpanel": {"uri": "mixpanel"}}, "listen": "0.0.0.0:9", "region": "EU",
                                 "replace_token_variable": "MIXPANEL_TOKEN", "state": str(self.state)})
        for name in ("QUEUE_MAX", "QUEUE_INTERVAL", "MAX_RETRIES"):
            self.assertIn(f"warning: {name}: has no effect: ", err)

    def test_runtimes(self):
        for runtime in ("GCP", "aws", "AZURE", "LAMBDA"):
            self.variables = {"RUNTIME": runtime, "MIXPANEL_TOKEN": "t"}
            shown, err = self.check()
            self.assertEqual((shown["listen"], shown["spool_max"]), ("0.0.0.0:8080", "256MB"))
            self.assertIn("mount a disk that stays", err)
        self.variables = {"RUNTIME": "AZURE", "FUNCTIONS_CUSTOMHANDLER_PORT": "7071", "MIXPANEL_TOKEN": "t"}
        self.assertEqual(self.check()[0]["listen"], "0.0.0.0:7071")
        self.variables = {"MIXPANEL_TOKEN": "t"}
        self.assertEqual(self.check()[0]["listen"], "127.0.0.1:8080")

    def test_warehouses_are_checked(self):
        self.variables = {"DESTINATIONS": "bigquery,snowflake,redshift", "bigquery_project": "p",
                          "bigquery_service_account_email": "e", "snowflake_pipe": "p"}
        err = self.problems()
        for name in ("bigquery_dataset", "bigquery_service_account_private_key", "snowflake_account", "snowflake_user",
                     "snowflake_password", "snowflake_database", "snowflake_schema", "snowflake_warehouse",
                     "snowflake_role", "snowflake_access_url", "redshift_workgroup",
                     "redshift_database", "redshift_access_key_id", "redshift_secret_access_key", "redshift_region",
                     "redshift_schema_name"):
            self.assertIn(f"  {name}: is not set", err)

    def test_typos_and_missing_ones_are_named_at_once(self):
        self.variables = {"DESTINATIONS": "mixpannel, s3, azure", "S3_BUKET": "b", "s3_region": "r", "RUNTIM": "aws",
                          "azure_container": "c"}
        err = self.problems()
        for problem in ('DESTINATIONS: "mixpannel" is not known; did you mean "mixpanel"?',
                        "S3_BUKET: is no variable of the proxy; did you mean s3_bucket?", "did you mean RUNTIME?",
                        "s3_bucket: is not set", "s3_access_key_id: is not set", "s3_secret_access_key: is not set",
                        "azure_account: is not set", "azure_key: is not set"):
            self.assertIn(problem, err)

    def test_an_env_file_fills_in(self):
        server = self.sandbox()
        file = self.write("old.env", f"""# the old server's file
            DESTINATIONS=mixpanel # one
            export mixpanel_token="in-file"
            MIXPANEL_URL='{server.url}'
            NODE_ENV=prod
            MILLRACE_STATE={self.folder}/not-used
            FRONTEND_URL=https://of-file.example
            """)
        self.variables = {"FRONTEND_URL": "https://of-process.example"}
        shown, _ = self.check("--env-file", file)
        self.assertEqual((shown["origin"], shown["state"]), (["https://of-process.example"], str(self.state)))
        self.assertNotIn("in-file", json.dumps(shown).replace("old.env", ""))
        proxy = self.proxy("--env-file", file)
        self.client(proxy).post("/track", [event("a")])
        proxy.wait_until_delivered()
        self.assertEqual([one["event"] for one in server.export()], ["a"])

    def test_a_file_and_variables_name_destinations(self):
        config = self.write_json("proxy.json", {"destinations": {"a": "null:"}})
        self.variables = {"DESTINATIONS": "mixpanel", "MIXPANEL_TOKEN": "t"}
        self.assertIn("DESTINATIONS: ", self.problems("--config", config))
        # Without a list in the file they belong together, and the file comes first.
        self.variables |= {"FRONTEND_URL": "https://a.example", "PORT": "9"}
        config = self.write_json("proxy.json", {"listen": "127.0.0.1:7"})
        shown, _ = self.check("--config", config)
        self.assertEqual((shown["listen"], shown["origin"], list(shown["destinations"])),
                         ("127.0.0.1:7", ["https://a.example"], ["mixpanel"]))


if __name__ == "__main__":
    harness.main()
