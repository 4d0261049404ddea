"""Two processes import into the same two Iceberg tables at once, while answers are lost, tokens expire and the catalog is down:
each row is there once, and the history of the tables is one line.

Skipped and counted where pyiceberg, pyarrow, DuckDB or a server is not installed (tools/setup.sh --tests).
"""
import collections
import contextlib
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import cloud_servers
from faulty_proxy import FaultyProxy
from generated_events import TABLE_ROW
from harness import SANITIZED, main
from iceberg_destination import PATIENCE, IcebergDestinationTest
from iceberg_places import UNAVAILABLE, CatalogTables, GcsTables, S3Tables

ROWS, USERS = (20_000, 20_000) if SANITIZED else (100_000, 100_000)  # of each process
FILES = 10  # of each kind
KILLS, AGE = (4, "age=2ms") if SANITIZED else (10, "age=10ms")


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class ConcurrentTest(IcebergDestinationTest):
    def setUp(self):
        super().setUp()
        self.inputs = [self.make_input(name) for name in ("a", "b")]

    def make_input(self, name):
        """A folder of generated events and users that no other folder has."""
        self.events(ROWS, "--format", "ndjson", "--files", str(FILES)).rename(self.folder / name)
        folder = self.folder / name
        self.seed += 1
        for i in range(FILES):
            self.write_ndjson(f"{name}/users-{i}.ndjson.gz", [{"id": f"{name}-{n}", "n": n} for n in range(i, USERS, FILES)])
        config = json.loads((folder / "sources.json").read_text())
        config.append({"config_id": "users", "source_gcs_prefix": "users-", "file_type": "NDJSON", "record_type": "user",
                       "field_mappings": [{"source_field": "id", "mixpanel_field": "$distinct_id"},
                                          {"source_field": "n", "mixpanel_field": "n"}]})
        (folder / "sources.json").write_text(json.dumps(config))
        return folder

    def begin(self, folder, to, env, ledger=None, *more):
        """Starts an import with a ledger of its own, unless one is named."""
        ledger = ledger or self.folder / f"state-{folder.name}"
        process = self.start(*self.command(folder, to, "--state", ledger, "--json", *more), env=env)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
            process.communicate()

    def finish(self, process, expect=0):
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, expect, f"{out[-3000:]}\n{err[-3000:]}")
        report = json.loads(out)
        self.assert_adds_up(report)
        return report

    def run_both(self, to, env, ledger=None, meanwhile=None):
        """Imports both folders at once, and then nothing is left to send. `meanwhile` is called until both have ended."""
        started = time.monotonic()
        processes = [self.begin(folder, to, env, ledger) for folder in self.inputs]
        while meanwhile and any(process.poll() is None for process in processes):
            self.assertLess(time.monotonic() - started, PATIENCE, "the imports do not end")
            meanwhile()
        reports = [self.finish(process) for process in processes]
        elapsed = time.monotonic() - started
        for report in reports:
            self.assertEqual((report["accepted"], report["rejected"]), (ROWS + USERS, 0))
        for folder in self.inputs:
            again = self.finish(self.begin(folder, to, env, ledger))
            self.assertEqual((again["read"], again["objects_skipped"]), (0, 2 * FILES))
        return elapsed

    def finish_rest(self, folder, to, env):
        """A second import sends what the first did not, and makes the commit that the first has announced, if it has."""
        report = self.finish(self.begin(folder, to, env))
        self.assertEqual((report["rejected"], report["pending"]), (0, 0))
        status = self.run_json("status", "--state", self.folder / f"state-{folder.name}")["totals"]
        self.assertEqual((status["done"], status["accepted"]), (2 * FILES, ROWS + USERS))

    def check(self, place, elapsed, what, folders=None):
        """The tables have each row of the folders once."""
        folders = folders or self.inputs
        started = time.monotonic()
        snapshots = self.assert_history(place.table(), len(folders) * ROWS)
        db = self.expected_rows(*(list(folder.glob("events-*")) for folder in folders))
        db.register("arrow", place.table().scan().to_arrow())
        self.assert_same_rows(db, f"SELECT {TABLE_ROW} FROM arrow", "pyiceberg")
        self.assert_duck_iceberg_agrees(place, db)
        users = self.assert_history(place.table("users"), len(folders) * USERS)
        found = place.table("users").scan(selected_fields=("distinct_id", "properties")).to_arrow().to_pylist()
        self.assertEqual(sorted((row["distinct_id"], json.loads(row["properties"])["n"]) for row in found),
                         sorted((f"{folder.name}-{n}", n) for folder in folders for n in range(USERS)))
        for name in ("events", "users"):
            self.assertEqual(self.stray(place, name), [])
            if hasattr(place, "hint"):
                self.assertEqual(place.hint(name), place.version(name))
        self.assertGreater(min(len(snapshots), len(users)), 2)
        print(f"{self._testMethodName}: {len(folders) * ROWS} events in {len(snapshots)} commits and {len(folders) * USERS} users in "
              f"{len(users)}, in {elapsed:.1f} s; {what}; checked in {time.monotonic() - started:.1f} s")

    def test_a_folder(self):
        self.check(self.disk, self.run_both(self.disk.to(AGE), {}), "no faults")

    def test_a_folder_and_one_ledger(self):
        self.check(self.disk, self.run_both(self.disk.to(AGE), {}, ledger=self.state), "one ledger, no faults")

    def test_processes_of_two_ledgers_are_killed_in_turn(self):
        """Each removes what the other, which is dead, has staged, and also what the other's ledger has announced."""
        started = time.monotonic()
        pattern = re.compile(r"data/.*\.parquet|metadata/\w+-m0\.avro")
        kills = announced = 0
        while kills < KILLS or not announced:
            folder = self.inputs[kills % 2]
            before = set(self.disk.keys())
            process = self.begin(folder, self.disk.to("age=2ms"), {})
            self.wait_until(lambda: any(pattern.fullmatch(key) for key in set(self.disk.keys()) - before), process)
            kills += 1
            self.assertTrue(self.kill_after(process, 0), f"the import ended before kill {kills}")
            with contextlib.closing(sqlite3.connect(self.folder / f"state-{folder.name}/ledger.db")) as ledger:
                announced += ledger.execute("SELECT count(*) FROM intents").fetchone()[0] > 0
        for process in [self.begin(folder, self.disk.to(AGE), {}) for folder in self.inputs]:
            self.assertEqual(self.finish(process)["pending"], 0)
        self.check(self.disk, time.monotonic() - started, f"{kills} kills, {announced} of them in a commit")

    def bucket(self, server, place, variable):
        self.addCleanup(server.stop)
        proxy = FaultyProxy(server.port)
        self.addCleanup(proxy.stop)
        proxy.lose(r"(PUT|POST|DELETE) .*", 0.05, self.seed)
        place = place(server)
        elapsed = self.run_both(place.to(AGE), place.variables | {variable: proxy.url})
        self.assertGreater(min(proxy.lost["answer"], proxy.lost["request"]), 0)
        return place, elapsed, f"{proxy.lost['answer']} answers and {proxy.lost['request']} requests lost"

    def test_s3(self):
        self.check(*self.bucket(cloud_servers.VersityGateway(), lambda server: S3Tables(server, "tables"), "AWS_ENDPOINT_URL_S3"))

    def test_the_hint_changes_while_it_is_read(self):
        """Another writer of the table, whose hint is behind, replaces it between the request for its size and that for its content."""
        server = cloud_servers.VersityGateway()
        self.addCleanup(server.stop)
        proxy = FaultyProxy(server.port)
        self.addCleanup(proxy.stop)
        place = S3Tables(server, "tables")
        replaced = 0

        def replace(method, path):
            nonlocal replaced
            if method == "GET" and "/version-hint.text" in path and self.randomness.random() < 0.5:
                replaced += 1
                folder = path.partition("?")[0].removeprefix("/test-bucket/tables/").removesuffix("/version-hint.text")
                place.write(f"{folder}/version-hint.text", b"1" + b"\n" * replaced)

        proxy.before = replace
        started = time.monotonic()
        folder = self.inputs[0]
        self.finish(self.begin(folder, place.to(AGE), place.variables | {"AWS_ENDPOINT_URL_S3": proxy.url}))
        proxy.before = lambda method, path: None
        self.assertGreater(replaced, 4)
        self.check(place, time.monotonic() - started, f"the hint replaced {replaced} times", [folder])

    def test_gcs(self):
        place, elapsed, what = self.bucket(cloud_servers.FakeGcs(), lambda server: GcsTables(
            server, "tables", self.folder / "downloaded"), "STORAGE_EMULATOR_HOST")
        for name in ("events", "users"):
            place.download(name)
        self.check(place, elapsed, what)

    def serve(self, **options):
        """A catalog, and the place of its tables with and without a proxy in front of it."""
        place = self.serve_catalog(**options)
        self.addCleanup(lambda: self.assertEqual(place.catalog.unexpected, []))
        proxy = FaultyProxy(place.catalog.port)
        self.addCleanup(proxy.stop)
        return place, CatalogTables(place.catalog, proxy.url), proxy

    def test_a_catalog_whose_answers_are_lost(self):
        place, _, _ = self.serve()
        catalog = place.catalog
        rounds = 0

        def set_faults():
            nonlocal rounds
            if len(catalog.commits) >= 20 * rounds:
                rounds += 1
                catalog.lose_answers(2)
                for status in (500, 502, 503, 504):
                    for applied in (True, False):
                        catalog.fail_commits(1, status, applied)
            time.sleep(0.001)

        elapsed = self.run_both(place.to(AGE), place.variables, meanwhile=set_faults)
        answers = collections.Counter(request.status for request in catalog.requests if "/tables/" in request.path
                                      and request.method == "POST")
        for status in (None, 500, 502, 503, 504):
            self.assertGreater(answers[status], 0, f"no commit had the answer {status}: {answers}")
        self.check(place, elapsed, f"answers to commits: {dict(answers)}")

    def test_commits_that_outlive_their_process(self):
        """The catalog executes a request of a killed process after, before or at the same time as the repeated one."""
        folder = self.inputs[0]
        for held, applied in ((1, False), (1, True), (2, False)):
            what = f"{held} requests were held {'after' if applied else 'before'} they were executed"
            with self.subTest(what):
                started = time.monotonic()
                shutil.rmtree(self.folder / "state-a", ignore_errors=True)
                place, _, _ = self.serve()
                catalog = place.catalog
                catalog.hold_commits(held, applied)
                process = self.begin(folder, place.to(AGE), {})
                catalog.wait_until_held()
                self.assertTrue(self.kill_after(process, 0))
                process = self.begin(folder, place.to(AGE), {})
                if held == 2:
                    catalog.wait_until_held(2)
                    catalog.release()
                self.finish(process)
                catalog.release()
                while sum("/tables/" in request.path and request.method == "POST" for request in catalog.requests) < len(catalog.commits):
                    self.assertLess(time.monotonic() - started, PATIENCE, "the held request is not executed")
                self.finish_rest(folder, place.to(AGE), {})
                self.check(place, time.monotonic() - started, what, [folder])

    def test_a_catalog_and_one_ledger(self):
        place, _, _ = self.serve()
        self.check(place, self.run_both(place.to(AGE), place.variables, ledger=self.state), "one ledger, no faults")

    def test_tokens_expire(self):
        place, _, _ = self.serve(credential="us:er")
        catalog, expired = place.catalog, 0

        def expire():
            nonlocal expired
            if len(catalog.commits) >= 5 * (expired + 1):
                catalog.expire_tokens((401, 419)[expired % 2])
                expired += 1
            time.sleep(0.001)

        elapsed = self.run_both(place.to(AGE), place.variables, meanwhile=expire)
        self.assertGreater(expired, 2)
        refused = collections.Counter(request.status for request in catalog.requests if request.status in (401, 419))
        self.assertEqual(set(refused), {401, 419})
        self.check(place, elapsed, f"tokens expired {expired} times, {sum(refused.values())} requests refused")

    def test_a_fixed_token_expires(self):
        """The import stops, says why, and continues with another token."""
        place, _, _ = self.serve(credential="us:er")
        catalog = place.catalog
        started = time.monotonic()

        def token():
            form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "us", "client_secret": "er"})
            with urllib.request.urlopen(f"{catalog.url}/v1/oauth/tokens", form.encode()) as answer:
                return {"ICEBERG_REST_TOKEN": json.load(answer)["access_token"]}

        for folder in self.inputs:
            process = self.begin(folder, place.to(AGE), token())
            before = len(catalog.commits)
            self.wait_until(lambda: len(catalog.commits) > before + 3, process)
            catalog.expire_tokens()
            report = self.finish(process, expect=3)
            self.assertIn("the token is missing, unknown or expired", report["first_error"])
            self.assertIn("set ICEBERG_REST_TOKEN or ICEBERG_REST_CREDENTIAL", report["first_error"])
            self.assertIn(f"{place.url} analytics.", report["first_error"])
            self.assertLess(report["accepted"], ROWS + USERS)
            self.finish_rest(folder, place.to(AGE), token())
        self.check(place, time.monotonic() - started, "both stopped once")

    def wait_until(self, condition, *processes):
        """Until it is so; one of the processes must be running until then."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertTrue(any(process.poll() is None for process in processes), "all ended too early")
            self.assertLess(time.monotonic(), deadline, "it does not come")
            time.sleep(0.001)

    def test_the_catalog_is_down_for_a_while(self):
        place, through, proxy = self.serve()
        commits = place.catalog.commits
        times = 0

        def interrupt():
            nonlocal times
            if proxy.is_down:
                proxy.is_down = proxy.refused < 20 * times
            elif len(commits) >= 5 * (times + 1):
                proxy.is_down, times = True, times + 1
            time.sleep(0.001)

        elapsed = self.run_both(through.to(AGE), place.variables, meanwhile=interrupt)
        self.assertGreater(times, 1)
        self.check(place, elapsed, f"down {times} times, {proxy.refused} requests refused")

    def test_the_catalog_is_down_for_too_long(self):
        """The imports stop and say so, and the same commands continue once it is back."""
        place, through, proxy = self.serve()
        started = time.monotonic()
        processes = [self.begin(folder, through.to(AGE), {}, None, "--retry-timeout", "300ms") for folder in self.inputs]
        self.wait_until(lambda: len(place.catalog.commits) > 3, *processes)
        proxy.is_down = True
        reports = [self.finish(process, expect=3) for process in processes]
        for report in reports:
            self.assertIn(f"{proxy.url} analytics.", report["first_error"])
            self.assertLess(report["accepted"], ROWS + USERS)
        proxy.is_down = False
        for folder in self.inputs:
            self.finish_rest(folder, through.to(AGE), {})
        self.check(place, time.monotonic() - started, "both stopped once")


if __name__ == "__main__":
    main()
