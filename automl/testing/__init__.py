"""The conformance suites that authors of families and executors inherit."""

from automl.testing.executor import ExecutorTestCase
from automl.testing.fakes import CheckingSuggest, CountedClock, RandomSuggest, RecordingReport
from automl.testing.family import FamilyTestCase
from automl.testing.tables import (
    LOG_LOSS,
    PINBALL,
    RMSE,
    TestTable,
    made_table,
    mixed_table,
    real_table,
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
    "made_table",
    "mixed_table",
    "real_table",
]
