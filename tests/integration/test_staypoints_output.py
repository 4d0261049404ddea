"""Where `millrace staypoints` puts its output: what it may replace, what it keeps, and what it must not touch."""
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import cloud_servers
import harness
import packages
from iceberg_tables import IcebergTablesTest, make_trips

HEADER = "user_id,trip_start_time,trip_end_time,start_lat,start_lng,end_lat,end_lng\n"
TRIPS = HEADER + "".join(f"abcd,2025-01-0{day} 10:00:00,2025-01-0{day} 10:30:00,1,2,3,4\n" for day in (1, 2, 3))
MEMORY = pathlib.Path("/dev/shm")  # a file system other than that of the tests


class OutputTest(harness.MillraceTest):
    def setUp(self):
        super().setUp()
        self.trips = self.write("trips/trips.csv", TRIPS)
        self.out = self.folder / "out"

    def find(self, *args, output=None, source=None, expect=0, **options):
        return self.run_json("staypoints", source or self.trips, "--output", output or self.out, *args, expect=expect, **options)

    def refuse(self, *args, output=None, source=None, words=(), expect=2, **options):
        code, out, err = self.run_program("staypoints", source or self.trips, "--output", output or self.out, *args, **options)
        self.assertEqual(code, expect, err)
        for word in words:
            self.assertIn(str(word), err)
        return out, err

    def everything(self, folder=None):
        """Every file below the test's folder and its content, but those of the state."""
        root = folder or self.folder
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*"))
                if path.is_file() and self.state not in path.parents}

    def mode(self, path):
        return stat.S_IMODE(os.stat(path).st_mode)


class OwnershipTest(OutputTest):
    def test_an_input_with_the_marker_of_spark_is_not_removed(self):
        self.write("trips/_SUCCESS", "")
        before = self.everything()
        self.refuse(output=self.folder / "trips", source=self.folder / "trips", words=["trips", "contains"])
        self.assertEqual(self.everything(), before)

    def test_outputs_of_other_programs_are_not_replaced(self):
        self.write("lake/part-00000.parquet", "precious")
        for marker in ("", "{}", '{"made_by": "spark"}', json.dumps({"made_by": "millrace staypoints"})):
            self.write("lake/_SUCCESS", marker)
            before = self.everything()
            self.refuse(output=self.folder / "lake", words=["lake"])
            self.assertEqual(self.everything(), before)
        os.remove(self.folder / "lake/part-00000.parquet")
        self.find(output=self.folder / "lake")  # now it contains a marker of this command, and nothing else

    def test_files_that_were_added_to_an_output_are_not_removed(self):
        self.find("--output-format", "hive")
        note = self.write("out/p1=ab/p2=cd/notes.txt", "mine")
        self.refuse(words=["p1=ab/p2=cd/notes.txt"])
        self.assertEqual(note.read_text(), "mine")
        note.unlink()
        self.find()

    def test_an_output_apart_from_its_inputs(self):
        folder, trips = self.folder, self.folder / "trips"
        (folder / "link").symlink_to(trips)
        before = self.everything()
        for output, source in ((trips, trips), (trips / "out", trips), (folder, trips), (trips, self.trips),
                               (trips / "new/out", f"{folder}/**/*.csv"), (trips, f"{folder}/t*/*.csv"),
                               (folder / "link", trips), (trips / "out", folder / "link"),
                               (f"file://{trips}/out", trips), (trips, f"file://{trips}/trips.csv")):
            self.refuse(output=output, source=source, words=["choose an --output outside"])
            self.assertEqual(self.everything(), before)
        self.find(output=trips / "out", source=f"{trips}/*.csv")  # its output does not match its input
        self.find(output=trips / "out", source=f"{trips}/*.csv")

    def test_an_input_that_is_in_an_earlier_output(self):
        self.find()
        inside = self.write("out/more.csv", TRIPS)
        (self.folder / "other").mkdir()
        (self.folder / "other/linked.csv").symlink_to(inside)
        self.refuse(source=self.folder / "other", words=["contains", "linked.csv"])
        self.assertTrue(inside.exists())


@unittest.skipUnless(packages.available(), "pyiceberg, pyarrow or DuckDB is not installed")
class IcebergTest(OutputTest, IcebergTablesTest):
    def test_an_output_in_an_iceberg_table(self):
        table = self.create()
        self.append(table, make_trips(40, 3))
        where = self.location(table)
        before = self.everything()
        for output in (where, where / "out", where / "data/out", self.folder / "warehouse", where / "data"):
            self.refuse(output=output, source=f"iceberg:{where}", words=["choose an --output outside"])
            self.assertEqual(self.everything(), before)
        metadata = max((where / "metadata").glob("*.metadata.json"))
        self.refuse(output=where / "out", source=f"iceberg:{metadata}", words=["is inside"])
        self.find(source=f"iceberg:{where}")


class BucketTest(OutputTest):
    def check(self, kind):
        server = kind()
        self.addCleanup(server.stop)
        options = {"env": server.variables() | {"AWS_EC2_METADATA_DISABLED": "true"}}
        server.put("trips/a.csv", TRIPS.encode())
        server.put("trips/_SUCCESS", b"")
        server.put("lake/part-0.csv", b"precious")
        server.put("lake/_SUCCESS", b"")
        before = server.objects("")
        root = server.root
        for output, source in (("trips", "trips"), ("trips/out", "trips/"), ("trips/out", "trips/**/*.csv"),
                               ("trips", "trips/a.csv"), ("trips", "*/a.csv")):
            self.refuse(output=root + output, source=root + source, words=["choose an --output outside"], **options)
            self.assertEqual(server.objects(""), before)
        self.refuse(output=root + "lake", words=["_SUCCESS"], **options)
        self.assertEqual(server.objects(""), before)
        self.find(output=root + "out", source=root + "trips", **options)
        good = server.objects("out/")
        self.assertEqual(sorted(good), ["out/_SUCCESS", "out/staypoints.json"])
        nothing = self.write("nothing.ndjson", '{"a": 1}\n')
        self.refuse(output=root + "out", source=nothing, **options)
        self.assertEqual(server.objects("out/"), good)
        server.put("out/notes.txt", b"mine")
        self.refuse(output=root + "out", words=["notes.txt"], **options)
        self.assertEqual(server.objects("out/"), good | {"out/notes.txt": b"mine"})

    def test_gcs(self):
        self.check(cloud_servers.FakeGcs)

    def test_s3(self):
        self.check(cloud_servers.VersityGateway)

    def test_azure(self):
        self.check(cloud_servers.Azurite)


class NothingReadTest(OutputTest):
    def test_json_without_the_columns_is_an_error(self):
        self.find()
        good = self.everything(self.out)
        row = {"user_id": "a", "trip_start_time": "2025-01-01T10:00:00Z", "trip_end_time": "2025-01-01T10:30:00Z",
               "start_lat": 1, "start_lng": 2, "end_lat": 3, "end_lng": 4}
        for name in row:
            rows = [{k: v for k, v in row.items() if k != name}] * 3
            source = self.write_ndjson(f"without_{name}.ndjson", rows)
            self.refuse(source=source, words=[name, f"--column {name}=YOURS"])
            self.assertEqual(self.everything(self.out), good)
        events = self.write_ndjson("events.json", [{"event": "A", "properties": {"time": 1}}] * 3)
        self.refuse(source=events, words=["events.json", "user_id"])
        self.assertEqual(self.everything(self.out), good)
        self.refuse(source=events, output=self.folder / "new")
        self.assertFalse((self.folder / "new").exists())

    def test_single_files_may_lack_columns_that_are_null_in_their_rows(self):
        row = {"user_id": "a", "trip_start_time": "2025-01-01T10:00:00Z", "start_lat": 1, "start_lng": 2}
        self.write_ndjson("json/1.ndjson", [row | {"trip_end_time": "2025-01-01T10:30:00Z", "end_lat": 3, "end_lng": 4}])
        self.write_ndjson("json/2.ndjson", [row | {"trip_start_time": "2025-01-02T10:00:00Z"}])
        self.assertEqual(self.find(source=self.folder / "json")["staypoints"], 1)

    def test_a_good_output_is_not_replaced_by_nothing(self):
        self.find()
        good = self.everything(self.out)
        rejected = self.write("rejected.csv", HEADER + ",2025-01-01 10:00:00,2025-01-01 10:30:00,1,2,3,4\n")
        for source in (self.write("empty.csv", HEADER), rejected,
                       self.write("null.csv", HEADER + "a,,2025-01-01 10:30:00,1,2,3,4\n")):
            self.refuse(source=source, words=["out", "kept"])
            self.assertEqual(self.everything(self.out), good)
        # Without an earlier output, an empty output reports what was read.
        self.find(source=self.folder / "empty.csv", output=self.folder / "new")
        self.assertEqual(json.loads((self.folder / "new/_SUCCESS").read_text())["trips"], 0)
        self.find(source=self.folder / "empty.csv", output=self.folder / "new")


class DuringTheRunTest(OutputTest):
    def held(self, output):
        """A run that has begun and is stopped (SIGSTOP), and a function that lets it end."""
        self.run_json("generate", "trips", "--rows", 1_000_000, "--seed", 3, "--output", self.folder / "sample", "--format", "parquet")
        process = self.start("staypoints", self.folder / "sample", "--output", output, "--quiet", "--json")
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 60
        while not list(output.parent.glob(f".{output.name}.millrace.*")):
            if process.poll() is not None or time.monotonic() > deadline:
                self.fail(f"the run ended early: {process.communicate()}")
        process.send_signal(signal.SIGSTOP)

        def finish():
            process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=120)
            return process.returncode, out, err
        return finish

    def test_files_that_appear_at_the_output_are_not_lost(self):
        finish = self.held(self.out)
        thesis = self.write("out/thesis.txt", "years of work")
        code, _, err = finish()
        self.assertEqual(code, 2, err)
        self.assertIn("out", err)
        self.assertEqual(thesis.read_text(), "years of work")
        self.assertEqual(self.everything(self.out), {"thesis.txt": b"years of work"})

    def test_files_that_appear_in_an_earlier_output_are_not_lost(self):
        self.find()
        good = self.everything(self.out)
        finish = self.held(self.out)
        self.write("out/notes.txt", "mine")
        code, _, err = finish()
        self.assertEqual(code, 2, err)
        self.assertIn("notes.txt", err)
        self.assertEqual(self.everything(self.out), good | {"notes.txt": b"mine"})
        self.assertEqual(list(self.folder.glob(".out.*")), [])


class PlacesTest(OutputTest):
    def test_the_current_folder(self):
        self.out.mkdir()
        inode = self.out.stat().st_ino
        for form in ("json", "hive", "json"):
            self.find("--output-format", form, output=".", cwd=self.out)
            self.assertEqual(self.out.stat().st_ino, inode)
        self.assertEqual(sorted(self.everything(self.out)), ["_SUCCESS", "staypoints.json"])
        self.find("--output-format", "hive")
        self.refuse(cwd=self.out / "p1=ab", words=["current folder"])

    def test_file_uris_and_links(self):
        self.find(output=f"file://{self.folder}/a%20b")
        self.assertTrue((self.folder / "a b/_SUCCESS").exists())
        (self.folder / "real/deep").mkdir(parents=True)
        (self.folder / "link").symlink_to("real/deep")
        self.find(output=f"{self.folder}/link/../found")
        self.assertTrue((self.folder / "real/found/_SUCCESS").exists())
        self.assertFalse((self.folder / "found").exists())
        self.refuse(output="file://elsewhere/out", words=["names a host"])

    def test_private_and_group_folders(self):
        os.mkdir(self.out, 0o700)
        for form in ("json", "hive"):
            self.find("--output-format", form)
            self.assertEqual(self.mode(self.out), 0o700)
            for path in self.out.rglob("*"):
                self.assertEqual(self.mode(path), 0o700 if path.is_dir() else 0o600, path)
        if os.geteuid() != 0:
            self.skipTest("only root may give any group")
        shared = self.folder / "shared"
        shared.mkdir()
        os.chown(shared, -1, 1234)
        shared.chmod(0o2770)
        for form in ("hive", "json", "hive"):
            self.find("--output-format", form, output=shared)
            self.assertEqual(self.mode(shared), 0o2770)
            for path in [shared, *shared.rglob("*")]:
                self.assertEqual(path.stat().st_gid, 1234, path)
                self.assertEqual(self.mode(path), 0o2770 if path.is_dir() else 0o660, path)

    def test_new_outputs_follow_the_umask(self):
        for umask, mode in ((0o077, 0o700), (0o027, 0o750)):
            self.find(output=self.folder / f"out{umask}", umask=umask)
            self.assertEqual(self.mode(self.folder / f"out{umask}"), mode)
            self.assertEqual(self.mode(self.folder / f"out{umask}/staypoints.json"), mode & 0o666)

    @unittest.skipUnless(os.access(MEMORY, os.W_OK), "there is no /dev/shm")
    def test_across_file_systems(self):
        other = pathlib.Path(tempfile.mkdtemp(dir=MEMORY))
        self.addCleanup(shutil.rmtree, other)
        self.run_json("generate", "trips", "--rows", 400_000, "--seed", 3, "--output", self.folder / "sample", "--format", "parquet")
        self.find("--output-format", "hive", source=self.folder / "sample")
        want = self.everything(self.out)
        # The output is in memory and the spilled data on disk, and vice versa.
        for output, temp in ((other / "out", self.folder), (self.out, other)):
            for _ in range(2):
                report = self.find("--output-format", "hive", "--memory", "64MB", "--temp-dir", temp,
                                   source=self.folder / "sample", output=output)
                self.assertGreater(report["bytes_spilled"], 0)
                self.assertEqual(self.everything(output), want)
        # A link to the other file system stays a link.
        (self.folder / "link").symlink_to(other / "out")
        self.find(output=self.folder / "link")
        self.assertTrue((self.folder / "link").is_symlink())
        self.assertEqual(sorted(self.everything(other / "out")), ["_SUCCESS", "staypoints.json"])
        self.assertEqual([path.name for path in other.iterdir()], ["out"])

    def test_a_mount_point(self):
        self.out.mkdir()
        (self.folder / "volume").mkdir()
        script = f'mount --bind "{self.folder}/volume" "{self.out}" && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh"]
        if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True).returncode != 0:
            self.skipTest("mounts are not allowed here")
        for form in ("json", "hive", "json"):
            done = subprocess.run([*command, harness.PROGRAM, "staypoints", self.trips, "--output", self.out, "--output-format", form],
                                  capture_output=True, text=True, env=self.environment())
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(self.everything(self.folder / "volume")), ["_SUCCESS", "staypoints.json"])

    def test_below_a_folder_that_is_not_writable(self):
        command = []
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                self.skipTest("setpriv is not installed")
            command = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups"]
            if subprocess.run([*command, harness.PROGRAM, "--version"], capture_output=True).returncode != 0:
                self.skipTest("another user cannot run the program where it is")
        closed = self.folder / "closed"
        (closed / "out").mkdir(parents=True)
        self.state.mkdir()
        if command:
            for path in (closed / "out", self.state):
                os.chown(path, 1234, 1234)
        self.folder.chmod(0o755)
        closed.chmod(0o555)
        self.addCleanup(closed.chmod, 0o755)

        def run(output):
            return subprocess.run([*command, harness.PROGRAM, "staypoints", self.trips, "--output", output],
                                  capture_output=True, text=True, env=self.environment())
        for _ in range(2):
            done = run(closed / "out")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(self.everything(closed)), ["out/_SUCCESS", "out/staypoints.json"])
        done = run(closed / "new")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("closed", done.stderr)

    def test_the_folder_for_temporary_files_is_checked_first(self):
        for folder in (self.folder / "nowhere", self.trips):
            self.refuse("--temp-dir", folder, words=[folder])
            self.assertFalse(self.out.exists())
            self.assertEqual(list(self.folder.glob(".out.*")), [])


class ReportFileTest(OutputTest):
    def test_links_pipes_and_devices_stay_what_they_are(self):
        real = self.write("elsewhere/report.html", "old")
        real.chmod(0o640)
        link = self.folder / "report.html"
        link.symlink_to("elsewhere/report.html")
        self.find("--report", link)
        self.assertTrue(link.is_symlink())
        self.assertIn("<html", real.read_text())
        self.assertEqual(self.mode(real), 0o640)
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        got = []
        reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
        reader.start()
        self.find("--report", pipe)
        reader.join(60)
        self.assertIn("<html", got[0])
        self.assertTrue(stat.S_ISFIFO(pipe.stat().st_mode))
        self.find("--report", "/dev/null")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))

    def test_a_report_that_fails_after_the_output_is_there(self):
        report = self.find("--report", "/dev/full", expect=1)
        self.assertTrue(report["success"])
        self.assertEqual(report["staypoints"], 2)
        self.assertIn("/dev/full", report["report_error"])
        self.assertTrue((self.out / "_SUCCESS").exists())
        code, out, err = self.run_program("staypoints", self.trips, "--output", self.out, "--report", "/dev/full")
        self.assertEqual(code, 1, err)
        self.assertIn("the output is complete", err)
        self.assertIn("staypoints", out)

    def test_unwritable_reports_are_detected_first(self):
        (self.folder / "dangling").symlink_to("nowhere")
        for path in (self.folder / "none/report.html", self.folder, self.folder / "dangling", f"{self.folder}/new/"):
            self.refuse("--report", path, words=["--report"])
            self.assertFalse(self.out.exists())

    def test_reports_must_not_be_inputs_or_inside_the_output(self):
        self.refuse("--report", self.trips, words=["one of the inputs"])
        self.assertEqual(self.trips.read_text(), TRIPS)
        self.find()
        self.refuse("--report", self.out / "report.html", words=["inside the output"])
        self.assertEqual(sorted(self.everything(self.out)), ["_SUCCESS", "staypoints.json"])


if __name__ == "__main__":
    harness.main()
