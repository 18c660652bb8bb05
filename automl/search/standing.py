"""How the search stands: the ensemble of what is complete so far, and what a trial would add."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.config.schema import EnsembleConfig
from automl.data.split import SplitPlan
from automl.data.table import Dataset
from automl.ensemble import (
    Ensemble,
    Member,
    Selection,
    choose_ensemble,
    interval,
    read_oof,
    select_ensemble,
)
from automl.ensemble import write_ensemble as write_to_run
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.plugin.metric import Metric
from automl.search.forecast import Forecast
from automl.search.ledger import Trial
from automl.search.prior import prior_prediction
from automl.store.run_dir import RunDir
from automl.trial.cost import Cost

__all__ = ["Standing"]

GAIN_WEIGHTS = (0.1, 0.25, 0.5)
MIN_SKILL = 0.02  # of the way from the prior to the best trial
SELECTION_SHARE = 0.04  # of the time so far may go into selecting; more has to wait
KEPT, KEPT_AT_LEAST, KEPT_BYTES = 60, 20, 256 << 20  # trials; selection considers half of them
KEPT_OF_FAMILY = 3


@dataclass(slots=True)
class Standing:
    """Out-of-fold predictions of complete trials, and the ensemble selected from them.

    Attributes:
        run, dataset, plan, metric, config: Of the run.
        families: Family and shape by name.
        seed: Of the run.
        forecast: What trials cost, and the limits.
        finish_limit_s: Seconds the last selection should take at most; None without a time budget.
        selection_s: Seconds the last selection took.
        spent_s: Seconds that all selections took.
        current: The ensemble on disk.
        members: Its trials.
    """

    run: RunDir
    dataset: Dataset
    plan: SplitPlan
    metric: Metric
    config: EnsembleConfig
    families: Mapping[str, tuple[ModelFamily, Shape]]
    seed: int
    forecast: Forecast = field(default_factory=Forecast)
    finish_limit_s: float | None = None
    selection_s: float = 0.0
    spent_s: float = 0.0
    current: Ensemble | None = None
    members: Sequence[Trial] = ()
    _complete: dict[str, Trial] = field(default_factory=dict)
    _oof: dict[str, NDArray[Any]] = field(default_factory=dict)
    _losses: dict[str, float] = field(default_factory=dict)
    _blend: NDArray[Any] | None = None
    _stale: bool = False

    def first_fold_loss(self, trial: Trial) -> float:
        """Loss of a trial on the validation rows of the first division.

        The same rows for every family, also for those that are fitted once on all rows.
        """
        rows, prediction = self._first_fold(trial)
        return self._loss(rows, prediction)

    def gain(self, trial: Trial) -> float | None:
        """What a trial would add to the ensemble on the first division's validation rows.

        Returns:
            The drop in loss as a share of the way from the prior to the ensemble, for the best
            of a few weights; negative when it only hurts; None before there is an ensemble.
            Nothing for a trial that is too dear to be a member, and the whole way for one that
            comes nearer to the limits than an ensemble that is beyond them.
        """
        if self._blend is None:
            return None
        excess = self.forecast.excess([trial])
        if excess < self.forecast.excess(self.members):
            return 1.0
        if excess > 0.0:
            return 0.0
        rows, prediction = self._first_fold(trial)
        blend = self._blend[rows]
        known = _finite(blend)
        if known.sum() < 2:
            return None
        rows, blend, prediction = rows[known], blend[known], prediction[known]
        now = self._loss(rows, blend)
        mixed = min(self._loss(rows, (1 - w) * blend + w * prediction) for w in GAIN_WEIGHTS)
        way = max(abs(self._prior_loss(rows) - now), 1e-12)
        return (now - mixed) / way

    def _first_fold(self, trial: Trial) -> tuple[NDArray[np.int64], NDArray[Any]]:
        fold = trial.folds[0]
        oof = self._read_oof(trial, [fold])
        rows = np.asarray(self.plan.divisions[0].valid)
        rows = rows[_finite(oof[rows])]
        return rows, oof[rows]

    def _read_oof(self, trial: Trial, folds: Sequence[int]) -> NDArray[Any]:
        is_classification = self.dataset.target.task.is_classification
        return read_oof(self.run, trial.spec.trial_id, folds, self.plan, is_classification)

    def _loss(self, rows: NDArray[np.int64], prediction: NDArray[Any]) -> float:
        weight = None if self.dataset.weight is None else self.dataset.weight[rows]
        return self.metric.loss(self.metric.score(self.dataset.y[rows], prediction, weight))

    def _prior_loss(self, rows: NDArray[np.int64]) -> float:
        """Loss of predicting for everybody what is known without any column."""
        prior = prior_prediction(self.dataset)
        return self._loss(rows, np.tile(prior, (len(rows), *[1] * prior.ndim)))

    def add(self, trial: Trial) -> float:
        """Takes a complete trial in; returns the score of its out-of-fold predictions."""
        name = trial.spec.trial_id
        oof = self._read_oof(trial, list(trial.folds))
        rows = np.flatnonzero(_finite(oof))
        weight = None if self.dataset.weight is None else self.dataset.weight[rows]
        score = float(self.metric.score(self.dataset.y[rows], oof[rows], weight))
        self._oof[name], self._complete[name] = oof, trial
        self._losses[name] = self.metric.loss(score)
        self._stale = True
        self._forget_worst(oof.nbytes)
        return score

    def _forget_worst(self, n_bytes: int) -> None:
        """Keeps the predictions of the best trials and of the best of each family, not of all.

        Selection looks no further than these, and of many rows the predictions of all trials would
        fill the memory. Who stays does not depend on the order in which trials came.

        Args:
            n_bytes: Of the predictions of one trial.
        """
        most = max(KEPT_AT_LEAST, min(KEPT, KEPT_BYTES // max(1, n_bytes)))
        trials = self._complete.values()
        ranked = sorted(
            trials,
            key=lambda t: (self.forecast.excess([t]), self._losses[t.spec.trial_id], t.index),
        )
        n_seen: Counter[str] = Counter()
        for place, trial in enumerate(ranked):
            n_seen[trial.spec.family] += 1
            if place >= most and n_seen[trial.spec.family] > KEPT_OF_FAMILY:
                name = trial.spec.trial_id
                del self._oof[name], self._complete[name], self._losses[name]

    def first_unit(self, trial: Trial) -> None:
        """Writes a predictor of the folds of one trial that are there, when there is none yet."""
        if self.current is None:
            self._write(
                Selection(np.ones(1), trial.results[trial.folds[0]].score, 0, "single"),
                [trial],
            )

    def update(self, elapsed_s: float) -> Ensemble | None:
        """Selects anew when there is something new and it is cheap enough; the better ensemble.

        Returns:
            The new ensemble, or None when nothing changed.
        """
        dear = self.spent_s + self.selection_s > SELECTION_SHARE * max(elapsed_s, 1.0)
        if not self._stale or (dear and self.current is not None and len(self._complete) > 2):
            return None
        return self._select(final=False)

    def finish(self) -> Ensemble | None:
        """Selects for the last time, with the check that an ensemble beats the best single."""
        return self._select(final=True) if self._complete else self.current

    def _select(self, final: bool) -> Ensemble:
        start = time.monotonic()
        trials = self._candidates()
        options: dict[str, Any] = {
            "steps": self.config.steps if self.config.enabled else 1,
            "max_members": self.config.max_members if self.config.enabled else 1,
            "weight": self.dataset.weight,
            "families": [t.spec.family for t in trials],
            # Sizes and not seconds: no clock may decide between equals.
            "costs": [t.cost.size_mb for t in trials],
            "loads": [self.forecast.shares(t) for t in trials],
            "seed": self.seed,
        }
        oofs = [self._oof[t.spec.trial_id] for t in trials]
        if final:
            chosen = choose_ensemble(
                oofs,
                self.dataset.y,
                self.metric,
                group=self.dataset.group,
                time_limit_s=self.finish_limit_s,
                **options,
            )
        else:
            chosen = select_ensemble(oofs, self.dataset.y, self.metric, **options)
        if not self.config.enabled:
            chosen = replace(chosen, reason="ensemble.enabled is false")
        members = np.flatnonzero(chosen.weights)
        self._blend = sum(chosen.weights[i] * oofs[i] for i in members)
        ensemble = self._write(chosen, trials)
        self._stale = False
        self.selection_s = time.monotonic() - start
        self.spent_s += self.selection_s
        return ensemble

    @property
    def cost(self) -> Cost:
        """Of predicting with the ensemble: its time as measured, or else as its trials add up."""
        expected = self.forecast.cost(self.members)
        if self.current is None or self.current.predict_ms is None:
            return expected
        return replace(expected, predict_ms=self.current.predict_ms)

    def measured(self, predict_ms: float) -> None:
        """Notes with the ensemble on disk in how many milliseconds it predicts 1,000 rows."""
        if self.current is not None:
            self.current = replace(self.current, predict_ms=predict_ms)
            write_to_run(self.run, self.current)

    def _candidates(self) -> list[Trial]:
        """Complete trials that know more than the prior, if there are any.

        A constant prediction leaves some metrics unmoved: it must not enter for nothing. Where
        limits are set, these are of the trials that keep them by themselves, or the one that
        comes nearest to them.
        """
        trials = self.forecast.keeping(sorted(self._complete.values(), key=lambda t: t.index))
        prior = self._prior_loss(np.flatnonzero(_finite(self._oof[trials[0].spec.trial_id])))
        losses = [self.metric.loss(t.score) for t in trials if t.score is not None]
        limit = prior - MIN_SKILL * (prior - min(losses))
        able = [t for t in trials if t.score is not None and self.metric.loss(t.score) < limit]
        return able or trials

    def _write(self, chosen: Selection, trials: list[Trial]) -> Ensemble:
        members = []
        numbers = np.flatnonzero(chosen.weights)
        self.members = [trials[number] for number in numbers]
        for number, trial in zip(numbers, self.members, strict=True):
            family, shape = self.families[trial.spec.family]
            members.append(
                Member(
                    trial=trial.spec.trial_id,
                    family=trial.spec.family,
                    weight=float(chosen.weights[number]),
                    folds=tuple(sorted(trial.results)),
                    view=family.view(trial.spec.params, shape),
                    kinds=family.kinds,
                )
            )
        target = self.dataset.target
        self.current = Ensemble(
            members=tuple(sorted(members, key=lambda m: -m.weight)),
            score=chosen.score,
            score_se=chosen.score_se,
            nested_score=chosen.nested_score,
            interval=self._interval(chosen),
            kind=chosen.kind,
            reason=chosen.reason,
            task=target.task,
            n_classes=target.n_classes,
            metric=self.metric.name,
            n_levels=len(target.quantiles),
            calibration=chosen.calibration,
        )
        write_to_run(self.run, self.current)
        return self.current

    def _interval(self, chosen: Selection) -> tuple[float, float] | None:
        """The 95 % interval of the nested score, where it is known."""
        if chosen.nested_score is None or chosen.score_se is None:
            return None
        return interval(chosen.nested_score, chosen.score_se, self.metric.bounds)


def _finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows without NaN, ``(n_rows,)``."""
    finite: NDArray[np.bool_] = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    return finite
