"""The names of Airflow that have another place, or another name, in some of the versions 2.9 to 3.x."""

# ruff: noqa: F401
# pylint: disable=unused-import,no-name-in-module
from __future__ import annotations

from airflow import __version__

AIRFLOW_V_3_0_PLUS = int(__version__.split(".", maxsplit=1)[0]) >= 3

if AIRFLOW_V_3_0_PLUS:
    from airflow.sdk import DAG, Asset, BaseOperator, BaseOperatorLink, BaseSensorOperator
else:
    from airflow.datasets import Dataset as Asset
    from airflow.models import DAG
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.baseoperatorlink import BaseOperatorLink
    from airflow.sensors.base import BaseSensorOperator

try:  # 3.1 and newer
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:
    from airflow.exceptions import AirflowException, AirflowFailException
    from airflow.hooks.base import BaseHook

try:  # 3.1 and newer
    from airflow.sdk.log import mask_secret
except ImportError:
    try:  # 3.0
        from airflow.sdk.execution_time.secrets_masker import mask_secret
    except ImportError:
        from airflow.utils.log.secrets_masker import mask_secret
