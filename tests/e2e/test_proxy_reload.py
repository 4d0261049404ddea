"""A running proxy takes a new certificate and new rules of tokens from their files."""
import os
import shutil
import ssl
import subprocess
import unittest
import unittest

import harness
import proxy_harness

OPENSSL = shutil.which("openssl")


class ProxyReloadTest(proxy_harness.ProxyTest):
    def certificate(self, name):
        """A self-signed certificate and its key, as two files."""
        paths = [self.folder / f"{name}.{suffix}" for suffix in ("pem", "key")]
        subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout",
                        paths[1]], check=True, capture_output=True, timeout=60)
        return paths

    def answers(self, proxy, ca):
        """Whether a client that trusts only `ca` gets an answer."""
        try:
            return self.client(proxy, ca=ca).request("GET", "/healthz")[0] == 200
        except ssl.SSLError:
            return False

    @unittest.skipUnless(OPENSSL, "needs openssl")
    def test_certificate(self):
        (first, first_key), (second, second_key) = self.certificate("first"), self.certificate("second")
        served, key = self.folder / "served.pem", self.folder / "served.key"
        shutil.copy(first, served)
        shutil.copy(first_key, key)
        proxy = self.proxy("--to", self.to_lake, "--tls-cert", served, "--tls-key", key)
        kept = self.client(proxy, ca=first)
        self.assertEqual(kept.request("GET", "/healthz")[0], 200)
        self.assertFalse(self.answers(proxy, second))

        served.write_text("no certificate")
        self.poll(lambda: "the earlier one stays in use" in proxy.messages(), "no warning")
        self.assertTrue(self.answers(proxy, first))

        shutil.copy(second, served)  # until the key follows, they do not belong together
        shutil.copy(second_key, key)
        self.poll(lambda: self.answers(proxy, second), "the new certificate is not served")
        self.assertEqual(kept.request("GET", "/healthz")[0], 200)  # an open connection stays
        self.assertEqual(proxy.stop(), 3)

    def test_token_rules(self):
        rules = self.write("tokens.json", '{"accept": ["a"]}')
        proxy = self.proxy("--to", self.to_lake, "--token-rules", rules, "--accept-token", "always")
        client = self.client(proxy)

        def accepted(token):
            before = proxy.status()["accepted"]
            event = {"event": "e", "properties": {"token": token, "distinct_id": "u"}}
            self.assertEqual(client.post("/track", [event])[0], 200)
            return proxy.status()["accepted"] - before

        self.assertEqual([accepted(token) for token in ("a", "b", "always")], [1, 0, 1])
        replacement = self.write("new.json", '{"accept": ["b"], // a comment\n "refuse": ["c"]}')
        os.replace(replacement, rules)
        self.poll(lambda: accepted("b"), "the new rules are not in use")
        self.assertEqual([accepted(token) for token in ("a", "c", "always")], [0, 0, 1])

        rules.write_text('{"accepted": ["a"]}')
        self.poll(lambda: "tokens.json" in proxy.messages(), "no warning")
        self.assertEqual([accepted(token) for token in ("a", "b")], [0, 1])

    def test_another_transform_after_a_restart(self):
        def version(number):
            """Runs a proxy with a transform of its own for two requests."""
            script = self.write("transform.js", 
                                f"export default (record) => {{ record.properties.v = {number}; return record; }}")
            proxy = self.proxy("--to", self.to_lake, "--transform", script)
            client = self.client(proxy)
            for name in (f"a{number}", f"b{number}"):
                client.post("/track", [{"event": name, "properties": {"token": "t", "distinct_id": "u"}}])
                proxy.wait_until_delivered(patience=30)
            proxy.stop()

        for number in (1, 2, 3):
            version(number)
        self.assertEqual(sorted((record["event"], record["properties"]["v"]) for record in self.lake_records()),
                         [("a1", 1), ("a2", 2), ("a3", 3), ("b1", 1), ("b2", 2), ("b3", 3)])

    def test_files_that_cannot_be_used(self):
        self.assertEqual(self.refused("--to", self.to_lake, "--tls-cert", "a.pem"),
                         (2, "millrace proxy: --tls-cert and --tls-key need each other\n"))
        rules = self.write("tokens.json", '{"accept": "a"}')
        code, err = self.refused("--to", self.to_lake, "--token-rules", rules)
        self.assertEqual(code, 2)
        self.assertIn("tokens.json", err)


if __name__ == "__main__":
    harness.main()
