"""An Iceberg REST catalog for tests: pyiceberg's SqlCatalog behind HTTP on loopback, with faults of commits.

The protocol is apache/iceberg's open-api/rest-catalog-open-api.yaml, as far as writers of tables need it. pyiceberg parses
the requests and decides about commits, so it judges the client. By hand, until SIGTERM:

    python3 iceberg_rest_server.py --warehouse DIR --port-file FILE
"""
import argparse
import base64
import json
import os
import pathlib
import signal
import sys
import tempfile
import threading
import traceback
import types
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import packages
from iceberg_rest_faults import CommitFaults, error_json
from iceberg_rest_http import Server, no_duplicates, parse

if packages.available():
    import pydantic
    from pyiceberg import exceptions
    from pyiceberg.catalog.rest import CreateTableRequest, NamespaceResponse
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
    from pyiceberg.table import CommitTableRequest
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
    from pyiceberg.table.update import AddSchemaUpdate, AssertCreate, update_table_metadata

    # What a correct client may meet, and what only an incorrect request causes.
    CONFLICTS = {exceptions.NoSuchNamespaceError: (404, "NoSuchNamespaceException"),
                 exceptions.NoSuchTableError: (404, "NoSuchTableException"),
                 exceptions.NamespaceAlreadyExistsError: (409, "AlreadyExistsException"),
                 exceptions.TableAlreadyExistsError: (409, "AlreadyExistsException"),
                 exceptions.CommitFailedException: (409, "CommitFailedException")}
    INVALID = (ValueError, KeyError, NotImplementedError, pydantic.ValidationError, exceptions.ValidationError)

NAMESPACE = "/v1/{prefix}/namespaces/{namespace}"
ENDPOINTS = ["POST /v1/{prefix}/namespaces", f"GET {NAMESPACE}", f"HEAD {NAMESPACE}", f"POST {NAMESPACE}/tables",
             *(f"{method} {NAMESPACE}/tables/{{table}}" for method in ("GET", "HEAD", "POST", "DELETE"))]


class RestError(Exception):
    def __init__(self, status, type, message):
        super().__init__(message)
        self.status, self.type = status, type


class RestCatalog(CommitFaults):
    """The server, in threads of this process; `url` is the Iceberg property `uri`.

    warehouse: a folder or URI below which tables are created; by default a temporary folder.
    io_properties: pyiceberg's FileIO properties of that place, as s3.endpoint. They are not sent to clients.
    prefix: the path segment that clients learn from /v1/config and must use; "" for none.
    credential: "id:secret"; if given, requests need a token of /v1/oauth/tokens.
    table_config: the `config` of each table loaded or created.
    defaults, overrides: more properties of /v1/config.
    """

    def __init__(self, warehouse=None, io_properties=None, prefix="main", credential=None, table_config=None, defaults=None,
                 overrides=None, port=0):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="millrace-rest-catalog-")
        warehouse = str(warehouse or pathlib.Path(self.folder.name) / "warehouse")
        self.warehouse = warehouse if "://" in warehouse else pathlib.Path(warehouse).absolute().as_uri()
        self.prefix, self.credential, self.table_config = prefix, credential, table_config or {}
        self.config = {"defaults": defaults or {}, "overrides": ({"prefix": prefix} if prefix else {}) | (overrides or {}),
                       "endpoints": ENDPOINTS}
        self.requests = []  # (method, path, status) of each; the status is None if no answer was sent
        self.commits = []  # the JSON of each table commit, in the order of arrival
        self.unexpected = []  # what no correct client sends, and errors of this server
        self._lock = threading.RLock()  # of everything that changes the catalog or the tokens
        self._tokens, self._expired = [], {}
        self._catalog = SqlCatalog("test", uri=f"sqlite:///{self.folder.name}/catalog.db", warehouse=self.warehouse,
                                   **(io_properties or {}))
        self._server = Server(port, self)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def catalog(self):
        """pyiceberg's catalog of the same tables; commits by it and by clients exclude each other, as in any catalog."""
        return self._catalog

    def load(self, namespace, table):
        """pyiceberg's Table; the namespace is a name ("a.b" has two levels) or a tuple of names."""
        return self._catalog.load_table((*(namespace.split(".") if isinstance(namespace, str) else namespace), table))

    def expire_tokens(self, status=401):
        """Requests with any token issued so far are rejected with this status (401 or 419) from now on."""
        with self._lock:
            self._expired.update(dict.fromkeys(self._tokens, status))

    def stop(self):
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.disconnect()
        self._server.server_close()
        self._catalog.close()
        self.folder.cleanup()

    def answer(self, method, target, headers, body):
        """(status, JSON or None) of a request."""
        return self._attempt(f"{method} {target}", lambda: self._route(method, target, headers, body))

    def _attempt(self, request, call):
        """The answer of the call, or that of its error."""
        try:
            return call()
        except RestError as error:
            if error.status not in (401, 419):
                self.unexpected.append(f"{request}: {error}")
            return error.status, error_json(error.status, error.type, str(error))
        except tuple(CONFLICTS) as error:
            status, kind = next(CONFLICTS[known] for known in type(error).mro() if known in CONFLICTS)
            return status, error_json(status, kind, str(error))
        except INVALID as error:
            self.unexpected.append(f"{request}: {type(error).__name__}: {error}")
            return 400, error_json(400, "BadRequestException", f"{type(error).__name__}: {error}")
        except Exception as error:
            self.unexpected.append(f"{request}: {traceback.format_exc()}")
            return 500, error_json(500, "InternalServerError", repr(error))

    def _route(self, method, target, headers, body):
        path, _, query = target.partition("?")
        query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if "Transfer-Encoding" in headers:
            raise RestError(411, "BadRequestException", "this server needs a Content-Length")
        if (method, path) == ("POST", "/v1/oauth/tokens") and self.credential:
            return self._issue_token(headers, body.decode())
        self._check_token(headers["Authorization"] or "")
        if (method, path) == ("GET", "/v1/config"):
            return 200, self._checked(query, self.config, "warehouse")
        root = f"/v1/{self.prefix}/namespaces" if self.prefix else "/v1/namespaces"
        parts = [urllib.parse.unquote(part, errors="strict") for part in path.removeprefix(root).split("/")]
        if not path.startswith(root) or parts[0]:
            raise RestError(404, "NotFoundException", "no such endpoint")
        levels = tuple(parts[1].split("\x1f")) if len(parts) > 1 else ()
        table = (*levels, parts[3]) if len(parts) == 4 else ()
        self._check_names(table or levels)
        if method == "POST":
            if headers.get_content_type() != "application/json":
                raise ValueError(f"the content type is {headers['Content-Type']}")
            body = json.loads(self._checked(query, body), object_pairs_hook=no_duplicates)
            if not isinstance(body, dict):
                raise ValueError("the body is not an object")
        match method, parts[2:3], len(parts):
            case "POST", [], 1:
                return self._create_namespace(body)
            case "GET" | "HEAD", [], 2:
                properties = self._catalog.load_namespace_properties(self._checked(query, levels))
                return 204 if method == "HEAD" else 200, {"namespace": levels, "properties": properties}
            case "POST", ["tables"], 3:
                return self._create_table(levels, body)
            case "GET" | "HEAD", ["tables"], 4:
                loaded = self._catalog.load_table(self._checked(query, table, "snapshots"))
                return 204 if method == "HEAD" else 200, self._describe(loaded, query.get("snapshots", "all"))
            case "POST", ["tables"], 4:
                self.commits.append(body)
                return self.run_commit(lambda: self._attempt(f"{method} {target}", lambda: self._commit(table, body)))
            case "DELETE", ["tables"], 4:
                return self._drop_table(self._checked(query, table, "purgeRequested"), query.get("purgeRequested", "false"))
        raise RestError(404, "NotFoundException", "no such endpoint")

    def _checked(self, query, result, *known):
        if unknown := set(query) - set(known):
            raise ValueError(f"unknown query parameters: {unknown}")
        return result

    def _check_names(self, names):
        if not all(names) or any("." in name or "\x1f" in name for name in names):
            raise ValueError(f"a name is empty or has a dot, which SqlCatalog cannot store: {names}")

    def _issue_token(self, headers, body):
        """The client credentials grant; id and secret are form fields or the user and password of Basic authorization."""
        form = no_duplicates(urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True))
        sent = f"{form.pop('client_id', '')}:{form.pop('client_secret', '')}"
        scheme, _, basic = (headers["Authorization"] or "").partition(" ")
        if scheme == "Basic":
            sent = base64.b64decode(basic).decode()
        if headers.get_content_type() != "application/x-www-form-urlencoded" or set(form) - {"grant_type", "scope", "audience",
                                                                                            "resource"}:
            raise ValueError(f"not the form of a token request: {headers['Content-Type']}, {sorted(form)}")
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type", "error_description": str(form.get("grant_type"))}
        if sent != self.credential:
            return 401, {"error": "invalid_client", "error_description": "unknown client, or wrong secret"}
        with self._lock:
            self._tokens.append(f"token-{len(self._tokens) + 1}")
            return 200, {"access_token": self._tokens[-1], "token_type": "bearer", "expires_in": 3600,
                         "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}

    def _check_token(self, authorization):
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            if not self.credential or scheme == "Bearer" and token in self._tokens and token not in self._expired:
                return
            if self._expired.get(token) == 419:
                raise RestError(419, "AuthenticationTimeoutException", "the token has expired")
            raise RestError(401, "NotAuthorizedException", "the token is missing, unknown or expired")

    def _create_namespace(self, body):
        request = parse(NamespaceResponse, body)  # which has the same fields
        self._check_names(request.namespace)
        if not request.namespace or not all(isinstance(value, str) for value in request.properties.values()):
            raise ValueError("a namespace has no level, or a property is not a string")
        with self._lock:
            self._catalog.create_namespace(request.namespace, request.properties)
            properties = self._catalog.load_namespace_properties(request.namespace)
        return 200, {"namespace": request.namespace, "properties": properties}

    def _create_table(self, levels, body):
        optional = dict.fromkeys(["location", "partition-spec", "write-order"])
        request = parse(CreateTableRequest, body, **optional)
        self._check_names((request.name,))
        arguments = ((*levels, request.name), request.table_schema, request.location,
                     request.partition_spec or UNPARTITIONED_PARTITION_SPEC, request.write_order or UNSORTED_SORT_ORDER,
                     dict(request.properties))
        with self._lock:
            if not self._catalog.namespace_exists(levels):
                raise exceptions.NoSuchNamespaceError(f"Namespace does not exist: {'.'.join(levels)}")
            if self._catalog.table_exists(arguments[0]):
                raise exceptions.TableAlreadyExistsError(f"Table already exists: {'.'.join(arguments[0])}")
            if not request.stage_create:
                return 200, self._describe(self._catalog.create_table(*arguments))
            staged = self._describe(self._catalog._create_staged_table(".".join(arguments[0]), *arguments[1:]))
            del staged["metadata-location"]  # nothing is written before the commit
            return 200, staged

    def _drop_table(self, table, purge):
        if purge.lower() not in ("true", "false"):
            raise ValueError(f"purgeRequested={purge}")
        with self._lock:
            (self._catalog.purge_table if purge.lower() == "true" else self._catalog.drop_table)(table)
        return 204, None

    def _commit(self, identifier, body):
        """Checks and applies requirements and updates, while no other commit of this server does."""
        if missing := {"requirements", "updates"} - set(body):
            raise ValueError(f"missing fields: {missing}")
        request = parse(CommitTableRequest, body, identifier={"namespace": identifier[:-1], "name": identifier[-1]})
        if (*request.identifier.namespace.root, request.identifier.name) != identifier:
            raise ValueError(f"the identifier {body['identifier']} is not that of the path")
        with self._lock:
            try:
                metadata = self._catalog.load_table(identifier).metadata
                schemas = [schema.schema_id for schema in metadata.schemas]
            except exceptions.NoSuchTableError:
                if not any(isinstance(requirement, AssertCreate) for requirement in request.requirements):
                    raise
                metadata, schemas = None, []
            for requirement in request.requirements:
                requirement.validate(metadata)
            schemas += [update.schema_.schema_id for update in request.updates if isinstance(update, AddSchemaUpdate)]
            if len(set(schemas)) < len(schemas):
                raise ValueError(f"a schema id is not new: {schemas}")
            if metadata:  # SqlCatalog validates only the metadata of new tables
                update_table_metadata(metadata, request.updates, enforce_validation=True)
            name = types.SimpleNamespace(name=lambda: identifier)  # all that commit_table reads of a table
            self._catalog.commit_table(name, request.requirements, request.updates)
            described = self._describe(self._catalog.load_table(identifier))
        return 200, {name: described[name] for name in ("metadata-location", "metadata")}

    def _describe(self, table, snapshots="all"):
        metadata = json.loads(table.metadata.model_dump_json())
        if snapshots == "refs":
            kept = {ref["snapshot-id"] for ref in metadata["refs"].values()}
            metadata["snapshots"] = [snapshot for snapshot in metadata["snapshots"] if snapshot["snapshot-id"] in kept]
        elif snapshots != "all":
            raise ValueError(f"snapshots={snapshots}")
        return {"metadata-location": table.metadata_location, "metadata": metadata, "config": self.table_config}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warehouse", required=True, metavar="DIR", help="folder or URI below which tables are created")
    parser.add_argument("--port-file", required=True, metavar="FILE", help="file to which the port is written")
    parser.add_argument("--prefix", default="main", help="path segment that clients must use (default: main)")
    parser.add_argument("--credential", metavar="ID:SECRET", help="require tokens, issued for these client credentials")
    args = parser.parse_args()
    if not packages.available():
        parser.error("pyiceberg, pyarrow or DuckDB is not installed; run tools/setup.sh --tests")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with RestCatalog(args.warehouse, prefix=args.prefix, credential=args.credential) as catalog:
        pathlib.Path(args.port_file + ".new").write_text(f"{catalog.port}\n")
        os.replace(args.port_file + ".new", args.port_file)
        ended.wait()


if __name__ == "__main__":
    main()
