"""Runs a program beside Airflow, so that it outlives the worker process that started it and can be found again.

Uses the standard library only: supervisor.py is also a program of its own, in which Airflow is not imported.
"""
