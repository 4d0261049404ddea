"""Checks the signatures of requests to an AWS service (Signature Version 4), for servers of tests."""
import datetime
import hashlib
import hmac
import re

AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                           r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$")
MAX_SKEW = datetime.timedelta(minutes=5)


class Refused(Exception):
    """A request that is not let in: the type of the exception that AWS answers, and its message."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Keys:
    """Access keys by their ids: secret and session token, which is None for keys of a user."""

    def __init__(self):
        self.known = {}
        self.expired = set()

    def add(self, key_id, secret, token=None):
        self.known[key_id] = (secret, token)

    def expire(self, key_id):
        self.expired.add(key_id)

    def renew(self, key_id):
        self.expired.discard(key_id)

    def revoke(self, key_id):
        self.known.pop(key_id, None)


def _chain(secret, *parts):
    key = ("AWS4" + secret).encode()
    for part in parts:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def check(request, body, keys, region, service, now=None):
    """Raises Refused unless `request`, of http.server, is signed with one of `keys` for this region and service."""
    headers = {name.lower(): " ".join(value.split()) for name, value in request.headers.items()}
    if "authorization" not in headers:
        raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = AUTHORIZATION.match(headers["authorization"])
    if not match:
        raise Refused("IncompleteSignatureException", "Authorization header is malformed")
    key_id, day, in_region, of_service, signed, signature = match.groups()
    if key_id not in keys.known:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    secret, token = keys.known[key_id]
    if headers.get("x-amz-security-token") != token:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    names = signed.split(";")
    required = {"host", "x-amz-date", "x-amz-target"} | ({"x-amz-security-token"} if token else set())
    if names != sorted(names) or not required <= set(names):
        raise Refused("InvalidSignatureException", f"SignedHeaders lacks one of {sorted(required)}")
    at = headers["x-amz-date"]
    time = datetime.datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    now = now or datetime.datetime.now(datetime.timezone.utc)
    if abs(now - time) > MAX_SKEW or not at.startswith(day):
        raise Refused("InvalidSignatureException", f"Signature expired: {at} is now earlier than {now:%Y%m%dT%H%M%SZ}")
    if (in_region, of_service) != (region, service):
        raise Refused("InvalidSignatureException", f"Credential should be scoped to {region}/{service}")
    path, _, query = request.path.partition("?")
    canonical = "\n".join([request.command, path, "&".join(sorted(query.split("&"))) if query else "",
                           *(f"{name}:{headers.get(name, '')}" for name in names), "", signed,
                           hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    expected = hmac.new(_chain(secret, day, region, service, "aws4_request"), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise Refused("InvalidSignatureException", "The request signature we calculated does not match")
    # AWS looks at the signature first.
    if key_id in keys.expired:
        raise Refused("ExpiredTokenException", "The security token included in the request is expired")
