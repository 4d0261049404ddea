"""What an import leaves in Snowflake, as Snowflake's own connector for Python reads it over the protocol of drivers."""
import datetime
import importlib
import pathlib
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness import main
from snowflake_events import UNAVAILABLE, SnowflakeEventsTest

ROWS = 2000


class DriverServer:
    """fakesnow's server in front of the databases of a snowflake_sql.Database."""

    def __init__(self, database):
        import uvicorn
        server = importlib.import_module("fakesnow.server")
        server.shared_fs = database._instance  # pylint: disable=protected-access
        self._server = uvicorn.Server(uvicorn.Config(server.app, host="127.0.0.1", port=0, log_level="warning"))
        self._started = threading.Event()
        startup = self._server.startup

        async def started(*args, **kwargs):
            await startup(*args, **kwargs)
            self._started.set()
        self._server.startup = started
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        if not self._started.wait(60):
            raise RuntimeError("fakesnow's server does not start")
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self):
        self._server.should_exit = True
        self._thread.join(30)


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class ConnectorTest(SnowflakeEventsTest):
    def test_the_connector_reads_what_was_imported(self):
        import snowflake.connector
        self.load(self.events(ROWS, "--format", "ndjson"))
        server = DriverServer(self.front.database)
        self.addCleanup(server.stop)
        with snowflake.connector.connect(user="reader", password="any", account="org-acct", protocol="http",
                                         host="127.0.0.1", port=server.port, database="ANALYTICS", schema="RAW",
                                         session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False}) as connection:
            self.assertTrue(type(connection).__module__.startswith("snowflake.connector"))
            cursor = connection.cursor()
            # Names without quotes, as users write them.
            count, users = cursor.execute("SELECT COUNT(*), COUNT(DISTINCT distinct_id) FROM events").fetchone()
            self.assertEqual(count, ROWS)
            self.assertGreater(users, 100)
            event, at, country = cursor.execute(
                "SELECT event, event_time, properties:country::VARCHAR FROM events WHERE insert_id IS NOT NULL "
                "ORDER BY event_time LIMIT 1").fetchone()
            self.assertIsInstance(event, str)
            self.assertIsInstance(at, datetime.datetime)
            self.assertIsInstance(country, str)
            types = [column.type_code for column in cursor.describe("SELECT * FROM events")]
            names = [snowflake.connector.constants.FIELD_ID_TO_NAME[code] for code in types]
            self.assertEqual(names, ["TEXT", "TIMESTAMP_NTZ", "TIMESTAMP_NTZ", *["TEXT"] * 5, "VARIANT"])


if __name__ == "__main__":
    main()
