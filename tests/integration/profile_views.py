"""What the views of profiles do, for each database: compared with Mixpanel's rules (profile_rules.py)."""
import json

import profile_rules
from harness import FAST_RETRY

NOON = "2026-11-30T12:00:00Z"  # 1796040000


def row(number, name, operation, value, **columns):
    """A row of a table of users: {column: value}."""
    properties = value if isinstance(value, dict) else {operation: value}
    return {"token": "t", "distinct_id": name, "operation": operation, "insert_time": "2026-11-30T00:00:00Z",
            "properties": properties | {"time": 1796000000000 + number, "mp_metadata": {"x": number}}} | columns


class ProfileViewTests:
    """For a MillraceTest with `to`, a DEST to which options can be added with '&', and these:

    create(options): `millrace destinations create`.
    insert(rows): into the table of users.
    view(columns): rows of the view of users.
    """
    COLUMN = "a b"  # a name that has to be quoted

    def profiles(self, unfolded=0):
        rows = self.view("distinct_id", "properties", "unfolded_updates")
        self.assertEqual({int(float(row[2])) for row in rows} - {0}, {unfolded} - {0})
        return {row[0]: json.loads(row[1]) for row in rows}

    def assert_profiles(self, found, expected):
        self.assertEqual(found.keys(), expected.keys())
        for name, profile in expected.items():
            self.assertTrue(profile_rules.same(found[name], profile), f"{name}: {found[name]}, not {profile}")

    def test_profiles_are_folded_as_mixpanel_does(self):
        self.create()
        updates = profile_rules.corpus(20_000, 1500, seed=18)
        self.insert([row(i, *update) for i, update in enumerate(updates)])
        expected = profile_rules.fold(updates)
        self.assertGreater(len(expected), 1000)
        self.assert_profiles(self.profiles(), expected)

    def test_what_is_not_folded_is_counted(self):
        self.create()
        self.insert([row(1, "u", "$set", {"a": 1, "mixed": 5}),
                     row(2, "u", "$append", {"mixed": 1}),
                     row(3, "u", "$add", {"a": 1, "mixed": 2, "text": "no number"}),
                     row(4, "u", "$union", {"a": "no list"}),
                     row(5, "u", "$increment", {"a": 1}),
                     row(6, "u", None, {"b": 1}),
                     row(7, "u", "$unset", {"a": 1}),
                     row(8, "u", "$set", {"$set": 7, "user_id": "of the SDK"})])
        # mixed: 3 rows, with its base; a text, no list, an unknown operation, none, no list of names.
        self.assert_profiles(self.profiles(unfolded=8), {"u": {"a": 2}})

    def test_updates_apply_in_the_order_of_their_times(self):
        self.create()
        plain = {"token": "t", "operation": "$set"}
        rows = []
        for name, first, second in [("number", 1796040001, None), ("milliseconds", 1796040001000, None),
                                    ("text", "1796040001", None), ("fraction", "1796040000.5", None),
                                    ("microseconds", 1796040001 * 10**6, None),
                                    ("nanoseconds", 1796040001 * 10**9, None), ("none", None, 1796039999),
                                    ("long ago", None, -99_999)]:
            for value, time in (("last", first), ("first", second)):
                rows.append(plain | {"distinct_id": name, "insert_time": NOON,
                                     "properties": {"a": value} | ({"time": time} if time else {})})
        rows.append(plain | {"distinct_id": "words", "insert_time": NOON, "properties": {"a": "last", "time": "no"}})
        rows.append(plain | {"distinct_id": "words", "insert_time": "2026-11-30T11:00:00Z", "properties": {"a": 0}})
        self.insert(rows)
        self.assertEqual({profile["a"] for profile in self.profiles().values()}, {"last"})

    def test_requested_columns_are_properties(self):
        options = f"columns=plan,amount:number,active:boolean,list:json,since:time,n:integer,{self.COLUMN}"
        self.create(options)
        rows = [{"$distinct_id": "u", "$time": i, operation: value} for i, (operation, value) in enumerate([
            ("$set", {"$plan": "a", "amount": 1.5, "active": False, "list": [1], self.COLUMN: 7, "z": None, "n": 5}),
            ("$set", {"amount": "much", "since": 1796040000}), ("$add", {"n": 2}),
            ("$append", {"list": 2}), ("$set", {"amount": 2}), ("$add", {"amount": 0.5}), ("$unset", ["$active"])], 1)]
        config = self.write_config({"config_id": "u", "source_prefix": str(self.folder), "record_type": "user"})
        self.run_json("import", self.write_ndjson("users.ndjson", rows), "--config", config, *FAST_RETRY, "--to",
                      f"{self.to}&{options}")
        self.assert_profiles(self.profiles(), {"u": {"plan": "a", "amount": 2.5, "list": [1, 2], self.COLUMN: "7",
                                                     "z": None, "n": 7, "since": "2026-11-30T12:00:00.000000Z"}})
