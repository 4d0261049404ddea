"""Several processes, one ledger on a server: each object is imported once, and what a killed worker leaves is
taken over."""
import json
import os
import random
import signal
import subprocess
import time
import unittest

import postgres_server
from firestore_servers import FirestoreFake
from harness import FAST_RETRY, MillraceTest, main
from oracle import expected_events, judge

OBJECTS = 2000
ROWS = 10_000
WORKERS = 4
KILLS = 2


class SharedLedger(MillraceTest):
    """Of each kind of ledger; `ledger` is its URI, `variables` what reaches it."""
    variables = {}

    def command(self, folder, sandbox, *more):
        return ["import", folder, "--config", folder / "sources.json", "--ledger", self.ledger, "--mixpanel-url",
                sandbox.url, "--connections", "2", "--batch-events", "20", "--quiet", *FAST_RETRY, *more]

    def status(self):
        return self.run_json("status", "--ledger", self.ledger, env=self.variables)

    def worker_at_work(self, workers, sandbox, received):
        """A worker that holds objects, once the sandbox has received this many events."""
        while True:
            self.assertTrue(any(worker.poll() is None for worker in workers), "all ended too early")
            if sandbox.stats()["received"] >= received:
                pids = {int(owner.split("/")[-2]) for owner in self.owners()}
                for worker in workers:
                    if worker.pid in pids and worker.poll() is None:
                        return worker
            time.sleep(0.02)

    def check_backfill(self):
        seed = int(os.environ.get("MILLRACE_TEST_SEED", "1"))
        randomness = random.Random(seed)
        sandbox = self.sandbox("--fault", "slow=40ms", "--seed", str(seed))
        folder = self.generate(ROWS, "--format", "ndjson", "--files", str(OBJECTS))
        workers = [self.start(*self.command(folder, sandbox, "--json"), env=self.variables) for _ in range(WORKERS)]
        for kill in range(KILLS):
            # In the middle of the work: by progress, not by the clock.
            victim = self.worker_at_work(workers, sandbox, ROWS * (kill + randomness.uniform(0.2, 0.8)) / (KILLS + 1))
            victim.send_signal(signal.SIGKILL)
            victim.communicate()
            workers.remove(victim)
            workers.append(self.start(*self.command(folder, sandbox, "--json"), env=self.variables))
        reports = []
        for worker in workers:
            out, err = worker.communicate(timeout=120)
            self.assertEqual(worker.returncode, 0, err[-3000:])
            reports.append(json.loads(out))
        status = self.status()
        self.assertEqual(len(status["objects"]), OBJECTS)
        self.assertEqual(len({entry["object"] for entry in status["objects"]}), OBJECTS)
        for entry in status["objects"]:
            self.assertEqual((entry["state"], entry["read"], entry["accepted"]), ("done", 5, 5), entry)
        again = judge(self, expected_events(folder), sandbox.export())
        shares = sorted(report["objects"] for report in reports)
        self.assertGreater(shares[-2], 0, "one worker did it all")
        print(f"{KILLS} of {WORKERS} workers killed, seed {seed}: {OBJECTS} objects once each, none of {ROWS} events "
              f"lost, {again} sent again; objects of the workers that ended: {shares}")
        report = self.import_json(sandbox, folder, "--config", folder / "sources.json", "--ledger", self.ledger,
                                  env=self.variables)
        self.assertEqual((report["read"], report["objects_skipped"]), (0, OBJECTS))

    def check_a_worker_elsewhere_is_waited_for(self, hold):
        """`hold(entry, seconds)` gives the entry to a worker on another machine, which is then silent."""
        sandbox = self.sandbox()
        folder = self.generate(10, "--format", "ndjson", "--files", "2")
        # A first import makes the rows; one of them is given to another worker as if it were new.
        self.run_json(*self.command(folder, sandbox), env=self.variables)
        sandbox.reset()
        held = self.status()["objects"][0]
        hold(held, 4)
        report = self.run_json(*self.command(folder, sandbox, "--no-wait"), expect=3, env=self.variables)
        self.assertEqual((report["objects_held"], report["objects_skipped"], report["success"]), (1, 1, False))
        self.assertIn("other workers", report["stopped_by"])
        process = self.start(*self.command(folder, sandbox, "--json"), env=self.variables)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("waiting for objects that other workers hold", err)
        self.assertEqual(json.loads(out)["accepted"], 5)
        self.assertEqual(sandbox.stats()["unique"], 5)


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresTest(SharedLedger):
    def setUp(self):
        super().setUp()
        self.server = postgres_server.PostgresServer()
        self.addCleanup(self.server.stop)
        self.ledger = self.server.uri

    def owners(self):
        return [row[0] for row in self.server.query("SELECT DISTINCT owner FROM millrace_objects WHERE owner <> ''")]

    def test_backfill_by_four_workers_of_which_two_are_killed(self):
        self.check_backfill()

    def test_a_worker_elsewhere_is_waited_for(self):
        def hold(entry, seconds):
            self.server.query(
                "UPDATE millrace_objects SET state = 'open', position_row = 0, position_byte = 0, rows_read = 0, "
                "rows_accepted = 0, events_accepted = 0, owner = 'elsewhere/1/2/3', "
                f"lease_until = now() + interval '{seconds} seconds' WHERE object = '{entry['object']}'")
        self.check_a_worker_elsewhere_is_waited_for(hold)

    def test_a_password_is_never_shown(self):
        uri = self.server.uri.replace("tester@", "tester:hush-hush@")
        sandbox = self.sandbox("--fault", "slow=1s")
        folder = self.generate(2000, "--format", "ndjson", "--files", "1")
        process = self.start("import", folder, "--config", folder / "sources.json", "--ledger", uri,
                             "--mixpanel-url", sandbox.url, "--batch-events", "100", *FAST_RETRY)
        while sandbox.stats()["received"] == 0 and process.poll() is None:
            time.sleep(0.02)
        arguments = subprocess.run(["ps", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True).stdout
        self.assertIn("tester", arguments)
        self.assertNotIn("hush-hush", arguments)
        process.terminate()
        out, err = process.communicate(timeout=60)
        self.assertNotIn("hush-hush", out + err)
        for bad in (uri.replace("postgres:", "mysql:"), uri + "&nonsense=1", uri.replace("@/postgres", "@/nowhere")):
            code, out, err = self.run_program("status", "--ledger", bad)
            self.assertEqual(code, 2, err)
            self.assertNotIn("hush-hush", out + err)


class FirestoreTest(SharedLedger):
    ledger = "firestore://my-project/files"

    def serve(self, *faults):
        self.server = FirestoreFake(*faults)
        self.addCleanup(self.server.stop)
        self.variables = {"FIRESTORE_EMULATOR_HOST": self.server.host}

    def test_backfill_by_four_workers_of_which_two_are_killed(self):
        self.serve("aborted:0.02", "unavailable:0.01", "reply_lost:0.02")
        self.check_backfill()

    def test_a_worker_elsewhere_is_waited_for(self):
        self.serve()

        def hold(entry, seconds):
            fields = {name: {"stringValue": entry[name]} for name in ("object", "version", "config", "destination")}
            fields |= {name: {"integerValue": "0"} for name in (
                "position_row", "position_byte", "rows_read", "rows_accepted", "rows_rejected", "rows_filtered",
                "events_accepted", "object_bytes")}
            fields |= {"state": {"stringValue": "open"}, "owner": {"stringValue": "elsewhere/1/2/3"},
                       "lease_ms": {"integerValue": str(seconds * 1000)}, "last_error": {"stringValue": ""},
                       "revision": {"integerValue": "9"}, "last_write": {"stringValue": ""}}
            self.server.call("my-project", "commit",
                             {"writes": [{"update": {"name": self.name_of(entry), "fields": fields}}]})
        self.check_a_worker_elsewhere_is_waited_for(hold)

    def documents(self):
        query = {"from": [{"collectionId": "files"}], "orderBy": [{"field": {"fieldPath": "object"}}]}
        results = self.server.call("my-project", "runQuery", {"structuredQuery": query})
        return [result["document"] for result in results if "document" in result]

    def owners(self):
        owners = {document["fields"]["owner"]["stringValue"] for document in self.documents()}
        return owners - {""}

    def name_of(self, entry):
        return next(document["name"] for document in self.documents()
                    if document["fields"]["object"]["stringValue"] == entry["object"])


if __name__ == "__main__":
    main()
