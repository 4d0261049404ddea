"""What an import of generated events must have delivered, computed from the source files alone."""
import datetime
import gzip
import json
import pathlib

from harness import key_of

# What Mixpanel (and so the sandbox) adds to an event.
SERVER_ADDED = {"mp_processing_time_ms", "$import", "$mp_api_endpoint", "$mp_api_timestamp_ms"}


def to_millis(text):
    """ISO 8601 text, UTC unless it has a zone, to milliseconds; exact, unlike a float."""
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def expected_events(folder, pattern="*.ndjson.gz"):
    """$insert_id -> (event name, properties) for the NDJSON files that `millrace generate` wrote."""
    expected = {}
    for path in sorted(pathlib.Path(folder).rglob(pattern)):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                properties = {key: value for key, value in row.items() if value is not None}
                name = properties.pop("event_name")
                properties["time"] = to_millis(properties.pop("business_ts"))
                properties["$user_id"] = str(properties.pop("user_id"))
                properties["$device_id"] = properties.pop("device_id")
                properties["$insert_id"] = properties.pop("insert_id")
                # Mixpanel derives it from the others.
                properties["distinct_id"] = properties["$user_id"]
                expected[properties["$insert_id"]] = (name, properties)
    return expected


# A transform that turns each row into several events, some rows many.
FAN_OUT = """export default function (event) {
  const p = event.properties;
  const all = [event];
  const parts = event.event === 'purchase' ? 40 : 2;
  for (let i = 0; i < parts; i++) {
    all.push({ event: 'part', properties: { ...p, part: i, $insert_id: p.$insert_id.slice(0, 30) + '-' + i } });
  }
  return all;
}
"""


def fanned_out(expected):
    """What the events of expected_events() become by FAN_OUT."""
    result = {}
    for insert_id, (name, properties) in expected.items():
        # JavaScript would round such integers, so transforms receive them as strings.
        properties = {k: str(v) if type(v) is int and abs(v) > 2**53 else v for k, v in properties.items()}
        result[insert_id] = (name, properties)
        for i in range(40 if name == "purchase" else 2):
            part_id = f"{insert_id[:30]}-{i}"
            result[part_id] = ("part", properties | {"part": i, "$insert_id": part_id})
    return result


def judge(test, expected, exported, refused=(), optional=None):
    """Fails `test` unless every expected event arrived as it should (or is among the `refused` ids), none
    was invented (those of `optional`, as `expected`, may have arrived), and whatever arrived twice is the
    same in all four key fields. Returns how many arrived more than once."""
    known = {**expected, **(optional or {})}
    keys = {}
    again = 0
    for event in exported:
        properties = {k: v for k, v in event["properties"].items() if k not in SERVER_ADDED}
        insert_id = properties["$insert_id"]
        test.assertTrue(insert_id in known, f"the event {insert_id} was invented")
        name, wanted = known[insert_id]
        test.assertEqual(event["event"], name)
        different = {k for k in properties.keys() | wanted.keys() if properties.get(k) != wanted.get(k)}
        test.assertFalse(different, {k: (properties.get(k), wanted.get(k)) for k in different})
        key = key_of(event)
        test.assertEqual(keys.setdefault(insert_id, key), key, "a duplicate with another key")
        again += 1
    lost = expected.keys() - keys.keys() - set(refused)
    test.assertEqual(len(lost), 0, f"lost events such as {sorted(lost)[:3]}")
    return again - len(keys)
