"""Training an explainable boosting machine: single columns first, then pairs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from automl.plugin import Fold, Params, Report, TrialContext
from automl_plugins._boosting import rounds_of_all_rows
from automl_plugins._ebm_bins import Bins, make_bins
from automl_plugins._ebm_boosting import BinnedFold, Boosting, Places
from automl_plugins._ebm_model import AdditiveModel, Stage, Term
from automl_plugins._ebm_native import Column, Rows, native_rows
from automl_plugins._fitting import FitClock, ignore_reports

__all__ = ["train", "train_rounds"]

SHARE_OF_SINGLE = 0.4
"""Of the time, where pairs follow."""


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
    boosting = Boosting(params, settings["max_rounds"], data, fold, context, report)
    n_pairs = _n_pairs(params, fold)
    boosting.run(
        data.single,
        _single_columns(fold),
        params["smoothing_rounds"],
        _part(clock, context, SHARE_OF_SINGLE if n_pairs else 1.0),
    )
    pairs = boosting.strongest_pairs(n_pairs) if n_pairs and clock.left_s() > 0 else []
    if pairs:
        smoothing = params["interaction_smoothing_rounds"]
        boosting.run(data.paired, pairs, smoothing, _part(clock, context))
    return boosting.model()


def train_rounds(
    params: Params,
    settings: Mapping[str, Any],
    fold: Fold,
    context: TrialContext,
    models: Sequence[AdditiveModel],
) -> AdditiveModel:
    """Boosts all rows for about as many rounds as the folds took, fewer only where time is up.

    Args:
        params: Point of the search space.
        settings: As for ``train``.
        fold: All rows.
        context: Seed and deadline.
        models: Of the folds.
    """
    clock = FitClock(context)
    data = _binned(fold, settings["max_bin"], settings["max_pair_bin"], context)
    boosting = Boosting(params, settings["max_rounds"], data, fold, context, ignore_reports)
    single, paired = (_typical([model.stages[i] for model in models]) for i in range(2))
    boosting.repeat(data.single, _single_columns(fold), params["smoothing_rounds"], single, clock)
    n_pairs = _n_pairs(params, fold)
    if n_pairs and paired.n_rounds and clock.left_s() > 0:
        pairs, n_smooth = boosting.strongest_pairs(n_pairs), params["interaction_smoothing_rounds"]
        boosting.repeat(data.paired, pairs, n_smooth, paired, clock)
    return boosting.model()


def _typical(stages: Sequence[Stage]) -> Stage:
    """A stage on all rows, by those on the folds; without a round where most have none."""
    if sum(stage.n_rounds > 0 for stage in stages) <= len(stages) / 2:
        return Stage(0, stages[0].learning_rate)
    rounds = rounds_of_all_rows([stage.n_rounds for stage in stages])
    return Stage(rounds, float(np.mean([stage.learning_rate for stage in stages])))


def _single_columns(fold: Fold) -> list[Term]:
    return [(column,) for column in range(fold.X_train.shape[1])]


def _n_pairs(params: Params, fold: Fold) -> int:
    """The most pairs of columns that are terms."""
    n_columns = fold.X_train.shape[1]
    return ceil(params["interactions"] * n_columns) if n_columns > 1 else 0


def _part(clock: FitClock, context: TrialContext, share: float = 1.0) -> FitClock:
    """A clock that starts now, for a share of the time that is left."""
    if clock.has_limit:
        context = replace(context, time_limit_s=share * clock.left_s())
    return FitClock(context)


def _binned(fold: Fold, max_bin: int, max_pair_bin: int, context: TrialContext) -> BinnedFold:
    """The fold in bins, kept for the next trial on it."""
    key = f"ebm-{max_bin}-{max_pair_bin}"
    if key not in fold.memo:
        X_train, X_valid = np.asarray(fold.X_train), np.asarray(fold.X_valid)
        bins = make_bins(X_train, fold.features, max_bin, max_pair_bin)
        columns = range(X_train.shape[1])
        train, valid = ({c: bins.fine(X, c) for c in columns} for X in (X_train, X_valid))
        n_classes = context.shape.n_classes if context.task.is_classification else 0
        single, paired = (_packed(bins, train, fold, n_classes, c) for c in (False, True))
        fold.memo[key] = BinnedFold(bins, train, valid, single, paired)
    binned: BinnedFold = fold.memo[key]
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
