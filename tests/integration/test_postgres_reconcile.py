"""reconcile compares files with a PostgreSQL table on a real server, and repairs it."""
import json
import signal
import subprocess
import time
import unittest
import urllib.parse

import postgres_server
from harness import FAST_RETRY, SANITIZED, MillraceTest, main

ROWS = 6_000
START = 1_713_928_381_000  # milliseconds
DAY = 86_400_000


@unittest.skipIf(postgres_server.programs() is None, "PostgreSQL is not installed")
class PostgresReconcileTest(MillraceTest):
    @classmethod
    def setUpClass(cls):
        cls.server = postgres_server.PostgresServer()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        super().setUp()
        self.server.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    def to(self, **parameters):
        return self.server.uri + "".join(f"&{key}={urllib.parse.quote(value)}" for key, value in parameters.items())

    def import_to(self, to, *args, expect=0):
        report = self.run_json("import", *args, "--to", to, *FAST_RETRY, expect=expect)
        self.assert_adds_up(report)
        return report

    def reconcile(self, to, *args, expect=0):
        report = self.run_json("reconcile", *args, "--to", to, expect=expect)
        self.assertEqual(report["expected"], report["found"] + report["missing"])
        self.assertEqual(list(self.state.glob("reconcile.*")), [], "a temporary folder was not removed")
        return report

    def assert_numbers(self, report, **numbers):
        self.assertEqual({key: report[key] for key in numbers}, numbers)

    def count(self, where="true"):
        return int(self.server.query(f"SELECT count(*) FROM public.events WHERE {where}")[0][0])

    def sample(self, rows=ROWS):
        folder = self.generate(rows, "--format", "ndjson", "--files", "3")
        return folder, "--config", folder / "sources.json"

    def events(self, count, **more):
        return [{"event": "Buy", "properties": {"time": START + i * 1001, "distinct_id": f"u{i % 7}",
                                                "$insert_id": f"id-{i}", **more}} for i in range(count)]

    def session(self, sql):
        """A session that has executed this, and holds its locks until it is ended."""
        process = subprocess.Popen([f"{postgres_server.programs()}/psql", "-XAtq", self.server.uri],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        process.stdin.write(f"{sql};\n\\echo done\n")
        process.stdin.flush()
        while line := process.stdout.readline():
            if line == "done\n":
                return process
        self.fail("the session has ended")

    def await_true(self, process, condition):
        while self.server.query(f"SELECT ({condition})::int") != [["1"]]:
            self.assertIsNone(process.poll(), "it ended too early")
            time.sleep(0.01)


class FormsTest(PostgresReconcileTest):
    """What is deleted, added and doubled is found in every form of the table."""

    def check_form(self, insert_id, **parameters):
        to = self.to(**parameters)
        sample = self.sample()
        self.import_to(to, *sample)
        self.assert_numbers(self.reconcile(to, *sample), success=True, expected=ROWS, found=ROWS, missing=0,
                            unexpected=0, duplicates=0, objects=3, first_error=None)

        ids = [row[0] for row in self.server.query(
            f"SELECT {insert_id} FROM events ORDER BY 1 LIMIT 12")]
        gone, doubled = ids[:10], ids[10:]
        listed = "(" + ", ".join(f"'{one}'" for one in gone) + ")"
        self.server.query(f"DELETE FROM events WHERE {insert_id} IN {listed}")
        report = self.reconcile(to, *sample, expect=1)
        self.assert_numbers(report, success=False, expected=ROWS, missing=10, unexpected=0, duplicates=0)
        self.assertEqual(len(report["missing_rows"]), 10)

        report = self.reconcile(to, *sample, "--repair")
        self.assert_numbers(report, success=True, missing=0, repaired=10, duplicates=0)
        self.assertEqual(self.count(), ROWS)
        self.assertEqual(self.count(f"{insert_id} IN {listed}"), 10)

        for one in doubled:
            self.server.query(f"INSERT INTO events SELECT * FROM events WHERE {insert_id} = '{one}'")
        report = self.reconcile(to, *sample, expect=1)
        self.assert_numbers(report, success=False, expected=ROWS, found=ROWS, unexpected=0, duplicates=2)
        self.assertEqual(sorted(event["$insert_id"] for event in report["duplicate_events"]), doubled)
        self.reconcile(to, *sample, "--repair", expect=1)
        self.assertEqual(self.count(), ROWS + 2, "a repair deletes nothing and adds nothing")
        return to, sample

    def add_and_check(self, to, sample, sql):
        self.server.query(sql)
        report = self.reconcile(to, *sample, expect=1)
        self.assert_numbers(report, expected=ROWS, unexpected=1)
        self.assertEqual(report["unexpected_events"][0]["$insert_id"], "strange\tid")
        # Of another name it is not looked at.
        self.assertEqual(report["duplicates"], 2)

    def test_table(self):
        to, sample = self.check_form("insert_id")
        self.add_and_check(to, sample, "INSERT INTO events (event, event_time, insert_time, insert_id) "
                                       "SELECT event, event_time, now(), E'strange\\tid' FROM events LIMIT 1")

    def test_partitions(self):
        to, sample = self.check_form("insert_id", partition="day")
        self.add_and_check(to, sample, "INSERT INTO events (event, event_time, insert_time, insert_id) "
                                       "SELECT event, event_time, now(), E'strange\\tid' FROM events LIMIT 1")

    def test_raw(self):
        to, sample = self.check_form("record#>>'{properties,$insert_id}'", form="raw")
        self.add_and_check(to, sample, "INSERT INTO events SELECT jsonb_set(record, '{properties,$insert_id}', "
                                       "'\"strange\\tid\"'), now() FROM events LIMIT 1")

    def test_flat(self):
        to, sample = self.check_form("record->>'insert_id'", form="flat")
        self.add_and_check(to, sample, "INSERT INTO events SELECT jsonb_set(record, '{insert_id}', "
                                       "'\"strange\\tid\"'), now() FROM events LIMIT 1")


class RowsTest(PostgresReconcileTest):
    """Against events of the test's own."""

    def test_odd_texts_times_and_ids_are_the_same_on_both_sides(self):
        events = [
            {"event": "tab\there \\ 'quoted' \"é\"\n", "properties": {"time": START, "distinct_id": "a\\\tb\r\n",
                                                                     "$insert_id": "i-1"}},
            {"event": "no user", "properties": {"time": START + 1, "$insert_id": "i-2"}},
            {"event": "of a device", "properties": {"time": START + 2, "$device_id": "d", "$insert_id": "i-3"}},
            {"event": "of a user", "properties": {"time": START + 3, "$user_id": "u", "$device_id": "d",
                                                  "$insert_id": "i-4"}},
            {"event": "known before", "properties": {"time": START + 4, "distinct_id": "x", "$insert_id": "i-5",
                                                     "$distinct_id_before_identity": "y"}},
            {"event": "banned elsewhere", "properties": {"time": START + 5, "distinct_id": "null",
                                                         "$insert_id": "i-6"}},
            {"event": "without an id", "properties": {"time": START + 6, "distinct_id": "x"}},
            {"event": "last of its day", "properties": {"time": START - START % DAY + DAY - 1, "distinct_id": "x"}},
            {"event": "first of the next", "properties": {"time": START - START % DAY + DAY, "distinct_id": "x"}},
            {"event": "before 1970", "properties": {"time": "1960-02-03T04:05:06.789Z", "distinct_id": "x"}},
            {"event": "in 1972", "properties": {"time": "1972-02-03T04:05:06Z", "distinct_id": "x"}},
            {"event": "far ahead", "properties": {"time": "5000-12-31T23:59:59.999Z", "distinct_id": "x"}},
        ]
        file = self.write_ndjson("in/events.ndjson", events)
        for form in ("table", "raw", "flat"):
            with self.subTest(form):
                to = self.to(form=form, table=f"events_{form}")
                self.import_to(to, file)
                report = self.reconcile(to, file)
                self.assert_numbers(report, success=True, expected=len(events), found=len(events), unexpected=0,
                                    not_checkable_yet=0)
                self.server.query(f"DELETE FROM events_{form}")
                report = self.reconcile(to, file, "--repair")
                self.assert_numbers(report, success=True, missing=0, repaired=len(events), duplicates=0)

    def test_times_with_microseconds_are_compared_in_milliseconds(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.import_to(to, file)
        self.server.query("UPDATE events SET event_time = event_time + interval '999 microseconds'")
        self.reconcile(to, file)
        self.server.query("UPDATE events SET event_time = event_time + interval '1 microsecond'")
        self.assert_numbers(self.reconcile(to, file, expect=1), missing=10, unexpected=10)

    def test_a_column_without_time_zone_holds_utc(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        self.run_program("destinations", "create", self.to() + "&views=false")
        self.server.query("ALTER TABLE events ALTER event_time TYPE timestamp")
        to = self.to(options="-c timezone=Asia/Kathmandu")
        self.import_to(to, file)
        self.assert_numbers(self.reconcile(to, file), found=10)

    def test_identical_rows_of_the_source_are_no_duplicates(self):
        event = self.events(1)[0]
        file = self.write_ndjson("events.ndjson", [event] * 5)
        to = self.to()
        self.import_to(to, file)
        self.assert_numbers(self.reconcile(to, file), success=True, expected=5, found=5, duplicates=0)
        self.server.query("DELETE FROM events WHERE ctid IN (SELECT ctid FROM events LIMIT 2)")
        self.assert_numbers(self.reconcile(to, file, "--repair"), success=True, expected=5, repaired=2, duplicates=0)
        self.assertEqual(self.count(), 5)

    def test_of_a_row_with_several_events_only_the_missing_ones_are_sent_again(self):
        file = self.write_ndjson("in/events.ndjson", [{"t": START + i, "u": f"u{i}"} for i in range(100)])
        script = self.write("three.js", "function transform(event) { return ['a', 'b', 'c'].map(name => "
                                        "({event: name, properties: {...event.properties}})); }")
        config = self.write_config({"config_id": "rows", "source_prefix": str(self.folder / "in"),
                                    "mixpanel_event_name": "row", "transform": str(script),
                                    "insert_id": "position",  # the repair must know the object by its name
                                    "field_mappings": [{"source_field": "t", "mixpanel_field": "time"},
                                                       {"source_field": "u", "mixpanel_field": "distinct_id"}]})
        to = self.to()
        self.import_to(to, file, "--config", config)
        self.assertEqual(self.count(), 300)
        self.server.query("DELETE FROM events WHERE event = 'b'")
        report = self.reconcile(to, file, "--config", config, "--repair")
        self.assert_numbers(report, success=True, expected=300, repaired=100, duplicates=0)
        self.assertEqual(self.count(), 300)

    def test_events_that_connect_ids_are_counted_as_not_checked(self):
        file = self.write_ndjson("events.ndjson", self.events(3) + [
            {"event": "$identify", "properties": {"$identified_id": "a", "$anon_id": "b"}}])
        to = self.to()
        self.import_to(to, file)
        self.assertEqual(self.count(), 4)
        self.assert_numbers(self.reconcile(to, file), success=True, expected=3, events_not_checked=1)

    def test_other_names_and_days_are_ignored(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.import_to(to, file)
        self.server.query("INSERT INTO events (event, event_time, insert_time) VALUES "
                          "('Sell', (SELECT max(event_time) FROM events), now()), ('Buy', '2020-01-01 UTC', now()), "
                          "('Buy', NULL, now()), ('Buy', 'infinity', now())")
        self.assert_numbers(self.reconcile(to, file), success=True, unexpected=0)

    def test_rejected_rows_are_not_expected(self):
        events = self.events(10)
        events[3]["properties"]["x"] = "a\0b"  # jsonb cannot hold it
        file = self.write_ndjson("events.ndjson", events)
        to = self.to()
        self.import_to(to, file, expect=1)
        self.assert_numbers(self.reconcile(to, file), success=True, expected=9, rows_rejected=1)


    def test_an_altered_distinct_id_is_not_found(self):
        events = self.events(10, **{"$user_id": "u1", "distinct_id": "u1"})
        file = self.write_ndjson("events.ndjson", events)
        to = self.to()
        self.import_to(to, file)
        self.server.query("UPDATE events SET distinct_id = NULL")
        self.assert_numbers(self.reconcile(to, file, expect=1), missing=10, unexpected=10)

    def test_records_as_json_or_text(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        for form in ("raw", "flat"):
            for column in ("json", "text"):
                with self.subTest(form=form, column=column):
                    table = f"{form}_{column}"
                    to = self.to(form=form, table=table)
                    self.run_program("destinations", "create", to)
                    self.server.query(f"ALTER TABLE {table} ALTER record TYPE {column}")
                    self.import_to(to, file)
                    self.assert_numbers(self.reconcile(to, file), success=True, found=10)
                    self.server.query(f"DELETE FROM {table} WHERE record::text LIKE '%id-3%'")
                    self.assert_numbers(self.reconcile(to, file, "--repair"), success=True, repaired=1)

    def test_events_without_a_name_are_not_unexpected(self):
        events = [event | {"event": f"name {i}"} for i, event in enumerate(self.events(1001))]
        file = self.write_ndjson("events.ndjson", events)
        to = self.to()
        self.import_to(to, file)
        self.server.query("INSERT INTO events (event, event_time, insert_time) "
                          "SELECT '', max(event_time), now() FROM events")
        self.assert_numbers(self.reconcile(to, file), success=True, found=1001, unexpected=0)

    def test_a_rejected_name_that_the_database_cannot_hold(self):
        self.server.query("DROP DATABASE IF EXISTS latin")
        self.server.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        events = self.events(10)
        events[3]["event"] = "\u30c6"
        file = self.write_ndjson("events.ndjson", events)
        to = self.server.uri_of("tester", "latin")
        self.import_to(to, file, expect=1)
        self.assert_numbers(self.reconcile(to, file), success=True, expected=9, rows_rejected=1)


class DeadLettersTest(PostgresReconcileTest):
    """Rows that the table refuses, in an import or in a repair, and their replays."""

    THREE = "function transform(event) { return ['a', 'b', 'c'].map(name => " \
            "({event: name, properties: {...event.properties}})); }"

    def copy(self, where):
        self.server.query(f"INSERT INTO events SELECT * FROM events WHERE {where} LIMIT 1")

    def test_a_copy_of_a_replayed_row_is_a_duplicate(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.run_program("destinations", "create", to)
        self.server.query("ALTER TABLE events ADD CONSTRAINT no CHECK (insert_id <> 'id-3')")
        self.import_to(to, file, expect=1)
        self.server.query("ALTER TABLE events DROP CONSTRAINT no")
        self.run_json("dlq", "replay", "--to", to)
        self.assert_numbers(self.reconcile(to, file), success=True, expected=10, rows_replayed=1)
        self.copy("insert_id = 'id-3'")
        self.assert_numbers(self.reconcile(to, file, expect=1), expected=10, found=10, duplicates=1)

    def test_a_copy_of_a_row_is_a_duplicate_though_another_one_like_it_was_rejected(self):
        events = self.events(2)
        events.append(json.loads(json.dumps(events[0])))
        events[2]["properties"]["x"] = "refused"
        file = self.write_ndjson("events.ndjson", events)
        to = self.to()
        self.run_program("destinations", "create", to)
        self.server.query("ALTER TABLE events ADD CHECK (properties->>'x' IS NULL)")
        self.import_to(to, file, expect=1)
        self.assert_numbers(self.reconcile(to, file), success=True, expected=2)
        self.copy("insert_id = 'id-0'")
        self.assert_numbers(self.reconcile(to, file, expect=1), expected=2, duplicates=1)

    def test_of_a_row_that_a_repair_could_not_complete_the_other_events_stay_expected(self):
        file = self.write_ndjson("in/events.ndjson", [{"t": START + i, "u": f"u{i}"} for i in range(10)])
        entry = {"config_id": "rows", "source_prefix": str(self.folder / "in"), "mixpanel_event_name": "row",
                 "transform": str(self.write("three.js", self.THREE)), "insert_id": "position",
                 "field_mappings": [{"source_field": "t", "mixpanel_field": "time"},
                                    {"source_field": "u", "mixpanel_field": "distinct_id"}]}
        config = self.write_config(entry)
        to = self.to()
        self.import_to(to, file, "--config", config)
        self.server.query("DELETE FROM events WHERE event = 'b' AND distinct_id = 'u3'; "
                          "ALTER TABLE events ADD CONSTRAINT no CHECK (event <> 'b') NOT VALID")
        report = self.reconcile(to, file, "--config", config, "--repair", expect=1)
        self.assert_numbers(report, missing=1, repaired=0, repair_rejected=1)
        self.assert_numbers(self.reconcile(to, file, "--config", config), success=True, expected=29)

        self.server.query("DELETE FROM events WHERE distinct_id = 'u3'")
        self.assert_numbers(self.reconcile(to, file, "--config", config, expect=1), expected=29, missing=2)
        self.assert_numbers(self.reconcile(to, file, "--config", config, "--repair"), success=True, repaired=2)

        # A replay sends the refused event only, even if the row would now become other events.
        self.server.query("ALTER TABLE events DROP CONSTRAINT no")
        other = self.THREE.replace("'a', 'b', 'c'", "'x', 'y', 'z'")
        self.run_json("dlq", "replay", "--to", to, "--config",
                      self.write_config(entry | {"transform": str(self.write("other.js", other))}))
        config = self.write_config(entry)
        self.assert_numbers(self.reconcile(to, file, "--config", config), success=True, expected=30)
        self.assertEqual(self.count(), 30)
        self.copy("event = 'b' AND distinct_id = 'u3'")
        self.assert_numbers(self.reconcile(to, file, "--config", config, expect=1), expected=30, duplicates=1)


class FailuresTest(PostgresReconcileTest):
    def loader(self, to, grants):
        """The DEST with a role that has only these rights."""
        self.server.query(f"CREATE ROLE loader LOGIN; {grants}")
        self.addCleanup(self.server.query, "DROP OWNED BY loader; DROP ROLE loader")
        return to.replace("tester@", "loader@")

    def fails(self, to, file, *more):
        code, _, err = self.run_program("reconcile", file, "--to", to, *more)
        self.assertNotIn(code, (0, 1), err)
        return err

    def test_rows_that_the_role_must_not_see_are_an_error(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.import_to(to, file)
        self.server.query("ALTER TABLE events ENABLE ROW LEVEL SECURITY; "
                          "CREATE POLICY visible ON events USING (insert_id <> 'id-3')")
        loader = self.loader(to, "GRANT USAGE ON SCHEMA public TO loader; GRANT SELECT ON events TO loader")
        self.assertIn("BYPASSRLS", self.fails(loader, file))

    def test_what_the_role_needs_is_named(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.import_to(to, file)
        self.assertIn('GRANT USAGE ON SCHEMA "public"', self.fails(self.loader(to, ""), file))

    def test_a_missing_table_or_column_is_explained(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.import_to(to, file)
        self.assertIn("form=table, raw or flat", self.fails(self.to(form="raw"), file))
        self.server.query("DROP TABLE events")
        err = self.fails(to, file)
        self.assertIn("reconcile --repair", err)
        self.assertNotIn("--force", err)
        self.run_program("destinations", "create", to)
        self.assert_numbers(self.reconcile(to, file, "--repair"), success=True, repaired=10)

    def test_a_column_that_changes_values_is_not_repaired(self):
        ids = ["6F9619FF-8B86-D011-B42D-00C04FC964FF", "7F9619FF-8B86-D011-B42D-00C04FC964FF"]
        file = self.write_ndjson("events.ndjson", [
            {"event": "Buy", "properties": {"time": START + 123, "distinct_id": "u", "$insert_id": one}} for one in ids])
        to = self.to()
        self.import_to(to, file)
        for column, change, back in (("insert_id", "uuid USING insert_id::uuid", "text USING upper(insert_id::text)"),
                                     ("event_time", "timestamptz(0)", "timestamptz")):
            with self.subTest(column):
                self.server.query(f"ALTER TABLE events ALTER {column} TYPE {change}")
                self.assert_numbers(self.reconcile(to, file, expect=1), missing=2, unexpected=2)
                self.assertIn(f"the column {column} of public.events", self.fails(to, file, "--repair"))
                self.assertEqual(self.count(), 2)
                self.server.query(f"ALTER TABLE events ALTER {column} TYPE {back}")

    def test_an_import_refuses_times_that_are_rounded_to_seconds(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.run_program("destinations", "create", to + "&views=false")
        self.server.query("ALTER TABLE events ALTER event_time TYPE timestamptz(2)")
        code, _, err = self.run_program("import", file, "--to", to)
        self.assertNotIn(code, (0, 1), err)
        self.assertIn("event_time", err)
        self.assertEqual(self.count(), 0)

    def test_a_repair_whose_rows_are_changed_says_so(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.import_to(to, file)
        self.server.query("DELETE FROM events; CREATE FUNCTION change() RETURNS trigger AS $$ BEGIN "
                          "NEW.insert_id = upper(NEW.insert_id); RETURN NEW; END $$ LANGUAGE plpgsql; "
                          "CREATE TRIGGER change BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION change()")
        self.assertIn("Remove what changes them", self.fails(to, file, "--repair"))

    def test_a_statement_timeout_names_the_parameter_that_lifts_it(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        to = self.to()
        self.import_to(to, file)
        self.session("BEGIN; LOCK TABLE events")
        err = self.fails(self.to(options="-c statement_timeout=100"), file, "--retry-timeout", "1s")
        self.assertIn("options=-cstatement_timeout%3D0", err)

    def test_what_is_missing_is_named(self):
        file = self.write_ndjson("events.ndjson", self.events(10))
        code, _, err = self.run_program("reconcile", file, "--to", "null:")
        self.assertEqual(code, 2)
        self.assertIn("cannot be read back", err)
        code, _, err = self.run_program("reconcile", file, "--to", self.server.uri + "&users=people")
        self.assertEqual(code, 2)
        self.assertIn("names no table for events", err)
        to = self.to()
        self.import_to(to, file)
        self.server.query("CREATE ROLE loader LOGIN; GRANT INSERT ON events TO loader")
        code, _, err = self.run_program("reconcile", file, "--to", to.replace("tester@", "loader@"))
        self.server.query("DROP OWNED BY loader; DROP ROLE loader")
        self.assertEqual(code, 2)
        self.assertIn('GRANT SELECT ON "public"."events"', err)

    def test_a_connection_that_is_lost_after_the_first_rows_is_retried(self):
        file = self.write_ndjson("events.ndjson", self.events(1000))
        to = self.to()
        self.import_to(to, file)
        # The last row waits, after the server has sent more than it buffers.
        self.server.query("ALTER TABLE events RENAME TO stored; CREATE FUNCTION wait(text) RETURNS text AS $$ BEGIN "
                          "IF $1 = 'id-999' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN $1; END $$ "
                          "LANGUAGE plpgsql; CREATE VIEW events AS SELECT event, event_time, wait(insert_id) AS "
                          "insert_id, distinct_id FROM stored")
        locker = self.session("SELECT pg_advisory_lock(1)")
        process = self.start("reconcile", file, "--to", to, "--json", "--retry-timeout", "60s")
        self.await_true(process, "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity "
                                 "WHERE wait_event_type = 'Lock' AND query LIKE '%COPY (SELECT%'")
        locker.terminate()
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err)
        report = json.loads(out)
        self.assert_numbers(report, success=True, found=1000, duplicates=0)
        self.assertGreater(report["requests"], 1)

    def test_a_stop_ends_a_read_that_waits(self):
        file = self.write_ndjson("events.ndjson", self.events(1000))
        to = self.to()
        self.import_to(to, file)
        self.session("BEGIN; LOCK TABLE events")
        process = self.start("reconcile", file, "--to", to, "--json")
        self.await_true(process, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 3, err)

    def hold_writes_after_the_first(self):
        """Until the session that is returned ends."""
        self.server.query("CREATE FUNCTION wait() RETURNS trigger AS $$ BEGIN IF EXISTS (SELECT 1 FROM events) THEN "
                          "PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN NULL; END $$ LANGUAGE plpgsql; "
                          "CREATE TRIGGER wait BEFORE INSERT ON events EXECUTE FUNCTION wait()")
        return self.session("SELECT pg_advisory_lock(1)")

    def test_of_two_repairs_at_the_same_time_the_later_one_writes(self):
        file = self.write_ndjson("events.ndjson", self.events(60_000))
        to = self.to()
        self.import_to(to, file)
        self.server.query("DELETE FROM events")
        locker = self.hold_writes_after_the_first()
        first = self.start("reconcile", file, "--to", to, "--json", "--repair")
        self.await_true(first, "EXISTS (SELECT 1 FROM events)")
        claimed = "SELECT writer FROM millrace_writers WHERE uri LIKE 'repair:%'"
        writer = self.server.query(claimed)[0][0]
        later = self.start("reconcile", file, "--to", to, "--json", "--repair")
        self.await_true(later, f"EXISTS ({claimed} AND writer <> '{writer}')")
        locker.terminate()
        out, err = later.communicate(timeout=120)
        self.assertEqual(later.returncode, 0, err)
        self.assert_numbers(json.loads(out), success=True, found=60_000, duplicates=0)
        _, err = first.communicate(timeout=120)
        self.assertEqual(first.returncode, 3, err)
        self.assertIn("another repair of the same objects", err)
        self.assertEqual(self.count(), 60_000)

    def test_a_repair_that_is_killed_and_repeated_makes_no_duplicates(self):
        file = self.write_ndjson("events.ndjson", self.events(60_000))
        to = self.to()
        self.import_to(to, file)
        self.server.query("DELETE FROM events")
        locker = self.hold_writes_after_the_first()
        process = self.start("reconcile", file, "--to", to, "--json", "--repair")
        self.await_true(process, "EXISTS (SELECT 1 FROM events)")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        locker.terminate()
        self.assertLess(self.count(), 60_000)
        report = self.reconcile(to, file, "--repair")
        self.assert_numbers(report, success=True, missing=0, duplicates=0)
        self.assertEqual(self.count(), 60_000)


class CommitInFlightTest(PostgresReconcileTest):
    """The server waits for a standby before it shows what sessions with synchronous_commit=on commit."""

    @classmethod
    def setUpClass(cls):
        cls.server = postgres_server.PostgresServer("synchronous_standby_names=nobody", "synchronous_commit=local")

    def test_a_repair_waits_for_the_commit_of_one_that_was_killed(self):
        file = self.write_ndjson("events.ndjson", self.events(100))
        to = self.to()
        self.import_to(to, file)
        self.server.query("DELETE FROM events")
        waits = self.to(options="-c synchronous_commit=on")
        killed = self.start("reconcile", file, "--json", "--repair", "--to", waits)
        # Its commits before that of the rows are let through.
        waiting = "FROM pg_stat_activity a WHERE wait_event = 'SyncRep' AND {} EXISTS (SELECT 1 FROM pg_locks l " \
                  "WHERE l.pid = a.pid AND l.relation = 'events'::regclass AND l.mode = 'RowExclusiveLock')"
        while not (commits := self.server.query(f"SELECT pid {waiting.format('')}")):
            self.server.query(f"SELECT pg_cancel_backend(pid) {waiting.format('NOT')}")
            self.assertIsNone(killed.poll(), "it ended too early")
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        self.assertEqual(self.count(), 0)
        repeated = self.start("reconcile", file, "--json", "--repair", "--to", to)
        self.await_true(repeated, "EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
        self.server.query(f"SELECT pg_cancel_backend({commits[0][0]})")  # ends its waiting; it is committed
        out, err = repeated.communicate(timeout=60)
        self.assertEqual(repeated.returncode, 0, err)
        self.assert_numbers(json.loads(out), success=True, found=100, duplicates=0)
        self.assertEqual(self.count(), 100)


class SizeTest(PostgresReconcileTest):
    def test_200_000_rows_need_bounded_memory(self):
        to = self.to()
        sample = self.sample(200_000)
        self.import_to(to, *sample)
        self.server.query("DELETE FROM events WHERE insert_id IN (SELECT insert_id FROM events LIMIT 1000)")
        report = self.reconcile(to, *sample, "--memory-rows", "20000", "--repair")
        self.assert_numbers(report, success=True, expected=200_000, repaired=1000, duplicates=0)
        self.assertEqual(self.count(), 200_000)
        print(f"200,000 rows in {report['elapsed_s']:.1f} s, peak {report['peak_memory_bytes'] >> 20} MiB, "
              f"{report['requests']} reads")
        if not SANITIZED:
            self.assertLess(report["peak_memory_bytes"], 150 << 20)


if __name__ == "__main__":
    main()
