"""What profiles become by updates, one after the other, by Mixpanel's rules (src/sandbox/profile_update.cc); and a
corpus of updates. An oracle for views that fold them in SQL."""
import json
import random

OPERATIONS = ["$set", "$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete"]


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(one, other):
    """Equal as JSON: 1 and 1.0 are, 1 and true are not."""
    if is_number(one) and is_number(other):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return type(one) is type(other) and one == other


def list_of(profile, name):
    value = profile.get(name)
    profile[name] = value if isinstance(value, list) else [] if value is None else [value]
    return profile[name]


def apply(profile, operation, value):
    """The profile after the update; None: there is none. Changes nothing that it is given."""
    if operation == "$delete":
        return None
    profile = json.loads(json.dumps(profile or {}))
    if operation == "$unset":
        for name in value:
            profile.pop(name, None)
        return profile
    for name, operand in value.items():
        if operation == "$set":
            profile[name] = operand
        elif operation == "$set_once":
            profile.setdefault(name, operand)
        elif operation == "$add":
            profile[name] = (profile[name] if is_number(profile.get(name)) else 0) + operand
        elif operation == "$append":
            list_of(profile, name).append(operand)
        elif operation == "$union":
            for element in operand:
                if not any(same(element, other) for other in list_of(profile, name)):
                    profile[name].append(element)
            list_of(profile, name)
        elif operation == "$remove" and isinstance(profile.get(name), list):
            found = [i for i, other in enumerate(profile[name]) if same(other, operand)]
            if found:
                profile[name].pop(found[0])
    return profile


def corpus(count, profiles, seed, lists=True):
    """[(profile id, operation, value)]: each property is a number, a list or neither, as a product would use it;
    without `lists`, no operations of lists."""
    choose = random.Random(seed)
    operations = OPERATIONS if lists else ["$set", "$set_once", "$add", "$unset", "$delete"]
    weights = {"$set": 3, "$set_once": 3, "$add": 4, "$append": 5, "$union": 5, "$remove": 6, "$unset": 2, "$delete": .4}

    def atom():
        return choose.choice([1, 2, 1.0, "x", "é \"'\\", None, True, [1, None], {"a": {"b": 1}}])

    def number():
        return choose.choice([1, -2, 3, 0.5, 10 ** 12])

    def elements():
        return [atom() for _ in range(choose.randrange(4))]

    updates = []
    for _ in range(count):
        operation = choose.choices(operations, [weights[name] for name in operations])[0]
        scalar_or_list = choose.choice([elements(), atom()])
        value = {
            "$set": {"n": number(), "l": scalar_or_list, "s": atom(), "$name": atom(), "it's \"x\\": atom()},
            "$set_once": {"n": number(), "l": scalar_or_list, "s": atom(), "o": atom()},
            "$add": {"n": number(), "k": number()},
            "$append": {"l": atom(), "m": atom(), "q": choose.choice([1, 2])},
            "$remove": {"l": atom(), "m": atom(), "q": choose.choice([1, 2])},
            "$union": {"l": elements(), "m": elements(), "q": [choose.choice([1, 2])]},
        }.get(operation, {})
        value = {name: operand for name, operand in value.items() if choose.random() < .6}
        if operation == "$unset":
            value = [name for name in ("n", "l", "s", "$name") if choose.random() < .5]
        updates.append((f"user {choose.randrange(profiles)}", operation, value))
    return updates


def fold(updates):
    """{profile id: properties}."""
    profiles = {}
    for name, operation, value in updates:
        profiles[name] = apply(profiles.get(name), operation, value)
    return {name: profile for name, profile in profiles.items() if profile is not None}
