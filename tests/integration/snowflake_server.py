"""Runs a program of tests against the stand-in for Snowflake: snowflake_server.py PROGRAM [ARGUMENT...]."""
import os
import re
import subprocess
import sys
import time

import snowflake_packages

SKIPPED = 77
TOKEN = "eyJ0ZXN0cyI6MX0.cHJvZ3JhbQ.dG9rZW4"


def main():
    if not snowflake_packages.available():
        print("skipped: fakesnow is not installed (tools/setup.sh --tests)")
        return SKIPPED
    import snowflake_front
    import snowflake_sql

    class RefusingDatabase(snowflake_sql.Database):
        """Refuses rows with the word of `bad`, and all rows for `reason` if it is set, as a column would."""
        bad, reason = "bad_row", ""

        def execute_one(self, cursor, sql, context, bindings):
            if sql.lstrip().startswith("INSERT INTO") and '"EVENTS"' in sql:
                texts = [self.variable(cursor, name) for name in re.findall(r"GETVARIABLE\('(\w+)'\)", sql)]
                if self.reason or any(self.bad in text for text in [sql, *texts]):
                    raise snowflake_sql.SqlFailed("100078", "22000", self.reason or "String is too long")
            return super().execute_one(cursor, sql, context, bindings)

    class TestFront(snowflake_front.Front):
        """What tests tell it: /test?reason=TEXT, /test?lose=before|after."""
        lose, lost = None, None

        def handle(self, request):
            if request.path == "/test":
                self.database.reason = request.query.get("reason", "")
                self.lose, self.lost = request.query.get("lose"), None
                return 200, {}, b"{}"
            request_id = request.query.get("requestId")
            if self.lose and b'INSERT INTO' in request.body and b'EVENTS' in request.body:
                self.lost, how, self.lose = request_id, self.lose, None
                if how == "after":
                    super().handle(request)
            if request_id is not None and request_id == self.lost:
                return None
            return super().handle(request)

    with TestFront(database=RefusingDatabase()) as front:
        front.tokens.access_tokens[TOKEN] = ("TESTER", time.time() + 3600)
        environment = {"MILLRACE_TEST_SNOWFLAKE": front.url, "SNOWFLAKE_TOKEN": TOKEN,
                       "SNOWFLAKE_AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN"}
        done = subprocess.run(sys.argv[1:], env=os.environ | environment, check=False).returncode
        for problem in front.problems:
            print(f"the client broke a rule: {problem}")
        return done or bool(front.problems)


if __name__ == "__main__":
    sys.exit(main())
