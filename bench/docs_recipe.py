#!/usr/bin/env python3
"""The peer of import_benchmark.py: what a straightforward Python import of a file of events does.

Reads lines of gzip, maps each to Mixpanel's event format, batches 2,000, compresses and posts them one after
the other over one kept connection; the standard library only.

    python3 bench/docs_recipe.py FILE.ndjson.gz URL
"""
import datetime
import gzip
import http.client
import json
import sys
import urllib.parse


def to_event(line):
    row = json.loads(line)
    time = datetime.datetime.fromisoformat(row.pop("business_ts").replace("Z", "+00:00"))
    properties = {"time": int(time.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000),
                  "$user_id": row.pop("user_id"), "$device_id": row.pop("device_id"),
                  "$insert_id": row.pop("insert_id")}
    event = {"event": row.pop("event_name"), "properties": properties}
    properties.update((key, value) for key, value in row.items() if value is not None)
    return json.dumps(event)


def flush(connection, batch):
    body = gzip.compress("\n".join(batch).encode())
    connection.request("POST", "/import?strict=1", body,
                       {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip",
                        "Authorization": "Basic YmVuY2g6"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        sys.exit(f"{answer.status}: {text[:500]}")


def main():
    path, url = sys.argv[1:]
    connection = http.client.HTTPConnection(urllib.parse.urlparse(url).netloc)
    batch = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            batch.append(to_event(line))
            if len(batch) == 2000:
                flush(connection, batch)
                batch = []
    if batch:
        flush(connection, batch)


if __name__ == "__main__":
    main()
