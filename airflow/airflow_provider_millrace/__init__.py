"""Airflow operators for Millrace: exports of Mixpanel, and imports into it, as tasks."""

__version__ = "1.0.0"
