"""reconcile compares files with a lake on disk and in a bucket, and repairs it; also if it is killed."""
import collections
import gzip
import json
import os
import random
import shutil
import signal
import time

import cloud_servers
from harness import FAST_RETRY, SANITIZED, MillraceTest, main

ROWS = 3_000
KILLED_ROWS = 20_000 if SANITIZED else 100_000
PATIENCE = 120
START = 1_713_928_381_000  # milliseconds
DAY = 86_400_000
LAYOUTS = ("format=parquet", "format=parquet&path=&columns=country,amount:number", "format=ndjson.gz",
           "format=ndjson.zst&form=table&path=y={year}/m={month}", "format=ndjson.gz&form=raw&path=dt={date}/h={hour}",
           "format=ndjson.zst&form=flat&time=arrival")


class LakeReconcileTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.lake = self.folder / "lake"
        self.seed = int(os.environ.get("MILLRACE_TEST_SEED", "1"))
        self.randomness = random.Random(self.seed)

    def environment(self):
        return super().environment() | {"AWS_EC2_METADATA_DISABLED": "true"}

    def sample(self, rows=ROWS):
        folder = self.generate(rows, "--format", "ndjson", "--files", "3", seed=self.seed)
        return folder, "--config", folder / "sources.json"

    def events(self, count, days=3):
        return [{"event": "Buy", "properties": {"time": START + i * DAY * days // count, "distinct_id": f"u{i % 7}",
                                                "$insert_id": f"id-{i}"}} for i in range(count)]

    def import_to(self, to, *args, **options):
        report = self.run_json("import", *args, "--to", to, *FAST_RETRY, **options)
        self.assert_adds_up(report)
        return report

    def reconcile(self, to, *args, expect=0, **options):
        report = self.run_json("reconcile", *args, "--to", to, expect=expect, **options)
        self.assertEqual(report["expected"], report["found"] + report["missing"])
        self.assertEqual(list(self.state.glob("reconcile.*")), [], "a temporary folder was not removed")
        return report

    def assert_numbers(self, report, **numbers):
        self.assertEqual({key: report[key] for key in numbers}, numbers)

    def assert_clean(self, to, *args, rows, **options):
        self.assert_numbers(self.reconcile(to, *args, **options), success=True, expected=rows, found=rows, missing=0,
                            unexpected=0, duplicates=0, first_error=None)

    def data(self):
        return sorted(path for path in self.lake.rglob("*") if path.is_file() and "_millrace" not in path.parts)

    def wait_for(self, process, condition):
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and not condition():
            self.assertLess(time.monotonic(), deadline, "it does not come")
            time.sleep(0.0005)

    def refuse(self, to, *args):
        code, _, err = self.run_program("reconcile", *args, "--to", to)
        self.assertEqual(code, 2, err)
        return err


class FilesTest(LakeReconcileTest):
    """What somebody does to the files of a lake is found, in each format and form."""

    def check_layout(self, layout, sample):
        self.lake = self.folder / "".join(c if c.isalnum() else "-" for c in layout)
        to = f"{self.lake}/?{layout}"
        self.import_to(to, *sample)
        self.assert_clean(to, *sample, rows=ROWS)

        gone = self.data()[0]
        gone.unlink()
        before = self.reconcile(to, *sample, expect=1)
        self.assertGreater(before["missing"], 0)
        self.assert_numbers(before, success=False, unexpected=0, duplicates=0)
        report = self.reconcile(to, *sample, "--repair")
        self.assert_numbers(report, success=True, repaired=before["missing"], missing=0, duplicates=0, unexpected=0)
        self.assertFalse(gone.exists(), "files of a repair have names of their own")
        files = self.data()
        self.assert_numbers(self.reconcile(to, *sample, "--repair"), success=True, repaired=0)
        self.assertEqual(self.data(), files, "a repair wrote something although nothing was missing")

        copy = files[0].with_name("copy-" + files[0].name)
        shutil.copy(files[0], copy)
        report = self.reconcile(to, *sample, expect=1)
        self.assert_numbers(report, success=False, missing=0, unexpected=0)
        self.assertGreater(report["duplicates"], 0)
        self.assertGreater(len(report["duplicate_events"]), 0)
        self.reconcile(to, *sample, "--repair", expect=1)
        self.assertEqual(self.data(), sorted([*files, copy]), "a repair deletes nothing and adds nothing")
        copy.unlink()
        self.assert_clean(to, *sample, rows=ROWS)

        # Readers skip these names.
        for name in ("_copy-", "."):
            shutil.copy(files[0], files[0].with_name(name + files[0].name))
        self.assert_clean(to, *sample, rows=ROWS)

    def test_each_layout(self):
        sample = self.sample()
        for layout in LAYOUTS:
            with self.subTest(layout):
                self.check_layout(layout, sample)

    def test_rows_of_others_are_unexpected(self):
        files = self.write_ndjson("in.ndjson", self.events(50))
        for form, row in (("flat", {"event": "Buy", "event_time": "2024-04-24T12:00:00Z", "distinct_id": "x",
                                    "insert_id": "strange\tid"}),
                          ("raw", {"event": "Buy", "properties": {"time": START, "distinct_id": "x",
                                                                  "$insert_id": "strange\tid"}})):
            with self.subTest(form):
                self.lake = self.folder / form
                to = f"{self.lake}/?format=ndjson.gz&form={form}"
                self.import_to(to, files)
                folder = self.lake / "events/dt=2024-04-24"
                timeless = {"event": "Buy"} | ({"distinct_id": "x"} if form == "flat" else {"properties": {}})
                other_name = json.loads(json.dumps(row)) | {"event": "Sell"}
                other_day = json.loads(json.dumps(row).replace("2024-04-24", "2020-01-01").replace(
                    str(START), str(START - 1000 * DAY)))
                lines = "".join(json.dumps(one) + "\n" for one in (timeless, other_name, other_day))
                (folder / "silent.ndjson.gz").write_bytes(gzip.compress(lines.encode()))
                self.assert_clean(to, files, rows=50)
                lines = json.dumps(row) + "\n{\"broken\n[1]\n"
                (folder / "others.ndjson.gz").write_bytes(gzip.compress(lines.encode()))
                report = self.reconcile(to, files, expect=1)
                self.assert_numbers(report, expected=50, found=50, unexpected=3, duplicates=0)
                self.assertIn("strange\tid", [one.get("$insert_id") for one in report["unexpected_events"]])
                self.assertIn("{\"broken", [one.get("unreadable") for one in report["unexpected_events"]])
                self.assert_numbers(self.reconcile(to, files, "--ignore-unexpected"), success=True)

    def test_files_that_cannot_be_read_are_named(self):
        files = self.write_ndjson("in.ndjson", self.events(2000))
        for format in ("parquet", "ndjson.gz", "ndjson.zst"):
            with self.subTest(format):
                self.lake = self.folder / format
                to = f"{self.lake}/?format={format}"
                self.import_to(to, files)
                victim = self.data()[1]
                content = victim.read_bytes()
                victim.write_bytes(content[:len(content) // 2])
                for args in ((), ("--repair",)):
                    err = self.refuse(to, files, *args)
                    self.assertIn(str(victim), err)
                    self.assertIn("restore the file, or move it out", err)
                self.assertEqual(victim.stat().st_size, len(content) // 2)
                # As the message says: away with it, and its rows come back.
                victim.rename(self.folder / "away")
                self.assert_numbers(self.reconcile(to, files, "--repair"), success=True, missing=0)

    def test_files_of_others_are_named(self):
        files = self.write_ndjson("in.ndjson", self.events(100))
        self.import_to(f"{self.lake}/", files)
        folder = self.data()[0].parent
        for name, content in (("rows.csv", b"event,event_time\n"), ("text.parquet", b"{}\n"), ("empty.parquet", b"")):
            with self.subTest(name):
                (folder / name).write_bytes(content)
                self.assertIn(str(folder / name), self.refuse(f"{self.lake}/", files))
                (folder / name).unlink()
        # Those of other days are not looked at.
        (self.lake / "events/dt=2020-01-01").mkdir()
        (self.lake / "events/dt=2020-01-01/rows.csv").write_bytes(b"x")
        self.assert_clean(f"{self.lake}/", files, rows=100)

    def test_a_lake_that_is_gone_is_written_again(self):
        files = self.write_ndjson("in.ndjson", self.events(500))
        to = f"{self.lake}/?format=ndjson.zst"
        self.import_to(to, files)
        shutil.rmtree(self.lake)
        self.assert_numbers(self.reconcile(to, files, expect=1), missing=500)
        self.assert_numbers(self.reconcile(to, files, "--repair"), success=True, repaired=500)
        self.assert_clean(to, files, rows=500)

    def test_a_folder_by_a_symbolic_link_is_the_same_lake(self):
        files = self.write_ndjson("in.ndjson", self.events(500))
        self.lake.mkdir()
        link = self.folder / "link"
        link.symlink_to(self.lake)
        self.import_to(f"{link}/", files)
        self.assert_clean(f"{link}/", files, rows=500)
        self.assert_clean(f"{self.lake}/", files, rows=500)

    def test_rows_that_were_refused_are_not_missing(self):
        events = self.events(20)
        events[3]["properties"]["time"] = 999_999_999_999_999_999_999
        files = self.write_ndjson("in.ndjson", events)
        to = f"{self.lake}/?format=ndjson.gz&form=raw"
        report = self.import_to(to, files, expect=1)
        rows = report["accepted"]
        self.assertLess(rows, 20)
        self.assert_numbers(self.reconcile(to, files, "--repair"), success=True, expected=rows, rows_rejected=20 - rows)


class KillTest(LakeReconcileTest):
    """A repair that is killed, in whatever moment, and repeated brings each row back once."""

    def rows_on_disk(self):
        rows = collections.Counter()
        for path in self.data():
            with gzip.open(path, "rt") as lines:
                rows.update(json.loads(line)["properties"]["$insert_id"] for line in lines)
        return rows

    def test_killed_and_repeated(self):
        # One commit is hundreds of files.
        files = self.write_ndjson("in.ndjson", self.events(KILLED_ROWS, days=20))
        to = f"{self.lake}/?format=ndjson.gz&form=raw&path=dt={{date}}/h={{hour}}"
        self.import_to(to, files)
        every = len(self.data())
        commands = ["reconcile", files, "--to", to, "--repair"]
        staged = self.lake / "events/_millrace/staged"
        moments = (lambda: any(staged.glob("*/*.part")), lambda: any(staged.glob("*/*.json")),
                   lambda: len(self.data()) > 0, lambda: len(self.data()) > every // 2)
        partial = kills = 0
        while kills < len(moments) or partial == 0:
            self.assertLess(kills, 40, "no repair was killed between two files of its commit")
            moment = moments[kills % len(moments)]
            kills += 1
            for path in self.data():
                path.unlink()
            process = self.start(*commands)
            self.wait_for(process, moment)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            partial += 0 < len(self.data()) < every
            before = sum(self.rows_on_disk().values())
            report = self.reconcile(to, files, "--repair")
            self.assert_numbers(report, success=True, missing=0, duplicates=0, unexpected=0,
                                repaired=KILLED_ROWS - before)
            rows = self.rows_on_disk()
            self.assertEqual((len(rows), set(rows.values())), (KILLED_ROWS, {1}), f"kill {kills}, seed {self.seed}")
            if before == KILLED_ROWS:
                # Killed after its last file: a repair that has nothing to do touches nothing, and the next one cleans.
                self.data()[0].unlink()
                self.reconcile(to, files, "--repair")
                self.assertEqual(sum(self.rows_on_disk().values()), KILLED_ROWS)
            self.assertEqual([path for path in staged.rglob("*") if path.is_file()], [], "something staged is left")
        print(f"{kills} repairs killed, {partial} of them between two files of a commit, seed {self.seed}")

    def test_a_repair_keeps_what_a_killed_import_has_announced(self):
        """Its files are needed to finish the commit, and some of them may be visible already."""
        done = self.write_ndjson("done.ndjson", self.events(100, days=2))
        events = self.events(KILLED_ROWS, days=20)
        for i, event in enumerate(events):
            event["properties"]["$insert_id"] = f"more-{i}"
        more = self.write_ndjson("more.ndjson", events)
        to = f"{self.lake}/?format=ndjson.gz&form=raw&path=dt={{date}}/h={{hour}}"
        for _ in range(5):
            shutil.rmtree(self.lake, ignore_errors=True)
            shutil.rmtree(self.state, ignore_errors=True)
            self.import_to(to, done)
            first = len(self.data())
            process = self.start("import", more, "--to", to, "--quiet", *FAST_RETRY)
            self.wait_for(process, lambda: len(self.data()) > first)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if list((self.lake / "events/_millrace/staged").rglob("*.part")):
                break
        else:
            self.fail("no import was killed between two files of its commit")
        next(path for path in self.data() if "id-0" in self.ids_of(path)).unlink()
        self.run_program("reconcile", done, "--to", to, "--repair", "--ignore-unexpected")
        self.assertGreater(len(list((self.lake / "events/_millrace/staged").rglob("*.part"))), 0)
        self.import_to(to, more)
        rows = self.rows_on_disk()
        self.assertEqual((len(rows), set(rows.values())), (KILLED_ROWS + 100, {1}))

    def ids_of(self, path):
        with gzip.open(path, "rt") as lines:
            return {json.loads(line)["properties"]["$insert_id"] for line in lines}

    def test_stopped_and_repeated(self):
        files = self.write_ndjson("in.ndjson", self.events(KILLED_ROWS, days=20))
        to = f"{self.lake}/?format=ndjson.gz&form=raw&path=dt={{date}}/h={{hour}}"
        self.import_to(to, files)
        for path in self.data():
            path.unlink()
        process = self.start("reconcile", files, "--to", to, "--repair")
        self.wait_for(process, lambda: any((self.lake / "events/_millrace/staged").glob("*/*.part")))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        self.assertIn(process.returncode, (0, 3), err)
        self.assert_numbers(self.reconcile(to, files, "--repair"), success=True, missing=0, duplicates=0)
        self.assertEqual(set(self.rows_on_disk().values()), {1})


class BucketTest(LakeReconcileTest):
    def start_server(self):
        server = cloud_servers.VersityGateway()
        self.addCleanup(server.stop)
        return server, server.variables()

    def test_a_repair_that_is_killed_and_repeated(self):
        server, env = self.start_server()
        files = self.write_ndjson("in.ndjson", self.events(1000, days=10))
        to = f"{server.root}lake/?format=ndjson.zst&path=dt={{date}}/h={{hour}}"
        self.import_to(to, files, env=env)

        def data():
            return [key for key in server.keys("lake/events/") if "_millrace" not in key]

        every = len(data())
        for share in (0.1, 0.5):
            for key in data():
                server.remove(key)
            process = self.start("reconcile", files, "--to", to, "--repair", env=env)
            self.wait_for(process, lambda: len(data()) > share * every)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.assertGreater(len(data()), 0)
            self.reconcile(to, files, "--repair", env=env)
            self.assert_clean(to, files, rows=1000, env=env)
            self.assertEqual(server.keys("lake/events/_millrace/staged/"), [])

    def test_s3(self):
        server, env = self.start_server()
        sample = self.sample()
        for layout in ("format=parquet", "format=ndjson.zst&form=raw"):
            with self.subTest(layout):
                name = layout.split("&")[0].split("=")[1]
                to = f"{server.root}some/{name}/?{layout}"
                self.import_to(to, *sample, env=env)
                self.assert_clean(to, *sample, rows=ROWS, env=env)
                keys = [key for key in server.keys(f"some/{name}/") if "_millrace" not in key]
                server.remove(keys[0])
                missing = self.reconcile(to, *sample, expect=1, env=env)["missing"]
                self.assertGreater(missing, 0)
                report = self.reconcile(to, *sample, "--repair", env=env)
                self.assert_numbers(report, success=True, repaired=missing, duplicates=0)
                server.put(f"{keys[1]}.copy.{name}", server.objects(f"some/{name}/")[keys[1]])
                self.assertGreater(self.reconcile(to, *sample, expect=1, env=env)["duplicates"], 0)


if __name__ == "__main__":
    main()
