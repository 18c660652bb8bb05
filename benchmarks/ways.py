"""Ways to predict from the predictions of several models, to be compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import apply_temperature, fit_calibration, fit_temperature
from automl.ensemble.candidates import Candidates
from automl.ensemble.selection import (
    SelectionOptions,
    best_single,
    greedy_weights,
    single_model_weights,
)
from automl.plugin.metric import Metric

__all__ = ["PLAIN", "Combine", "Way", "ways_for"]

Combine = Callable[[Sequence[NDArray[Any]]], NDArray[Any]]
"""Predictions of the models for some rows, put together as the metric is shown them."""

Way = Callable[[Candidates], Combine]
"""Learns on some rows how to put predictions together."""

PLAIN = "greedy, 25 steps"
"""What the others are compared with."""

SMALLEST = 1e-6
TREE_FOLDS = 5


def ways_for(metric: Metric, n_classes: int) -> Mapping[str, Way]:
    """The ways that make sense for a metric, by name."""
    ways: dict[str, Way] = {
        PLAIN: lambda c: _by(_greedy(c)),
        "greedy, 40 steps": lambda c: _by(_greedy(c, steps=40)),
        "best single": lambda c: _by(single_model_weights(best_single(c), c.n_models)),
        "bagged greedy": lambda c: _by(_bagged(c)),
    }
    if metric.needs != "labels":
        ways |= {"tree stack": _trees, "half a tree stack": _half_trees}
    if metric.needs == "values":
        ways |= {"range of values": _corrected, "NNLS": _nnls, "linear stack": _ridge}
    elif metric.needs == "labels":
        ways |= {"class factors": _corrected}
    else:
        ways |= {"temperature": _corrected, "temperature of each": _temperature_of_each}
        if n_classes <= 10:
            ways["linear stack"] = _logistic
    return ways


def _by(weights: NDArray[np.float64]) -> Combine:
    members = np.flatnonzero(weights).tolist()

    def combine(predictions: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.asarray(sum(weights[i] * predictions[i] for i in members))

    return combine


def _greedy(candidates: Candidates, steps: int = 25) -> NDArray[np.float64]:
    return greedy_weights(candidates, SelectionOptions(steps=steps))


def _bagged(candidates: Candidates) -> NDArray[np.float64]:
    """Mean weights of 10 selections from half of the models on four fifths of the rows."""
    random = np.random.default_rng(0)
    total: NDArray[np.float64] = np.zeros(candidates.n_models)
    for _ in range(10):
        models = random.choice(candidates.n_models, (candidates.n_models + 1) // 2, replace=False)
        rows = random.choice(candidates.n_rows, int(0.8 * candidates.n_rows), replace=False)
        part = candidates.rows(np.sort(rows)).models(sorted(models))
        total[np.sort(models)] += _greedy(part)
    mean: NDArray[np.float64] = total / total.sum()
    return mean


def _corrected(candidates: Candidates) -> Combine:
    """Greedy selection, and what is done to its blend; see ``fit_calibration``."""
    metric, weights = candidates.metric, _greedy(candidates)
    learned = fit_calibration(candidates.blend(weights), candidates.y, metric)
    blend = _by(weights)
    return lambda predictions: learned.for_metric(metric, learned.apply(blend(predictions)))


def _temperature_of_each(candidates: Candidates) -> Combine:
    """A temperature for each model, then greedy selection."""
    found = [fit_temperature(p, candidates.y) for p in candidates.predictions]
    scaled = tuple(map(apply_temperature, candidates.predictions, found))
    blend = _by(_greedy(replace(candidates, predictions=scaled)))
    return lambda predictions: blend(list(map(apply_temperature, predictions, found)))


def _nnls(candidates: Candidates) -> Combine:
    """Non-negative least squares, made to sum to 1."""
    from scipy.optimize import nnls

    weights, _ = nnls(np.column_stack(candidates.predictions), candidates.y)
    return _by(weights / weights.sum())


def _ridge(candidates: Candidates) -> Combine:
    """Ridge regression over the predictions of all models."""
    from sklearn.linear_model import RidgeCV

    X = np.column_stack(candidates.predictions)
    mean, scale = X.mean(), X.std() or 1.0
    ridge = RidgeCV(np.logspace(-3, 3, 13)).fit((X - mean) / scale, candidates.y)
    return lambda predictions: np.asarray(
        ridge.predict((np.column_stack(predictions) - mean) / scale)
    )


def _logistic(candidates: Candidates) -> Combine:
    """Logistic regression over the logarithms of the probabilities of all models."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    logistic = LogisticRegression(C=0.05, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is reached is judged
        logistic.fit(_logits(candidates.predictions), candidates.y)
    return lambda predictions: np.asarray(logistic.predict_proba(_logits(predictions)))


def _trees(candidates: Candidates) -> Combine:
    """Small boosted trees over the predictions of all models, in as many rounds as are best.

    The rounds are those of a cross-validation on the same rows.
    """
    import lightgbm as lgb

    X, y, (first, *_) = _features(candidates.predictions), candidates.y, candidates.predictions
    n_classes = first.shape[1] if first.ndim == 2 else 0
    objective = {0: "regression", 2: "binary"}.get(n_classes, "multiclass")
    params = {
        **{"objective": objective, "num_class": n_classes if n_classes > 2 else 1},
        **{"num_leaves": 4, "learning_rate": 0.05, "min_data_in_leaf": 20, "lambda_l2": 5.0},
        **{"feature_fraction": 0.5, "bagging_fraction": 0.8, "bagging_freq": 1},
        **{"verbose": -1, "num_threads": 1, "seed": 0},
    }
    options = {
        "nfold": TREE_FOLDS,
        "stratified": n_classes > 0 and np.bincount(y).min() >= TREE_FOLDS,
        "callbacks": [lgb.early_stopping(20, verbose=False)],
    }
    scores = lgb.cv(params, lgb.Dataset(X, y), 300, seed=0, **options)
    booster = lgb.train(params, lgb.Dataset(X, y), len(next(iter(scores.values()))))

    def combine(predictions: Sequence[NDArray[Any]]) -> NDArray[Any]:
        found = np.asarray(booster.predict(_features(predictions)))
        return np.column_stack([1 - found, found]) if n_classes == 2 else found

    return combine


def _half_trees(candidates: Candidates) -> Combine:
    """The mean of greedy selection and of a second level of trees."""
    trees, blend = _trees(candidates), _by(_greedy(candidates))
    return lambda predictions: (trees(predictions) + blend(predictions)) / 2


def _features(predictions: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return _logits(predictions) if predictions[0].ndim == 2 else np.column_stack(predictions)


def _logits(predictions: Sequence[NDArray[Any]]) -> NDArray[Any]:
    logs = [np.log(np.maximum(p, SMALLEST)) for p in predictions]
    return np.concatenate([log[:, 1:] - log[:, :1] for log in logs], axis=1)
