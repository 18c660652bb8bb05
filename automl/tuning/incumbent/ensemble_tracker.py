"""How the search stands: the ensemble of what is complete so far, and what a trial would add."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.config.schema import EnsembleConfig
from automl.ensemble import (
    Ensemble,
    Member,
    Selection,
    choose_ensemble,
    choose_forward,
    select_ensemble,
)
from automl.ensemble import write_ensemble as write_to_run
from automl.errors import RunError
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.trial.inference_cost import Cost
from automl.tuning.incumbent.bagged import expected_of_mean
from automl.tuning.incumbent.oof_store import Evidence, finite
from automl.tuning.incumbent.stopgap import best_cut, is_lost
from automl.tuning.trials.newest import is_by_time, predicting_folds
from automl.tuning.trials.trial import Trial

__all__ = ["Standing"]

GAIN_WEIGHTS = (0.1, 0.25, 0.5)
SELECTION_SHARE = 0.04  # of the time so far may go into selecting; more has to wait
OUTDONE = 0.5  # of what a trial knows: an ensemble that knows less is not worth waiting for


@dataclass(slots=True)
class Standing:
    """The ensemble selected from the trials that are complete.

    Attributes:
        evidence: What trials predict, and what that is worth.
        config: Of the ensemble.
        families: Family and shape by name.
        seed: Of the run.
        finish_limit_s: Seconds the last selection should take at most; None without a time budget.
        selection_s: Seconds the last selection took.
        spent_s: Seconds that all selections took.
        current: The ensemble on disk.
        members: Its trials.
        begun: Trials whose first fold is done.
        said_blocks: In order of time, the folds that its nested score is the mean of.
    """

    evidence: Evidence
    config: EnsembleConfig
    families: Mapping[str, tuple[ModelFamily, Shape]]
    seed: int
    finish_limit_s: float | None = None
    selection_s: float = 0.0
    spent_s: float = 0.0
    current: Ensemble | None = None
    members: Sequence[Trial] = ()
    said_blocks: tuple[int, ...] = ()
    begun: list[Trial] = field(default_factory=list)
    _blend: NDArray[Any] | None = None
    _stale: bool = False

    def first_fold_loss(self, trial: Trial) -> float:
        """Loss of a trial on the validation rows of the fold that is fitted first."""
        return self.evidence.loss(*self.evidence.first_fold(trial))

    def gain(self, trial: Trial) -> float | None:
        """What a trial would add to the ensemble on the rows of the fold that is fitted first.

        Returns:
            The drop in loss as a share of the way from the prior to the ensemble, for the best
            of a few weights; negative when it only hurts; None before there is an ensemble.
            Nothing for a trial that is too dear to be a member, and the whole way for one that
            comes nearer to the limits than an ensemble that is beyond them.
        """
        if self._blend is None:
            return None
        forecast = self.evidence.forecast
        excess = forecast.excess([trial])
        if excess < forecast.excess(self.members):
            return 1.0
        if excess > 0.0:
            return 0.0
        compared = self._compared(trial)
        if compared is None:
            return None
        rows, blend, prediction = compared
        loss = self.evidence.loss
        now = loss(rows, blend)
        mixed = min(loss(rows, (1 - w) * blend + w * prediction) for w in GAIN_WEIGHTS)
        way = max(abs(self.evidence.prior_loss(rows) - now), 1e-12)
        return (now - mixed) / way

    def _compared(
        self, trial: Trial
    ) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]] | None:
        """Rows of the fold fitted first with the predictions of the ensemble and of a trial."""
        if self._blend is None:
            return None
        rows, prediction = self.evidence.first_fold(trial)
        blend = self._blend[rows]
        known = finite(blend)
        return None if known.sum() < 2 else (rows[known], blend[known], prediction[known])

    def add(self, trial: Trial) -> float:
        """Takes a complete trial in; returns the score of its out-of-fold predictions."""
        score = self.evidence.add(trial)
        self._stale = self._stale or not math.isnan(score)
        return score

    def first_unit(self, trial: Trial) -> None:
        """Lets the folds of a trial predict that are there, while nothing else is worth much."""
        self.begun.append(trial)
        if self.current is None or self._is_outdone_by(trial):
            self._write_alone(trial)

    def _is_outdone_by(self, trial: Trial) -> bool:
        """Whether the ensemble knows less than half of what the first fold of a trial knows."""
        compared = self._compared(trial)
        if compared is None or self.evidence.forecast.excess([trial]):
            return False
        rows, blend, prediction = compared
        prior, own = self.evidence.prior_loss(rows), self.evidence.loss(rows, prediction)
        return prior - self.evidence.loss(rows, blend) < OUTDONE * (prior - own)

    def update(self, elapsed_s: float) -> Ensemble | None:
        """Selects anew when there is something new and it is cheap enough; the better ensemble.

        Returns:
            The new ensemble, or None when nothing changed.
        """
        dear = self.spent_s + self.selection_s > SELECTION_SHARE * max(elapsed_s, 1.0)
        if not self._stale or (
            dear and self.current is not None and len(self.evidence.complete) > 2
        ):
            return None
        return self._select(final=False)

    def finish(self) -> Ensemble | None:
        """Selects for the last time, with the check that an ensemble beats the best single.

        A trial that was not over in time predicts with the folds it has where that is much better.
        """
        has_complete = bool(self.evidence.complete)
        if has_complete:
            self._select(final=True)
        elif any(is_lost(trial) for trial in self.members):
            self.current = None
        # Of all, and against the last selection: which one came first is a matter of seconds.
        cut = best_cut(self.begun, self.first_fold_loss)
        if cut is not None and (not has_complete or self._is_outdone_by(cut)):
            self._write_alone(cut)
        return self.current

    def _select(self, final: bool) -> Ensemble:
        start = time.monotonic()
        evidence = self.evidence
        trials = evidence.candidates()
        rows, oofs = evidence.judged, [evidence.oof[t.spec.trial_id] for t in trials]
        options: dict[str, Any] = {
            "steps": self.config.steps if self.config.enabled else 1,
            "max_members": self.config.max_members if self.config.enabled else 1,
            "weight": rows.weight,
            "fold": rows.fold,
            "families": [t.spec.family for t in trials],
            # Sizes and not seconds: no clock may decide between equals.
            "costs": [t.cost.size_mb for t in trials],
            "loads": [evidence.forecast.shares(t) for t in trials],
            "prior": evidence.prior,
            "seed": self.seed,
        }
        if is_by_time(evidence.plan) and evidence.plan.n_folds > 1:
            chosen = choose_forward(
                oofs,
                rows.y,
                evidence.metric,
                block=options.pop("fold"),
                group=rows.group,
                final=final,
                time_limit_s=self.finish_limit_s,
                **options,
            )
        elif final:
            chosen = choose_ensemble(
                oofs,
                rows.y,
                evidence.metric,
                group=rows.group,
                repeat=rows.repeat,
                time_limit_s=self.finish_limit_s,
                **options,
            )
        else:
            chosen = select_ensemble(oofs, rows.y, evidence.metric, **options)
        if not self.config.enabled:
            chosen = replace(chosen, reason="ensemble.enabled is false")
        members = np.flatnonzero(chosen.weights)
        self._blend = sum(chosen.weights[i] * oofs[i] for i in members)
        self.said_blocks = chosen.blocks
        ensemble = self._write(chosen, trials)
        self._stale = False
        self.selection_s = time.monotonic() - start
        self.spent_s += self.selection_s
        return ensemble

    @property
    def blend(self) -> NDArray[Any] | None:
        """What the ensemble predicts for ``Evidence.judged``, with NaN; None without one."""
        return self._blend

    @property
    def cost(self) -> Cost:
        """Of predicting with the ensemble: its time as measured, or else as its trials add up."""
        expected = self.evidence.forecast.cost(self.members)
        if self.current is None or self.current.predict_ms is None:
            return expected
        return replace(expected, predict_ms=self.current.predict_ms)

    def measured(self, predict_ms: float) -> None:
        """Notes with the ensemble on disk in how many milliseconds it predicts 1,000 rows."""
        if self.current is not None:
            self.current = replace(self.current, predict_ms=predict_ms)
            write_to_run(self.evidence.run, self.current)

    def look_ahead(self) -> Sequence[str]:
        """Notes with the ensemble on disk what the mean of its folds' models should score.

        Returns:
            Why that cannot be told, where a file is damaged: it is not worth the end of a search.
        """
        if self.current is None:
            return ()
        evidence, folds = self.evidence, {t.spec.trial_id: tuple(t.results) for t in self.members}
        said = (evidence.plan, evidence.dataset, evidence.metric, self.seed)
        try:
            score = expected_of_mean(evidence.run, self.current, folds, *said)
        except RunError as error:
            return (f"what the mean of the folds' models should score is not known: {error}",)
        self.current = replace(self.current, mean_score=score)
        write_to_run(evidence.run, self.current)
        return ()

    def _write_alone(self, trial: Trial) -> Ensemble:
        """Lets one trial predict with the folds that it has."""
        scores = [r.score for r in trial.results.values() if r.score is not None]
        score = float(np.mean(scores)) if scores else math.nan
        return self._write(Selection(np.ones(1), score, 0, "single"), [trial])

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
                    folds=predicting_folds(self.evidence.plan, trial.results),
                    view=family.view(trial.spec.params, shape),
                    kinds=family.kinds,
                )
            )
        target = self.evidence.dataset.target
        self.current = Ensemble(
            members=tuple(sorted(members, key=lambda m: -m.weight)),
            score=_known(chosen.score),
            score_se=_known(chosen.score_se),
            nested_score=_known(chosen.nested_score),
            interval=None if _known(chosen.nested_score) is None else chosen.interval,
            kind=chosen.kind,
            reason=chosen.reason,
            task=target.task,
            n_classes=target.n_classes,
            metric=self.evidence.metric.name,
            n_levels=len(target.quantiles),
            calibration=chosen.calibration,
        )
        write_to_run(self.evidence.run, self.current)
        return self.current


def _known(score: float | None) -> float | None:
    """A score, or None where there is none."""
    return None if score is None or math.isnan(score) else score
