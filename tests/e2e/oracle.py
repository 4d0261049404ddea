"""What an import of generated events must have delivered, worked out from the source files alone."""
import datetime
import gzip
import json
import pathlib

from harness import key_of

# What Mixpanel (and so the sandbox) adds to an event.
SERVER_ADDED = {"mp_processing_time_ms", "$import", "$mp_api_endpoint", "$mp_api_timestamp_ms"}


def to_millis(text):
    """ISO 8601 text, UTC unless it says otherwise, to milliseconds; exact, unlike a float."""
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def expected_events(folder):
    """$insert_id -> (event name, properties) for the NDJSON files that `millrace generate` wrote."""
    expected = {}
    for path in sorted(pathlib.Path(folder).rglob("*.ndjson.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                properties = {key: value for key, value in row.items() if value is not None}
                name = properties.pop("event_name")
                properties["time"] = to_millis(properties.pop("business_ts"))
                properties["$user_id"] = str(properties.pop("user_id"))
                properties["$device_id"] = properties.pop("device_id")
                properties["$insert_id"] = properties.pop("insert_id")
                # Mixpanel makes it of the others.
                properties["distinct_id"] = properties["$user_id"]
                expected[properties["$insert_id"]] = (name, properties)
    return expected


def judge(test, expected, exported, refused=()):
    """Fails `test` unless every expected event arrived as it should (or is among the `refused` ids), none
    was invented, and whatever arrived twice is the same in all four key fields. Returns how many arrived
    more than once."""
    keys = {}
    again = 0
    for event in exported:
        properties = {k: v for k, v in event["properties"].items() if k not in SERVER_ADDED}
        insert_id = properties["$insert_id"]
        test.assertTrue(insert_id in expected, f"the event {insert_id} was invented")
        name, wanted = expected[insert_id]
        test.assertEqual(event["event"], name)
        different = {k for k in properties.keys() | wanted.keys() if properties.get(k) != wanted.get(k)}
        test.assertFalse(different, {k: (properties.get(k), wanted.get(k)) for k in different})
        key = key_of(event)
        test.assertEqual(keys.setdefault(insert_id, key), key, "a duplicate with another key")
        again += 1
    lost = expected.keys() - keys.keys() - set(refused)
    test.assertEqual(len(lost), 0, f"lost events such as {sorted(lost)[:3]}")
    return again - len(keys)
