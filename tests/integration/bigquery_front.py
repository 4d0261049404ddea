"""A strict BigQuery for tests: bqemulator runs the SQL, and these modules are the rules that it lacks.

bigquery_front_rest.py: REST with tokens, quotas and the rules of tables. bigquery_front_jobs.py: load jobs and
insertAll. bigquery_front_write.py: the Storage Write API. bigquery_front_changes.py: rows that replace or delete others.
bigquery_front_control.py: what a test may tell it.

Its argument is a file with the public key (PEM) of the service account that it knows. Its first line on stdout has the
addresses. Commands and answers are lines of JSON on stdin and stdout.
"""
import asyncio
import json
import os
import pathlib
import sys
import threading

# The emulator logs to stdout, which is for answers.
ANSWERS = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

from duckdb_extensions import import_extension

import_extension("spatial")  # bqemulator does not start without it

import bigquery_front_sql  # pylint: disable=unused-import
import bigquery_front_write
import bqemulator.server
from bigquery_front_changes import Changes
from bigquery_front_control import Control
from bigquery_front_jobs import Jobs
from bigquery_front_rest import RestApi
from bigquery_front_tables import Tables
from bqemulator.config import PersistenceMode, Settings


class Front:
    def __init__(self, public_key):
        self.control, self.public_key, self.tables, self.changes, self.jobs = Control(), public_key, None, None, None

    def wrap(self, create_app):
        def create(context):
            self.tables = Tables(context)
            self.changes = Changes(self.tables)
            self.jobs = Jobs(self.tables, self.control)
            return RestApi(create_app(context), self.tables, self.changes, self.jobs, self.control, self.public_key)
        return create

    def answer(self, command):
        if "drop_column" in command:
            self.tables.drop_column(*command["drop_column"])
        if "save" in command:
            self.tables.save(*command["save"])
        if "gcs" in command:
            self.jobs.gcs = command["gcs"]
        elif "save" in command:
            self.tables.save(*command["save"])
        return self.control.answer(command)

    def serve_commands(self):
        for line in sys.stdin:
            print(json.dumps(self.answer(json.loads(line))), file=ANSWERS, flush=True)


async def main():
    front = Front(pathlib.Path(sys.argv[1]).read_text())
    bqemulator.server.create_app = front.wrap(bqemulator.server.create_app)
    server = bqemulator.server.EmulatorServer(Settings(
        rest_host="127.0.0.1", rest_port=0, grpc_host="127.0.0.1", grpc_port=0,
        persistence_mode=PersistenceMode.EPHEMERAL, log_level="error", query_cache_ttl_seconds=0))
    await server.start()
    write, port = bigquery_front_write.start(front.tables, front.changes, front.control)
    print(json.dumps({"rest": f"127.0.0.1:{server.rest_port}", "storage": f"127.0.0.1:{port}"}),
          file=ANSWERS, flush=True)
    commands = threading.Thread(target=front.serve_commands)  # until stdin is closed
    commands.start()
    while commands.is_alive():
        await asyncio.sleep(0.05)
    front.control.release()
    write.stop(None).wait()
    await server.stop()


asyncio.run(main())
