"""Scores the validation rows of a net after each epoch, and logs stages for the search."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    Fold,
    Report,
    StageLog,
    TrialContext,
    enough_to_choose,
    stage_steps,
    stopping_metric,
)

__all__ = [
    "FEWEST_STAGES",
    "MOST_LOG_BYTES",
    "EpochLog",
    "Validation",
    "log_bytes_of",
    "n_stages_of",
    "stage_grid",
]

MOST_LOG_BYTES = 512 << 20  # of logged predictions of all fits of a pack
MOST_BYTES_EACH = 64 << 20  # of logged predictions of one fit
MOST_STAGES, FEWEST_STAGES = 44, 4
_BYTES = 4  # per logged number
_ROUNDING = 1e-9

Predict = Callable[[], NDArray[Any]]


def n_stages_of(n_valid: int, n_outputs: int, n_fits: int = 1) -> int:
    """Number of stages of each fit: logs take at most 64 MiB per fit and 512 MiB per pack.

    There are at least four, even if these take more.

    Args:
        n_valid: Validation rows.
        n_outputs: Predicted numbers per row.
        n_fits: Fits of the largest possible pack; the stages of a fit must not depend on the
            pack that it happens to be in.
    """
    most_bytes = min(MOST_BYTES_EACH, MOST_LOG_BYTES // n_fits)
    room = most_bytes // max(1, _BYTES * n_valid * n_outputs)
    return max(FEWEST_STAGES, min(MOST_STAGES, room))


def log_bytes_of(n_valid: int, n_outputs: int, n_fits: int = 1) -> int:
    """Largest memory of the log of one fit; arguments as in ``n_stages_of``."""
    return (1 + n_stages_of(n_valid, n_outputs, n_fits)) * _BYTES * n_valid * n_outputs


def stage_grid(n_epochs: int, n_stages: int) -> NDArray[np.float64]:
    """Shares of the schedule to log, ascending up to 1.

    Half of them are spaced geometrically, for nets that are early at their best; the others evenly,
    for those that improve until the rate is low.
    """
    n_even = -(-n_stages // 2)
    early = np.array(sorted(stage_steps(n_epochs, n_stages - n_even))) / n_epochs
    return np.unique(np.concatenate((early, np.arange(1, n_even + 1) / n_even)))


class EpochLog:
    """Logs the first epoch after each share of the schedule, and the last epoch.

    Args:
        log: The stage log.
        grid: Shares of the schedule, ascending, 0 to 1.
    """

    def __init__(self, log: StageLog, grid: NDArray[np.float64]) -> None:
        self._log, self._grid = log, grid
        self._stage = 0.0
        self._last: Predict | None = None

    def add(self, progress: float, predict: Predict) -> None:
        """Logs an epoch if it is due.

        Args:
            progress: Share of the schedule done. It may fall slightly if the plan grows; stages
                still ascend.
            predict: Returns the predictions of the validation rows. It is called now, or in
                ``close`` if no other epoch follows.
        """
        stage = max(progress, float(np.nextafter(self._stage, np.inf)))
        is_due = self._n_reached(stage) > self._n_reached(self._stage)
        self._stage, self._last = stage, predict
        if is_due:
            self.close()

    def close(self) -> None:
        """Logs the last epoch, whose predictions must still be available."""
        if self._last is not None:
            self._log.add(self._stage, self._last())
            self._last = None

    def _n_reached(self, stage: float) -> int:
        return int(np.searchsorted(self._grid, stage * (1.0 + _ROUNDING), side="right"))

    def state(self) -> tuple[NDArray[np.float32] | None, dict[str, Any]]:
        """Predictions ``(n_stages, n_rows, ...)``, None before the first, and JSON values."""
        kept = list(self._log.predictions)
        if self._last is not None:
            kept.append(np.asarray(self._last(), dtype=np.float32))
        facts = {"log": self._log.facts, "stage": self._stage, "open": self._last is not None}
        return (np.stack(kept) if kept else None), facts

    def restore(self, predictions: NDArray[np.float32] | None, facts: Mapping[str, Any]) -> None:
        """Restores the log from ``state``."""
        kept: Sequence[NDArray[np.float32]] = () if predictions is None else list(predictions)
        self._stage, self._last = facts["stage"], None
        if facts["open"]:
            last = kept[-1]
            kept, self._last = kept[:-1], lambda: last
        self._log.restore(facts["log"], kept)


class Validation:
    """Scores the predictions of a net for its validation rows after each epoch.

    These scores stop the net early and choose its best epoch, so they are optimistic. The
    predictions are logged at stages, and the search scores the fold at a stage chosen by others.
    If the rows are too few to choose an epoch, all epochs count as equal and nothing is logged.

    Args:
        fold: Provides the validation rows.
        context: Provides the metric of the run.
        report: Called with the score of each epoch for which the metric is defined.
        n_epochs: Largest number of epochs.
        n_stages: Largest number of stages to log, apart from the last.

    Attributes:
        stops: True if the rows may end a fit and choose its best epoch.
        end: Share of the schedule after which the fit ends: the given stage if there are no
            validation rows; else infinite.
        log: The stage log.
    """

    def __init__(
        self, fold: Fold, context: TrialContext, report: Report, n_epochs: int, n_stages: int
    ) -> None:
        self._y, self._weight = fold.y_valid, fold.weight_valid
        self._metric, self._report = context.metric, report
        self._stopping = stopping_metric(context.metric)
        self.stops = enough_to_choose(fold.y_valid, context.task.is_classification)
        is_told = bool(context.stages) and not len(fold.y_valid)
        self.end = context.stages[0] * (1.0 - _ROUNDING) if is_told else math.inf
        self._stage_log = StageLog(context.metric)
        self.log = EpochLog(self._stage_log, stage_grid(n_epochs, n_stages))

    @property
    def stages(self) -> tuple[StageLog, ...]:
        """The stage log; empty if the fit did not stop early."""
        self.log.close()
        return (self._stage_log,) if self._stage_log.stages else ()

    def evaluate(
        self,
        epoch: int,
        progress: float,
        prediction: NDArray[Any],
        final: Predict | None = None,
    ) -> float:
        """Evaluates an epoch.

        Args:
            epoch: Number of the epoch, from 1.
            progress: Share of the schedule done.
            prediction: Predictions of the validation rows.
            final: Returns the predictions of the finished net for these rows, if that takes
                longer; these are logged.

        Returns:
            A loss for early stopping: NaN if predictions are not finite, and a constant if the
            rows are too few to choose by.

        Raises:
            TrialPruned: Raised by the report.
        """
        if not np.isfinite(prediction).all():
            return float("nan")
        if not len(self._y):
            return 0.0
        score = self._metric.score(self._y, prediction, self._weight)
        loss = 0.0
        if self.stops:
            self.log.add(progress, final or (lambda: prediction))
            own = score
            if self._stopping is not self._metric:
                own = self._stopping.score(self._y, prediction, self._weight)
            loss = self._stopping.loss(own)
        if np.isfinite(score):
            self._report(epoch, score)
        return loss
