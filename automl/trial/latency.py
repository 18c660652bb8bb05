"""Measures the time to predict 1,000 rows, stably enough to compare models."""

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
    "min_time_ms",
    "predict_batch_ms",
    "prediction_times",
    "sample_batch",
    "uncached_ms",
]

BATCH_ROWS = 1_000
REPEATS = 3
ENOUGH_MS = 50.0  # of measuring is stable enough, and more would be noticeable
SLOW_S = 0.2  # a prediction this slow needs no repeat


def min_time_ms(
    call: Callable[[], Any],
    enough_ms: float = ENOUGH_MS,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Milliseconds of the fastest of a few calls, as other load only adds time.

    Args:
        call: The function to time.
        enough_ms: No further call is made after this much time.
        clock: Returns seconds.
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
        rows: Rows to predict; repeated if there are fewer than 1,000.
        known_s: Seconds of an earlier prediction, used instead of measuring if it was slow.
        n_known: Rows of that prediction.
    """
    if known_s >= SLOW_S:
        return 1000.0 * known_s * BATCH_ROWS / n_known
    batch = rows[_batch_rows(rows.shape[0])]
    return min_time_ms(lambda: model.predict(batch))


def sample_batch(table: Table) -> Table:
    """1,000 rows of a table; repeated if there are fewer."""
    return Table(table.data.take(_batch_rows(table.n_rows)), table.columns)


def _batch_rows(n_rows: int) -> NDArray[np.int64]:
    return np.resize(np.arange(min(n_rows, BATCH_ROWS)), BATCH_ROWS)


def uncached_ms(model: FittedModel) -> float:
    """Additional milliseconds for 1,000 new rows, compared with cached rows of the run."""
    return model.extra_predict_ms if isinstance(model, CachedRowsModel) else 0.0


def prediction_times(
    job: Job, model: FittedModel, rows: Matrix | Rows, seen_s: float, n_rows: int
) -> tuple[float, float]:
    """Seconds to predict the validation rows, and milliseconds to predict 1,000 rows.

    An out-of-bag model has its predictions stored, so their time is not that of new rows.
    """
    extra_predict_ms = uncached_ms(model)
    if job.fold != ALL_ROWS:
        return seen_s, predict_batch_ms(model, rows, seen_s, n_rows) + extra_predict_ms
    model_ms = predict_batch_ms(model, rows, 0.0, n_rows) + extra_predict_ms
    return model_ms / 1000.0 * n_rows / BATCH_ROWS, model_ms
