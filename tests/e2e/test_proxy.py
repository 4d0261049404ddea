"""The proxy as a program: what clients are answered, what its destinations get, and how it starts and stops."""
import base64
import gzip
import json
import signal
import socket
import time
import urllib.parse

from harness import main
from proxy_harness import PATIENCE, ProxyTest
from proxy_lake import EMOJI, ORIGIN, LakeProxyTest, event, form


class ResponseTest(LakeProxyTest):
    def test_every_body_form_and_both_responses(self):
        running, client = self.start_with_lake()
        names = iter(range(100))
        sent = []

        def body():
            sent.append(f"i{next(names)}")
            return event(sent[-1])

        def check(answer, expected, kind="application/json"):
            status, headers, content = answer
            self.assertEqual((status, content), (200, expected), sent[-1])
            self.assertIn(kind, headers["Content-Type"])

        plain, verbose = b"1", b'{"error":null,"status":1}'
        json_type = {"Content-Type": "application/json"}
        form_type = {"Content-Type": "application/x-www-form-urlencoded"}
        text_type = {"Content-Type": "text/plain;charset=UTF-8"}  # sendBeacon()
        check(client.request("POST", "/track", json.dumps(body()), json_type), plain)
        check(client.request("POST", "/track/?verbose=1&ip=1", json.dumps([body(), body()], ensure_ascii=False), json_type), verbose)
        check(client.request("POST", "/track", form(body()), form_type), plain)
        check(client.request("POST", "/track", form(body(), verbose=1), form_type), verbose)
        check(client.request("POST", "/track?verbose=1", form([body()]), text_type), verbose)
        check(client.request("POST", "/track", json.dumps([body()]), text_type), plain)
        check(client.request("POST", "/track", "".join(json.dumps(body()) + "\n" for _ in range(3)), text_type), plain)
        encoded = base64.b64encode(json.dumps(body(), ensure_ascii=False).encode())
        check(client.request("POST", "/track", b"data=" + urllib.parse.quote_plus(encoded).encode(), form_type), plain)
        text = json.dumps(event("i-plus", pad="~~~>>>???" * 3), ensure_ascii=False)
        unescaped = next(code for pad in range(3) if b"+" in (code := base64.b64encode((" " * pad + text).encode())))
        sent.append("i-plus")
        check(client.request("POST", "/track", b"data=" + unescaped, form_type), plain)
        check(client.request("POST", "/track", gzip.compress(json.dumps([body()]).encode()),
                             json_type | {"Content-Encoding": "gzip"}), plain)
        check(client.request("POST", "/track", gzip.compress(json.dumps([body()]).encode()), json_type), plain)
        check(client.request("POST", "/track", json.dumps([body()])), plain)  # no content type at all
        surrogates = json.dumps(body(), ensure_ascii=False).replace("🧀", "@@@@@@").encode().replace(
            b"@@@@@@", b"\xed\xa0\xbe\xed\xb7\x80")  # CESU-8
        check(client.request("POST", "/track", surrogates, json_type), plain)
        data = urllib.parse.quote(base64.b64encode(json.dumps(body()).encode()))
        status, headers, content = client.request("GET", f"/track/?data={data}&ip=1&img=1")
        self.assertEqual((status, headers["Content-Type"], content[:3]), (200, "image/gif", b"GIF"))
        check(client.request("GET", "/track?verbose=1&data=" + urllib.parse.quote(json.dumps(body()))), verbose)
        check(client.request("GET", "/track?callback=done&data=" + urllib.parse.quote(json.dumps(body()))), b"done(1)",
              "javascript")
        # It would lead anywhere.
        check(client.request("GET", "/track?redirect=https%3A%2F%2Fexample.com&data=" + urllib.parse.quote(json.dumps(body()))),
              plain)
        check(client.request("POST", "/import?strict=1", json.dumps([body()]), json_type),
              b'{"code":200,"num_records_imported":1,"status":"OK"}')
        found = self.delivered(running)
        self.assertEqual(sorted(found), sorted(sent))
        for name, properties in found.items():
            self.assertEqual(properties["text"], EMOJI, name)
        self.assertEqual((running.status()["received"], running.status()["rejected"]), (len(sent), 0))

    def test_pages_of_other_origins(self):
        running, client = self.start_with_lake()
        ask = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "authorization,content-type,x-own"}
        status, headers, _ = client.request("OPTIONS", "/track/?verbose=1", headers=ask)
        self.assertEqual(status, 204)
        for name in ("authorization", "content-type", "x-own"):
            self.assertIn(name, headers["Access-Control-Allow-Headers"].lower())
        self.assertIn("POST", headers["Access-Control-Allow-Methods"])
        answers = [(status, headers, b""), client.post("/track", event("a"), {"Origin": ORIGIN}),
                   client.request("POST", "/track", "no JSON", {"Origin": ORIGIN}),
                   client.request("GET", "/nowhere", headers={"Origin": ORIGIN}),
                   client.request("GET", "/decide", headers={"Origin": ORIGIN}),
                   client.request("GET", "/flags", headers={"Origin": ORIGIN}),
                   client.request("GET", "/lib.min.js", headers={"Origin": ORIGIN}),
                   client.post("/track", "x" * (11 << 20), {"Origin": ORIGIN})]
        for status, headers, content in answers:
            self.assertEqual((headers["Access-Control-Allow-Origin"], headers["Access-Control-Allow-Credentials"]),
                             (ORIGIN, "true"), (status, content[:200]))
        self.assertEqual([status for status, _, _ in answers], [204, 200, 200, 404, 200, 200, 404, 503])
        self.assertEqual(json.loads(answers[5][2]), {"code": 200, "flags": {}})
        self.assertNotIn("Access-Control-Allow-Origin", client.post("/track", event("b"))[1])

        running.stop()
        running, client = self.start_with_lake("--origin", ORIGIN)
        for origin in (ORIGIN, "https://evil.example"):
            self.assertEqual(client.post("/track", event("c" + origin[-3:]), {"Origin": origin})[1]["Access-Control-Allow-Origin"],
                             ORIGIN)

    def test_too_large_bodies(self):
        _, client = self.start_with_lake()
        large = json.dumps([event(f"i{n}", pad="x" * 1_000_000) for n in range(11)])
        for name, content, kind, expected in (("JSON", large, "application/json", 503), ("form", form(large), "text/plain", 413)):
            with self.subTest(name):
                status, headers, _ = client.request("POST", "/track", content, {"Content-Type": kind})
                self.assertEqual(status, expected)
                self.assertEqual("Retry-After" in headers, expected == 503)
        bomb = gzip.compress(b"[" + b" " * (200 << 20) + b"]")
        self.assertLess(len(bomb), 1 << 20)
        status, _, _ = client.request("POST", "/track", bomb, {"Content-Type": "text/plain", "Content-Encoding": "gzip"})
        self.assertEqual(status, 413)
        self.assertEqual(client.post("/track", event("after"))[0], 200)

    def test_addresses_tokens_and_paths(self):
        running, client = self.start_with_lake("--trusted-proxy", "127.0.0.0/8", "--anonymize-ip", "--accept-token", "t",
                                               "--accept-token", "t2", "--refuse-token", "t2", "--prefix", "/_mp/api",
                                               "--alias", "/t=/track")
        forwarded = {"X-Forwarded-For": "6.6.6.6, 203.0.113.77, 127.0.0.9"}
        for path, one in (("/track", event("seen")), ("/track?ip=0", event("hidden")), ("/track", event("given", ip="8.8.8.8")),
                          ("/_mp/api/track/", event("prefix")), ("/t", event("alias"))):
            self.assertEqual(client.post(path, one, forwarded)[0], 200)
        for token in ("t2", "other", ""):
            refused = event("refused-" + token)
            refused["properties"]["token"] = token
            self.assertEqual(client.post("/track", refused)[0], 200)
        found = self.delivered(running)
        self.assertEqual({name: properties.get("ip") for name, properties in found.items()},
                         {"seen": "203.0.113.0", "hidden": None, "given": "8.8.8.8", "prefix": "203.0.113.0",
                          "alias": "203.0.113.0"})
        self.assertEqual([record["code"] for record in self.dead_letters()], ["token_refused"] * 3)


class DeadLetterTest(LakeProxyTest):
    def test_bad_records_become_dead_letters(self):
        sandbox = self.sandbox()
        running, client = self.start_with_lake("--to", "mixpanel", "--mixpanel-url", sandbox.url)
        self.assertEqual(client.post("/track", [event("a"), {"event": "x"}, event("b"), 7, {"properties": {}}])[::2], (200, b"1"))
        self.assertEqual(client.request("POST", "/track?verbose=1", '{"event": broken')[::2], (200, b'{"error":null,"status":1}'))
        self.assertEqual(client.request("POST", "/track", "data=%%%&verbose=1")[0], 200)
        self.assertEqual(client.post("/engage", [{"$set": {"a": 1}}, {"$distinct_id": "u", "$token": "t", "$set": {"a": 1}}])[0], 200)
        self.assertEqual(client.post("/groups", {"$group_key": "k", "$set": {"a": 1}})[0], 200)
        status, _, content = client.post("/import?strict=1", [event("c"), {"event": "x", "properties": {}}])
        self.assertEqual(status, 400)
        self.assertEqual(json.loads(content)["num_records_imported"], 1)
        self.assertEqual(json.loads(content)["failed_records"][0]["index"], 1)
        # Right for the proxy and for lakes, but not for Mixpanel.
        self.assertEqual(client.post("/track", event("many", **{f"p{n}": n for n in range(300)}))[0], 200)

        destinations = running.wait_until_delivered()
        status = running.status()
        self.assertEqual(status["accepted"], 5)
        self.assertEqual(status["received"], status["accepted"] + status["rejected"])
        rejected = status["rejected"]
        self.assertGreaterEqual(rejected, 8)
        self.assertEqual(sorted(self.delivered(running)), ["a", "b", "c", "many"])
        for name, counts in ((self.lake_name, (5, 0)), ("mixpanel", (4, 1))):
            self.assertEqual((destinations[name]["accepted"], destinations[name]["rejected"]), counts)
        for _ in range(2):  # while it runs, and later
            listed = self.run_json("dlq", "list")
            text = json.dumps(listed)
            for code in ("unreadable_row", "missing_event_name", "missing_required_field", "too_many_properties"):
                self.assertIn(code, text)
            self.assertIn(time.strftime("%Y-%m-%d", time.gmtime()), text)
            records = self.dead_letters()
            self.assertEqual(len(records), rejected + 1)
            self.assertTrue(any("{\"event\": broken" in json.dumps(record["payload_before"]).replace("\\", "")
                                for record in records), records)
            running.stop()


class LifeTest(LakeProxyTest):
    def test_a_stop_answers_what_has_arrived(self):
        running, client = self.start_with_lake()
        self.send(client, "first")
        address = urllib.parse.urlsplit(running.url)
        connections = [socket.create_connection((address.hostname, address.port), PATIENCE) for _ in range(20)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIn(b"pong", connection.recv(4096))
        body = json.dumps([event("X" * 8, pad="x" * 20_000)])
        for number, connection in enumerate(connections):
            mine = body.replace("X" * 8, f"late-{number:03}").encode()
            connection.sendall(b"POST /track HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(mine) + mine)
        self.assertEqual(running.stop(), 3)
        answers = [self.read_all(connection) for connection in connections]
        lost = [answer for answer in answers if not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n1"))]
        self.assertEqual(lost, [])
        with self.assertRaises(OSError):
            socket.create_connection((address.hostname, address.port), 5).close()
        running = self.proxy("--to", self.to_lake)
        self.assertEqual(sorted(self.delivered(running)), ["first", *(f"late-{number:03}" for number in range(20))])

    def test_a_stop_waits_for_what_is_arriving(self):
        running, client = self.start_with_lake()
        self.send(client, "first")
        address = urllib.parse.urlsplit(running.url)
        body = json.dumps([event("slow", pad="x" * 20_000)]).encode()
        connection = socket.create_connection((address.hostname, address.port), PATIENCE)
        self.addCleanup(connection.close)
        connection.sendall(b"POST /track HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        self.assertIn(b"100", connection.recv(4096))  # so it has read the headers
        connection.sendall(body[:1000])
        running.process.send_signal(signal.SIGTERM)

        def is_closed():
            try:
                socket.create_connection((address.hostname, address.port), 5).close()
                return False
            except OSError:
                return True

        self.poll(is_closed, "it still listens")
        connection.sendall(body[1000:])
        answer = self.read_all(connection)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.assertEqual(running.process.wait(60), 3)
        running = self.proxy("--to", self.to_lake)
        self.assertEqual(sorted(self.delivered(running)), ["first", "slow"])

    @staticmethod
    def read_all(connection):
        content = b""
        try:
            while data := connection.recv(4096):
                content += data
        except OSError as error:
            return content + str(error).encode()
        return content

    def test_a_destination_that_is_down_delays_only_itself(self):
        store = ["--store", self.folder / "store"]
        sandbox = self.sandbox(*map(str, store))
        gate = self.gate(sandbox.url)
        running, client = self.start_with_lake(*self.to_mixpanel(gate.url))
        self.send(client, "before")
        running.wait_until_delivered()
        gate.shut()
        sandbox.stop()
        for number in range(50):
            self.send(client, f"down-{number}", f"down-too-{number}")
        found = running.wait_until_delivered(self.lake_name)
        self.assertEqual(len(self.lake_records()), 101)
        self.assertEqual((found["mixpanel"]["accepted"], found["mixpanel"]["pending"]), (1, 100))
        self.poll(lambda: running.destinations()["mixpanel"]["oldest_pending_s"] > 0, "it does not become older")
        metrics = running.admin("/metrics")
        self.assertRegex(metrics, r'(?m)^millrace_proxy_\w+\{destination="mixpanel"\} 100$')
        self.assertEqual(running.admin("/readyz"), "ok\n")

        sandbox = self.sandbox(*map(str, store))
        gate.open(sandbox.url)
        found = running.wait_until_delivered()
        self.assertEqual(found["mixpanel"]["accepted"], 101)
        self.assertEqual(found["mixpanel"]["last_error"], "")
        self.assertEqual(len({one["properties"]["$insert_id"] for one in sandbox.export()}), 101)
        self.assertEqual(len(self.lake_records()), 101)

        # The same while the proxy itself ends in between.
        gate.shut()
        self.send(client, "last")
        running.wait_until_delivered(self.lake_name)
        self.assertEqual(running.stop(), 3)
        gate.open(sandbox.url)
        running, _ = self.start_with_lake(*self.to_mixpanel(gate.url))
        self.assertEqual(running.wait_until_delivered()["mixpanel"]["accepted"], 102)
        self.assertEqual(len(self.lake_records()), 102)

    def test_the_error_of_a_destination_that_is_down_is_shown(self):
        gate = self.gate()
        running, client = self.start_with_lake(*self.to_mixpanel(gate.url), "--retry-timeout", "1s")
        self.send(client, "a")
        running.wait_until_delivered(self.lake_name)
        self.poll(lambda: running.destinations()["mixpanel"]["last_error"], "its error is not shown")
        self.assertIn("127.0.0.1", running.messages())
        sandbox = self.sandbox()
        gate.open(sandbox.url)
        self.assertEqual(running.wait_until_delivered()["mixpanel"]["last_error"], "")

    def test_a_destination_that_refuses_delays_only_itself(self):
        sandbox = self.sandbox("--fault", "401")
        running, client = self.start_with_lake(*self.to_mixpanel(sandbox.url))
        for number in range(5):
            self.send(client, f"a{number}")
        self.assertEqual(client.post("/engage", {"$token": "t", "$distinct_id": "u", "$set": {"a": 1}})[0], 200)
        running.wait_until_delivered(self.lake_name)
        error = self.poll(lambda: running.destinations()["mixpanel"]["last_error"], "its error is not shown")
        self.assertIn("401", error)
        self.assertIn("will be tried again", running.messages())
        found = running.destinations()
        self.assertEqual((found["mixpanel"]["accepted"], found["mixpanel"]["rejected"], found["mixpanel"]["pending"]), (0, 0, 6))
        self.assertEqual((found[self.lake_name]["accepted"], found[self.lake_name]["last_error"]), (6, ""))
        self.assertEqual(self.dead_letters(), [])
        sandbox.set_faults()
        found = running.wait_until_delivered()
        self.assertEqual((found["mixpanel"]["accepted"], found["mixpanel"]["rejected"], found["mixpanel"]["last_error"]), (6, 0, ""))
        self.assertEqual((len(sandbox.export()), len(sandbox.profiles())), (5, 1))

    def test_updates_of_a_profile_stay_in_order(self):
        sandbox = self.sandbox("--fault", "cut:0.2", "--fault", "reply_lost:0.1")
        running, client = self.start_with_lake(*self.to_mixpanel(sandbox.url), "--batch-events", "1")
        for number in range(200):
            update = {"$token": "t", "$distinct_id": "u", "$set": {"last": number, f"p{number % 50}": number}}
            self.assertEqual(client.post("/engage", update)[0], 200)
        running.wait_until_delivered()
        values = sandbox.profiles()[0]["$properties"]
        self.assertEqual(values["last"], 199)
        self.assertEqual([values[f"p{number}"] for number in range(50)], list(range(150, 200)))

    def test_a_transform_changes_and_drops_records(self):
        script = self.write("transform.js", """export default function (record) {
          if (record.event === 'Drop') return null;
          if (record.event === 'Twice') return [record, { event: 'Second', properties: { ...record.properties, $insert_id: 'second' } }];
          if (record.properties) record.properties.changed = true;
          return record;
        }
        """)
        running, client = self.start_with_lake("--to", "null:", "--transform", script)
        records = [event("kept"), event("dropped") | {"event": "Drop"}, event("twice") | {"event": "Twice"}]
        self.assertEqual(client.post("/track", records)[0], 200)
        found = self.delivered(running)
        self.assertEqual(sorted(found), ["kept", "second", "twice"])
        self.assertTrue(found["kept"]["changed"])
        for one in running.destinations().values():
            self.assertEqual((one["accepted"], one["filtered"], one["pending"]), (2, 1, 0), one)

    def test_destinations_that_are_removed_and_added(self):
        gate = self.gate()
        down = self.to_mixpanel(gate.url)
        other = self.folder / "other"
        running, client = self.start_with_lake(*down)
        self.send(client, "1", "2", "3")
        running.wait_until_delivered(self.lake_name)
        running.stop()

        running = self.proxy(*down)  # without the lake
        self.assertIn(self.lake_name, running.messages())
        self.send(self.client(running), "4", "5")
        running.stop()

        running, client = self.start_with_lake("--from-oldest", *down)
        self.send(client, "6")
        found = running.wait_until_delivered(self.lake_name)
        self.assertEqual(sorted(self.delivered_to(self.lake)), ["1", "2", "3", "4", "5", "6"])
        self.assertEqual(found[self.lake_name]["accepted"], 6)
        running.stop()

        to_other = ["--to", f"{other}/?format=ndjson.gz&form=raw"]
        running, client = self.start_with_lake(*down, *to_other)
        self.send(client, "7")
        running.wait_until_delivered(self.lake_name, f"{other}/")
        self.assertEqual(self.delivered_to(other), ["7"])  # only what arrived since
        self.assertEqual(running.destinations()["mixpanel"]["pending"], 7)
        running.stop()

        before = running.messages()
        running = self.proxy("--to", self.to_lake, *to_other)
        warning = running.messages()[len(before):]
        self.assertRegex(warning, r"(?i)warn.*no longer followed")
        self.assertRegex(warning, r"mixpanel")
        self.assertRegex(warning, r"not_delivered\W+7\b")
        self.send(self.client(running), "8")
        running.wait_until_delivered()
        self.assertEqual(sorted(self.delivered_to(self.lake)), [str(number) for number in range(1, 9)])
        self.assertEqual(sorted(self.delivered_to(other)), ["7", "8"])

    def test_another_project_is_another_destination(self):
        down = ["--to", f"mixpanel?url={self.gate().url}&project_id=1"]  # keeps the records in the spool
        old, new = self.sandbox(), self.sandbox()
        running = self.proxy(*down, "--to", f"mixpanel?url={old.url}&project_id=2")
        self.send(self.client(running), "1", "2")
        self.poll(lambda: old.stats()["received"] == 2, "it is not delivered")
        running.stop()
        before = running.messages()
        running = self.proxy(*down, "--to", f"mixpanel?url={new.url}&project_id=2")
        self.send(self.client(running), "3")
        running.wait_until_delivered("mixpanel:2")
        self.assertEqual([one["properties"]["$insert_id"] for one in new.export()], ["3"])
        self.assertIn("no longer followed", running.messages()[len(before):])


class FlagTest(ProxyTest):
    def test_wrong_flags_are_named(self):
        self.write("bad.pem", "no certificate")
        for arguments, words in (
                (["--spool-max", "10MB"], ["--spool-max 10MB", "256MB"]),
                (["--alias", "/t"], ["--alias /t", "/track"]),
                (["--alias", "/t=/nowhere"], ["--alias /t=/nowhere", "/track"]),
                (["--alias", "/t=/track", "--prefix", "/t"], ["--alias", "--prefix", '"/t"', "twice"]),
                (["--prefix", "x"], ["--prefix x", "'/'"]),
                (["--trusted-proxy", "10.0.0.1/8"], ["--trusted-proxy 10.0.0.1/8"]),
                (["--origin", "nonsense"], ["--origin nonsense", "https://"]),
                (["--tls-cert", "x"], ["--tls-cert", "--tls-key"]),
                (["--tls-cert", self.folder / "bad.pem", "--tls-key", self.folder / "bad.pem"], ["certificate"]),
                (["--transform", self.folder / "none.js"], ["--transform", "none.js"]),
                (["--upstream", "nonsense"], ["--upstream"]),
                (["--library-url", "ftp://host/libs"], ["--library-url"]),
                (["--to", "nowhere"], ["nowhere"]),
                (["--to", "null:"], ["null:", "twice"]),
                (["--threads", "0"], ["--threads", "1 to 64"]),
                (["--admin-listen", "x"], ["x", "HOST:PORT"]),
                (["--bogus"], ["--bogus"])):
            with self.subTest(arguments):
                process = self.start("proxy", "--listen", "127.0.0.1:0", "--json", "--to", "null:", *arguments)
                self.addCleanup(lambda process=process: process.poll() is None and (process.kill(), process.communicate()))
                line = process.stdout.readline()
                if line:
                    process.send_signal(signal.SIGTERM)
                out, err = process.communicate(timeout=60)
                self.assertEqual(line, "", "it started")
                self.assertEqual(process.returncode, 2, err)
                for word in words:
                    self.assertIn(word, err)
                self.assertLessEqual(len(err.splitlines()), 2, err)

    def test_the_smallest_spool_that_the_message_names(self):
        _, err = self.refused("--to", "null:", "--spool-max", "1MB")
        smallest = err.partition("at least ")[2].partition(",")[0]
        self.proxy("--to", "null:", "--spool-max", smallest)

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            for flag in ("--listen", "--admin-listen"):
                others = ["--listen", "127.0.0.1:0"] if flag != "--listen" else []
                code, _, err = self.run_program("proxy", "--to", "null:", flag, f"127.0.0.1:{port}", *others, timeout=60)
                self.assertIn(code, (2, 3))
                self.assertIn(str(port), err)
                self.assertIn("use", err)


if __name__ == "__main__":
    main()
