"""What the validation rows of a net say after each epoch, and what is logged for scoring it."""

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
    "Judge",
    "log_bytes_of",
    "n_stages_of",
    "stage_grid",
]

MOST_LOG_BYTES = 512 << 20  # of the predictions that all fits of a pack log
MOST_BYTES_EACH = 64 << 20  # of those of one fit
MOST_STAGES, FEWEST_STAGES = 44, 4
_BYTES = 4  # of a number that is logged
_ROUNDING = 1e-9

Predict = Callable[[], NDArray[Any]]


def n_stages_of(n_valid: int, n_outputs: int, n_fits: int = 1) -> int:
    """Stages that each fit may log: 64 MiB, and all fits of a pack half a gibibyte, at most.

    Where even four stages of each take more, there are four.

    Args:
        n_valid: Validation rows.
        n_outputs: Numbers that are predicted for a row.
        n_fits: Fits of the largest pack that such a fit may be in: what a fit logs must not depend
            on those that it is trained with.
    """
    most_bytes = min(MOST_BYTES_EACH, MOST_LOG_BYTES // n_fits)
    room = most_bytes // max(1, _BYTES * n_valid * n_outputs)
    return max(FEWEST_STAGES, min(MOST_STAGES, room))


def log_bytes_of(n_valid: int, n_outputs: int, n_fits: int = 1) -> int:
    """Memory of the log of one fit, at most; the arguments are those of ``n_stages_of``."""
    return (1 + n_stages_of(n_valid, n_outputs, n_fits)) * _BYTES * n_valid * n_outputs


def stage_grid(n_epochs: int, n_stages: int) -> NDArray[np.float64]:
    """Shares of the schedule to log, ascending up to 1; they depend on these numbers alone.

    Half of them are ever further apart, for nets that are soon at their best. The others are
    evenly spaced, for those that gain until the rate is low.
    """
    n_even = -(-n_stages // 2)
    early = np.array(sorted(stage_steps(n_epochs, n_stages - n_even))) / n_epochs
    return np.unique(np.concatenate((early, np.arange(1, n_even + 1) / n_even)))


class EpochLog:
    """Logs the first epoch after each of some shares of the schedule, and the last epoch.

    Args:
        log: Where to.
        grid: The shares, ascending, 0 to 1.
    """

    def __init__(self, log: StageLog, grid: NDArray[np.float64]) -> None:
        self._log, self._grid = log, grid
        self._stage = 0.0
        self._last: Predict | None = None

    def add(self, progress: float, predict: Predict) -> None:
        """Logs an epoch if it is due.

        Args:
            progress: Share of the schedule that is done. A plan that grew may take it back a
                little; stages go on to ascend.
            predict: Gives the predictions of the validation rows. It is called now, or in ``close``
                if no other epoch has followed by then.
        """
        stage = max(progress, float(np.nextafter(self._stage, np.inf)))
        is_due = self._n_reached(stage) > self._n_reached(self._stage)
        self._stage, self._last = stage, predict
        if is_due:
            self.close()

    def close(self) -> None:
        """Logs the epoch that was added last, whose predictions must still be there."""
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
        """Takes up what ``state`` gave."""
        kept: Sequence[NDArray[np.float32]] = () if predictions is None else list(predictions)
        self._stage, self._last = facts["stage"], None
        if facts["open"]:
            last = kept[-1]
            kept, self._last = kept[:-1], lambda: last
        self._log.restore(facts["log"], kept)


class Judge:
    """Scores what a net predicts for its validation rows after each epoch.

    By these scores the net is stopped, and its best epoch is the one that ships. So the rows must
    not score it: what it predicts for them is logged, for the search to choose a stage by others.
    Where they are too few to choose an epoch, all are alike, and nothing is logged.

    Args:
        fold: Its validation rows are looked at.
        context: Metric of the run.
        report: Told the score of each epoch that has one.
        n_epochs: The most epochs.
        n_stages: The most stages to log, beside the last.

    Attributes:
        stops: Whether the rows may end a fit, and choose its best epoch.
        end: Share of the schedule after which the fit ends: where there are no validation rows,
            the stage that those of other fits have told; else infinite.
        log: Of the stages.
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
        """The log for the fitted model; none where the rows chose nothing."""
        self.log.close()
        return (self._stage_log,) if self._stage_log.stages else ()

    def look(
        self,
        epoch: int,
        progress: float,
        prediction: NDArray[Any],
        final: Predict | None = None,
    ) -> float:
        """Judges an epoch.

        Args:
            epoch: From 1.
            progress: Share of the schedule that is done.
            prediction: Of the validation rows.
            final: Gives what the net predicts for them once it is fitted, where that takes longer;
                it is this that is logged.

        Returns:
            A loss to stop by: NaN of predictions that are not finite, and the same for all others
            where the rows are too few to choose by.

        Raises:
            TrialPruned: As raised by the report.
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
