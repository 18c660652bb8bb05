"""Trains an XGBoost booster under a time limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Features, Fold, Report, StageLog, Task, TrialContext
from automl_plugins.common.boosting import (
    USUAL_STAGE,
    PlannedRounds,
    RoundBudget,
    evaluation_interval,
    native_categories,
    patience,
    rate_is_fixed,
)
from automl_plugins.common.fitting import FitClock
from automl_plugins.common.stopping import RoundStopping

__all__ = ["as_prediction", "rounds_needed", "train", "train_rounds"]


def train(
    params: Mapping[str, Any], fold: Fold, context: TrialContext, report: Report
) -> tuple[Any, tuple[StageLog, ...]]:
    """Boosts until the validation score in the run's metric stops improving, or time is up.

    Args:
        params: Booster parameters of XGBoost.
        fold: Training and validation rows.
        context: Metric and time limits.
        report: Called with the score of about 30 fixed rounds.

    Returns:
        The ``xgboost.Booster``, cut after its best round, with the mean learning rate of its
        rounds in the attribute ``learning_rate``; and its stage logs.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    import xgboost as xgb

    clock, max_bin = FitClock(context), context.settings["max_bin"]
    train_set, valid_set = _binned(fold, max_bin, context.n_threads)
    booster = xgb.Booster({**params, "max_bin": max_bin}, [train_set, valid_set])
    n_rows, n_features = fold.X_train.shape
    n_outputs = context.problem.n_classes if context.task is Task.MULTICLASS else 1
    rate = params["learning_rate"]
    # 22 ns per row and tree on one core (XGBoost 3.2, depth 6); twice that is reserved.
    predict_s = 5e-8 * len(fold.y_valid) * n_outputs
    pace = RoundBudget(rate, rounds_needed(rate), clock, predict_s, rate_is_fixed(context))
    waits = patience(len(fold.y_train), rate)
    usual = rounds_needed(rate)
    stopping = RoundStopping(
        fold, context, report, waits, context.settings["max_rounds"], usual, USUAL_STAGE
    )
    stride = evaluation_interval(n_rows, n_features, len(fold.y_valid), n_outputs)
    rates: list[float] = []
    for round_ in range(1, stopping.last_round + 1):
        booster.update(train_set, round_ - 1)
        rates.append(rate)
        is_last = round_ == stopping.last_round or pace.is_over(round_)
        if round_ % stride == 0 or stopping.is_due(round_) or is_last:
            # XGBoost caches the predictions of these rows and adds only the new trees.
            prediction = as_prediction(booster.predict(valid_set), context.task)
            if stopping.look(round_, sum(rates), prediction, is_last):
                break
        faster = pace.faster_rate(round_)
        if faster is not None:
            rate = faster
            booster.set_param({"learning_rate": rate})
    n_rounds = max(1, stopping.best_round)
    booster = booster[:n_rounds]
    booster.set_attr(learning_rate=str(np.mean(rates[:n_rounds])))
    return booster, stopping.stages


def train_rounds(params: Mapping[str, Any], rounds: int, fold: Fold, context: TrialContext) -> Any:
    """Boosts for a fixed number of rounds; returns the ``xgboost.Booster``.

    Raises:
        RefitIncomplete: Time was up before 90 % of the rounds.
    """
    import xgboost as xgb

    clock, max_bin = FitClock(context), context.settings["max_bin"]
    train_set = _train_set(fold, max_bin, context.n_threads)
    booster = xgb.Booster({**params, "max_bin": max_bin}, [train_set])
    planned = PlannedRounds(rounds, clock)
    for round_ in range(1, rounds + 1):
        booster.update(train_set, round_ - 1)
        if planned.is_over(round_):
            break
    planned.check()
    booster.set_attr(learning_rate=str(params["learning_rate"]))
    return booster


def as_prediction(output: NDArray[np.float32], task: Task) -> NDArray[np.float64]:
    """Probabilities ``(n_rows, n_classes)``, or values ``(n_rows,)``, from XGBoost's output.

    Args:
        output: Probabilities (of the second class if there are two), or values.
        task: Task of the model.
    """
    prediction = np.asarray(output, dtype=np.float64)
    if task is Task.BINARY:
        return np.column_stack((1 - prediction, prediction))
    return prediction


def rounds_needed(learning_rate: float) -> float:
    """Typical rounds until early stopping: about 12 / learning rate."""
    return USUAL_STAGE / learning_rate


def _binned(fold: Fold, max_bin: int, n_threads: int) -> tuple[Any, Any]:
    """Binned training and validation rows, cached for the next trial on this fold."""
    import xgboost as xgb

    key = f"xgboost-{max_bin}"
    if key not in fold.memo:
        train_set = _train_set(fold, max_bin, n_threads)
        common = _binning(fold.features, max_bin, n_threads)
        valid_set = xgb.QuantileDMatrix(fold.X_valid, fold.y_valid, ref=train_set, **common)
        fold.memo[key] = (train_set, valid_set)
    binned: tuple[Any, Any] = fold.memo[key]
    return binned


def _train_set(fold: Fold, max_bin: int, n_threads: int) -> Any:
    import xgboost as xgb

    common = _binning(fold.features, max_bin, n_threads)
    return xgb.QuantileDMatrix(fold.X_train, fold.y_train, weight=fold.weight_train, **common)


def _binning(features: Features, max_bin: int, n_threads: int) -> dict[str, Any]:
    return {
        "feature_types": _feature_types(features, max_bin),
        "enable_categorical": True,
        "max_bin": max_bin,
        "nthread": n_threads,
    }


def _feature_types(features: Features, max_bin: int) -> list[str]:
    coded = frozenset(native_categories(features, max_bin))
    return ["c" if column in coded else "q" for column in range(len(features.names))]
