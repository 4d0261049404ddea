"""What tests of the DAGs share: the Variable and the connection of the older export."""

import json
import pathlib

DAGS = pathlib.Path(__file__).resolve().parents[1] / "dags/mixpanel"
# Six keys, as documented for the older export, with values.
SEED = {
    "gcs_bucket": "us-east1-export-bucket",
    "gcp_dataset": "mixpanel",
    "gcp_project": "acv-data",
    "bigquery_dataset": "analytics",
    "bigquery_event_table": "events",
    "bigquery_people_table": "people",
}


def seed_variables(variable, mixpanel="http://data.mixpanel.com", secret="ap1secret"):
    """Of the environment: the Variable mixpanel-export, and the connection mixpanel_export."""
    connection = {"conn_type": "http", "host": f"{mixpanel}/api/2.0/export", "login": secret}
    return {"AIRFLOW_VAR_MIXPANEL-EXPORT": json.dumps(variable), "AIRFLOW_CONN_MIXPANEL_EXPORT": json.dumps(connection)}
