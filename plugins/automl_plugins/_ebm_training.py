"""Training an explainable boosting machine: single columns first, then pairs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Fold, Params, Report, Task, TrialContext
from automl_plugins._boosting import Pace, evaluation_stride, patience
from automl_plugins._ebm_bins import Bins, make_bins
from automl_plugins._ebm_model import AdditiveModel, Term, as_prediction, term_places
from automl_plugins._ebm_native import (
    Column,
    Objective,
    Rows,
    TermBooster,
    native_rows,
    new_random,
    pair_strengths,
)
from automl_plugins._fitting import BestRound, FitClock, report_steps

__all__ = ["train"]

SHARE_OF_SINGLE = 0.4
"""Of the time, where pairs follow."""

MAX_PAIRED_COLUMNS = 40
"""Columns whose pairs are looked at: those that say most alone."""

ROUNDS_TIMES_RATE = 15.0
"""Rounds until early stopping, typically, are this over the learning rate; the range is wide."""

Places = Mapping[int, NDArray[np.intp]]
"""The fine bin of each row, by column."""


def train(
    params: Params, settings: Mapping[str, Any], fold: Fold, context: TrialContext, report: Report
) -> AdditiveModel:
    """Boosts terms of single columns, then of the strongest pairs, each in turn.

    Both stages end when the validation score of the run's metric stops to improve, or when their
    time is over; the best round counts. Which pairs are strongest is found on what the first stage
    leaves (FAST, Lou et al., KDD 2013).

    Args:
        params: Point of the search space.
        settings: ``max_rounds``, ``max_bin`` and ``max_pair_bin``.
        fold: Training and validation rows.
        context: Metric and time.
        report: Called with the best score so far at some 30 fixed rounds.

    Raises:
        TrialPruned: As raised by ``report``.
    """
    clock = FitClock(context)
    data = _binned(fold, settings["max_bin"], settings["max_pair_bin"], context)
    boosting = _Boosting(params, settings["max_rounds"], data, fold, context, report)
    columns = range(fold.X_train.shape[1])
    n_pairs = ceil(params["interactions"] * len(columns)) if len(columns) > 1 else 0
    boosting.run(
        data.single,
        [(column,) for column in columns],
        params["smoothing_rounds"],
        _part(clock, context, SHARE_OF_SINGLE if n_pairs else 1.0),
    )
    pairs = boosting.strongest_pairs(n_pairs) if n_pairs and clock.left_s() > 0 else []
    if pairs:
        smoothing = params["interaction_smoothing_rounds"]
        boosting.run(data.paired, pairs, smoothing, _part(clock, context))
    return boosting.model()


def _part(clock: FitClock, context: TrialContext, share: float = 1.0) -> FitClock:
    """A clock that starts now, for a share of the time that is left."""
    if clock.has_limit:
        context = replace(context, time_limit_s=share * clock.left_s())
    return FitClock(context)


@dataclass(frozen=True, slots=True)
class _BinnedFold:
    """A fold in bins; training rows also as the core takes them, for terms of one and of two."""

    bins: Bins
    train: Places
    valid: Places
    single: Rows
    paired: Rows


def _binned(fold: Fold, max_bin: int, max_pair_bin: int, context: TrialContext) -> _BinnedFold:
    """The fold in bins, kept for the next trial on it."""
    key = f"ebm-{max_bin}-{max_pair_bin}"
    if key not in fold.memo:
        X_train, X_valid = np.asarray(fold.X_train), np.asarray(fold.X_valid)
        bins = make_bins(X_train, fold.features, max_bin, max_pair_bin)
        columns = range(X_train.shape[1])
        train, valid = ({c: bins.fine(X, c) for c in columns} for X in (X_train, X_valid))
        n_classes = context.shape.n_classes if context.task.is_classification else 0
        single, paired = (_packed(bins, train, fold, n_classes, c) for c in (False, True))
        fold.memo[key] = _BinnedFold(bins, train, valid, single, paired)
    binned: _BinnedFold = fold.memo[key]
    return binned


def _packed(bins: Bins, train: Places, fold: Fold, n_classes: int, is_coarse: bool) -> Rows:
    """The training rows in fine or in coarse bins."""
    columns = [
        Column(
            bins.n_bins(column, is_coarse),
            bins.is_coded[column],
            bins.coarse[column][places] if is_coarse else places,
        )
        for column, places in train.items()
    ]
    return native_rows(columns, fold.y_train, n_classes, fold.weight_train)


class _Boosting:
    """Terms that were boosted so far, and the scores of all rows that they sum up to.

    Args:
        params: Point of the search space.
        max_rounds: The most rounds of all stages together.
        data: The binned rows.
        fold: Target and weights.
        context: Metric and seed.
        report: Called with the best score so far.
    """

    def __init__(
        self,
        params: Params,
        max_rounds: int,
        data: _BinnedFold,
        fold: Fold,
        context: TrialContext,
        report: Report,
    ) -> None:
        self._params, self._data, self._fold = params, data, fold
        self._context, self._report = context, report
        self._max_rounds, self._reported = max_rounds, report_steps(10, max_rounds)
        self._random = new_random(context.seed)
        self._scores: dict[Term, NDArray[np.float64]] = {}
        self._intercept = _intercept(fold, context)
        self._train, self._valid = (
            np.repeat(self._intercept[np.newaxis], len(y), axis=0)
            for y in (fold.y_train, fold.y_valid)
        )
        is_regression = context.task is Task.REGRESSION
        self._objective: Objective = "rmse" if is_regression else "log_loss"
        waits = patience(len(fold.y_train), params["learning_rate"])
        self._best = BestRound(context.metric.is_better, waits)
        self._round = 0

    def run(self, rows: Rows, terms: Sequence[Term], n_smooth: int, clock: FitClock) -> None:
        """Adds the best round of a stage, which may be none of it.

        Args:
            rows: Training rows in the bins of these terms.
            terms: To be boosted, in turn.
            n_smooth: Rounds that split at random.
            clock: Of this stage.
        """
        rate = self._params["learning_rate"]
        pace = Pace(rate, ROUNDS_TIMES_RATE / rate, clock, predict_s=0.0)
        stride = evaluation_stride(*self._fold.X_train.shape, *self._valid.shape)
        places = [term_places(self._data.bins, term, self._data.valid) for term in terms]
        kept, valid = [], self._valid.copy()
        self._best.best_round = self._round  # its score stands, and the wait begins anew
        with self._booster(rows, terms) as booster:
            for round_ in range(1, self._max_rounds - self._round + 1):
                for number, at in enumerate(places):
                    valid += booster.step(number, rate, random_splits=round_ <= n_smooth)[at]
                    if clock.left_s() <= 0:
                        break
                self._round += 1
                is_last = self._round == self._max_rounds or pace.is_over(round_)
                if is_last or self._round % stride == 0 or self._round in self._reported:
                    if self._is_best(valid):
                        kept, self._valid = booster.scores(), valid.copy()
                    if is_last or self._best.is_over(self._round):
                        break
                rate = pace.faster_rate(round_) or rate
        for term, scores in zip(terms, kept, strict=bool(kept)):
            self._scores[term] = scores
            self._train += scores[term_places(self._data.bins, term, self._data.train)]

    def strongest_pairs(self, n_pairs: int) -> list[Term]:
        """Pairs of columns that explain most of what is left, strongest first.

        Args:
            n_pairs: The most pairs.
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
        """The terms that say something."""
        used = {term: scores for term, scores in self._scores.items() if scores.any()}
        return AdditiveModel(
            self._context.task,
            self._data.bins,
            self._intercept,
            tuple(used),
            tuple(used.values()),
        )

    def _booster(self, rows: Rows, terms: Sequence[Term]) -> TermBooster:
        return TermBooster(rows, terms, self._train, self._params, self._objective, self._random)

    def _is_best(self, valid: NDArray[np.float64]) -> bool:
        """Scores the validation rows, and reports when it is time to."""
        context, fold = self._context, self._fold
        prediction = as_prediction(valid, context.task)
        score = context.metric.score(fold.y_valid, prediction, fold.weight_valid)
        is_best = self._best.update(self._round, score)
        if self._round in self._reported:
            self._report(self._round, self._best.best_score)
        return is_best


def _intercept(fold: Fold, context: TrialContext) -> NDArray[np.float64]:
    """The best scores without any term, ``(n_scores,)``; absent classes count half a row."""
    if context.task is Task.REGRESSION:
        return np.array([np.average(fold.y_train, weights=fold.weight_train)])
    n_classes = context.shape.n_classes
    counts = np.bincount(fold.y_train, weights=fold.weight_train, minlength=n_classes)
    logs = np.log(np.maximum(counts, 0.5))
    if context.task is Task.BINARY:
        return np.array([logs[1] - logs[0]])
    scores: NDArray[np.float64] = logs - logs.mean()
    return scores
