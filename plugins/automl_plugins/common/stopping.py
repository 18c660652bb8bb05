"""Early stopping of rounds by validation rows that are scored later at another round."""

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
from automl_plugins.common.fitting import ROUNDING, BestRound, report_steps

__all__ = ["EpochStopping", "RoundStopping"]

USUAL_EPOCHS = 10


class RoundStopping:
    """Looks at rounds of a fit: reports, the best round, the log of stages, and when to end.

    Where the validation rows are too few to stop by, the fit ends at the usual stage, which is
    then the one it is scored at. Where there are none, it ends at the stage that those of other
    fits have told, if they have.

    Args:
        fold: Its validation rows are looked at.
        context: Metric of the run, or of one level.
        report: Told the score of some 30 fixed rounds.
        patience: Maps the best round so far to the rounds to wait after it.
        max_rounds: The most rounds.
        usual_rounds: Rounds after which such fits usually stop.
        usual_stage: The stage that is then reached.
        steps: Rounds to report and to log; None takes some on a logarithmic scale.

    Attributes:
        last_round: The round after which the fit is over at the latest.
        best: The best round so far.
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
        self.best = BestRound(self._metric.is_better, patience)
        self._log = StageLog(context.metric, usual_stage, grows=True)
        self._reported = report_steps(10, max_rounds) if steps is None else steps
        self._logged = stage_steps(max_rounds) if steps is None else steps
        self._round = 0

    def is_due(self, round_: int) -> bool:
        """Whether a round must be looked at, whatever it costs."""
        return round_ in self._reported or round_ in self._logged or round_ == self.last_round

    def look(self, round_: int, stage: float, prediction: NDArray[Any], is_last: bool) -> bool:
        """Takes the prediction of the validation rows after a round; whether the fit is over.

        Args:
            round_: From 1.
            stage: The sum of the learning rates so far.
            prediction: Probabilities, values or quantiles of the validation rows.
            is_last: Whether the fit ends here in any case.

        Raises:
            TrialPruned: As raised by the report.
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
        """The round to cut the model after: the best, or the last where rows are too few."""
        return (self.best.best_round if self._stops else 0) or self._round

    @property
    def stages(self) -> tuple[StageLog, ...]:
        """The log for the model; none where the validation rows chose nothing."""
        return (self._log,) if self._stops else ()


class EpochStopping:
    """Looks at the epochs of gradient descent: reports, the best epoch, the log, and the end.

    Args:
        fold: Its validation rows are looked at.
        context: Metric of the run.
        report: Told the score of each epoch.
        patience: Epochs to wait after the best one.
        max_epochs: The most epochs.

    Attributes:
        last_epoch: The epoch after which the fit is over at the latest.
        is_best: Whether the epoch that was looked at last is the one to keep.
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
        """Takes the prediction of the validation rows after an epoch; whether the fit is over.

        Args:
            epoch: From 1.
            prediction: Probabilities or values of the validation rows.
            is_last: Whether the fit ends here in any case.

        Raises:
            TrialPruned: As raised by the report.
        """
        is_last = is_last or epoch == self.last_epoch
        over = self._rounds.look(epoch, float(epoch), prediction, is_last)
        self.is_best = self._rounds.best_round == epoch
        return over

    @property
    def stages(self) -> tuple[StageLog, ...]:
        """The log for the model; none where the validation rows chose nothing."""
        return self._rounds.stages
