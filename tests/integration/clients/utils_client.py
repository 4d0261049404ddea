"""mixpanel-utils over HTTPS; SSL_CERT_FILE names the CA. Arguments: the input file."""
import json
import sys

import mixpanel_utils

given = json.load(open(sys.argv[1]))
client = mixpanel_utils.MixpanelUtils("secret", token=given["token"], service_account_username="user", project_id=7,
                                      max_retries=1, pool_size=2)
# It has no option for the host, but one attribute for each.
client.import_api = given["url"]
client.raw_api = client.formatted_api = given["url"] + "/api"

client.import_events([{"event": event["event"],
                       "properties": {**event["identity"], **event["properties"], "time": event["time"],
                                      "distinct_id": event["identity"].get("distinct_id", ""),
                                      "$insert_id": event["insert_id"]}} for event in given["events"]], 0)
client.import_people([{"$distinct_id": distinct_id, "$properties": values}
                      for distinct_id, values in given["profiles"].items()])
client.people_set({"seen": True}, profiles=[{"$distinct_id": given["more_profiles"][0]}])
print(json.dumps({
    "events": [event["properties"]["n"] for event in given["events"]],
    "profiles": list(given["profiles"]),
    "read_events": client.query_export({"from_date": given["from_date"], "to_date": given["to_date"]}, add_gzip_header=True),
    "read_profiles": client.query_engage(),
    "jql_events": client.query_jql_events(given["from_date"], given["to_date"]),
    "jql_selected": client.query_jql_events(given["from_date"], given["to_date"], output_properties=["n"], event_selectors={
        "event": given["events"][0]["event"], "selector": 'properties["n"] < 10'}),
    "jql_people": client.query_jql_people(user_selectors='user["age"] > 40'),
    "jql_count": client.query_jql("function main() { return People().reduce(mixpanel.reducer.count()); }"),
}))
