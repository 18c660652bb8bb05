import numpy as np
import pyarrow as pa
import pytest

from automl.data.table import Table
from automl.testing import CountedClock
from automl.trial.latency import BATCH_ROWS, min_time_ms, predict_batch_ms, sample_batch


class Model:
    """Notes how many rows each prediction has."""

    def __init__(self):
        self.seen = []

    def predict(self, rows):
        self.seen.append(len(rows))
        return rows[:, 0]


def timed(calls_ms, **options):
    """What ``min_time_ms`` finds of calls that take so long, and how many it made."""
    clock, calls = CountedClock(), iter(calls_ms)
    found = min_time_ms(lambda: clock.advance(next(calls) / 1000), clock=clock, **options)
    return found, len(calls_ms) - len(list(calls))


def test_the_fastest_of_a_few_calls_counts():
    assert timed([12.0, 2.0, 8.0, 1.0]) == (pytest.approx(2.0), 3)


def test_a_long_call_is_not_repeated():
    assert timed([20.0, 2.0], enough_ms=15.0) == (pytest.approx(20.0), 1)


@pytest.mark.parametrize("n_rows", [7, 5_000])
def test_a_batch_has_a_thousand_rows_whatever_the_table(n_rows):
    model = Model()
    predict_batch_ms(model, np.zeros((n_rows, 2)), 0.0, n_rows)
    assert set(model.seen) == {BATCH_ROWS}
    table = Table(pa.table({"a": np.arange(n_rows)}), ())
    assert sample_batch(table).n_rows == BATCH_ROWS


def test_a_prediction_that_was_slow_is_not_made_again():
    model = Model()
    assert predict_batch_ms(model, np.zeros((9, 2)), known_s=3.0, n_known=500) == 6_000.0
    assert model.seen == []
