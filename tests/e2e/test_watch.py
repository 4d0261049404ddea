"""`millrace watch`: new files are imported at once, whatever happens to the files and to the watch."""
import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import prometheus_page
from harness import FAST_RETRY, MillraceTest, duplicates_of, main


def event(number, **properties):
    return {"event": "e", "properties": {"time": 1_700_000_000 + number, "distinct_id": f"u{number}",
                                         "$insert_id": f"id-{number}", **properties}}


def lines(numbers):
    return "".join(json.dumps(event(number)) + "\n" for number in numbers)


class Watch:
    """A running `millrace watch`, whose log lines are read as they arrive."""

    def __init__(self, test, *args, **options):
        self.test = test
        self.process = test.start("watch", *args, "--json", *FAST_RETRY, "--events-per-second", "0",
                                  "--gigabytes-per-minute", "0", **options)
        self.logs = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        test.addCleanup(self.kill)

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.logs.append(json.loads(line) if line.startswith("{") else {"message": line.strip()})
                self.changed.notify_all()
        with self.changed:
            self.logs.append({"message": "(end of the log)"})
            self.changed.notify_all()

    def wait_for(self, message, count=1, timeout=60, **fields):
        """The first `count` log lines of this message whose fields are as given."""
        def found():
            return [log for log in self.logs if log["message"] == message
                    and all(log.get(key) == value for key, value in fields.items())]
        with self.changed:
            done = self.changed.wait_for(
                lambda: len(found()) >= count or self.logs[-1:] == [{"message": "(end of the log)"}], timeout)
            if not done or len(found()) < count:
                self.test.fail(f"{message!r} came {len(found())} times of {count}: {self.logs[-20:]}")
            return found()[:count]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()

    def finish(self, stop=signal.SIGTERM, expect=3):
        """Ends it; the report that it prints."""
        if stop is not None:
            self.process.send_signal(stop)
        code = self.process.wait(120)
        self.reader.join()
        out = self.process.stdout.read()
        self.test.assertEqual(code, expect, f"{out}\n{self.logs[-20:]}")
        report = json.loads(out)
        self.test.assert_adds_up(report)
        return report


class WatchBase(MillraceTest):
    def setUp(self):
        super().setUp()
        self.inbox = self.folder / "in"
        self.inbox.mkdir()

    def put(self, name, text):
        """A file that appears complete."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.parent / f".{path.name}.part"
        hidden.write_text(text)
        hidden.rename(path)
        return path

    def wait_until_something_arrived(self, sandbox):
        deadline = time.monotonic() + 60
        while sandbox.stats()["received"] == 0:
            self.assertLess(time.monotonic(), deadline, "nothing arrives")

    def watch(self, sandbox, *args, **options):
        watch = Watch(self, *(args or (self.inbox,)), "--mixpanel-url", sandbox.url, **options)
        watch.wait_for("watching")
        return watch


class FolderTest(WatchBase):
    def test_files_are_imported_as_they_arrive(self):
        sandbox = self.sandbox()
        self.put("before.ndjson", lines([0]))
        os.utime(self.inbox / "before.ndjson", (1_700_000_000, 1_700_000_000))
        watch = self.watch(sandbox)
        watch.wait_for("object imported", object=str(self.inbox / "before.ndjson"))
        for number in range(1, 41):
            if number % 2:
                self.put(f"day={number % 5}/{number}.ndjson", lines([number]))
            else:
                (self.inbox / f"{number}.ndjson").write_text(lines([number]))
            watch.wait_for("object imported", count=number + 1)
        self.assertEqual(sandbox.stats()["unique"], 41)
        latencies = sorted(log["latency_s"] for log in watch.logs if "latency_s" in log)
        p50 = latencies[len(latencies) // 2]
        print(f"latency of {len(latencies)} files one by one: p50 {p50 * 1000:.0f} ms, "
              f"last {latencies[-1] * 1000:.0f} ms")
        self.assertLess(p50, 1)
        report = watch.finish()
        self.assertEqual((report["accepted"], report["pending"], report["objects_failed"]), (41, 0, 0))

        # An import over the same ledger has nothing left to do, and so has another watch.
        again = self.import_json(sandbox, self.inbox)
        self.assertEqual((again["objects_skipped"], again["requests"]), (41, 0))
        idle = self.watch(sandbox, self.inbox, "--exit-when-idle", "300ms").finish(stop=None, expect=0)
        self.assertEqual((idle["objects_skipped"], idle["requests"]), (41, 0))

    def test_killed_and_restarted_while_files_arrive(self):
        seed = int(os.environ.get("MILLRACE_TEST_SEED", "1"))
        randomness = random.Random(seed)
        sandbox = self.sandbox("--fault", "slow=20ms", "--fault", "reply_lost:0.05", "--seed", str(seed))
        files, rows, kills = 408, 25, 12
        turns = threading.Semaphore(0)  # so that files arrive during all kills

        def write():
            for number in range(files):
                turns.acquire()
                text = lines(range(number * rows, (number + 1) * rows))
                if number % 3 == 0:
                    self.put(f"a/{number % 7}/{number}.ndjson", text)
                else:
                    path = self.inbox / f"b{number % 4}" / f"{number}.ndjson"
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(text)
                if number % 50 == 49:
                    (self.inbox / "a").rename(self.inbox / f"moved-{number}")

        writer = threading.Thread(target=write)
        writer.start()
        arguments = (self.inbox, "--settle-time", "50ms", "--connections", "2")
        for _ in range(kills):
            watch = Watch(self, *arguments, "--mixpanel-url", sandbox.url)
            turns.release(files // kills)
            try:
                watch.process.wait(randomness.uniform(0.05, 0.5))
            except subprocess.TimeoutExpired:
                pass
            watch.kill()
        writer.join()
        sandbox.set_faults()
        report = self.watch(sandbox, *arguments, "--exit-when-idle", "1s").finish(stop=None, expect=0)
        self.assertEqual(report["objects_failed"], 0)
        exported = sandbox.export()
        arrived = {e["properties"]["$insert_id"] for e in exported}
        self.assertEqual(arrived, {f"id-{n}" for n in range(files * rows)})
        self.assertEqual(len({tuple(map(str, (e["event"], e["properties"]["time"],
                                              e["properties"]["$insert_id"]))) for e in exported}), files * rows)
        again = len(exported) - len(arrived)
        print(f"{kills} kills, seed {seed}: {again} of {files * rows} events arrived more than once, none was lost")

    def test_a_file_that_is_being_written_is_not_read(self):
        sandbox = self.sandbox()
        half = (self.inbox / "half.ndjson").open("w")
        half.write(lines([1]) + '{"event": "cut')
        half.flush()
        watch = self.watch(sandbox, self.inbox, "--settle-time", "1h")
        self.put("whole.ndjson", lines([2]))
        watch.wait_for("object imported", object=str(self.inbox / "whole.ndjson"))
        self.assertEqual(sandbox.stats()["unique"], 1)
        half.seek(0)
        half.truncate()
        half.write(lines([1, 3]))
        half.close()
        watch.wait_for("object imported", object=str(self.inbox / "half.ndjson"))
        self.assertEqual(sandbox.stats()["unique"], 3)
        self.assertEqual(watch.finish()["rejected"], 0)

    def test_hidden_files_and_files_outside_the_patterns_are_skipped(self):
        sandbox = self.sandbox()
        watch = self.watch(sandbox, str(self.inbox / "**/*.ndjson"))
        for name in ("a/.hidden.ndjson", "a/_temporary/x.ndjson", "a/_SUCCESS", "a/notes.txt"):
            path = self.inbox / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(lines([7]))
        self.put("a/b/c/x.ndjson", lines([1]))
        watch.wait_for("object imported", object=str(self.inbox / "a/b/c/x.ndjson"))
        report = watch.finish()
        self.assertEqual((report["objects"], report["accepted"]), (1, 1))

    def test_moved_folders_and_links_are_seen(self):
        sandbox = self.sandbox()
        watch = self.watch(sandbox, self.inbox, "--settle-time", "1ms")
        outside = self.folder / "outside"
        (outside / "deep").mkdir(parents=True)
        (outside / "deep/1.ndjson").write_text(lines([1]))
        outside.rename(self.inbox / "moved")
        watch.wait_for("object imported", object=str(self.inbox / "moved/deep/1.ndjson"))
        (self.inbox / "moved/deep/2.ndjson").write_text(lines([2]))
        watch.wait_for("object imported", object=str(self.inbox / "moved/deep/2.ndjson"))
        other = self.write("other.ndjson", lines([3]))
        os.link(other, self.inbox / "hard.ndjson")
        watch.wait_for("object imported", object=str(self.inbox / "hard.ndjson"))
        (self.inbox / "soft.ndjson").symlink_to(other)
        watch.wait_for("object imported", object=str(self.inbox / "soft.ndjson"))
        (self.inbox / "moved").rename(self.folder / "away")
        (self.folder / "away/deep/4.ndjson").write_text(lines([4]))
        self.put("last.ndjson", lines([5]))
        watch.wait_for("object imported", object=str(self.inbox / "last.ndjson"))
        self.assertEqual(watch.finish()["objects"], 5)
        self.assertEqual(sandbox.stats()["unique"], 4, "what is outside is not imported; two links are one event")

    def test_poll_interval_finds_files_without_a_kernel_event(self):
        sandbox = self.sandbox()
        watch = self.watch(sandbox, self.inbox, "--poll-interval", "200ms", "--settle-time", "50ms")
        # A file made without a name, given one, and kept open: neither closed nor moved.
        nameless = os.open(self.inbox, os.O_TMPFILE | os.O_RDWR, 0o644)
        self.addCleanup(os.close, nameless)
        os.write(nameless, lines([1, 2]).encode())
        names = os.open("/proc/self/fd", os.O_DIRECTORY)
        self.addCleanup(os.close, names)
        os.link(str(nameless), self.inbox / "named.ndjson", src_dir_fd=names, follow_symlinks=True)
        found = watch.wait_for("object imported", object=str(self.inbox / "named.ndjson"))
        self.assertEqual(found[0]["trigger"], "list")
        self.assertEqual(sandbox.stats()["unique"], 2)
        self.assertEqual(watch.finish()["objects"], 1)

    def test_a_file_that_is_replaced_while_it_is_read(self):
        sandbox = self.sandbox("--fault", "slow=50ms")
        self.put("big.ndjson", lines(range(20_000)))
        watch = self.watch(sandbox, self.inbox, "--settle-time", "1ms", "--connections", "1",
                           "--batch-events", "500", "--memory", "1")
        self.wait_until_something_arrived(sandbox)
        self.put("big.ndjson", lines(range(20_000, 20_300)))
        sandbox.set_faults()
        watch.wait_for("object imported", object=str(self.inbox / "big.ndjson"), read=300)
        ids = {e["properties"]["$insert_id"] for e in sandbox.export()}
        self.assertLessEqual({f"id-{n}" for n in range(20_000, 20_300)}, ids)
        report = watch.finish()
        self.assertEqual((report["objects_failed"], report["pending"]), (0, 0))

    def test_a_damaged_file_fails_alone_and_is_imported_when_it_is_fixed(self):
        sandbox = self.sandbox()
        watch = self.watch(sandbox)
        bad = self.inbox / "bad.ndjson.gz"
        bad.write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03cut")
        failed = watch.wait_for("object failed", object=str(bad))[0]
        self.assertEqual(failed["severity"], "ERROR")
        self.assertTrue(failed["error"])
        self.assertGreater(failed["retry_in_s"], 0)
        self.put("good.ndjson", lines([1]))
        watch.wait_for("object imported", object=str(self.inbox / "good.ndjson"))
        self.put("bad.ndjson.gz", lines([2]))
        watch.wait_for("object imported", object=str(bad))
        self.assertEqual(watch.finish()["objects_failed"], 0)

    def test_exit_statuses(self):
        sandbox = self.sandbox()
        idle = ("--exit-when-idle", "300ms", "--settle-time", "1ms")
        self.put("a.ndjson", lines([1]) + '{"event": "", "properties": {}}\n')
        report = self.watch(sandbox, self.inbox, *idle).finish(stop=None, expect=1)
        self.assertEqual((report["accepted"], report["rejected"]), (1, 1))
        self.assertEqual(len(self.dead_letters()), 1)
        for arguments, words in (((self.folder / "none",), "watching"), ((), "there is no source of notifications"),
                                 (("--poll-interval", "1s"), "--poll-interval needs an INPUT"),
                                 ((self.inbox, "--http", "127.0.0.1:99999"), "port"),
                                 ((self.inbox, "--exit-when-idle", "0s"), "at least 1ms")):
            code, out, err = self.run_program("watch", *arguments, "--mixpanel-url", sandbox.url)
            self.assertEqual((code, out), (2, ""), err)
            self.assertIn(words, err)
        code, _, err = self.run_program("watch", self.inbox, env={"MIXPANEL_TOKEN": ""})
        self.assertEqual(code, 2)
        self.assertIn("no credentials", err)

    def test_a_stop_in_the_middle_loses_nothing(self):
        sandbox = self.sandbox("--fault", "slow=30ms")
        self.put("big.ndjson", lines(range(30_000)))
        arguments = (self.inbox, "--settle-time", "1ms", "--connections", "1", "--batch-events", "500")
        watch = self.watch(sandbox, *arguments)
        self.wait_until_something_arrived(sandbox)
        first = watch.finish(stop=signal.SIGINT)
        self.assertGreater(first["accepted"], 0)
        sandbox.set_faults()
        second = self.watch(sandbox, *arguments, "--exit-when-idle", "300ms").finish(stop=None, expect=0)
        self.assertEqual(first["accepted"] + second["accepted"], 30_000)
        self.assertEqual(sandbox.stats()["unique"], 30_000)
        self.assertEqual(duplicates_of(sandbox.export()), {})

    def test_two_watches_share_a_folder_and_a_ledger(self):
        sandbox = self.sandbox()
        watches = [self.watch(sandbox) for _ in range(2)]
        for number in range(60):
            self.put(f"{number}.ndjson", lines([number]))
        imported = 0
        deadline = time.monotonic() + 60
        while imported < 60 and time.monotonic() < deadline:
            imported = sandbox.stats()["unique"]
        self.assertEqual(imported, 60)
        reports = [watch.finish() for watch in watches]
        self.assertEqual(sum(report["accepted"] for report in reports), 60)
        self.assertEqual(sandbox.stats()["received"], 60, "each was sent once")

    def test_users_and_events_at_once(self):
        sandbox = self.sandbox()
        config = self.write_config(
            {"config_id": "events", "source_gcs_prefix": f"{self.inbox}/events/",
             "mixpanel_event_name": "e", "field_mappings": [
                 {"source_field": "t", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
                 {"source_field": "u", "mixpanel_field": "$user_id", "type": "string"}]},
            {"config_id": "users", "source_gcs_prefix": f"{self.inbox}/users/", "record_type": "user",
             "field_mappings": [{"source_field": "u", "mixpanel_field": "$distinct_id", "type": "string"},
                                {"source_field": "*", "mixpanel_field": "*"}]})
        watch = self.watch(sandbox, self.inbox, "--config", config)
        self.put("events/a.ndjson", '{"t": 1700000000, "u": "ann"}\n')
        self.put("users/a.ndjson", '{"u": "ann", "plan": "gold"}\n')
        self.put("other/a.ndjson", '{"u": "ann"}\n')
        watch.wait_for("object imported", count=2)
        watch.wait_for("no entry of the config matches this object; it is skipped")
        self.assertEqual(sandbox.stats()["unique"], 1)
        self.assertEqual([p["$properties"]["plan"] for p in sandbox.profiles()], ["gold"])
        report = watch.finish()
        self.assertEqual((report["accepted"], report["objects_unmatched"]), (2, 1))


class ConfigTest(WatchBase):
    """A config that is changed under a running watch."""

    EVENTS = [{"source_field": "t", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
              {"source_field": "u", "mixpanel_field": "$user_id", "type": "string"}]

    def events(self, *more):
        return {"config_id": "events", "source_gcs_prefix": f"{self.inbox}/events/", "mixpanel_event_name": "e",
                "field_mappings": [*self.EVENTS, *more]}

    def users(self):
        return {"config_id": "users", "source_gcs_prefix": f"{self.inbox}/users/", "record_type": "user",
                "field_mappings": [{"source_field": "u", "mixpanel_field": "$distinct_id", "type": "string"},
                                   {"source_field": "*", "mixpanel_field": "*"}]}

    def replace_text(self, path, text):
        """Replaced atomically, as a deployment would."""
        hidden = path.with_name(f".{path.name}.part")
        hidden.write_text(text)
        hidden.rename(path)

    def replace(self, config, *entries):
        self.replace_text(config, json.dumps(entries))

    def plans(self, sandbox):
        return sorted(str(e["properties"].get("plan")) for e in sandbox.export())

    def test_a_hangup_applies_it_to_later_objects(self):
        sandbox = self.sandbox()
        config = self.write_config(self.events())
        watch = self.watch(sandbox, self.inbox, "--config", config, "--config-interval", "1h")
        row = '{"t": %d, "u": "ann", "plan": "gold"}\n'
        self.put("events/a.ndjson", row % 1_700_000_001)
        self.put("users/early.ndjson", row % 1_700_000_000)
        watch.wait_for("object imported", object=str(self.inbox / "events/a.ndjson"))
        watch.wait_for("no entry of the config matches this object; it is skipped",
                       object=str(self.inbox / "users/early.ndjson"))

        # One more property, and a new record type.
        self.replace(config, self.events({"source_field": "plan", "mixpanel_field": "plan"}), self.users())
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_for("config reloaded", entries=2)
        watch.wait_for("object imported", object=str(self.inbox / "users/early.ndjson"))
        self.put("events/b.ndjson", row % 1_700_000_002)
        watch.wait_for("object imported", object=str(self.inbox / "events/b.ndjson"))
        self.assertEqual(self.plans(sandbox), ["None", "gold"], "what is done stays done")
        self.assertEqual([p["$properties"]["plan"] for p in sandbox.profiles()], ["gold"])

        # The record type is removed again.
        self.replace(config, self.events())
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_for("config reloaded", entries=1)
        self.put("users/late.ndjson", row % 1_700_000_003)
        watch.wait_for("no entry of the config matches this object; it is skipped",
                       object=str(self.inbox / "users/late.ndjson"))
        self.put("events/c.ndjson", row % 1_700_000_004)
        watch.wait_for("object imported", object=str(self.inbox / "events/c.ndjson"))
        self.assertEqual(self.plans(sandbox), ["None", "None", "gold"])
        report = watch.finish()
        self.assertEqual((report["accepted"], report["objects_failed"]), (4, 0))

    def test_an_invalid_one_is_not_used(self):
        sandbox = self.sandbox()
        config = self.write_config(self.events())
        watch = self.watch(sandbox, self.inbox, "--config", config, "--config-interval", "50ms",
                           "--metrics", "127.0.0.1:0")
        url = watch.wait_for("serving metrics")[0]["url"]

        def metric(name):
            with urllib.request.urlopen(url, timeout=60) as answer:
                return [line for line in answer.read().decode().splitlines() if line.startswith(name)]

        broken = dict(self.events(), transform="none.js")
        self.replace(config, broken)
        failed = watch.wait_for("config not reloaded; the one before stays in use")[0]
        self.assertEqual(failed["severity"], "ERROR")
        self.assertEqual(failed["config"], str(config))
        self.assertIn("none.js", failed["error"])
        self.assertEqual(metric("millrace_watch_config_invalid"), ["millrace_watch_config_invalid 1"])
        self.put("events/a.ndjson", '{"t": 1700000001, "u": "ann"}\n')
        watch.wait_for("object imported", object=str(self.inbox / "events/a.ndjson"))

        self.replace_text(config.parent / "none.js", "export default (event) => {\n")
        watch.wait_for("config not reloaded; the one before stays in use", count=2)
        self.replace_text(
            config.parent / "none.js",
            "export default (event) => { event.properties.by = 'script'; return event; };\n")
        watch.wait_for("config reloaded")
        self.put("events/b.ndjson", '{"t": 1700000002, "u": "ann"}\n')
        watch.wait_for("object imported", object=str(self.inbox / "events/b.ndjson"))

        # The config's file is unchanged; its transform is not.
        self.replace_text(
            config.parent / "none.js",
            "export default (event) => { event.properties.by = 'another'; return event; };\n")
        watch.wait_for("config reloaded", count=2)
        self.put("events/c.ndjson", '{"t": 1700000003, "u": "ann"}\n')
        watch.wait_for("object imported", object=str(self.inbox / "events/c.ndjson"))
        self.assertEqual(sorted(str(e["properties"].get("by")) for e in sandbox.export()),
                         ["None", "another", "script"])
        self.assertEqual(metric("millrace_watch_config_reloads_total"),
                         ['millrace_watch_config_reloads_total{outcome="applied"} 2',
                          'millrace_watch_config_reloads_total{outcome="failed"} 2'])
        self.assertEqual(metric("millrace_watch_config_invalid"), ["millrace_watch_config_invalid 0"])
        watch.finish()

    def test_a_hangup_ends_the_other_verbs(self):
        sandbox = self.sandbox("--fault", "slow=50ms")
        self.put("big.ndjson", lines(range(30_000)))
        process = self.start("import", self.inbox, "--mixpanel-url", sandbox.url, "--connections", "1",
                             "--batch-events", "500", *FAST_RETRY)
        self.wait_until_something_arrived(sandbox)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGHUP)


class HttpTest(WatchBase):
    """HTTP behaviour that does not depend on the store; events are in the tests of watch/."""

    def call(self, url, body=None, **headers):
        request = urllib.request.Request(url, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def test_health_tokens_and_malformed_events(self):
        sandbox = self.sandbox()
        watch = self.watch(sandbox, "--http", "127.0.0.1:0", env={"MILLRACE_WATCH_TOKEN": "sesame"})
        url = watch.wait_for("watching")[0]["url"]
        self.assertEqual(self.call(url + "/healthz")[0], 200)
        self.assertEqual(self.call(url + "/readyz")[0], 200)
        self.assertEqual(self.call(url, b"{}")[0], 401)
        code, answer = self.call(url, b"{}", Authorization="Bearer sesame")
        self.assertEqual(code, 400)
        self.assertIn("not a storage event", answer)
        self.assertNotIn("sesame", json.dumps(watch.logs))
        with open(f"/proc/{watch.process.pid}/cmdline", encoding="utf-8") as line:
            self.assertNotIn("sesame", line.read())
        watch.finish()

    def test_the_port_of_the_environment_is_used(self):
        sandbox = self.sandbox()
        watch = self.watch(sandbox, "--http", "0.0.0.0", env={"PORT": "0"})
        self.assertRegex(watch.wait_for("watching")[0]["url"], r"^http://127\.0\.0\.1:\d+$")
        watch.wait_for("anyone who can reach this address can have objects imported: let the platform authenticate "
                       "callers, or set MILLRACE_WATCH_TOKEN", severity="WARNING")
        watch.finish()

    def test_metrics_are_what_prometheus_reads(self):
        sandbox = self.sandbox()
        watch = self.watch(sandbox, self.inbox, "--metrics", "127.0.0.1:0")
        url = watch.wait_for("serving metrics")[0]["url"]
        self.put("a.ndjson", lines([1, 2]) + '{"event": "", "properties": {}}\n')
        watch.wait_for("object imported")
        code, page = self.call(url)
        self.assertEqual(code, 200)
        families = prometheus_page.parse(page)
        samples = prometheus_page.samples_of(families)
        to = ("destination", "mixpanel")
        self.assertEqual(samples["millrace_rows_read_total", (to,)], 3)
        self.assertEqual(samples["millrace_rows_total", (to, ("outcome", "accepted"))], 2)
        self.assertEqual(samples["millrace_rows_total", (to, ("outcome", "rejected"))], 1)
        self.assertEqual(samples["millrace_watch_objects_total", (("outcome", "imported"),)], 1)
        self.assertEqual(samples["millrace_watch_object_latency_seconds_count", ()], 1)
        self.assertEqual(samples["millrace_watch_object_latency_seconds_bucket", (("le", "+Inf"),)], 1)
        self.assertGreater(samples["process_resident_memory_bytes", ()], 1e6)
        self.assertEqual(families["millrace_watch_object_latency_seconds"][0], "histogram")
        self.assertEqual(self.call(url.replace("/metrics", "/healthz"))[0], 200)
        watch.finish()


if __name__ == "__main__":
    main()
