"""Who may sign in to a Snowflake account: keys of users, OAuth tokens and programmatic access tokens."""
import base64
import hashlib
import json
import time

MAX_LIFETIME = 3600
LEEWAY = 60  # seconds that clocks may differ


class SignInFailed(Exception):
    """HTTP 401 with Snowflake's code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


def _decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _seconds(claim):
    """The time of a claim; Snowflake's client for Snowpipe Streaming writes milliseconds."""
    if not isinstance(claim, int):
        return None
    return claim // 1000 if claim > 100_000_000_000 else claim


class Tokens:
    """Checks what stands in Authorization. The account is in upper case, as in the claims of a token."""

    def __init__(self, account):
        self.account = account
        self.keys = {}  # user: {fingerprint: public key}
        self.access_tokens = {}  # programmatic access token: (user, expiry)
        self.oauth_tokens = {}  # the same of OAuth
        self.valid_from = 0.0  # key-pair tokens that were signed earlier have expired
        self.seen = set()  # types of tokens that were accepted

    def add_key(self, user):
        """A new key of `user`; returns it as PEM."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        der = key.public_key().public_bytes(serialization.Encoding.DER,
                                            serialization.PublicFormat.SubjectPublicKeyInfo)
        fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
        self.keys.setdefault(user, {})[fingerprint] = key.public_key()
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption()).decode()

    def check(self, headers):
        """The user of a request. Raises SignInFailed."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise SignInFailed("390101", "Authorization header is missing or is not a bearer token")
        kind = headers.get("X-Snowflake-Authorization-Token-Type")
        if kind not in (None, "KEYPAIR_JWT", "OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"):
            raise SignInFailed("390103", "unknown type of token")
        if kind == "KEYPAIR_JWT":
            return self._accepted(kind, self._check_key_pair(token))
        if kind in (None, "PROGRAMMATIC_ACCESS_TOKEN") and token in self.access_tokens:
            return self._accepted("PROGRAMMATIC_ACCESS_TOKEN", self._check_stored(self.access_tokens[token], "394400"))
        if kind in (None, "OAUTH") and token in self.oauth_tokens:
            return self._accepted("OAUTH", self._check_stored(self.oauth_tokens[token], "390318"))
        if kind == "PROGRAMMATIC_ACCESS_TOKEN":
            raise SignInFailed("394400", "Programmatic access token is invalid.")
        raise SignInFailed("390303", "Invalid OAuth access token.")

    def _accepted(self, kind, user):
        self.seen.add(kind)
        return user

    @staticmethod
    def _check_stored(stored, code):
        user, expiry = stored
        if expiry < time.time():
            raise SignInFailed(code, "The access token has expired.")
        return user

    def _check_key_pair(self, token):
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding
        invalid = SignInFailed("390144", "JWT token is invalid.")
        try:
            head, body, signature = token.split(".")
            header, claims = json.loads(_decode(head)), json.loads(_decode(body))
            account, _, rest = claims["iss"].partition(".")
            user, _, fingerprint = rest.partition(".")
            issued, expires = (_seconds(claims[name]) for name in ("iat", "exp"))
            key = self.keys.get(user, {})[fingerprint]
            if header != {"alg": "RS256", "typ": "JWT"} or claims["sub"] != f"{account}.{user}":
                raise invalid
            if account != self.account or issued is None or expires is None:
                raise invalid
            key.verify(_decode(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, KeyError, InvalidSignature) as error:
            raise invalid from error
        now = time.time()
        if issued > now + LEEWAY or expires < now or expires - issued > MAX_LIFETIME or issued < self.valid_from:
            raise invalid
        return user
