"""Fits support vector machines: exactly, or by gradient descent on Nyström features."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Fold, Report, TrialContext
from automl_plugins.common.fitting import FitClock, mean_and_std, total_weight
from automl_plugins.common.stopping import EpochStopping
from automl_plugins.svm.model import SigmoidCalibration, SVMModel, calibrate

__all__ = ["CHUNK_ROWS", "fit_approximate", "fit_exact", "fit_one_class", "n_components"]

CHUNK_ROWS = 10_000
"""Rows mapped at a time; the clock is read in between."""

MAX_CACHE_BYTES = 256 * 2**20
"""Largest size of mapped rows to keep between epochs; larger ones are mapped again."""
CACHE_MIB = 200
"""Memory for libsvm's cache of kernel values."""

MAX_EPOCHS = 30
PATIENCE_EPOCHS = 3
MAX_CALIBRATION_ROWS = 5_000

_NOTHING = np.empty((0, 0), dtype=np.float32), np.empty(0)


def n_components(n_rows: int) -> int:
    """Components of the Nyström map, bounded so that the cost is linear in the rows."""
    return min(n_rows, 1_000 if n_rows <= 20_000 else 500)


def fit_one_class(fold: Fold, context: TrialContext) -> SVMModel:
    """Constant model for training rows of a single class."""
    classes = np.unique(fold.y_train).astype(np.int64)
    constant = SigmoidCalibration(np.zeros((1, 1)), np.zeros(1), classes, context.problem.n_classes)
    return SVMModel(None, *_NOTHING, constant)


def fit_exact(C: float, gamma: float, fold: Fold, context: TrialContext) -> SVMModel:
    """Kernel SVC or SVR by libsvm on all training rows.

    Probabilities are calibrated on held-out decision values: of three cross-validation folds below
    2,000 rows, else of one part of four.
    """
    from sklearn.svm import SVC, SVR

    X, y, weight = np.asarray(fold.X_train), fold.y_train, fold.weight_train
    limits = {
        "C": C,
        "gamma": gamma,
        "cache_size": CACHE_MIB,
        "max_iter": max(100_000, 50 * len(y)),
    }

    def fit(rows: NDArray[np.int64] | slice, target: NDArray[Any]) -> Any:
        machine = SVC(**limits) if context.task.is_classification else SVR(epsilon=0.1, **limits)
        with warnings.catch_warnings():
            # The iteration limit bounds the time; the latest iterate is used.
            warnings.simplefilter("ignore")
            return machine.fit(X[rows], target[rows], None if weight is None else weight[rows])

    if not context.task.is_classification:
        mean, scale = mean_and_std(y, weight)
        machine = fit(slice(None), (y - mean) / scale)
        return SVMModel(machine, *_NOTHING, _value_scale(mean, scale))
    classes = np.unique(y).astype(np.int64)
    n_parts, n_used = (3, 3) if len(y) < 2_000 else (4, 1)
    part = _parts(y, n_parts, context.seed)
    decisions, seen = [], []
    for held_out in range(n_used):
        rows = np.flatnonzero(part == held_out)
        if len(rows):
            values = fit(np.flatnonzero(part != held_out), y).decision_function(X[rows])
            decisions.append(values.reshape(len(rows), -1))
            seen.append(rows)
    machine = fit(slice(None), y)
    if not decisions:  # no class has enough rows to hold one out
        decisions, seen = [machine.decision_function(X).reshape(len(y), -1)], [np.arange(len(y))]
    rows = np.concatenate(seen)
    row_weight = None if weight is None else weight[rows]
    calibration = calibrate(np.concatenate(decisions), y[rows], row_weight, classes, context)
    return SVMModel(machine, *_NOTHING, calibration)


def fit_approximate(
    C: float, gamma: float, fold: Fold, context: TrialContext, clock: FitClock, report: Report
) -> SVMModel:
    """A linear SVM by averaged stochastic gradient descent on Nyström features.

    The map (Williams & Seeger 2001) has at most 1,000 components, and an epoch is one pass over the
    rows, so time is linear in the rows. Each epoch is calibrated on a tenth of the training rows,
    which is held out, and scored on the validation rows.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    rng = np.random.default_rng(context.seed)
    is_classification = context.task.is_classification
    y, mean, scale = fold.y_train, 0.0, 1.0
    held_out = np.empty(0, dtype=np.int64)
    if is_classification:
        held_out = np.flatnonzero(_parts(y, 10, context.seed) == 0)[:MAX_CALIBRATION_ROWS]
    else:
        mean, scale = mean_and_std(y, fold.weight_train)
        y = (y - mean) / scale
    rows = np.setdiff1d(np.arange(len(y)), held_out)
    nystroem = _fit_map(gamma, np.asarray(fold.X_train), rng)
    row_weight = None if fold.weight_train is None else fold.weight_train[rows]
    weighing = total_weight(row_weight, len(rows))
    sgd = _sgd(C, weighing, is_classification, context.seed)
    extra = {"classes": np.unique(y)} if is_classification else {}
    transform = _cached_transform(nystroem, fold, rows)
    stopping = EpochStopping(fold, context, report, PATIENCE_EPOCHS, MAX_EPOCHS)
    blank = SVMModel(nystroem, np.zeros((1, 1), np.float32), np.zeros(1), _value_scale(mean, scale))
    model = None
    for epoch in range(1, stopping.last_epoch + 1):
        for chunk in _chunks(rows, rng):
            weight = None if fold.weight_train is None else fold.weight_train[chunk]
            sgd.partial_fit(transform(chunk), y[chunk], sample_weight=weight, **extra)
            if clock.left_s() <= 0:
                break
        candidate = replace(
            blank,
            coef=np.atleast_2d(sgd.coef_).astype(np.float32),
            intercept=np.atleast_1d(sgd.intercept_).astype(np.float64),
        )
        if is_classification:
            # With too few rows per class to hold out, training rows are used.
            known = held_out if len(held_out) else rows[:MAX_CALIBRATION_ROWS]
            decisions = candidate.decision(np.asarray(fold.X_train)[known])
            classes = extra["classes"].astype(np.int64)
            weight = None if fold.weight_train is None else fold.weight_train[known]
            calibration = calibrate(decisions, y[known], weight, classes, context)
            candidate = replace(candidate, calibration=calibration)
        over = stopping.look(epoch, candidate.predict(fold.X_valid), clock.left_s() <= 0)
        if stopping.is_best or model is None:
            model = candidate
        if over:
            break
    assert model is not None  # at least one epoch
    return replace(model, stages=stopping.stages)


def _fit_map(gamma: float, X: NDArray[np.float32], rng: np.random.Generator) -> Any:
    from sklearn.kernel_approximation import Nystroem

    components = n_components(len(X))
    nystroem = Nystroem(gamma=gamma, n_components=components, random_state=int(rng.integers(2**31)))
    # Components are drawn from the rows passed in, so more are not needed.
    return nystroem.fit(X[np.sort(rng.choice(len(X), size=components, replace=False))])


def _sgd(C: float, weighing: float, is_classification: bool, seed: int) -> Any:
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    shared: dict[str, Any] = {
        "alpha": 1.0 / (C * weighing),
        "average": True,
        "learning_rate": "constant",
        "random_state": seed % 2**32,
    }
    if is_classification:
        return SGDClassifier(loss="hinge", eta0=0.5, **shared)
    return SGDRegressor(loss="epsilon_insensitive", epsilon=0.1, eta0=0.05, **shared)


def _cached_transform(
    nystroem: Any, fold: Fold, rows: NDArray[np.int64]
) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """Returns a function that maps rows by number; all are mapped in advance if memory allows."""
    X = np.asarray(fold.X_train)
    n_features = len(nystroem.components_)
    if len(X) * n_features * 4 > MAX_CACHE_BYTES:
        return lambda chunk: np.asarray(nystroem.transform(X[chunk]), dtype=np.float32)
    mapped = np.empty((len(X), n_features), dtype=np.float32)
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[start : start + CHUNK_ROWS]
        mapped[chunk] = nystroem.transform(X[chunk])
    return lambda chunk: mapped[chunk]


def _chunks(rows: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    order = rng.permutation(rows)
    return [order[start : start + CHUNK_ROWS] for start in range(0, len(order), CHUNK_ROWS)]


def _parts(y: NDArray[np.int64], n_parts: int, seed: int) -> NDArray[np.int64]:
    """Part of each row, stratified; -1 for classes with too few rows."""
    rng = np.random.default_rng(seed)
    part = np.full(len(y), -1, dtype=np.int64)
    for class_ in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == class_))
        if len(rows) >= n_parts:
            part[rows] = np.arange(len(rows)) % n_parts
    return part


def _value_scale(mean: float, scale: float) -> SigmoidCalibration:
    none = np.empty(0, dtype=np.int64)
    return SigmoidCalibration(np.array([[scale]]), np.array([mean]), none, 0)
