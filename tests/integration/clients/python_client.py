"""mixpanel (python) over HTTPS; REQUESTS_CA_BUNDLE names the CA. Arguments: the input file."""
import json
import sys
import urllib.parse

import mixpanel
from mixpanel.flags.types import LocalFlagsConfig, RemoteFlagsConfig

given = json.load(open(sys.argv[1]))
host = urllib.parse.urlsplit(given["url"]).netloc
outcome = {"events": [], "profiles": [], "groups": []}


def identity(event):
    """(distinct_id, the other ids)"""
    others = dict(event["identity"])
    return others.pop("distinct_id", ""), others


direct = mixpanel.Mixpanel(given["token"], mixpanel.Consumer(api_host=host))
buffered_consumer = mixpanel.BufferedConsumer(max_size=20, api_host=host)
buffered = mixpanel.Mixpanel(given["token"], buffered_consumer)
account = mixpanel.ServiceAccountCredentials("user", "secret", "7")
importer = mixpanel.Mixpanel(given["token"], mixpanel.Consumer(api_host=host, credentials=account))
for i, event in enumerate(given["events"]):
    distinct_id, others = identity(event)
    properties = {**others, **event["properties"], "time": event["time"]}
    if i % 3 == 0:
        direct.track(distinct_id, event["event"], properties)
    elif i % 3 == 1:
        buffered.track(distinct_id, event["event"], properties)
    else:
        importer.import_data(None, distinct_id, event["event"], event["time"], properties)
    outcome["events"].append(event["properties"]["n"])
for distinct_id, values in given["profiles"].items():
    direct.people_set(distinct_id, values)
    outcome["profiles"].append(distinct_id)
for key, groups in given["groups"].items():
    for group_id, values in groups.items():
        buffered.group_set(key, group_id, values)
        outcome["groups"].append([key, group_id])
buffered_consumer.flush()
importer.merge(None, "user-1", "user-2")
outcome["other"] = ["$merge"]
with mixpanel.Mixpanel(given["token"], remote_flags_config=RemoteFlagsConfig(api_host=host),
                       local_flags_config=LocalFlagsConfig(api_host=host, enable_polling=False)) as flags:
    flags.local_flags.start_polling_for_definitions()
    outcome["local_flags_ready"] = flags.local_flags.are_flags_ready()
    outcome["remote_flags"] = flags.remote_flags.get_all_variants({"distinct_id": "user-1"})
print(json.dumps(outcome))
