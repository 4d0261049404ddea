"""The REST API of bigquery_front.py: bqemulator's, with tokens, quotas, faults, and the rules of tables that it lacks.

It answers POST /token itself: there a service account gets a token for a signed assertion.
"""
import asyncio
import json
import re
import time
import urllib.parse

import jwt

PREFIX = "/bigquery/v2/projects/"
TABLE = re.compile(PREFIX + r"([^/]+)/datasets/([^/]+)/tables/([^/:]+)")
STATEMENTS = re.compile(PREFIX + r"([^/]+)/(queries|jobs)")
TABLES = re.compile(PREFIX + r"([^/]+)/datasets/([^/]+)/tables")
FAULTS = {"unavailable": (503, "backendError"), "lost": (503, "backendError"), "internal": (500, "internalError"),
          "quota": (403, "quotaExceeded"), "rate": (403, "rateLimitExceeded"), "unauthenticated": (401, "authError"),
          "denied": (403, "accessDenied")}
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Refusal(Exception):
    def __init__(self, status, reason, message):
        super().__init__(message)
        self.status, self.reason = status, reason

    def json(self):
        return {"error": {"code": self.status, "message": str(self),
                          "errors": [{"domain": "global", "reason": self.reason, "message": str(self)}]}}


class RestApi:
    """An application of ASGI around that of the emulator."""

    def __init__(self, emulator, tables, changes, jobs, control, public_key):
        self.emulator, self.tables, self.changes, self.jobs = emulator, tables, changes, jobs
        self.control, self.public_key = control, public_key

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.emulator(scope, receive, send)
        body = await self.read(receive)
        fault = None
        try:
            if scope["path"] == "/token":
                return await self.send_json(send, 200, self.token(body))
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            if not self.control.lets_in(headers.get("authorization", "")):
                raise Refusal(401, "authError", "Request had invalid authentication credentials")
            fault = self.control.admit(f"rest:{scope['method']}")
            if fault and fault != "lost":
                raise self.fault(fault)
            answer = await asyncio.to_thread(self.jobs.answer, self.refusal, scope["method"], scope["path"],
                                             scope["query_string"].decode(), body)
            if answer is None:
                answer = self.check(scope["method"], scope["path"], headers, body)
            if answer is not None and fault:
                raise self.fault(fault)
        except Refusal as refusal:
            return await self.send_json(send, refusal.status, refusal.json())
        if answer is not None:
            return await self.send_json(send, 200, answer)

        async def replay():
            return {"type": "http.request", "body": body, "more_body": False}

        async def drop(message):
            pass

        await self.emulator(scope, replay, drop if fault else send)
        if fault:
            refusal = self.fault(fault)
            await self.send_json(send, refusal.status, refusal.json())

    def refusal(self, *what):
        return self.fault(*what) if len(what) == 1 else Refusal(*what)

    @staticmethod
    def fault(name):
        status, reason = FAULTS[name]
        return Refusal(status, reason, f"{reason}, as the test wants")

    @staticmethod
    async def read(receive):
        parts = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    @staticmethod
    async def send_json(send, status, value):
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(value).encode()})

    def token(self, body):
        form = urllib.parse.parse_qs(body.decode())
        try:
            assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"], form["grant_type"]
            claims = jwt.decode(form["assertion"][0], self.public_key, algorithms=["RS256"],
                                options={"verify_aud": False, "require": ["iss", "aud", "exp", "iat"]})
            assert claims["aud"].endswith("/token") and claims["exp"] <= claims["iat"] + 3600, claims
            assert claims["scope"] == SCOPE and claims["iat"] <= time.time() + 60, claims
        except Exception as error:
            self.control.violate("assertion")
            raise Refusal(400, "invalid_grant", str(error)) from error
        if self.control.key_is_revoked:
            raise Refusal(400, "invalid_grant", "Invalid JWT Signature.")
        return {"access_token": self.control.new_token(), "expires_in": self.control.token_seconds,
                "token_type": "Bearer"}

    def check(self, method, path, headers, body):
        """The answer, or None: the emulator gives it."""
        match = TABLE.fullmatch(path)
        if match and method == "PATCH":
            self.check_patch(self.table(match), headers, json.loads(body))
        elif path.endswith(":testIamPermissions"):
            self.table(TABLE.match(path))
            wanted, granted = json.loads(body)["permissions"], self.control.permissions
            return {"permissions": [name for name in wanted if granted is None or name in granted]}
        elif method == "POST" and (match := TABLES.fullmatch(path)):
            if self.tables.context.catalog.get_dataset(match[1], match[2]) is None:
                raise Refusal(404, "notFound", f"Not found: Dataset {match[1]}:{match[2]}")
            self.changes.created(Refusal, match[1], match[2], json.loads(body))
        elif method == "POST" and (match := STATEMENTS.fullmatch(path)):
            request = json.loads(body)
            sql = request.get("query") or request.get("configuration", {}).get("query", {}).get("query", "")
            self.changes.check_statement(Refusal, sql)
        return None

    def table(self, match):
        table = self.tables.find(*match.groups())
        if table is None:
            raise Refusal(404, "notFound", "Not found: Table {}:{}.{}".format(*match.groups()))
        return table

    def check_patch(self, table, headers, change):
        """Columns are added as NULLABLE or relaxed, and nothing else; the emulator would take anything."""
        if headers.get("if-match", table.etag) != table.etag:
            raise Refusal(412, "conditionNotMet", "Precondition Failed")
        if "schema" not in change:
            return
        wanted = {field["name"].lower(): field for field in change["schema"]["fields"]}
        known = {old.name.lower() for old in table.schema_.fields}
        added = [field for name, field in wanted.items() if name not in known]
        for old in table.schema_.fields:
            new = wanted.get(old.name.lower())
            if new is None:
                raise Refusal(400, "invalid",
                              f"Provided Schema does not match: Field {old.name} is missing in new schema")
            mode = new.get("mode", "NULLABLE")
            if new["type"].upper() != old.type.upper():
                raise Refusal(400, "invalid", f"Field {old.name} has changed type from {old.type} to {new['type']}")
            if mode != old.mode and (old.mode, mode) != ("REQUIRED", "NULLABLE"):
                raise Refusal(400, "invalid", f"Field {old.name} has changed mode from {old.mode} to {mode}")
        for field in added:
            if field.get("mode", "NULLABLE") == "REQUIRED":
                raise Refusal(400, "invalid", f"Cannot add required fields to an existing schema: {field['name']}")
        self.tables.add_columns(table, [(field["name"], field["type"]) for field in added])
