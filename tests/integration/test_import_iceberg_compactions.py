"""Imports from Iceberg tables whose files were rewritten: by compactions, and by overwrites.

Skipped and counted where pyiceberg, pyarrow or DuckDB is not installed (tools/setup.sh --tests).
"""
import collections
import datetime
import json
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import packages
import postgres_server
from harness import FAST_RETRY, main
from iceberg_tables import BEGIN, make_trips
from import_iceberg import ImportIcebergBase

if packages.available():
    import pyarrow as pa
    from pyiceberg.io.pyarrow import _dataframe_to_data_files
    from pyiceberg.table.snapshots import Operation, Summary


@unittest.skipUnless(packages.available(), "pyiceberg, pyarrow or DuckDB is not installed")
class RewrittenFilesTest(ImportIcebergBase):
    """Tables that are compacted between imports. The sandbox counts every event that it receives."""

    def data_files(self, table):
        return [task.file for task in table.scan().plan_files()]

    def compact(self, table, operation=None, files=None):
        return self.rewrite(table, files or self.data_files(table), table.scan().to_arrow(), operation)

    def expire_all_but_the_current_snapshot(self, table):
        with table.maintenance.expire_snapshots() as expire:
            for snapshot in table.snapshots():
                if snapshot.snapshot_id != table.current_snapshot().snapshot_id:
                    expire.by_id(snapshot.snapshot_id)
        return self.catalog.load_table(table.name())

    def test_a_first_import_reads_the_compacted_file(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        for seed in range(3):
            self.append(table, make_trips(100, seed))
        table = self.compact(table)
        report = self.load(sandbox, table)
        self.assertEqual((report["objects"], report["accepted"], report["warnings"]), (1, 300, []))
        self.assertEqual(self.arrived(sandbox), self.trips(table.scan()))

    def ids(self, sandbox):
        return {event["properties"]["$insert_id"] for event in sandbox.export()}

    def warns(self, sandbox, table, read, *args):
        """With --strict nothing is sent; without it, `read` rows come with a warning."""
        before = sandbox.stats()["received"]
        code, _, err = self.run_program("import", f"iceberg:{self.location(table)}", "--config", self.config_for(table),
                                        "--mixpanel-url", sandbox.url, "--strict", *args)
        self.assertEqual((code, sandbox.stats()["received"]), (2, before), err)
        report = self.load(sandbox, table, *args)
        self.assertEqual((report["read"], [warning["code"] for warning in report["warnings"]]), (read, ["rewritten_rows"]))
        # Now the file is known.
        report = self.load(sandbox, table, *args)
        self.assertEqual((report["read"], report["warnings"]), (0, []))

    def test_rows_that_were_imported_before_a_compaction_are_not_sent_again(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        for seed in range(3):
            self.append(table, make_trips(100, seed))
        self.load(sandbox, table)
        table = self.compact(table)
        self.append(table, make_trips(100, 4))
        # The compacted file counts as delivered, also by plan.
        plan = self.run_json("plan", f"iceberg:{self.location(table)}", "--config", self.config_for(table),
                             "--mixpanel-url", sandbox.url)
        self.assertEqual(plan["entries"][0]["events"], 100)
        report = self.load(sandbox, table)
        self.assertEqual((report["read"], report["accepted"], report["objects"], report["warnings"]), (100, 100, 2, []))
        expected = self.trips(table.scan())
        self.assertEqual(self.arrived(sandbox), expected)
        # It is recorded, so nothing comes again after its history has expired, nor after it is compacted again.
        table = self.expire_all_but_the_current_snapshot(table)
        self.assertEqual(self.load(sandbox, table)["objects_skipped"], 2)
        table = self.compact(self.compact(table))
        self.assertEqual(self.load(sandbox, table)["read"], 0)
        self.assertEqual(self.arrived(sandbox), expected)
        report = self.run_json("reconcile", f"iceberg:{self.location(table)}", "--config", self.config_for(table),
                               "--mixpanel-url", sandbox.url)
        self.assertEqual((report["expected"], report["missing"], report["unexpected"]), (400, 0, 0))
        # --force reads the files as they are.
        self.assertEqual(self.load(sandbox, table, "--force")["accepted"], 400)

    def test_new_rows_that_were_compacted_with_imported_ones(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        self.append(table, make_trips(100, 0))
        self.load(sandbox, table)
        # Chains, too, of any length, and rows that the table deletes later are not sent.
        for seed in range(1, 12):
            self.append(table, make_trips(10, seed))
            table = self.compact(table)
        table = self.delete_positions(table, self.files(table)[0], [200, 201, 202], "pos.parquet")
        self.warns(sandbox, table, 210)
        # Mixpanel recognises the rows that it had by their ids.
        self.assertLessEqual(len(self.ids(sandbox)), 210)
        self.assertEqual(self.trips(table.scan()) - self.arrived(sandbox), collections.Counter())

    def test_compactions_without_imported_files_are_new(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        self.append(table, make_trips(100, 0))
        self.load(sandbox, table)
        old = self.files(table)
        for seed in (1, 2):
            self.append(table, make_trips(50, seed))
            files = [file for file in self.data_files(table) if file.file_path not in old]
            rows = [row for s in range(1, seed + 1) for row in make_trips(50, s)]
            data = pa.Table.from_pylist(rows, schema=table.schema().as_arrow())
            table = self.rewrite(table, files, data)
        table = self.delete_positions(table, next(f for f in self.files(table) if f not in old), [0, 1], "pos.parquet")
        report = self.load(sandbox, table)
        self.assertEqual((report["read"], report["accepted"], report["warnings"]), (100, 98, []))
        self.assertEqual(sandbox.stats()["received"], 198)

    def test_many_compactions_between_two_imports(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        self.append(table, make_trips(20, 0))
        self.load(sandbox, table)
        self.append(table, make_trips(20, 1))
        rows = make_trips(20, 0) + make_trips(20, 1)
        data = pa.Table.from_pylist(rows, schema=table.schema().as_arrow())
        for _ in range(16):  # each writes three files from three
            with table.transaction() as transaction:
                with transaction.update_snapshot().overwrite() as update:
                    update._summary = lambda properties: Summary(Operation.REPLACE)
                    for file in self.data_files(table):
                        update.delete_data_file(file)
                    for part in (data.slice(0, 15), data.slice(15, 15), data.slice(30)):
                        for file in _dataframe_to_data_files(table.metadata, part, table.io):
                            update.append_data_file(file)
            table = self.catalog.load_table(table.name())
        report = self.load(sandbox, table, timeout=60)
        self.assertEqual((report["read"], [warning["code"] for warning in report["warnings"]]), (40, ["rewritten_rows"]))
        self.assertLess(report["peak_memory_bytes"], 500_000_000)

    def test_a_changed_config_is_reported_after_a_compaction(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        for seed in range(2):
            self.append(table, make_trips(100, seed))
        self.load(sandbox, table)
        table = self.compact(table)
        self.append(table, make_trips(50, 2))
        place, other = f"iceberg:{self.location(table)}", self.config_for(table, config_id="other")
        for again in (False, True):
            plan = self.run_json("plan", place, "--config", other, "--mixpanel-url", sandbox.url)
            self.assertEqual(plan["entries"][0]["objects_config_changed"], 2)
            report = self.load(sandbox, table, config=other, expect=2)
            self.assertEqual((report["objects_config_changed"], report["read"]), (2, 0 if again else 50))
            # The rows are neither sent nor recorded, also after another compaction.
            data = pa.Table.from_pylist(make_trips(100, 0) + make_trips(100, 1), schema=table.schema().as_arrow())
            table = self.rewrite(table, [file for file in self.data_files(table) if file.record_count == 200], data)
        self.assertEqual(sandbox.stats()["received"], 250)
        # Under its config the compacted file is delivered.
        report = self.load(sandbox, table, config=self.config_for(table), expect=2)
        self.assertEqual((report["objects_config_changed"], report["read"]), (1, 0))
        self.assertEqual(self.load(sandbox, table, "--force", config=other)["read"], 250)

    def test_time_ranges_of_rewritten_files(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        middle = (BEGIN + datetime.timedelta(hours=4)).isoformat()
        rows = make_trips(100, 0)
        early = sum(row["trip_start_time"].isoformat() < middle for row in rows)
        self.append(table, rows)
        self.assertEqual(self.load(sandbox, table, "--until", middle)["accepted"], early)
        compacted = self.compact(table)
        self.assertEqual(self.load(sandbox, compacted, "--until", middle)["read"], 0)
        self.assertEqual(self.load(sandbox, compacted, "--since", middle)["accepted"], 100 - early)
        self.assertEqual(self.arrived(sandbox), self.trips(rows))
        table = self.rewrite(compacted, self.data_files(compacted), compacted.scan().to_arrow(), Operation.OVERWRITE)
        self.warns(sandbox, table, 100, "--until", middle)
        self.warns(sandbox, table, 100, "--since", middle)
        # The parents of the compaction have expired, one of its files was not imported.
        self.append(table, make_trips(50, 1))
        table = self.expire_all_but_the_current_snapshot(self.compact(table))
        self.warns(sandbox, table, 150, "--until", middle)

    def test_files_outside_of_the_time_range_do_not_matter(self):
        table, sandbox = self.create(), self.sandbox()
        self.append(table, make_trips(300, 0))
        middle = (BEGIN + datetime.timedelta(hours=4)).isoformat()
        accepted = self.load(sandbox, table, "--until", middle)["accepted"]
        table = self.compact(table)
        report = self.load(sandbox, table, "--until", middle)
        self.assertEqual((report["read"], report["warnings"]), (0, []))
        # Without a range, files of hours that were not imported have been compacted with imported ones.
        report = self.load(sandbox, table)
        self.assertEqual((report["accepted"], [warning["code"] for warning in report["warnings"]]),
                         (300 - accepted, ["rewritten_rows"]))

    def test_reconcile_leaves_out_compacted_files_whose_ids_are_positions(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        config = self.config_for(table, insert_id="position")
        for seed in range(2):
            self.append(table, make_trips(100, seed))
        self.load(sandbox, table, config=config)
        table = self.compact(table)
        self.append(table, make_trips(50, 2))
        self.load(sandbox, table, config=config)
        code, out, err = self.run_program("reconcile", f"iceberg:{self.location(table)}", "--config", config, "--mixpanel-url",
                                          sandbox.url, "--repair", "--wait-after-repair", "0s", "--json")
        report = json.loads(out)
        self.assertEqual((code, report["objects_not_comparable"], report["expected"], report["missing"], report["repaired"]),
                         (1, 1, 50, 0, 0), err)
        self.assertIn("cannot be compared", out)
        self.assertEqual(sandbox.stats()["received"], 250)

    def test_an_overwrite_of_imported_files_warns(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        self.append(table, make_trips(100, 0))
        self.load(sandbox, table)
        table.delete("user_id == 'u007'")
        report = self.load(sandbox, self.catalog.load_table(table.name()))
        self.assertGreater(report["read"], 0)
        self.assertEqual([warning["code"] for warning in report["warnings"]], ["rewritten_rows"])
        # Mixpanel recognises the rows by their ids.
        self.assertEqual(len(self.ids(sandbox)), 100)

    def test_a_compacted_overwrite_of_imported_files_warns(self):
        table, sandbox = self.create(partitioned=False), self.sandbox()
        self.append(table, make_trips(100, 0))
        self.load(sandbox, table)
        table.delete("user_id == 'u007'")
        table = self.catalog.load_table(table.name())
        self.warns(sandbox, self.compact(table), table.scan().to_arrow().num_rows)
        self.assertEqual(len(self.ids(sandbox)), 100)


@unittest.skipUnless(packages.available() and postgres_server.programs(), "pyiceberg or PostgreSQL is not installed")
class PostgresTest(ImportIcebergBase):
    """A table of PostgreSQL keeps what is written twice: each row must be there once."""

    def test_killed_resumed_and_compacted_meanwhile(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.stop)
        table = self.create(partitioned=False)
        for seed in range(3):
            self.append(table, make_trips(6000, seed, users=500))
        command = ["import", f"iceberg:{self.location(table)}", "--config", self.config_for(table), "--to", server.uri, "--json",
                   "--batch-events", "300", *FAST_RETRY]
        dice, killed = random.Random(2), 0
        for _ in range(6):
            process = self.start(*command)
            killed += self.kill_after(process, dice.uniform(0.03, 0.15))
        self.assertGreater(killed, 0)
        # What is half imported is compacted, together with rows that are new.
        self.append(table, make_trips(6000, 3, users=500))
        table = self.rewrite(table, [task.file for task in table.scan().plan_files()], table.scan().to_arrow())
        for _ in range(2):
            code, _, err = self.run_program(*command)
            self.assertEqual(code, 0, err)
        self.append(table, make_trips(10, 4))
        code, _, err = self.run_program(*command)
        self.assertEqual(code, 0, err)
        # The compacted file was read whole: what had arrived before is there twice, and nothing is missing.
        count, distinct, most = server.query("""
            SELECT sum(n), count(*), max(n) FROM (SELECT count(*) AS n FROM events GROUP BY insert_id) AS ids""")[0]
        self.assertEqual(int(distinct), 24_010)
        self.assertLessEqual((int(count), int(most)), (48_000, 2))


if __name__ == "__main__":
    main()
