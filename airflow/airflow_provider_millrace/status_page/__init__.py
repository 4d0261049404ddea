"""A page of Airflow's web server that shows the accounting of a run."""
