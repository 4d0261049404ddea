"""bqemulator, with what it lacks of the documented Storage Write API, as a program: bigquery_server.py starts it.

A stream that is committed again answers STREAM_ALREADY_COMMITTED, and GetWriteStream tells when one was committed.
Calls can be held: the call waits until it is released, before it is executed or after, and whoever made it may be dead
by then.
Its first line on stdout has the addresses. Commands and answers are lines of JSON on stdin and stdout.
"""
import asyncio
import json
import sys
import threading

from duckdb_extensions import import_extension

import_extension("spatial")

import bqemulator.grpc_api.write_servicer as servicer
from bqemulator.config import PersistenceMode, Settings
from bqemulator.server import EmulatorServer
from bqemulator.streaming.write_stream import WriteStreamState
from google.cloud.bigquery_storage_v1 import types

LONGEST_HOLD = 120  # seconds


class Holds:
    """What happens to the next calls of a method."""

    def __init__(self):
        self.lock = threading.Condition()
        self.calls = {}
        self.hold = None  # {"method", "skip", "when"}
        self.is_held = False

    def set(self, hold):
        with self.lock:
            self.hold, self.is_held = hold, False

    def release(self):
        with self.lock:
            self.hold, self.is_held = None, False
            self.lock.notify_all()

    def wait(self, method, when):
        """Returns at once unless this is the call that is to be held."""
        with self.lock:
            if when == "before":
                self.calls[method] = self.calls.get(method, 0) + 1
            hold = self.hold
            if not hold or hold["method"] != method or hold["when"] != when or self.is_held:
                return
            if hold["skip"] > 0:
                hold["skip"] -= 1
                return
            self.is_held = True
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.hold is not hold, LONGEST_HOLD)

    def await_held(self, seconds):
        with self.lock:
            return self.lock.wait_for(lambda: self.is_held, seconds)


HOLDS = Holds()
STORAGE_CODES = types.StorageError.StorageErrorCode


class Handler(servicer.BigQueryWriteHandler):
    def _handle_create_write_stream(self, request, context):
        return self.held("create", super()._handle_create_write_stream, request, context)

    def _handle_finalize_write_stream(self, request, context):
        return self.held("finalize", super()._handle_finalize_write_stream, request, context)

    def _handle_batch_commit_write_streams(self, request, context):
        return self.held("commit", self.commit, request, context)

    def _handle_append_rows(self, requests, context):
        def held():
            for request in requests:
                HOLDS.wait("append", "before")
                yield request
        for response in super()._handle_append_rows(held(), context):
            HOLDS.wait("append", "after")
            yield response

    def _handle_get_write_stream(self, request, context):
        answer = super()._handle_get_write_stream(request, context)
        stream = self.manager.get(types.GetWriteStreamRequest.deserialize(request).name)
        if not answer or stream is None or stream.state is not WriteStreamState.COMMITTED:
            return answer
        response = types.WriteStream.deserialize(answer)
        response.commit_time = servicer._now_timestamp()
        return types.WriteStream.serialize(response)

    @staticmethod
    def held(method, call, request, context):
        HOLDS.wait(method, "before")
        answer = call(request, context)
        HOLDS.wait(method, "after")
        return answer

    def commit(self, request, context):
        names = types.BatchCommitWriteStreamsRequest.deserialize(request).write_streams
        with self._write_lock:
            done = [name for name in names
                    if self.manager.get(name) and self.manager.get(name).state is WriteStreamState.COMMITTED]
            if not done:
                return super()._handle_batch_commit_write_streams(request, context)
        return types.BatchCommitWriteStreamsResponse.serialize(types.BatchCommitWriteStreamsResponse(stream_errors=[
            types.StorageError(code=STORAGE_CODES.STREAM_ALREADY_COMMITTED, entity=name) for name in done]))


def answer(command):
    if "hold" in command:
        HOLDS.set(command["hold"])
    elif "await_held" in command:
        return {"held": HOLDS.await_held(command["await_held"])}
    elif "release" in command:
        HOLDS.release()
    return {"calls": HOLDS.calls}


def serve_commands():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


async def main():
    servicer.BigQueryWriteHandler = Handler
    settings = Settings(rest_host="127.0.0.1", rest_port=0, grpc_host="127.0.0.1", grpc_port=0,
                        persistence_mode=PersistenceMode.EPHEMERAL, log_level="ERROR")
    server = EmulatorServer(settings)
    await server.start()
    print(json.dumps({"rest": f"127.0.0.1:{server.rest_port}", "storage": f"127.0.0.1:{server.grpc_port}"}), flush=True)
    commands = threading.Thread(target=serve_commands)  # until stdin is closed
    commands.start()
    while commands.is_alive():
        await asyncio.sleep(0.05)
    HOLDS.release()
    await server.stop()


asyncio.run(main())
