"""Trains a LightGBM booster under a time limit."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Fold, Report, StageLog, Task, TrialContext
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
from automl_plugins.lightgbm.memory import with_fewer_leaves

__all__ = ["learning_rate_of", "rounds_needed", "train", "train_rounds"]

BINNED_FILES = ("train.bin", "valid.bin")


def train(
    params: Mapping[str, Any],
    dataset_params: Mapping[str, Any],
    max_rounds: int,
    fold: Fold,
    context: TrialContext,
    report: Report,
) -> tuple[str, tuple[StageLog, ...]]:
    """Boosts until the validation score in the run's metric stops improving, or time is up.

    Args:
        params: Booster parameters of LightGBM.
        dataset_params: Parameters of the binned data, which cannot change after binning.
        max_rounds: Largest number of rounds.
        fold: Training and validation rows.
        context: Metric and time limits.
        report: Called with the score of about 30 fixed rounds.

    Returns:
        The model in LightGBM's text format, cut after its best round, and its stage logs.
    """
    import lightgbm as lgb

    clock = FitClock(context)
    train_set, valid_set = _binned(fold, dataset_params)
    grown = with_fewer_leaves(params, len(fold.y_train))
    booster = lgb.Booster({**dataset_params, **grown}, train_set)
    booster.add_valid(valid_set, "valid")
    n_outputs = booster.num_model_per_iteration()
    rate, stage = params["learning_rate"], 0.0
    needed = rounds_needed(rate, params["num_leaves"])
    predict_s = 3e-7 * len(fold.y_valid) * n_outputs
    pace = RoundBudget(rate, needed, clock, predict_s, rate_is_fixed(context))
    waits = patience(len(fold.y_train), rate)
    stopping = RoundStopping(
        fold, context, report, waits, max_rounds, USUAL_STAGE / rate, needed * rate
    )
    n_rows, n_features = fold.X_train.shape
    stride = evaluation_interval(n_rows, n_features, len(fold.y_valid), n_outputs)
    for round_ in range(1, stopping.last_round + 1):
        is_last = booster.update() or round_ == stopping.last_round or pace.is_over(round_)
        stage += rate
        if round_ % stride == 0 or stopping.is_due(round_) or is_last:
            prediction = _valid_prediction(booster, context)
            if stopping.look(round_, stage, prediction, is_last):
                break
        faster = pace.faster_rate(round_)
        if faster is not None:
            rate = faster
            booster.reset_parameter({"learning_rate": rate})
    return str(booster.model_to_string(num_iteration=stopping.best_round)), stopping.stages


def train_rounds(
    params: Mapping[str, Any],
    dataset_params: Mapping[str, Any],
    rounds: int,
    fold: Fold,
    context: TrialContext,
) -> str:
    """Boosts for a fixed number of rounds; returns LightGBM's text.

    Raises:
        RefitIncomplete: Time was up before 90 % of the rounds.
    """
    import lightgbm as lgb

    clock = FitClock(context)
    grown = with_fewer_leaves(params, len(fold.y_train))
    booster = lgb.Booster({**dataset_params, **grown}, _train_set(fold, dataset_params))
    planned = PlannedRounds(rounds, clock)
    for round_ in range(1, rounds + 1):
        if booster.update() or planned.is_over(round_):  # True: no leaf can be split further
            break
    planned.check()
    return str(booster.model_to_string())


def learning_rate_of(text: str) -> float:
    """Mean learning rate of the trees of a model, from LightGBM's text.

    It differs from the params if the rate was raised to end in time.
    """
    lines = (line.partition("=") for line in text.splitlines())
    rates = [float(value) for name, _, value in lines if name == "shrinkage"]
    # The first tree has rate 1 if it contains the mean.
    boosted = [rate for rate in rates if rate < 1] or rates
    return sum(boosted) / len(boosted)


def rounds_needed(learning_rate: float, num_leaves: int) -> float:
    """Typical rounds until early stopping: about 12 / learning rate with 31 leaves.

    Smaller trees need more; the square root is an estimate.
    """
    return USUAL_STAGE / learning_rate * min(3.0, max(0.5, sqrt(31 / num_leaves)))


def _binned(fold: Fold, params: Mapping[str, Any]) -> tuple[Any, Any]:
    """Binned training and validation rows, cached for the next trial on this fold."""
    import lightgbm as lgb

    text = "-".join(f"{name}={params[name]}" for name in sorted(params))
    short = text if len(text) <= 100 else hashlib.sha256(text.encode()).hexdigest()  # file name
    key = f"lightgbm-{lgb.__version__}-{short}"
    if key not in fold.memo:
        # LightGBM's files of binned data lack the raw values for linear leaves.
        fold = replace(fold, fold_cache_dir=None) if params.get("linear_tree") else fold
        pair = (
            None
            if fold.fold_cache_dir is None
            else _read_binned(fold, fold.fold_cache_dir / key, params)
        )
        if pair is None:
            pair = _bin(fold, params)
            if fold.fold_cache_dir is not None:
                _share_binned(pair, fold.fold_cache_dir / key)
        fold.memo[key] = pair
    binned: tuple[Any, Any] = fold.memo[key]
    return binned


def _bin(fold: Fold, params: Mapping[str, Any]) -> tuple[Any, Any]:
    import lightgbm as lgb

    train_set = _train_set(fold, params)
    valid_set = lgb.Dataset(
        fold.X_valid,
        fold.y_valid,
        weight=fold.weight_valid,
        reference=train_set,
        params=dict(params),
        free_raw_data=True,
    ).construct()
    return train_set, valid_set


def _train_set(fold: Fold, params: Mapping[str, Any]) -> Any:
    import lightgbm as lgb

    return lgb.Dataset(
        fold.X_train,
        fold.y_train,
        weight=fold.weight_train,
        categorical_feature=native_categories(fold.features, params["max_bin"]),
        params=dict(params),
        free_raw_data=True,
    ).construct()


def _share_binned(pair: tuple[Any, Any], folder: Path) -> None:
    """Writes binned data in LightGBM's format, for fits in other workers.

    Reading takes 1 % of the time of binning. The folder is renamed into place; if another worker
    was first, its files are equal.
    """
    draft = Path(tempfile.mkdtemp(prefix=".draft.", dir=folder.parent))
    try:
        for binned, name in zip(pair, BINNED_FILES, strict=True):
            binned.save_binary(draft / name)
        with contextlib.suppress(OSError):
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _read_binned(fold: Fold, folder: Path, params: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """Reads the binned data of another worker; None before it is written.

    The file contains the categories, but LightGBM writes the ``categorical_feature`` it was
    called with into models; it is set again so that models are equal.
    """
    import lightgbm as lgb

    if not folder.is_dir():
        return None
    train_file, valid_file = (folder / name for name in BINNED_FILES)
    categories = native_categories(fold.features, params["max_bin"])
    told = {**params, "categorical_column": categories} if categories else dict(params)
    train_set = lgb.Dataset(train_file, params=told).construct()
    valid_set = lgb.Dataset(valid_file, params=dict(params), reference=train_set).construct()
    return train_set, valid_set


def _valid_prediction(booster: Any, context: TrialContext) -> NDArray[np.float64]:
    """Predictions of the validation rows, copied from LightGBM's buffer."""
    found: list[NDArray[np.float64]] = []

    def take(prediction: Any, _: Any) -> tuple[str, float, bool]:
        found.append(np.array(prediction, dtype=np.float64))
        return "taken", 0.0, True

    booster.eval_valid(take)
    if context.task is Task.BINARY:
        return np.column_stack((1 - found[0], found[0]))
    return found[0]
