"""mixpanel-headless, which only reads; MP_API_BASE_URL and SSL_CERT_FILE lead it to the sandbox. Arguments: the input file."""
import json
import sys

import mixpanel_headless

given = json.load(open(sys.argv[1]))
with mixpanel_headless.Workspace() as workspace:
    print(json.dumps({
        "read_events": list(workspace.stream_events(from_date=given["from_date"], to_date=given["to_date"], raw=True)),
        "one_event": list(workspace.stream_events(from_date=given["from_date"], to_date=given["to_date"], raw=True,
                                                  events=[given["events"][0]["event"]])),
        "read_profiles": list(workspace.stream_profiles(raw=True)),
        "one_profile": list(workspace.stream_profiles(raw=True, distinct_id=next(iter(given["profiles"])))),
        "read_groups": {group: list(workspace.stream_profiles(raw=True, group_id=group)) for group in given["group_ids"]},
    }))
