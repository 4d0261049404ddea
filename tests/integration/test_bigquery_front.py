"""Google's own clients judge the front that plays BigQuery: google-cloud-bigquery and google-cloud-bigquery-storage get
from it what the documentation says of tables, streams, offsets, commits and tokens.

Skipped and counted where they are not installed (tools/setup.sh --tests).
"""
import gzip
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import bigquery_server
import cloud_servers
import harness
from bigquery_server import PROJECT, BigqueryServer

if bigquery_server.available():
    sys.path[:0] = [str(bigquery_server.PACKAGES), str(bigquery_server.PYARROW)]
    import google.auth.exceptions
    import grpc
    from google.api_core import exceptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery
    from google.cloud.bigquery_storage_v1 import types, writer
    from google.cloud.bigquery_storage_v1.services.big_query_write import BigQueryWriteClient
    from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
    from google.oauth2 import service_account
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TABLE = f"{PROJECT}.d.events"
PARENT = f"projects/{PROJECT}/datasets/d/tables/events"
TIMEOUT = 30


@unittest.skipUnless(bigquery_server.available(), "bqemulator is not installed")
class FrontTest(unittest.TestCase):
    def setUp(self):
        self.server = BigqueryServer()
        self.addCleanup(self.server.stop)
        self.client = self.rest(AnonymousCredentials())
        self.client.create_dataset("d")
        table = bigquery.Table(TABLE, [bigquery.SchemaField("event", "STRING", "REQUIRED"),
                                       bigquery.SchemaField("event_time", "TIMESTAMP"),
                                       bigquery.SchemaField("properties", "JSON")])
        table.time_partitioning = bigquery.TimePartitioning(field="event_time")
        table.clustering_fields = ["event"]
        self.table = self.client.create_table(table)
        channel = grpc.insecure_channel(self.server.storage)
        self.addCleanup(channel.close)
        self.storage = BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))

    def rest(self, credentials):
        client = bigquery.Client(project=PROJECT, credentials=credentials,
                                 client_options={"api_endpoint": f"http://{self.server.rest}"})
        self.addCleanup(client.close)
        return client

    def events(self):
        return [event for [event] in self.server.query("SELECT event FROM `test.d.events` ORDER BY event")]


class RestTest(FrontTest):
    def test_a_table_is_made_and_found(self):
        table = self.client.get_table(TABLE)
        self.assertEqual([field.name for field in table.schema], ["event", "event_time", "properties"])
        self.assertEqual((table.time_partitioning.field, table.clustering_fields), ("event_time", ["event"]))
        with self.assertRaises(exceptions.Conflict):
            self.client.create_table(bigquery.Table(TABLE))
        with self.assertRaises(exceptions.NotFound):
            self.client.create_table(bigquery.Table(f"{PROJECT}.none.events"))

    def test_columns_are_added_and_relaxed_but_never_changed(self):
        stale = self.client.get_table(TABLE)
        table = self.client.get_table(TABLE)
        fields = [bigquery.SchemaField("event", "STRING"), *table.schema[1:], bigquery.SchemaField("n", "INTEGER")]
        table.schema = fields
        changed = self.client.update_table(table, ["schema"])
        self.assertEqual([(field.name, field.mode) for field in changed.schema],
                         [(name, "NULLABLE") for name in ("event", "event_time", "properties", "n")])
        stale.schema = fields
        with self.assertRaises(exceptions.PreconditionFailed):
            self.client.update_table(stale, ["schema"])
        for wrong in (fields[1:], [bigquery.SchemaField("event", "INTEGER"), *fields[1:]],
                      [bigquery.SchemaField("event", "STRING", "REQUIRED"), *fields[1:]],
                      [*fields, bigquery.SchemaField("m", "STRING", "REQUIRED")]):
            table = self.client.get_table(TABLE)
            table.schema = wrong
            with self.assertRaises(exceptions.BadRequest):
                self.client.update_table(table, ["schema"])

    def test_tokens_expire_and_keys_are_revoked(self):
        self.server.ask(tokens=3600)
        with self.assertRaises(google.auth.exceptions.InvalidOperation):  # 401 makes it look for another token
            self.client.get_table(TABLE)
        client = self.rest(service_account.Credentials.from_service_account_file(
            self.server.key_file(), scopes=["https://www.googleapis.com/auth/cloud-platform"]))
        client.get_table(TABLE)
        self.server.ask(expire_tokens=True)
        client.get_table(TABLE)  # with another token
        self.server.ask(revoke_key=True)
        with self.assertRaises(google.auth.exceptions.RefreshError):
            client.get_table(TABLE)
        self.assertEqual(self.server.violations(), {})

    def test_permissions(self):
        self.server.ask(permissions=["bigquery.tables.get"])
        granted = self.client.test_iam_permissions(TABLE, ["bigquery.tables.get", "bigquery.tables.updateData"])
        self.assertEqual(granted["permissions"], ["bigquery.tables.get"])


class JobsTest(FrontTest):
    def setUp(self):
        super().setUp()
        self.gcs = cloud_servers.FakeGcs()
        self.addCleanup(self.gcs.stop)
        self.server.read_bucket_of(self.gcs)

    def load(self, name, lines, job_id):
        self.gcs.put(name, gzip.compress("".join(f"{line}\n" for line in lines).encode()))
        config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", write_disposition="WRITE_APPEND",
                                        create_disposition="CREATE_NEVER")
        return self.client.load_table_from_uri(f"gs://test-bucket/{name}", TABLE, job_id=job_id, location="US",
                                               job_config=config)

    def test_a_load_appends_all_rows_or_none_and_its_id_is_used_once(self):
        good = '{"event": "a", "event_time": "2026-11-30 03:12:45.5 UTC", "properties": {"n": 1}}'
        job = self.load("a.ndjson.gz", [good, good], "job-1")
        self.assertEqual(job.result(timeout=TIMEOUT).output_rows, 2)
        self.assertEqual(self.client.get_job("job-1", location="US").state, "DONE")
        with self.assertRaises(exceptions.NotFound):
            self.client.get_job("job-1", location="EU")
        with self.assertRaises(exceptions.Conflict):
            self.load("a.ndjson.gz", [good], "job-1")
        for number, bad in enumerate(['{"event": 1}', '{"event": "b", "none": 1}', '{"event_time": "2026-11-30"}', "{"]):
            with self.assertRaises(exceptions.BadRequest):
                self.load("b.ndjson.gz", [good, bad], f"bad-{number}").result(timeout=TIMEOUT)
        self.assertEqual(self.events(), ["a", "a"])

    def test_rows_are_inserted_all_or_none_and_ids_are_recognised(self):
        rows = [{"event": "a", "event_time": "2026-11-30T03:12:45Z", "properties": '{"n": 1}'}, {"event": "b"}]
        for _ in range(2):
            self.assertEqual(self.client.insert_rows_json(TABLE, rows, row_ids=["1", "2"]), [])
        errors = self.client.insert_rows_json(TABLE, [{"event": "c"}, {"event": 7}, {"none": "d", "event": "d"}])
        self.assertEqual([(error["index"], error["errors"][0]["reason"]) for error in errors],
                         [(0, "stopped"), (1, "invalid"), (2, "invalid")])
        self.assertEqual(self.events(), ["a", "b"])
        with self.assertRaises(exceptions.NotFound):
            self.client.insert_rows_json(f"{PROJECT}.d.none", rows)


class WriterTest(FrontTest):
    def use(self, fields):
        """Rows have these fields from now on, as (name, type)."""
        self.descriptor = descriptor_pb2.DescriptorProto(name="Row")
        for number, (name, kind) in enumerate(fields, 1):
            self.descriptor.field.add(name=name, number=number, type=kind, label="LABEL_OPTIONAL")
        file = descriptor_pb2.FileDescriptorProto(name="front.proto")
        file.message_type.add().CopyFrom(self.descriptor)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self.row = message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))

    def stream(self, kind="PENDING", parent=PARENT):
        return self.storage.create_write_stream(parent=parent, write_stream=types.WriteStream(type_=kind),
                                                retry=None).name

    def writer(self, name):
        template = types.AppendRowsRequest(write_stream=name)
        template.proto_rows.writer_schema.proto_descriptor = self.descriptor
        stream = writer.AppendRowsStream(self.storage, template)
        self.addCleanup(stream.close)
        return stream

    @staticmethod
    def append(stream, rows, offset=None):
        request = types.AppendRowsRequest(offset=offset)
        request.proto_rows.rows.serialized_rows = [row.SerializeToString() for row in rows]
        return stream.send(request).result(TIMEOUT)


class StorageTest(WriterTest):
    def setUp(self):
        super().setUp()
        self.use([("event", "TYPE_STRING"), ("event_time", "TYPE_INT64"), ("properties", "TYPE_STRING")])

    def rows(self, *events):
        return [self.row(event=event, event_time=1_796_008_365_000_000, properties='{"a":1}') for event in events]

    def commit(self, *names):
        request = types.BatchCommitWriteStreamsRequest(parent=PARENT, write_streams=names)
        return self.storage.batch_commit_write_streams(request)

    def test_a_pending_stream_is_shown_once(self):
        name, empty = self.stream(), self.stream()
        stream = self.writer(name)
        self.assertEqual(self.append(stream, self.rows("a", "b"), 0).append_result.offset, 0)
        self.assertEqual(self.append(stream, self.rows("c"), 2).append_result.offset, 2)
        unfinished = self.commit(name)
        self.assertEqual(unfinished.stream_errors[0].code.name, "INVALID_STREAM_STATE")
        self.assertEqual(self.storage.finalize_write_stream(name=name).row_count, 3)
        self.assertEqual(self.storage.finalize_write_stream(name=empty).row_count, 0)
        self.assertEqual(self.events(), [])
        self.assertIsNone(self.storage.get_write_stream(name=name).commit_time)
        self.assertIsNotNone(self.commit(name, empty).commit_time)
        self.assertEqual(self.events(), ["a", "b", "c"])
        self.assertIsNotNone(self.storage.get_write_stream(name=name).commit_time)
        again = self.commit(name)
        self.assertEqual((again.commit_time, again.stream_errors[0].code.name), (None, "STREAM_ALREADY_COMMITTED"))
        self.assertEqual(self.events(), ["a", "b", "c"])

    def test_offsets_are_checked(self):
        stream = self.writer(self.stream())
        self.append(stream, self.rows("a", "b"), 0)
        with self.assertRaises(exceptions.AlreadyExists):
            self.append(stream, self.rows("a", "b"), 0)
        with self.assertRaises(exceptions.OutOfRange):
            self.append(self.writer(self.stream()), self.rows("c"), 7)

    def test_a_committed_stream_loses_the_rest_of_a_larger_batch(self):
        """Why Millrace does not use committed streams: after a restart, batches begin and end elsewhere."""
        name = self.stream("COMMITTED")
        self.append(self.writer(name), self.rows("a", "b"), 0)
        with self.assertRaises(exceptions.AlreadyExists):  # which says nothing of c
            self.append(self.writer(name), self.rows("a", "b", "c"), 0)
        self.assertEqual(self.events(), ["a", "b"])

    def test_the_default_stream_shows_rows_at_once_and_takes_no_offset(self):
        name = f"{PARENT}/streams/_default"
        self.append(self.writer(name), self.rows("a"))
        self.append(self.writer(name), self.rows("a"))
        self.assertEqual(self.events(), ["a", "a"])
        with self.assertRaises(exceptions.InvalidArgument):
            self.append(self.writer(name), self.rows("b"), 2)

    def test_rows_that_do_not_fit_are_named_and_nothing_is_stored(self):
        bad = [self.row(event="json", properties="{"),
               self.row(event="number", properties='{"n":12345678901234567890123}'),
               self.row(event="late", event_time=2**62), self.row(properties="{}")]
        stream = self.stream()
        with self.assertRaises(exceptions.InvalidArgument):
            self.append(self.writer(stream), [*self.rows("good"), *bad], 0)
        self.assertEqual(self.storage.finalize_write_stream(name=stream).row_count, 0)

    def test_streams_go_with_their_table(self):
        name = self.stream()
        self.append(self.writer(name), self.rows("a"), 0)
        self.storage.finalize_write_stream(name=name)
        self.client.delete_table(TABLE)
        with self.assertRaises(exceptions.NotFound):
            self.stream()
        self.client.create_table(bigquery.Table(TABLE, self.table.schema))
        self.assertEqual(self.commit(name).stream_errors[0].code.name, "STREAM_NOT_FOUND")
        self.assertEqual(self.events(), [])

    def test_streams_of_an_hour_are_counted(self):
        self.server.ask(quota={"method": "create", "calls": 2, "seconds": 3600})
        self.stream()
        self.stream()
        with self.assertRaises(exceptions.ResourceExhausted):
            self.stream()
        self.assertEqual(self.server.violations(), {"quota of create": 1})


if __name__ == "__main__":
    harness.main()
