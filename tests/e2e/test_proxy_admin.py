"""The admin listener of the proxy: its metrics are those of the documentation; dead letters in daily files, and their
replay by the command line."""
import datetime
import json
import re

import prometheus_page
from harness import ROOT, main
from proxy_harness import ProxyTest

TOKEN = "a secret of the operators"


def documented_metrics():
    page = (ROOT / "docs/observability.md").read_text()
    section = page.partition("### Of a proxy\n")[2].partition("\n#")[0]
    return set(re.findall(r"(?m)^\| `(\w+)` \| (\w+)", section))


class ProxyAdminTest(ProxyTest):
    def environment(self):
        return super().environment() | {"MILLRACE_PROXY_ADMIN_TOKEN": TOKEN}

    def start_proxy(self, *arguments):
        self.box = self.sandbox()
        self.to_mixpanel = ["--to", "mixpanel", "--mixpanel-url", self.box.url]
        self.running = self.proxy(*self.to_mixpanel, "--to", self.to_lake, *arguments)
        self.sender = self.client(self.running)

    def send(self, *records, path="/track"):
        self.assertEqual(self.sender.post(path, list(records))[0], 200)

    def test_every_documented_metric_is_served_and_no_other(self):
        self.start_proxy("--refuse-token", "old")
        self.send({"event": "a", "properties": {"$insert_id": "1"}}, {"event": "b", "properties": {"token": "old"}})
        self.send({"$distinct_id": "u", "$set": {"a": 1}}, path="/engage")
        self.assertEqual(self.sender.request("GET", "/nothing")[0], 404)
        self.assertEqual(self.sender.request("OPTIONS", "/track")[0], 204)
        self.running.wait_until_delivered()
        families = prometheus_page.parse(self.running.admin("/metrics"))
        found = {(name + "_total" * (kind == "counter"), kind) for name, (kind, _) in families.items()}
        self.assertEqual(found, documented_metrics())

        samples = prometheus_page.samples_of(families)
        requests = {(labels["path"], labels["status"]): value
                    for _, labels, value in families["millrace_proxy_requests"][1] if value}
        self.assertEqual(requests, {("/track", "200"): 1, ("/engage", "200"): 1, ("other", "404"): 1, ("/track", "204"): 1})
        self.assertEqual(samples["millrace_proxy_request_duration_seconds_count", ()], 2)
        self.assertGreater(samples["millrace_proxy_request_duration_seconds_sum", ()], 0)
        self.assertGreater(samples["millrace_proxy_fsync_duration_seconds_count", ()], 0)
        self.assertEqual(samples["millrace_proxy_connections", ()], 1)
        self.assertEqual(samples["millrace_proxy_in_flight_bytes", ()], 0)
        self.assertEqual(samples["millrace_proxy_spool_limit_bytes", ()], 10e9)
        self.assertGreater(samples["millrace_proxy_spool_bytes", ()], 0)
        self.assertEqual(samples["millrace_proxy_records_total", (("outcome", "rejected"),)], 1)
        for destination in ["mixpanel", self.lake_name]:
            for outcome, expected in [("accepted", 2), ("rejected", 0), ("filtered", 0), ("expired", 0)]:
                labels = (("destination", destination), ("outcome", outcome))
                self.assertEqual(samples["millrace_rows_total", labels], expected, labels)
            self.assertEqual(samples["millrace_proxy_pending_records", (("destination", destination),)], 0)

    def dead_letters(self):
        """{file name: records}"""
        folder = self.state / "dead_letters"
        return {path.name: [json.loads(line) for line in path.read_text().splitlines()]
                for path in folder.glob("*.ndjson")}

    def test_dead_letters_are_in_daily_files_and_replayed(self):
        self.start_proxy()
        self.box.set_faults("partial_400=1")
        day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
        for number in range(3):
            self.send({"event": "a", "properties": {"token": "t", "time": 1_796_000_000 + number, "$insert_id": f"id-{number}"}})
        self.send({"event": "", "properties": {}}, {"event": "b", "properties": []})
        # A segment of the log more: rows of both are in one file.
        self.running.wait_until_delivered()
        self.assertEqual(self.running.stop(), 3)
        self.running = self.proxy(*self.to_mixpanel, "--to", self.to_lake)
        self.sender = self.client(self.running)
        self.send({"event": "a", "properties": {"token": "t", "time": 1_796_000_009, "$insert_id": "id-9"}})
        self.running.wait_until_delivered()
        files = self.dead_letters()
        if day == datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"):
            self.assertEqual(sorted(len(records) for records in files.values()), [2, 4])
        records = [record for each in files.values() for record in each]
        refused = [record for record in records if record["code"] == "rejected_by_destination"]
        self.assertEqual(len(refused), 4)
        for record in refused:
            self.assertRegex(record["source"], r"^spool:[0-9a-f]{32}/events/\d{4}-\d\d-\d\d$")
            self.assertEqual(json.loads(record["payload_after"])["event"], "a")  # the whole record
        self.assertEqual(len({record["id"] for record in records}), len(records))

        # By the command line, into the destination that refused them.
        self.box.set_faults()
        report = self.run_json("dlq", "replay", "--to", "mixpanel", "--mixpanel-url", self.box.url, "--object", "spool:")
        self.assertEqual((report["read"], report["accepted"], report["not_ours"]), (4, 4, 0))
        self.assertEqual(len(self.box.export()), 4)
        report = self.run_json("dlq", "replay", "--to", "mixpanel", "--mixpanel-url", self.box.url, "--object", "spool:")
        self.assertEqual((report["read"], report["replayed_before"]), (0, 4))
        # What the proxy refused itself goes by the proxy.
        report = self.run_json("dlq", "replay", "--proxy", self.running.admin_url, expect=1)
        self.assertEqual((report["read"], report["rejected"]), (2, 2))
        code, _, err = self.run_program("dlq", "replay", "--proxy", self.running.admin_url, env={"MILLRACE_PROXY_ADMIN_TOKEN": "x"})
        self.assertEqual(code, 2)
        self.assertIn("MILLRACE_PROXY_ADMIN_TOKEN", err)
        self.assertEqual(self.running.stop(), 3)
        code, _, err = self.run_program("dlq", "replay", "--proxy", self.running.admin_url)
        self.assertEqual(code, 3)

    def test_refused_tokens_are_replayed_once_they_are_accepted(self):
        rules = self.write("tokens.json", '{"refuse": ["t"]}')
        self.start_proxy("--token-rules", rules)
        self.send({"event": "a", "properties": {"token": "t", "x": 1}}, {"event": "b", "properties": {"token": "t"}})
        arrived = datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000
        rules.write_text("{}")
        self.poll(lambda: "new rules of tokens" in self.running.messages(), "the rules are not read again")
        report = self.run_json("dlq", "replay", "--proxy", self.running.admin_url, "--code", "token_refused")
        self.assertEqual((report["read"], report["accepted"]), (2, 2))
        self.running.wait_until_delivered()
        found = sorted(self.box.export(), key=lambda one: one["event"])
        self.assertEqual([one["event"] for one in found], ["a", "b"])
        for one in found:  # they have the time at which they came
            self.assertLess(abs(one["properties"]["time"] - arrived), 60_000)
        self.assertEqual(len(self.lake_records()), 2)


if __name__ == "__main__":
    main()
