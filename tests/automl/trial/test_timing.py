import time

import numpy as np
import pyarrow as pa
import pytest

from automl.data.table import Table
from automl.trial.timing import BATCH_ROWS, best_ms, predict_batch_ms, table_batch


class Model:
    """Sleeps at every prediction, for so long per row."""

    def __init__(self, row_s):
        self.row_s, self.seen = row_s, []

    def predict(self, rows):
        self.seen.append(len(rows))
        time.sleep(self.row_s * len(rows))
        return rows[:, 0]


def test_the_fastest_of_a_few_calls_counts():
    waits = iter([0.012, 0.002, 0.008])
    assert 2.0 <= best_ms(lambda: time.sleep(next(waits))) < 8.0


def test_a_long_call_is_not_repeated():
    calls = []
    best_ms(lambda: (calls.append(1), time.sleep(0.02)), enough_ms=15.0)
    assert len(calls) == 1


@pytest.mark.parametrize("n_rows", [7, 5_000])
def test_a_batch_has_a_thousand_rows_whatever_the_table(n_rows):
    model = Model(2e-6)
    assert predict_batch_ms(model, np.zeros((n_rows, 2)), 0.0, n_rows) >= 2.0
    assert set(model.seen) == {BATCH_ROWS}
    table = Table(pa.table({"a": np.arange(n_rows)}), ())
    assert table_batch(table).n_rows == BATCH_ROWS


def test_a_prediction_that_was_slow_is_not_made_again():
    model = Model(0.0)
    assert predict_batch_ms(model, np.zeros((9, 2)), known_s=3.0, n_known=500) == 6_000.0
    assert model.seen == []
