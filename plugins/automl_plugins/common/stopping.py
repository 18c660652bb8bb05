"""Early stopping on validation rows, with a stage log by which the search scores the fold."""

from __future__ import annotations

import math
from collections.abc import Callable
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
from automl_plugins.common.fitting import ROUNDING, EarlyStopping, report_steps

__all__ = ["EpochStopping", "RoundStopping"]

USUAL_EPOCHS = 10


class RoundStopping:
    """Follows the rounds of a fit: reports, best round, stage log, and early stopping.

    With too few validation rows to stop early, the fit ends at the usual stage and is scored
    there. Without validation rows it ends at ``context.stages``, if given.

    Args:
        fold: Provides the validation rows.
        context: Provides the metric of the run, or of one level.
        report: Called with the score of about 30 fixed rounds.
        patience: Maps the best round so far to the rounds to wait after it.
        max_rounds: Largest number of rounds.
        usual_rounds: Rounds after which such fits usually stop.
        usual_stage: Stage reached after ``usual_rounds``.
        steps: Rounds to report and to log; None takes some on a logarithmic scale.

    Attributes:
        last_round: Round after which the fit ends at the latest.
        best: Best round so far.
    """

    def __init__(
        self,
        fold: Fold,
        context: TrialContext,
        report: Report,
        patience: Callable[[int], float],
        max_rounds: int,
        usual_rounds: float,
        usual_stage: float,
        steps: frozenset[int] | None = None,
    ) -> None:
        self._y, self._weight = fold.y_valid, fold.weight_valid
        self._score, self._report = context.metric, report
        self._metric = stopping_metric(context.metric)
        self._stops = enough_to_choose(fold.y_valid, context.task.is_classification)
        self._end = math.inf
        if context.stages and not len(fold.y_valid):
            self._end = context.stages[0] * (1.0 - ROUNDING)
            usual_rounds = math.ceil(usual_rounds * self._end / usual_stage)
        self.last_round = max_rounds if self._stops else min(max_rounds, max(1, int(usual_rounds)))
        self.best = EarlyStopping(self._metric.is_better, patience)
        self._log = StageLog(context.metric, usual_stage, grows=True)
        self._reported = report_steps(10, max_rounds) if steps is None else steps
        self._logged = stage_steps(max_rounds) if steps is None else steps
        self._round = 0

    def is_due(self, round_: int) -> bool:
        """True if a round must be evaluated to be reported or logged, or is the last."""
        return round_ in self._reported or round_ in self._logged or round_ == self.last_round

    def look(self, round_: int, stage: float, prediction: NDArray[Any], is_last: bool) -> bool:
        """Takes the predictions of the validation rows; returns True if the fit should end.

        Args:
            round_: Number of the round, from 1.
            stage: Sum of the learning rates so far.
            prediction: Probabilities, values or quantiles of the validation rows.
            is_last: True if the fit ends here in any case.

        Raises:
            TrialPruned: Raised by the report.
        """
        self._round = round_
        if not len(self._y):
            return is_last or stage >= self._end
        stopping_score = self._metric.score(self._y, prediction, self._weight)
        self.best.update(round_, stopping_score)
        over = is_last or (self._stops and self.best.is_over(round_))
        if self._stops and (round_ in self._logged or over):
            self._log.add(stage, prediction)
        if round_ in self._reported:
            score = stopping_score
            if self._metric is not self._score:
                score = self._score.score(self._y, prediction, self._weight)
            if np.isfinite(score):
                self._report(round_, score)
        return over

    @property
    def best_round(self) -> int:
        """Last round of the model: the best, or the last one if rows are too few to choose."""
        return (self.best.best_round if self._stops else 0) or self._round

    @property
    def stages(self) -> tuple[StageLog, ...]:
        """The stage log; empty if the fit did not stop early."""
        return (self._log,) if self._stops else ()


class EpochStopping:
    """Follows the epochs of gradient descent: reports, best epoch, stage log, early stopping.

    Args:
        fold: Provides the validation rows.
        context: Provides the metric of the run.
        report: Called with the score of each epoch.
        patience: Epochs to wait after the best one.
        max_epochs: Largest number of epochs.

    Attributes:
        last_epoch: Epoch after which the fit ends at the latest.
        is_best: True if the latest epoch is the best so far.
    """

    def __init__(
        self, fold: Fold, context: TrialContext, report: Report, patience: int, max_epochs: int
    ) -> None:
        every = frozenset(range(1, max_epochs + 1))
        self._rounds = RoundStopping(
            fold,
            context,
            report,
            patience=lambda _: patience,
            max_rounds=max_epochs,
            usual_rounds=USUAL_EPOCHS,
            usual_stage=USUAL_EPOCHS,
            steps=every,
        )
        self.last_epoch, self.is_best = self._rounds.last_round, False

    def look(self, epoch: int, prediction: NDArray[Any], is_last: bool) -> bool:
        """Takes the predictions of the validation rows; returns True if the fit should end.

        Args:
            epoch: Number of the epoch, from 1.
            prediction: Probabilities or values of the validation rows.
            is_last: True if the fit ends here in any case.

        Raises:
            TrialPruned: Raised by the report.
        """
        is_last = is_last or epoch == self.last_epoch
        over = self._rounds.look(epoch, float(epoch), prediction, is_last)
        self.is_best = self._rounds.best_round == epoch
        return over

    @property
    def stages(self) -> tuple[StageLog, ...]:
        """The stage log; empty if the fit did not stop early."""
        return self._rounds.stages
