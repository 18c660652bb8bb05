"""What is known of trials by their predictions of rows that they did not see."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split import ALL_ROWS, SplitPlan
from automl.data.table import Dataset
from automl.ensemble import read_oof
from automl.metrics.stand_in import steering
from automl.plugin.metric import Metric
from automl.search.forecast import Forecast
from automl.search.ledger import Trial
from automl.search.prior import prior_prediction
from automl.store.run_dir import RunDir

__all__ = ["Evidence", "finite"]

MIN_SKILL = 0.02  # of the way from the prior to the best trial
KEPT, KEPT_AT_LEAST, KEPT_BYTES = 60, 20, 256 << 20  # trials; selection considers half of them
KEPT_OF_FAMILY = 3


@dataclass(slots=True)
class Evidence:
    """Out-of-fold predictions of the complete trials, and what they are worth.

    Attributes:
        run, dataset, plan, metric: Of the run.
        forecast: What trials cost, and the limits.
        complete: Trials whose predictions are kept, by name.
        oof: Their predictions, ``(n_rows, n_outputs)`` or ``(n_rows,)``; NaN where there is none.
            Means over repeats; where the metric ranks, those of the first repeat.
    """

    run: RunDir
    dataset: Dataset
    plan: SplitPlan
    metric: Metric
    forecast: Forecast = field(default_factory=Forecast)
    complete: dict[str, Trial] = field(default_factory=dict)
    oof: dict[str, NDArray[Any]] = field(default_factory=dict)
    _losses: dict[str, float] = field(default_factory=dict)
    _latest: tuple[str, NDArray[Any]] | None = None

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """Validation rows of the first division."""
        return np.asarray(self.plan.divisions[0].valid)

    def loss(self, rows: NDArray[np.int64], prediction: NDArray[Any]) -> float:
        """Loss of a prediction of these rows, to be compared with others of the same rows.

        Where the metric has no value for them, something else stands in: see ``steering``.
        """
        weight = None if self.dataset.weight is None else self.dataset.weight[rows]
        steered = steering(self.metric)
        return steered.loss(steered.score(self.dataset.y[rows], prediction, weight))

    def prior_loss(self, rows: NDArray[np.int64]) -> float:
        """Loss of predicting for everybody what is known without any column."""
        return self.loss(rows, self._prior(rows))

    def first_fold(self, trial: Trial) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Validation rows of the first division, and what a trial predicts for them.

        The same rows for every family, also for those that are fitted once on all rows.
        """
        name, rows = trial.spec.trial_id, self.first_rows
        if self._latest is None or self._latest[0] != name:  # it is asked for several times in turn
            self._latest = name, self._read(trial, [trial.folds[0]])[rows]
        prediction = self._latest[1]
        known = finite(prediction)
        return rows[known], prediction[known]

    def add(self, trial: Trial) -> float:
        """Takes a complete trial in; returns the score of its out-of-fold predictions.

        One without a score (NaN) is not taken in: it cannot be compared.
        """
        name = trial.spec.trial_id
        if self._ranks_repeats(trial):
            oof, score = self._first_repeat(trial), self._score_of_repeats(trial)
        else:
            oof = self._read(trial, list(trial.folds))
            score = self._score(oof, self.plan.fold_of_row)
        if math.isnan(score):
            return score
        self.oof[name], self.complete[name] = oof, trial
        self._losses[name] = self.metric.loss(score)
        self._forget_worst(oof.nbytes)
        return score

    def candidates(self) -> list[Trial]:
        """Complete trials that know more than the prior, if there are any.

        A constant prediction leaves some metrics unmoved: it must not enter for nothing. Where
        limits are set, these are of the trials that keep them by themselves, or the one that
        comes nearest to them.
        """
        trials = self.forecast.keeping(sorted(self.complete.values(), key=lambda t: t.index))
        rows = np.flatnonzero(finite(self.oof[trials[0].spec.trial_id]))
        if math.isnan(self.metric.score(self.dataset.y[rows], self._prior(rows))):
            return trials  # there is nothing to compare with, such as a correlation
        prior = self.prior_loss(rows)
        losses = [self.metric.loss(t.score) for t in trials if t.score is not None]
        limit = prior - MIN_SKILL * (prior - min(losses))
        able = [t for t in trials if t.score is not None and self.metric.loss(t.score) < limit]
        return able or trials

    def _prior(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The constant baseline for these rows."""
        prior = prior_prediction(self.dataset)
        return np.tile(prior, (len(rows), *[1] * prior.ndim))

    def _ranks_repeats(self, trial: Trial) -> bool:
        """Whether the metric compares the order of predictions that are of several repeats.

        Their mean is no order of one model: a model of another repeat has learnt from rows of the
        same fold, and with whole groups as folds that costs up to .02 of ROC AUC at 150 rows.
        """
        return self.metric.ranks and len(self.plan.repeats) > 1 and trial.folds != (ALL_ROWS,)

    def _first_repeat(self, trial: Trial) -> NDArray[Any]:
        return self._read(trial, self.plan.repeats[0])

    def _score_of_repeats(self, trial: Trial) -> float:
        """Mean score within the folds of each repeat, then over the repeats."""
        scores = []
        for folds in self.plan.repeats:
            fold_of_row = np.full(self.plan.n_rows, -1, dtype=np.int64)
            for fold in folds:
                fold_of_row[self.plan.divisions[fold].valid] = fold
            scores.append(self._score(self._read(trial, folds), fold_of_row))
        known = [score for score in scores if not math.isnan(score)]
        return float(np.mean(known)) if known else math.nan

    def _score(self, oof: NDArray[Any], fold_of_row: NDArray[np.int64]) -> float:
        """Score of out-of-fold predictions, by the folds they are of."""
        rows = np.flatnonzero(finite(oof))
        weight = None if self.dataset.weight is None else self.dataset.weight[rows]
        return self.metric.score_folds(self.dataset.y[rows], oof[rows], fold_of_row[rows], weight)

    def _read(self, trial: Trial, folds: Sequence[int]) -> NDArray[Any]:
        is_classification = self.dataset.target.task.is_classification
        return read_oof(self.run, trial.spec.trial_id, folds, self.plan, is_classification)

    def _forget_worst(self, n_bytes: int) -> None:
        """Keeps the predictions of the best trials and of the best of each family, not of all.

        Selection looks no further than these, and of many rows the predictions of all trials would
        fill the memory. Who stays does not depend on the order in which trials came.

        Args:
            n_bytes: Of the predictions of one trial.
        """
        most = max(KEPT_AT_LEAST, min(KEPT, KEPT_BYTES // max(1, n_bytes)))
        ranked = sorted(
            self.complete.values(),
            key=lambda t: (self.forecast.excess([t]), self._losses[t.spec.trial_id], t.index),
        )
        n_seen: Counter[str] = Counter()
        for place, trial in enumerate(ranked):
            n_seen[trial.spec.family] += 1
            if place >= most and n_seen[trial.spec.family] > KEPT_OF_FAMILY:
                name = trial.spec.trial_id
                del self.oof[name], self.complete[name], self._losses[name]


def finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows without NaN, ``(n_rows,)``."""
    mask: NDArray[np.bool_] = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    return mask
