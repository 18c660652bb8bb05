"""Trains an explainable boosting machine: single columns first, then pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import ceil

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    Fold,
    Params,
    Report,
    StageLog,
    Task,
    TrialContext,
    enough_to_choose,
    stopping_metric,
)
from automl_plugins.common.boosting import RoundBudget, evaluation_interval, patience, rate_is_fixed
from automl_plugins.common.fitting import EarlyStopping, FitClock, report_steps
from automl_plugins.common.stopping import RoundStopping
from automl_plugins.ebm.fold import BinnedFold, binned_fold, held_rows, n_classes_of, packed_rows
from automl_plugins.ebm.model import AdditiveModel, Term, as_prediction, term_places
from automl_plugins.ebm.native import (
    Objective,
    PackedRows,
    TermBooster,
    new_random,
    pair_strengths,
)

__all__ = ["train"]

SHARE_OF_SINGLE = 0.4
"""Share of the time for single columns if pairs follow."""

MAX_PAIRED_COLUMNS = 40
"""Columns to form pairs of: those with the strongest terms."""

ROUNDS_TIMES_RATE = 15.0
"""Typical rounds until early stopping, times the learning rate; the range is wide."""

HELD_SHARE = 0.15
"""Share of the training rows for early stopping of the first stage."""


def train(params: Params, fold: Fold, context: TrialContext, report: Report) -> AdditiveModel:
    """Boosts terms of single columns, then of the strongest pairs, each in turn.

    The strongest pairs are found on the residuals of the first stage (FAST, Lou et al., KDD 2013),
    and the second stage builds on the first, so a later cut of the first stage is impossible. If
    the validation rows stopped the first stage, their choice would bias their score. So it stops
    early on 15 % of the training rows and is then boosted again on all of them; validation rows
    stop only the second stage.

    Args:
        params: Params of the search space.
        fold: Training and validation rows.
        context: Metric and time limits.
        report: Called with the score of about 30 fixed rounds.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    clock, settings = FitClock(context), context.settings
    data = binned_fold(fold, settings["max_bin"], settings["max_pair_bin"], context)
    boosting = _Boosting(params, settings["max_rounds"], data, fold, context, report)
    columns = range(fold.X_train.shape[1])
    n_pairs = ceil(params["interactions"] * len(columns)) if len(columns) > 1 else 0
    single = _part(clock, context, SHARE_OF_SINGLE if n_pairs else 1.0)
    boosting.run_single([(column,) for column in columns], single)
    pairs = boosting.strongest_pairs(n_pairs) if n_pairs and clock.left_s() > 0 else []
    if pairs:
        boosting.run_pairs(pairs, _part(clock, context))
    return boosting.model()


def _part(clock: FitClock, context: TrialContext, share: float = 1.0) -> FitClock:
    """A clock that starts now, for a share of the remaining time."""
    if clock.has_limit:
        context = replace(context, time_limit_s=share * clock.left_s())
    return FitClock(context)


class _Boosting:
    """The boosted terms, and the sum of their scores for all rows.

    Args:
        params: Params of the search space.
        max_rounds: Largest number of rounds of a stage.
        data: The binned rows.
        fold: Target and weights.
        context: Metric and seed.
        report: Called with the score of some rounds.
    """

    def __init__(
        self,
        params: Params,
        max_rounds: int,
        data: BinnedFold,
        fold: Fold,
        context: TrialContext,
        report: Report,
    ) -> None:
        self._params, self._data, self._fold = params, data, fold
        self._context, self._report = context, report
        self._max_rounds = max_rounds
        self._random = new_random(context.seed)
        self._scores: dict[Term, NDArray[np.float64]] = {}
        self._intercept = _intercept(fold, context)
        self._train, self._valid = (
            np.repeat(self._intercept[np.newaxis], len(y), axis=0)
            for y in (fold.y_train, fold.y_valid)
        )
        is_regression = context.task is Task.REGRESSION
        self._objective: Objective = "rmse" if is_regression else "log_loss"
        self._waits = patience(len(fold.y_train), params["learning_rate"])
        self._round = 0
        self._stages: tuple[StageLog, ...] = ()

    def run_single(self, terms: Sequence[Term], clock: FitClock) -> None:
        """Adds terms of single columns, with early stopping on held-out training rows."""
        rate = self._params["learning_rate"]
        held = held_rows(np.asarray(self._fold.X_train), self._context.seed, HELD_SHARE)
        rates = [rate] * min(self._max_rounds, max(1, round(ROUNDS_TIMES_RATE / rate)))
        if enough_to_choose(self._fold.y_train[held], self._context.task.is_classification):
            started_s = clock.elapsed_s
            rates, kept = self._stopped_by(held, terms, _part(clock, self._context, 0.5))
            if clock.has_limit and clock.left_s() < clock.elapsed_s - started_s:
                self._add(terms, kept)  # no time to train on the held-out rows too
                return
        self._add(terms, self._boosted(terms, rates, clock))

    def _stopped_by(
        self, held: NDArray[np.bool_], terms: Sequence[Term], clock: FitClock
    ) -> tuple[list[float], list[NDArray[np.float64]]]:
        """Boosts the other training rows, with early stopping on the held-out ones.

        Returns:
            The learning rate of each round, and the scores of the terms.
        """
        fold, data, learnt = self._fold, self._data, np.flatnonzero(~held)
        y, kept_rows = fold.y_train[held], np.flatnonzero(held)
        weight = None if fold.weight_train is None else fold.weight_train[held]
        metric = stopping_metric(self._context.metric)
        best, n_classes = EarlyStopping(metric.is_better, self._waits), n_classes_of(self._context)
        rows = packed_rows(data.bins, data.train, fold, n_classes, False, learnt)
        places = [data.train[term[0]][kept_rows] for term in terms]
        seen, rates, kept = self._train[kept_rows].copy(), list[float](), []
        rate, n_smooth = self._params["learning_rate"], self._params["smoothing_rounds"]
        pace = RoundBudget(rate, ROUNDS_TIMES_RATE / rate, clock, 0.0, rate_is_fixed(self._context))
        stride = evaluation_interval(len(learnt), fold.X_train.shape[1], len(y), seen.shape[1])
        with self._booster(rows, terms, self._train[learnt]) as booster:
            for round_ in range(1, self._max_rounds + 1):
                self._step(booster, places, seen, rate, round_ <= n_smooth, clock)
                rates.append(rate)
                is_last = round_ == self._max_rounds or pace.is_over(round_)
                if is_last or round_ % stride == 0:
                    score = metric.score(y, as_prediction(seen, self._context.task), weight)
                    if best.update(round_, score):
                        kept = booster.scores()
                    if is_last or best.is_over(round_):
                        break
                rate = pace.faster_rate(round_) or rate
            return rates[: best.best_round or len(rates)], kept or booster.scores()

    def _boosted(
        self, terms: Sequence[Term], rates: Sequence[float], clock: FitClock
    ) -> list[NDArray[np.float64]]:
        """Scores of terms of single columns after rounds on all training rows."""
        places = [self._data.valid[term[0]] for term in terms]
        valid, n_smooth = self._valid.copy(), self._params["smoothing_rounds"]
        reported = report_steps(10, self._max_rounds)
        with self._booster(self._data.single, terms, self._train) as booster:
            for round_, rate in enumerate(rates, start=1):
                self._step(booster, places, valid, rate, round_ <= n_smooth, clock)
                self._round = round_
                if round_ in reported:
                    self._tell(valid)
                if clock.left_s() <= 0:
                    break
            return booster.scores()

    def run_pairs(self, terms: Sequence[Term], clock: FitClock) -> None:
        """Adds terms of pairs of columns, with early stopping on the validation rows."""
        data, rate, stage = self._data, self._params["learning_rate"], 0.0
        usual, slot = ROUNDS_TIMES_RATE / rate, (self._fold, self._context, self._tell_later)
        stopping = RoundStopping(*slot, self._waits, self._max_rounds, usual, ROUNDS_TIMES_RATE)
        pace = RoundBudget(rate, usual, clock, 0.0, rate_is_fixed(self._context))
        stride = evaluation_interval(*self._fold.X_train.shape, *self._valid.shape)
        places = [term_places(data.bins, term, data.valid) for term in terms]
        kept, valid = [], self._valid.copy()
        n_smooth = self._params["interaction_smoothing_rounds"]
        with self._booster(data.paired, terms, self._train) as booster:
            for round_ in range(1, stopping.last_round + 1):
                self._step(booster, places, valid, rate, round_ <= n_smooth, clock)
                stage += rate
                is_last = round_ == stopping.last_round or pace.is_over(round_)
                if is_last or round_ % stride == 0 or stopping.is_due(round_):
                    prediction = as_prediction(valid, self._context.task)
                    over = stopping.look(round_, stage, prediction, is_last)
                    if stopping.best_round == round_:
                        kept = booster.scores()
                    if over:
                        break
                rate = pace.faster_rate(round_) or rate
        self._add(terms, kept)
        self._stages = stopping.stages

    def _step(
        self,
        booster: TermBooster,
        places: Sequence[NDArray[np.intp]],
        seen: NDArray[np.float64],
        rate: float,
        is_random: bool,
        clock: FitClock,
    ) -> None:
        """Runs one round: a tree for each term, added to the scores of the watched rows."""
        for number, at in enumerate(places):
            seen += booster.step(number, rate, random_splits=is_random)[at]
            if clock.left_s() <= 0:
                break

    def _add(self, terms: Sequence[Term], kept: Sequence[NDArray[np.float64]]) -> None:
        """Adds the scores of a stage, if any."""
        data = self._data
        for term, scores in zip(terms, kept, strict=bool(kept)):
            self._scores[term] = scores
            self._train += scores[term_places(data.bins, term, data.train)]
            self._valid += scores[term_places(data.bins, term, data.valid)]

    def _tell_later(self, step: int, score: float) -> None:
        """Reports a step of the second stage, numbered after those of the first."""
        self._report(self._round + step, score)

    def _tell(self, valid: NDArray[np.float64]) -> None:
        """Reports the score of the validation rows, if the metric is defined on them."""
        if not len(self._fold.y_valid):
            return
        prediction = as_prediction(valid, self._context.task)
        fold = self._fold
        score = self._context.metric.score(fold.y_valid, prediction, fold.weight_valid)
        if np.isfinite(score):
            self._report(self._round, score)

    def strongest_pairs(self, n_pairs: int) -> list[Term]:
        """Pairs of columns that explain most of the residuals, strongest first.

        Args:
            n_pairs: Largest number of pairs.
        """
        data = self._data
        spread = {
            term[0]: float(scores[term_places(data.bins, term, data.train)].std(axis=0).sum())
            for term, scores in self._scores.items()
        }
        columns = sorted(spread, key=lambda column: (-spread[column], column))
        pairs = list(combinations(sorted(columns[:MAX_PAIRED_COLUMNS]), 2))
        strengths = pair_strengths(data.paired, pairs, self._train, self._params, self._objective)
        ranked = sorted(zip(strengths, pairs, strict=True), key=lambda one: (-one[0], one[1]))
        return [pair for strength, pair in ranked[:n_pairs] if strength > 0]

    def model(self) -> AdditiveModel:
        """The model, without terms of zero scores."""
        used = {term: scores for term, scores in self._scores.items() if scores.any()}
        return AdditiveModel(
            self._context.task,
            self._data.bins,
            self._intercept,
            tuple(used),
            tuple(used.values()),
            self._stages,
        )

    def _booster(
        self, rows: PackedRows, terms: Sequence[Term], start: NDArray[np.float64]
    ) -> TermBooster:
        return TermBooster(rows, terms, start, self._params, self._objective, self._random)


def _intercept(fold: Fold, context: TrialContext) -> NDArray[np.float64]:
    """Best scores without terms, ``(n_scores,)``; absent classes count as half a row."""
    if context.task is Task.REGRESSION:
        return np.array([np.average(fold.y_train, weights=fold.weight_train)])
    n_classes = context.problem.n_classes
    counts = np.bincount(fold.y_train, weights=fold.weight_train, minlength=n_classes)
    logs = np.log(np.maximum(counts, 0.5))
    if context.task is Task.BINARY:
        return np.array([logs[1] - logs[0]])
    scores: NDArray[np.float64] = logs - logs.mean()
    return scores
