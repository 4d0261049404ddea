"""Finds the program and turns connections into its flags and its environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any, Iterable, Mapping
from urllib.parse import urlsplit

from airflow.configuration import conf

from airflow_provider_millrace.version_compat import AirflowFailException, BaseHook, mask_secret

# Hosts of Mixpanel by region, with which http connections of older exports were made.
REGIONS = {
    host: region
    for region, suffix, bare in (
        ("us", "", "mixpanel.com"),
        ("eu", "-eu", "eu.mixpanel.com"),
        ("in", "-in", "in.mixpanel.com"),
    )
    for host in (bare, f"api{suffix}.mixpanel.com", f"data{suffix}.mixpanel.com")
}
EXPORT_PATHS = ("/api/2.0/export", "/api/2.0/jql", "/api/query/jql", "/api/2.0")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Not for the process: Airflow's own configuration and connections, with their secrets, and Mixpanel's, which come from
# the connection alone.
PRIVATE = ("AIRFLOW", "_AIRFLOW", "MIXPANEL_", "PYTHONPATH", "LD_PRELOAD")
# Flags of the connection's extra, by the name of the extra.
FLAGS = {
    "project_id": "--project-id",
    "region": "--region",
    "mixpanel_url": "--mixpanel-url",
    "ledger": "--ledger",
    "dlq": "--dlq",
}
CHECK_TIMEOUT = 60  # seconds


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def mixpanel_place(host: str, schema: str = "", port: int | None = None) -> dict[str, str]:
    """{"region": ...} or {"mixpanel_url": ...} for the host of a connection, which may be a URL with a path; {} without
    one. A host of Mixpanel is spoken to over https whatever the URL says; http is left for this machine."""
    host = _text(host)
    if not host:
        return {}
    try:
        url = urlsplit(host if "://" in host else f"{_text(schema) or 'https'}://{host}")
        name, port = url.hostname or "", url.port or port
    except ValueError as error:
        raise AirflowFailException(f"the host of the connection, {host!r}, is not a URL: {error}") from None
    if not name or url.username or url.password or url.query:
        raise AirflowFailException(
            f"the host of the connection must be a name or a URL without credentials and parameters, not {host!r}"
        )
    if name in REGIONS:
        return {"region": REGIONS[name]}
    path = url.path.rstrip("/")
    for known in EXPORT_PATHS:
        if path.endswith(known):
            path = path[: -len(known)]
            break
    scheme = "http" if url.scheme == "http" and name in LOOPBACK else "https"
    shown = f"[{name}]" if ":" in name else name
    return {"mixpanel_url": f"{scheme}://{shown}{f':{port}' if port else ''}{path}"}


class MillraceHook(BaseHook):
    """
    :param millrace_conn_id: a connection of type `millrace`, or of type `http` with Mixpanel's API secret as login; None
        for a command that needs nothing of Mixpanel.
    :param binary: the program; default: `[millrace] binary` of Airflow's configuration, else `millrace` on PATH.
    """

    conn_name_attr = "millrace_conn_id"
    default_conn_name = "millrace_default"
    conn_type = "millrace"
    hook_name = "Millrace (Mixpanel)"

    def __init__(self, millrace_conn_id: str | None = default_conn_name, binary: str | None = None):
        super().__init__()
        self.millrace_conn_id = millrace_conn_id
        self._binary = binary
        self._connection: Any = None

    # -- the form of the connection --

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        return {
            "hidden_fields": ["schema", "port"],
            "relabeling": {"host": "Mixpanel URL", "login": "Service account", "password": "Secret of the account"},
            "placeholders": {
                "host": "empty for Mixpanel itself; http://127.0.0.1:8080 for a sandbox",
                "login": "with an API secret instead: the secret, and no password",
                "extra": '{"project_id": "123", "region": "eu", "time_zone": "utc", "ledger": "postgres://USER@HOST/DB"}',
            },
        }

    # -- the program --

    def binary(self) -> str:
        """The path of the program. AirflowFailException: it is not there."""
        named = self._binary or conf.get("millrace", "binary", fallback="") or "millrace"
        found = shutil.which(os.path.expanduser(named))
        if found is None:
            raise AirflowFailException(
                f"the program {named!r} is not on this machine: install Millrace on every worker, and put it on PATH or "
                "name it by [millrace] binary of airflow.cfg (AIRFLOW__MILLRACE__BINARY)"
            )
        return os.path.abspath(found)

    # -- the connection --

    def get_conn(self) -> Any:
        """The connection itself; Millrace keeps no session."""
        if self._connection is None:
            self._connection = self.get_connection(self.millrace_conn_id)
        return self._connection

    def options(self) -> dict[str, str]:
        """What the connection says and is no secret: the keys of FLAGS, "time_zone" and "state". An `http` connection
        without a project gets the name of the connection as its project id, which then is only a name in the ledger."""
        if self.millrace_conn_id is None:
            return {}
        connection = self.get_conn()
        extra = connection.extra_dejson
        known = [*FLAGS, "time_zone", "state"]
        options = {key: _text(extra.get(key)) for key in known if _text(extra.get(key))}
        for key, value in mixpanel_place(connection.host, connection.schema, connection.port).items():
            options.setdefault(key, value)
        if "project_id" not in options and not connection.password:
            options["project_id"] = self.millrace_conn_id
        return options

    def credentials(self) -> dict[str, str]:
        """The variables of Mixpanel's credentials: a service account (login and password), or an API secret (one of the
        two), or a project token (`token` of the extra)."""
        if self.millrace_conn_id is None:
            return {}
        connection = self.get_conn()
        login, password = _text(connection.login), _text(connection.password)
        variables = {}
        if login and password:
            variables["MIXPANEL_SERVICE_ACCOUNT"] = f"{login}:{password}"
        elif login or password:
            variables["MIXPANEL_API_SECRET"] = login or password
            mask_secret(login)  # Airflow hides passwords by itself
        token = _text(connection.extra_dejson.get("token"))
        if token:
            variables["MIXPANEL_TOKEN"] = token
            mask_secret(token)
        if not variables:
            raise AirflowFailException(
                f"the connection {self.millrace_conn_id!r} has no credentials: give a service account (login) and its "
                "secret (password), or Mixpanel's API secret as login"
            )
        return variables

    def state_folder(self, state: str | None = None) -> str:
        """The folder for ledger, dead letters and run folders: `state`, or the connection's, or `[millrace] state`."""
        named = state or self.options().get("state") or conf.get("millrace", "state", fallback="")
        named = (
            named
            or os.environ.get("MILLRACE_STATE")
            or os.path.join(os.environ.get("XDG_STATE_HOME") or "~/.local/state", "millrace")
        )
        return os.path.abspath(os.path.expanduser(named))

    # -- the command --

    def environment(self, destination_conn_ids: Iterable[str] = ()) -> dict[str, str]:
        """Of the process: this one's without Airflow's variables, with the credentials of all connections."""
        variables = {name: value for name, value in os.environ.items() if not name.upper().startswith(PRIVATE)}
        given: dict[str, tuple[str, str]] = {}
        for conn_id, credentials in (
            (self.millrace_conn_id, self.credentials()),
            *((conn_id, destination_credentials(self.get_connection(conn_id))) for conn_id in destination_conn_ids),
        ):
            for name, value in credentials.items():
                if given.setdefault(name, (value, conn_id))[0] != value:
                    raise AirflowFailException(
                        f"the connections {given[name][1]!r} and {conn_id!r} both give {name}: use one of them in a task"
                    )
        variables.update({name: value for name, (value, _) in given.items()})
        return variables

    def flags(self, state: str | None = None, **overrides: str | None) -> list[str]:
        """The flags that the connection gives, with those that are not None in `overrides` instead."""
        options = {**self.options(), **{key: value for key, value in overrides.items() if value}}
        flags = ["--state", self.state_folder(state)]
        for key, flag in FLAGS.items():
            if options.get(key):
                flags += [flag, options[key]]
        return flags

    def run_json(self, arguments: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
        """The JSON object that a short command prints. AirflowFailException: it printed none, with its message."""
        try:
            done = subprocess.run(
                [self.binary(), *arguments, "--json"],
                env=dict(environment),
                check=False,
                timeout=CHECK_TIMEOUT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except subprocess.TimeoutExpired:
            raise AirflowFailException(f"millrace {arguments[0]} did not end within {CHECK_TIMEOUT} s") from None
        try:
            report = json.loads(done.stdout)
        except ValueError:
            message = done.stderr.decode("utf-8", "replace").strip()[-2000:]
            raise AirflowFailException(
                f"millrace {' '.join(arguments[:2])}: {message or f'exit status {done.returncode}'}"
            ) from None
        return report

    def test_connection(self) -> tuple[bool, str]:
        """For the button "Test": asks Mixpanel whether it takes the credentials."""
        try:
            report = self.run_json(["destinations", "check", "mixpanel", *self.flags()[2:]], self.environment())
        except (AirflowFailException, OSError) as error:
            return False, str(error)
        for check in (check for one in report["destinations"] for check in one["checks"] if not check["ok"]):
            return False, f"{check['what']}: {check['error']}; to fix: {check['remedy']}"
        return True, f"Mixpanel accepts the credentials ({report['destinations'][0]['name']})"


def _postgres(connection: Any) -> dict[str, str]:
    return {"PGPASSWORD": connection.password}


def _google(connection: Any) -> dict[str, str]:
    def extra(name):
        fields = connection.extra_dejson
        return fields.get(name) or fields.get(f"extra__google_cloud_platform__{name}")

    if extra("keyfile_dict"):
        key = extra("keyfile_dict")
        key = json.loads(key) if isinstance(key, str) else key
        mask_secret(key.get("private_key"))
        return {"MILLRACE_GOOGLE_EMAIL": key.get("client_email"), "MILLRACE_GOOGLE_PRIVATE_KEY": key.get("private_key")}
    return {"GOOGLE_APPLICATION_CREDENTIALS": extra("key_path")}  # without one: the worker's own


def _aws(connection: Any) -> dict[str, str]:
    extra = connection.extra_dejson
    mask_secret(extra.get("aws_session_token"))
    return {
        "AWS_ACCESS_KEY_ID": connection.login,
        "AWS_SECRET_ACCESS_KEY": connection.password,
        "AWS_SESSION_TOKEN": extra.get("aws_session_token"),
        "AWS_REGION": extra.get("region_name"),
    }


def _snowflake(connection: Any) -> dict[str, str]:
    extra = connection.extra_dejson
    mask_secret(extra.get("private_key_content"))
    variables = {
        "SNOWFLAKE_USER": connection.login,
        "SNOWFLAKE_ROLE": extra.get("role"),
        "SNOWFLAKE_WAREHOUSE": extra.get("warehouse"),
        "SNOWFLAKE_PRIVATE_KEY": extra.get("private_key_content"),
        "SNOWFLAKE_PRIVATE_KEY_FILE": extra.get("private_key_file"),
    }
    has_key = variables["SNOWFLAKE_PRIVATE_KEY"] or variables["SNOWFLAKE_PRIVATE_KEY_FILE"]
    return {**variables, "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE" if has_key else "SNOWFLAKE_PASSWORD": connection.password}


DESTINATION_CREDENTIALS = {
    "postgres": _postgres,
    "google_cloud_platform": _google,
    "aws": _aws,
    "snowflake": _snowflake,
}


def destination_credentials(connection: Any) -> dict[str, str]:
    """The variables by which Millrace takes the credentials of a destination's connection."""
    if connection.conn_type not in DESTINATION_CREDENTIALS:
        raise AirflowFailException(
            f"the connection {connection.conn_id!r} is of type {connection.conn_type!r}; credentials are taken from "
            f"{', '.join(sorted(DESTINATION_CREDENTIALS))}"
        )
    found = DESTINATION_CREDENTIALS[connection.conn_type](connection)
    return {name: str(value) for name, value in found.items() if value}
