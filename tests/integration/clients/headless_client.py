"""mixpanel-headless, which only reads; MP_API_BASE_URL and SSL_CERT_FILE lead it to the sandbox. Arguments: the input file."""
import json
import sys

import mixpanel_headless

given = json.load(open(sys.argv[1]))
with mixpanel_headless.Workspace() as workspace:
    workspace.create_annotation(mixpanel_headless.CreateAnnotationParams(date="2023-11-14 12:00:00", description="Launch"))
    where = 'properties["n"] < 2 and not defined(properties["none"])'
    print(json.dumps({
        "time_zones": {project.id: project.timezone for project in workspace.projects(refresh=True)},
        "cohorts": [[cohort.id, cohort.name, cohort.count] for cohort in workspace.cohorts()],
        "cohort": list(workspace.stream_profiles(raw=True, cohort_id=str(given["cohort"]), include_all_users=True)),
        "annotations": [[note.date, note.description] for note in workspace.list_annotations(from_date="2023-11-14")],
        "where": list(workspace.stream_events(from_date=given["from_date"], to_date=given["to_date"], raw=True, where=where)),
        "read_events": list(workspace.stream_events(from_date=given["from_date"], to_date=given["to_date"], raw=True)),
        "one_event": list(workspace.stream_events(from_date=given["from_date"], to_date=given["to_date"], raw=True,
                                                  events=[given["events"][0]["event"]])),
        "read_profiles": list(workspace.stream_profiles(raw=True)),
        "one_profile": list(workspace.stream_profiles(raw=True, distinct_id=next(iter(given["profiles"])))),
        "read_groups": {group: list(workspace.stream_profiles(raw=True, group_id=group)) for group in given["group_ids"]},
    }))
