"""SIGKILL of the proxy at random moments under load, with Snowflake (faults on) and a lake as its destinations, by the SQL API
and by Snowpipe Streaming: every record that was answered with 200 is in both, exactly once."""
import unittest

import snowflake_packages
from harness import main
from proxy_kills import DatabaseKillTest

UNAVAILABLE = "" if snowflake_packages.available() else "fakesnow is not installed (tools/setup.sh --tests)"
FAULTS = {"lost": 0.02, "503": 0.01, "slow": 0.02, "expired": 0.01}
STREAMING_FAULTS = {"lost": 0.02, "drop": 0.01, "503": 0.01, "429": 0.005, "expired": 0.005, "no_channel": 0.01, "reopen": 0.01,
                    "gap": 0.005}
TOKEN = "eyJ0ZXN0cyI6MX0.cHJveHk.dG9rZW4"


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class SnowflakeKillTest(DatabaseKillTest):
    def environment(self):
        keep = {name: value for name, value in super().environment().items() if not name.startswith("SNOWFLAKE_")}
        return keep | self.variables

    def check(self, front, method, faults, **options):
        self.addCleanup(front.close)
        front.faults.rates = dict(faults)
        met = {}

        def calm():
            met.update(front.faults.met)
            front.faults.clear()

        self.kill_and_check_exactly_once(
            front.destination(f"method={method}"),
            lambda table, column: front.database.query(f'SELECT {column.upper()} FROM "ANALYTICS"."RAW"."{table.upper()}"'),
            calm=calm, **options)
        self.assertEqual(front.problems, [])
        print(f"faults: {met}")

    def test_sql(self):
        import snowflake_front
        front = snowflake_front.Front()
        key = self.write("key.p8", front.tokens.add_key("LOADER_USER"))
        self.variables = {"SNOWFLAKE_USER": "LOADER_USER", "SNOWFLAKE_PRIVATE_KEY_FILE": str(key)}
        self.check(front, "sql", FAULTS)

    def test_streaming(self):
        import snowflake_streaming_front
        front = snowflake_streaming_front.StreamingFront()
        front.tokens.access_tokens[TOKEN] = ("LOADER_USER", 4_000_000_000)
        self.variables = {"SNOWFLAKE_TOKEN": TOKEN, "SNOWFLAKE_AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN"}
        self.check(front, "streaming", STREAMING_FAULTS, longest=1.5)


if __name__ == "__main__":
    main()
