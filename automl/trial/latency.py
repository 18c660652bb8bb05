"""How long it takes to predict 1,000 rows, in figures that are stable enough to compare."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS
from automl.data.table import Table
from automl.plugin.family import CachedRowsModel, FittedModel
from automl.plugin.rows import Matrix, Rows
from automl.trial.spec import Job

__all__ = [
    "BATCH_ROWS",
    "best_ms",
    "predict_batch_ms",
    "prediction_times",
    "table_batch",
    "uncached_ms",
]

BATCH_ROWS = 1_000
REPEATS = 3
ENOUGH_MS = 50.0  # so much measured time is stable enough, and more would be felt
SLOW_S = 0.2  # a prediction that took so long says enough by itself


def best_ms(
    call: Callable[[], Any],
    enough_ms: float = ENOUGH_MS,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Milliseconds of the fastest of a few calls: what others do on the machine only adds.

    Args:
        call: What is timed.
        enough_ms: No further call is made once so much time was spent.
        clock: Gives the seconds.
    """
    times_ms: list[float] = []
    while len(times_ms) < REPEATS and sum(times_ms) < enough_ms:
        start = clock()
        call()
        times_ms.append(1000.0 * (clock() - start))
    return min(times_ms)


def predict_batch_ms(
    model: FittedModel, rows: Matrix | Rows, known_s: float, n_known: int
) -> float:
    """Milliseconds in which a fitted model predicts 1,000 encoded rows.

    Args:
        model: The model.
        rows: What it predicts; rows are repeated where there are fewer.
        known_s: Seconds that a prediction took, from which a slow one is told.
        n_known: Rows of that prediction.
    """
    if known_s >= SLOW_S:
        return 1000.0 * known_s * BATCH_ROWS / n_known
    batch = rows[_batch_rows(rows.shape[0])]
    return best_ms(lambda: model.predict(batch))


def table_batch(table: Table) -> Table:
    """1,000 rows of a table; they are repeated where there are fewer."""
    return Table(table.data.take(_batch_rows(table.n_rows)), table.columns)


def _batch_rows(n_rows: int) -> NDArray[np.int64]:
    return np.resize(np.arange(min(n_rows, BATCH_ROWS)), BATCH_ROWS)


def uncached_ms(model: FittedModel) -> float:
    """Milliseconds that 1,000 new rows take longer than those of the run."""
    return model.new_rows_ms if isinstance(model, CachedRowsModel) else 0.0


def prediction_times(
    job: Job, model: FittedModel, rows: Matrix | Rows, seen_s: float, n_rows: int
) -> tuple[float, float]:
    """Seconds of predicting the validation rows, and milliseconds of predicting 1,000 rows.

    An out-of-bag family has its predictions at hand: what was seen says nothing of new rows.
    """
    new_rows_ms = uncached_ms(model)
    if job.fold != ALL_ROWS:
        return seen_s, predict_batch_ms(model, rows, seen_s, n_rows) + new_rows_ms
    model_ms = predict_batch_ms(model, rows, 0.0, n_rows) + new_rows_ms
    return model_ms / 1000.0 * n_rows / BATCH_ROWS, model_ms
