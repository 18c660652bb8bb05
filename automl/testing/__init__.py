"""Conformance suites for families and executors, to inherit in the tests of a plugin.

``LOG_LOSS``, ``RMSE`` and ``PINBALL`` are the metrics of the tables to test with.

Example:
    >>> [metric.name for metric in (LOG_LOSS, RMSE, PINBALL)]
    ['log_loss', 'rmse', 'pinball']
    >>> PINBALL.quantiles
    (0.1, 0.5, 0.9)
"""

from automl.testing.executor import ExecutorTestCase
from automl.testing.fakes import CheckingSuggest, CountedClock, RandomSuggest, RecordingReport
from automl.testing.family import FamilyTestCase
from automl.testing.tables import (
    LOG_LOSS,
    PINBALL,
    RMSE,
    TestTable,
    mixed_table,
    real_table,
    synthetic_table,
)

__all__ = [
    "LOG_LOSS",
    "PINBALL",
    "RMSE",
    "CheckingSuggest",
    "CountedClock",
    "ExecutorTestCase",
    "FamilyTestCase",
    "RandomSuggest",
    "RecordingReport",
    "TestTable",
    "mixed_table",
    "real_table",
    "synthetic_table",
]
