"""Tracks the best ensemble of the complete trials, and the gain that a trial would add."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.config.schema import EnsembleConfig
from automl.ensemble import (
    Ensemble,
    Member,
    Selection,
    SelectionOptions,
    aligned,
    choose_ensemble,
    choose_forward,
    select_ensemble,
)
from automl.ensemble import write_ensemble as write_to_run
from automl.errors import RunError
from automl.trial.inference_cost import InferenceCost
from automl.trial.lost_files import LOST
from automl.trial.spec import TrialState
from automl.tuning.incumbent.bagged_score import expected_of_mean
from automl.tuning.incumbent.gain_history import GainHistory
from automl.tuning.incumbent.oof_store import OofStore, complete_rows
from automl.tuning.problem.families import Families
from automl.tuning.trials.newest_rows import is_by_time, predicting_folds
from automl.tuning.trials.trial import Trial

__all__ = ["EnsembleTracker"]

GAIN_WEIGHTS = (0.1, 0.25, 0.5)
SELECTION_SHARE = 0.04  # of the elapsed time may go into selection; beyond it, selection waits
OUTDONE = 0.5  # of a trial's improvement on the baseline: an ensemble with less is replaced


@dataclass(slots=True)
class EnsembleTracker:
    """The ensemble selected from the complete trials.

    Attributes:
        oof: Out-of-fold predictions of the trials.
        config: Configuration of the ensemble.
        families: Family and problem by name.
        seed: Seed of the run.
        finish_limit_s: Longest time of the last selection in seconds; None without a time budget.
        selection_s: Seconds of the last selection.
        spent_s: Seconds of all selections.
        current: The ensemble on disk.
        members: Its trials.
        begun: Trials whose first fold is done.
        gains: Its losses over time.
        blend: Predictions of the ensemble for ``OofStore.judged``, NaN if missing; None without
            one.
        said_blocks: Time plans only: the folds over which its nested score is averaged.
    """

    oof: OofStore
    config: EnsembleConfig
    families: Families
    seed: int
    finish_limit_s: float | None = None
    selection_s: float = 0.0
    spent_s: float = 0.0
    current: Ensemble | None = None
    members: Sequence[Trial] = ()
    said_blocks: tuple[int, ...] = ()
    begun: list[Trial] = field(default_factory=list)
    gains: GainHistory = field(default_factory=GainHistory)
    blend: NDArray[Any] | None = None
    _stale: bool = False

    def first_fold_loss(self, trial: Trial) -> float:
        """Loss of a trial on the validation rows of the first fold to be fitted."""
        return self.oof.loss(*self.oof.first_fold(trial))

    def gain(self, trial: Trial) -> float | None:
        """Gain of the ensemble from a trial, on the validation rows of the first fold to be fitted.

        Returns:
            The drop in loss for the best of a few weights, as a share of the ensemble's improvement
            on the baseline; negative if the trial only hurts; None without an ensemble. 0.0 if
            the trial alone exceeds ``limits``; 1.0 if the ensemble exceeds them by more than it.
        """
        if self.blend is None:
            return None
        predictor_cost = self.oof.predictor_cost
        excess = predictor_cost.max_excess([trial])
        if excess < predictor_cost.max_excess(self.members):
            return 1.0
        if excess > 0.0:
            return 0.0
        compared = self._compared(trial)
        if compared is None:
            return None
        rows, blend, prediction = compared
        loss = self.oof.loss
        now = loss(rows, blend)
        mixed = min(loss(rows, (1 - w) * blend + w * prediction) for w in GAIN_WEIGHTS)
        way = max(abs(self.oof.prior_loss(rows) - now), 1e-12)
        return (now - mixed) / way

    def _compared(
        self, trial: Trial
    ) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]] | None:
        """Rows of the first fold to be fitted, with the predictions of ensemble and trial."""
        if self.blend is None:
            return None
        rows, prediction = self.oof.first_fold(trial)
        blend = self.blend[rows]
        known = complete_rows(blend)
        return None if known.sum() < 2 else (rows[known], blend[known], prediction[known])

    def add(self, trial: Trial) -> float:
        """Adds a complete trial; returns the score of its out-of-fold predictions."""
        score = self.oof.add(trial)
        self._stale = self._stale or not math.isnan(score)
        return score

    def predict_with_first_fold(self, trial: Trial) -> None:
        """Makes a trial with finished folds the ensemble if there is none or it is much worse."""
        self.begun.append(trial)
        if self.current is None or self._is_outdone_by(trial):
            self._write_alone(trial)

    def _is_outdone_by(self, trial: Trial) -> bool:
        """Whether the ensemble beats the baseline by less than half as much as the trial."""
        compared = self._compared(trial)
        if compared is None or self.oof.predictor_cost.max_excess([trial]):
            return False
        rows, blend, prediction = compared
        prior, own = self.oof.prior_loss(rows), self.oof.loss(rows, prediction)
        return prior - self.oof.loss(rows, blend) < OUTDONE * (prior - own)

    def update(self, elapsed_s: float = math.inf) -> Ensemble | None:
        """Selects again if there are new trials and selecting is cheap enough.

        Args:
            elapsed_s: Seconds of the run so far, of which selections take a small share.

        Returns:
            The new ensemble, or None if nothing changed.
        """
        dear = self.spent_s + self.selection_s > SELECTION_SHARE * max(elapsed_s, 1.0)
        if not self._stale or (dear and self.current is not None and len(self.oof.complete) > 2):
            return None
        ensemble = self._select(final=False)
        if ensemble.score is not None and math.isfinite(elapsed_s):
            if math.isnan(self.gains.prior_loss):  # of all rows, so once
                self.gains.prior_loss = self.oof.prior_loss(np.arange(len(self.oof.dataset.y)))
            self.gains.add(elapsed_s, self.oof.metric.loss(ensemble.score))
        return ensemble

    def finish(self) -> Ensemble | None:
        """Selects for the last time, and checks that the ensemble beats the best single trial.

        An unfinished trial predicts with its finished folds if that is much better.
        """
        has_complete = bool(self.oof.complete)
        if has_complete:
            self._select(final=True)
        elif any(_is_lost(trial) for trial in self.members):
            self.current = None
        # Among all, and against the last selection: their order depends on the clock.
        cut = _best_cut(self.begun, self.first_fold_loss)
        if cut is not None and (not has_complete or self._is_outdone_by(cut)):
            self._write_alone(cut)
        return self.current

    def _select(self, final: bool) -> Ensemble:
        start = time.monotonic()
        oof = self.oof
        trials = oof.candidates()
        rows, oofs = oof.judged, [oof.oof[t.spec.trial_id] for t in trials]
        candidates = aligned(
            oofs,
            rows.y,
            oof.metric,
            weight=rows.weight,
            group=rows.group,
            fold=rows.fold,
            families=[t.spec.family for t in trials],
            # Sizes and not seconds: ties must not depend on a clock.
            costs=[t.cost.size_mb for t in trials],
            loads=[oof.predictor_cost.shares(t) for t in trials],
            prior=oof.prior,
            repeat=rows.repeat,
        )
        options = SelectionOptions(
            steps=self.config.steps if self.config.enabled else 1,
            max_members=self.config.max_members if self.config.enabled else 1,
            time_limit_s=self.finish_limit_s,
            seed=self.seed,
        )
        if is_by_time(oof.plan) and oof.plan.n_folds > 1:
            chosen = choose_forward(candidates, options, final=final)
        else:
            chosen = (choose_ensemble if final else select_ensemble)(candidates, options)
        if not self.config.enabled:
            chosen = replace(chosen, reason="ensemble.enabled is false")
        members = np.flatnonzero(chosen.weights)
        self.blend = sum(chosen.weights[i] * oofs[i] for i in members)
        self.said_blocks = chosen.blocks
        ensemble = self._write(chosen, trials)
        self._stale = False
        self.selection_s = time.monotonic() - start
        self.spent_s += self.selection_s
        return ensemble

    @property
    def cost(self) -> InferenceCost:
        """Cost of the ensemble: its measured latency if known, else the sum of its trials."""
        expected = self.oof.predictor_cost.cost(self.members)
        if self.current is None or self.current.predict_ms is None:
            return expected
        return replace(expected, predict_ms=self.current.predict_ms)

    def set_latency(self, predict_ms: float) -> None:
        """Saves the ensemble's measured milliseconds per 1,000 rows with it."""
        if self.current is not None:
            self.current = replace(self.current, predict_ms=predict_ms)
            write_to_run(self.oof.run, self.current)

    def look_ahead(self) -> Sequence[str]:
        """Saves the expected score of the mean of the folds' models with the ensemble.

        Returns:
            A note if a file is damaged and there is no such score; the search ends normally.
        """
        if self.current is None:
            return ()
        oof, folds = self.oof, {t.spec.trial_id: tuple(t.results) for t in self.members}
        known = (oof.plan, oof.dataset, oof.metric, self.seed)
        try:
            score = expected_of_mean(oof.run, self.current, folds, *known)
        except RunError as error:
            return (f"the expected score of the mean of the folds' models is unknown: {error}",)
        self.current = replace(self.current, mean_score=score)
        write_to_run(oof.run, self.current)
        return ()

    def _write_alone(self, trial: Trial) -> Ensemble:
        """Makes one trial the ensemble, with its finished folds."""
        scores = [r.score for r in trial.results.values() if r.score is not None]
        score = float(np.mean(scores)) if scores else math.nan
        return self._write(Selection(np.ones(1), score, 0, "single"), [trial])

    def _write(self, chosen: Selection, trials: list[Trial]) -> Ensemble:
        members = []
        numbers = np.flatnonzero(chosen.weights)
        self.members = [trials[number] for number in numbers]
        for number, trial in zip(numbers, self.members, strict=True):
            family, problem = self.families[trial.spec.family]
            members.append(
                Member(
                    trial=trial.spec.trial_id,
                    family=trial.spec.family,
                    weight=float(chosen.weights[number]),
                    folds=predicting_folds(self.oof.plan, trial.results),
                    view=family.encoding(trial.spec.params, problem),
                    kinds=family.kinds,
                )
            )
        target = self.oof.dataset.target
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
            metric=self.oof.metric.name,
            n_levels=len(target.quantiles),
            calibration=chosen.calibration,
        )
        write_to_run(self.oof.run, self.current)
        return self.current


def _known(score: float | None) -> float | None:
    """The score, or None if it is missing or NaN."""
    return None if score is None or math.isnan(score) else score


def _best_cut(begun: Iterable[Trial], first_loss: Callable[[Trial], float]) -> Trial | None:
    """The incomplete trial with the lowest loss on the first fold.

    The choice depends neither on the order in which trials came nor on how fast a failed one was
    stopped: of a trial that failed or was pruned, only the folds before that count.

    Args:
        begun: Trials whose first fold is done.
        first_loss: Returns the loss of a trial on the first fold.

    Returns:
        The trial with the folds that may predict, or None.
    """
    cut = [t for t in begun if t.state is not TrialState.COMPLETE and not _is_lost(t)]
    best = min(cut, key=lambda trial: (_loss(trial, first_loss), trial.index), default=None)
    if best is None or best.ending is None or best.may_go_on:
        return best
    sure = itertools.takewhile(lambda f: f in best.results and f not in best.ended, best.folds)
    return replace(best, results={fold: best.results[fold] for fold in sure})


def _is_lost(trial: Trial) -> bool:
    """Whether a trial cannot predict: it has no finished fold, or its files were removed."""
    return not trial.results or (trial.error is not None and trial.error.kind == LOST)


def _loss(trial: Trial, first_loss: Callable[[Trial], float]) -> float:
    return first_loss(trial) if trial.first_loss is None else trial.first_loss
