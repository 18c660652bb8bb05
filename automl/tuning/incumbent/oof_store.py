"""Keeps the out-of-fold predictions of complete trials, and scores them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.data.table import Dataset
from automl.ensemble import estimate, estimate_of_blocks, kappa_of_cells, newest_blocks, read_oof
from automl.metrics.fallback import steering
from automl.plugin.metric import Metric
from automl.store.run_dir import RunDir
from automl.trial.settle import settle_folds
from automl.tuning.incumbent.predictor_cost import PredictorCost
from automl.tuning.problem.constant_baseline import baseline_prediction
from automl.tuning.trials.newest_rows import in_order_of_fits, is_by_time
from automl.tuning.trials.trial import Trial

__all__ = ["JudgedRows", "OofStore", "complete_rows", "judged_rows"]

KEPT, KEPT_AT_LEAST, KEPT_BYTES = 60, 20, 256 << 20  # trials; selection considers half of them
KEPT_OF_FAMILY = 3


@dataclass(slots=True)
class OofStore:
    """Out-of-fold predictions of the complete trials, with their scores.

    Attributes:
        run, dataset, plan, metric: Those of the run.
        predictor_cost: Costs of the trials, and the limits.
        complete: Trials whose predictions are kept, by name.
        oof: Their predictions of the rows in ``judged``, ``(n_judged, n_outputs)`` or
            ``(n_judged,)``; NaN if missing. The first ``n_rows`` are those of the data.
        judged: The rows, arranged for the metric.
    """

    run: RunDir
    dataset: Dataset
    plan: SplitPlan
    metric: Metric
    predictor_cost: PredictorCost = field(default_factory=PredictorCost)
    complete: dict[str, Trial] = field(default_factory=dict)
    oof: dict[str, NDArray[Any]] = field(default_factory=dict)
    judged: JudgedRows = field(init=False)
    _losses: dict[str, float] = field(default_factory=dict)
    _latest: tuple[str, NDArray[Any]] | None = None

    def __post_init__(self) -> None:
        """Arranges the rows."""
        self.judged = judged_rows(self.plan, self.dataset, self.metric)

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """Validation rows of the first fold to be fitted: the newest rows of a time plan."""
        return np.asarray(self.plan.splits[in_order_of_fits(self.plan)[0]].valid)

    def loss(self, rows: NDArray[np.int64], prediction: NDArray[Any]) -> float:
        """Loss of predictions, comparable only with others for the same rows.

        If the metric has no value for them, a substitute is used: see ``steering``.
        """
        weight = None if self.dataset.weight is None else self.dataset.weight[rows]
        if not len(rows):  # a later fit has removed the files
            return math.inf
        steered = steering(self.metric)
        return steered.loss(steered.score(self.dataset.y[rows], prediction, weight))

    @property
    def prior(self) -> NDArray[np.float64]:
        """The constant baseline: shares of classes, quantiles or the mean."""
        return baseline_prediction(self.dataset)

    def prior_loss(self, rows: NDArray[np.int64]) -> float:
        """Loss of the constant baseline on these rows."""
        return self.loss(rows, np.tile(self.prior, (len(rows), *[1] * self.prior.ndim)))

    def first_fold(self, trial: Trial) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Validation rows of the first fold to be fitted, with a trial's predictions of them.

        The rows are the same for every family, also for one that is fitted once on all rows. They
        are empty if a later fit of the trial has removed its files, which makes it fail.
        """
        name, rows = trial.spec.trial_id, self.first_rows
        if self._latest is None or self._latest[0] != name:  # it is read several times in a row
            if not self.run.oof(name, trial.folds[0]).is_file():
                return rows[:0], np.empty(0)
            self._latest = name, self._read(trial, [trial.folds[0]])[rows]
        prediction = self._latest[1]
        known = complete_rows(prediction)
        return rows[known], prediction[known]

    def add(self, trial: Trial) -> float:
        """Adds a complete trial, and sets its score and interval.

        Folds that stopped early are settled first: scored at stages that other folds chose. A trial
        without a score (NaN) is not added, as it cannot be compared.

        Returns:
            The score of its out-of-fold predictions.
        """
        name = trial.spec.trial_id
        self._settle(trial)
        oof = self._read_judged(trial)
        score = self.judge(trial, oof)
        if math.isnan(score):
            return score
        self.oof[name], self.complete[name] = oof, trial
        self._losses[name] = self.metric.loss(score)
        self._forget_worst(oof.nbytes)
        return score

    def judge(
        self, trial: Trial, oof: NDArray[Any] | None = None, blocks: Sequence[int] = ()
    ) -> float:
        """Scores the out-of-fold predictions of a trial; sets its loss, error and interval.

        Args:
            trial: A complete trial.
            oof: Its predictions; read if None.
            blocks: Time plans only: the folds over which to average; the newest by default.
        """
        shown = self._read_judged(trial) if oof is None else oof
        by_time = is_by_time(self.plan) and self.plan.n_folds > 1
        known, judged = complete_rows(shown), self.judged
        if by_time:
            said = blocks or newest_blocks(range(self.plan.n_folds))
            known &= np.isin(judged.fold, said)
        rows = np.flatnonzero(known)
        y, fold, shown = judged.y[rows], judged.fold[rows], shown[rows]
        units: dict[str, Any] = {
            "fold": fold,
            "weight": None if judged.weight is None else judged.weight[rows],
            "group": None if judged.group is None else judged.group[rows],
        }
        score = self.metric.score_folds(y, shown, fold, units["weight"])
        if math.isnan(score):
            trial.take_loss(None)
            return score
        if by_time:
            found = estimate_of_blocks(self.metric, y, shown, **units)
        else:  # more repeats do not make a score more certain between folds
            kappa = kappa_of_cells(len(self.plan.repeats[0]), len(np.unique(fold)))
            found = estimate(self.metric, y, shown, kappa=kappa, **units)
        score = found.score if by_time and found is not None else score
        loss = None if math.isnan(score) else self.metric.loss(score)
        if found is not None and math.isfinite(found.error):
            trial.take_loss(loss, found.error, (found.low, found.high))
        else:
            trial.take_loss(loss)
        return score

    def _settle(self, trial: Trial) -> None:
        settled, stages = settle_folds(
            self.run, trial.spec.trial_id, trial.folds, self.plan, self.dataset, self.metric
        )
        results = (
            replace(trial.results[fold], settled_score=found.score, settled_crc=found.crc)
            for fold, found in settled.items()
        )
        trial.settle(results, stages)

    def candidates(self) -> list[Trial]:
        """Complete trials; with limits, those within them, or the closest.

        None is dropped for its score: that would be a choice made with all rows, among them those
        that a nested selection must not use.
        """
        return self.predictor_cost.within_limits(
            sorted(self.complete.values(), key=lambda t: t.index)
        )

    def _read_judged(self, trial: Trial) -> NDArray[Any]:
        """Predictions of the rows in ``judged``; out-of-bag ones are the same in each repeat."""
        repeats = self.plan.repeats
        if self.judged.repeat is None:
            return self._read(trial, list(trial.folds))
        if trial.folds == (ALL_ROWS,):
            return np.concatenate([self._read(trial, trial.folds)] * len(repeats))
        return np.concatenate([self._read(trial, folds) for folds in repeats])

    def _read(self, trial: Trial, folds: Sequence[int]) -> NDArray[Any]:
        is_classification = self.dataset.target.task.is_classification
        return read_oof(self.run, trial.spec.trial_id, folds, self.plan, is_classification)

    def _forget_worst(self, n_bytes: int) -> None:
        """Keeps the predictions of the best trials, and of the best of each family.

        Selection considers no others, and with many rows those of all trials would fill the
        memory. The choice does not depend on the order in which trials finished.

        Args:
            n_bytes: Size of the predictions of one trial.
        """
        most = max(KEPT_AT_LEAST, min(KEPT, KEPT_BYTES // max(1, n_bytes)))
        ranked = sorted(
            self.complete.values(),
            key=lambda t: (
                self.predictor_cost.max_excess([t]),
                self._losses[t.spec.trial_id],
                t.index,
            ),
        )
        n_seen: Counter[str] = Counter()
        for place, trial in enumerate(ranked):
            n_seen[trial.spec.family] += 1
            if place >= most and n_seen[trial.spec.family] > KEPT_OF_FAMILY:
                name = trial.spec.trial_id
                del self.oof[name], self.complete[name], self._losses[name]


def complete_rows(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows without NaN, ``(n_rows,)``."""
    mask: NDArray[np.bool_] = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRows:
    """The rows that predictions are scored on; arrays have the shape ``(n_judged,)``.

    A ranking metric compares the order of predictions, and a mean over repeats is not the order
    of one model: a model of another repeat has trained on rows of the same fold, which costs up to
    .02 of ROC AUC at 150 rows if folds are whole groups. So such a metric scores each repeat
    separately, and the score is the mean over repeats; the rows of one repeat follow those of the
    one before. Other metrics score the mean over the repeats of each row.

    Attributes:
        y: Class indices or values.
        fold: Number of the fold, unique over repeats; -1 for rows that are never validated.
        weight: Row weights, or None.
        group: Group of each row; None if rows are independent.
        repeat: Number of the repeat, ascending; None if each row is scored once.
    """

    y: NDArray[Any]
    fold: NDArray[np.int64]
    weight: NDArray[np.float64] | None
    group: NDArray[np.int64] | None
    repeat: NDArray[np.int64] | None = None


def judged_rows(plan: SplitPlan, dataset: Dataset, metric: Metric) -> JudgedRows:
    """The rows of a run, arranged for its metric."""
    weight, group, n_repeats = dataset.weight, dataset.group, len(plan.repeats)
    if not metric.is_ranking or n_repeats < 2:
        return JudgedRows(dataset.y, plan.fold_of_row, weight, group)
    fold = np.full((n_repeats, plan.n_rows), -1, dtype=np.int64)
    for repeat, numbers in enumerate(plan.repeats):
        for number in numbers:
            fold[repeat, plan.splits[number].valid] = number
    return JudgedRows(
        y=np.tile(dataset.y, n_repeats),
        fold=fold.ravel(),
        weight=None if weight is None else np.tile(weight, n_repeats),
        # A row is one bootstrap unit, however often it is predicted.
        group=np.tile(np.arange(plan.n_rows) if group is None else group, n_repeats),
        repeat=np.repeat(np.arange(n_repeats), plan.n_rows),
    )
