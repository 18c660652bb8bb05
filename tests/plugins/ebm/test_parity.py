"""Boosting by our calls of the compiled core is that of interpret's own estimators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from automl.plugin import Features, Task

pytest.importorskip("interpret")

from interpret import develop
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

from automl_plugins.ebm.bins import make_bins
from automl_plugins.ebm.model import AdditiveModel, term_places
from automl_plugins.ebm.native import BinnedColumn, TermBooster, native_rows, new_random

pytestmark = pytest.mark.filterwarnings(  # of what its plots leave out
    "ignore:Missing values detected:UserWarning", "ignore:For multiclass we cannot:UserWarning"
)

N_ROUNDS, RATE = 40, 0.05
PARAMS = {"max_leaves": 3, "min_samples_leaf": 4, "min_hessian": 1e-4, "missing": "separate"}


@pytest.fixture(autouse=True)
def _in_order() -> Iterator[None]:
    """Terms in their order, and no steps for the intercept after them, which move no term."""
    changes = {"randomize_initial_feature_order": False, "n_intercept_rounds_final": 0}
    before = {name: develop.get_option(name) for name in changes}
    for name, value in changes.items():
        develop.set_option(name, value)
    yield
    for name, value in before.items():
        develop.set_option(name, value)


def rows_of(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Three columns of few values, one with missing ones, and a target with a crossed effect."""
    random = np.random.default_rng(0)
    X = random.integers(0, (12, 7, 5), size=(400, 3)).astype(np.float32)
    value = np.sin(X[:, 0]) + 0.3 * X[:, 1] + 0.5 * (X[:, 1] > 3) * (X[:, 2] > 2)
    value += random.normal(scale=0.2, size=400)
    X[random.random(400) < 0.1, 2] = np.nan
    edges = {Task.BINARY: [1.0], Task.MULTICLASS: [0.5, 1.5]}.get(task)
    return X, value if edges is None else np.digitize(value, edges).astype(np.int64)


def boosted(X: np.ndarray, y: np.ndarray, task: Task, pairs: list[Any]) -> AdditiveModel:
    """Our model: single columns in turn, then pairs on what is left."""
    n_classes = int(y.max()) + 1 if task.is_classification else 0
    bins = make_bins(X, Features(("a", "b", "c")), 1024, 64)
    places = {column: bins.fine(X, column) for column in range(3)}
    columns = [BinnedColumn(bins.n_bins(column), False, places[column]) for column in range(3)]
    rows = native_rows(columns, y, n_classes, None)
    counts = np.log(np.bincount(y)) if n_classes else np.array([y.mean()])
    intercept = counts[1:] - counts[:1] if n_classes == 2 else counts
    scores = np.repeat(intercept[np.newaxis], len(y), axis=0)
    terms: list[Any] = []
    kept: list[np.ndarray] = []
    for stage in ([(0,), (1,), (2,)], pairs):
        objective = "log_loss" if n_classes else "rmse"
        start = scores.copy()
        with TermBooster(rows, stage, start, PARAMS, objective, new_random(0)) as booster:
            for _ in range(N_ROUNDS if stage else 0):
                for number, term in enumerate(stage):
                    update = booster.step(number, RATE, random_splits=False)
                    scores += update[term_places(bins, term, places)]
            kept += booster.scores()
        terms += stage
    return AdditiveModel(task, bins, intercept, tuple(terms), tuple(kept))


def fitted_by_package(X: np.ndarray, y: np.ndarray, task: Task, pairs: list[Any]) -> Any:
    kind = ExplainableBoostingClassifier if task.is_classification else ExplainableBoostingRegressor
    estimator = kind(
        **PARAMS,
        learning_rate=RATE,
        max_rounds=N_ROUNDS,
        interactions=pairs,
        feature_types=["continuous"] * 3,
        outer_bags=1,
        validation_size=0,
        early_stopping_rounds=0,
        smoothing_rounds=0,
        interaction_smoothing_rounds=0,
        greedy_ratio=0,
        cyclic_progress=1,
        n_jobs=1,
    )
    return estimator.fit(X.astype(np.float64), y)


def centred(scores: np.ndarray, rows_at: np.ndarray, n_scores: int) -> np.ndarray:
    """A term with mean 0 over the rows and, of several classes, over the classes."""
    scores = scores.reshape(-1, n_scores)
    scores = scores - scores[rows_at].mean(axis=0)
    return scores - scores.mean(axis=1, keepdims=True) if n_scores > 1 else scores


TASKS = [Task.REGRESSION, Task.BINARY, Task.MULTICLASS]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("pairs", [[], [(0, 1), (1, 2)]], ids=["single", "pairs"])
def test_predictions_are_those_of_the_package(task: Task, pairs: list[Any]) -> None:
    X, y = rows_of(task)
    model, package = boosted(X, y, task, pairs), fitted_by_package(X, y, task, pairs)
    rows = X.astype(np.float64)
    theirs = package.predict_proba(rows) if task.is_classification else package.predict(rows)
    np.testing.assert_allclose(model.predict(X), theirs, atol=1e-6)
    assert np.abs(theirs - theirs.mean(axis=0)).max() > 0.1


@pytest.mark.parametrize("task", TASKS)
def test_terms_are_those_of_the_package(task: Task) -> None:
    """Up to what may move between a term and the intercept, which changes no prediction."""
    X, y = rows_of(task)
    model, package = boosted(X, y, task, []), fitted_by_package(X, y, task, [])
    assert [tuple(term) for term in package.term_features_] == list(model.terms)
    for column, mine in enumerate(model.scores):
        rows_at = model.bins.fine(X, column)
        n_scores = mine.shape[1]
        theirs = np.asarray(package.term_scores_[column])[:-1]  # its last bin is of unseen values
        seen = np.unique(rows_at)
        ours, theirs = (centred(one, rows_at, n_scores)[seen] for one in (mine, theirs))
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
        assert np.abs(theirs).max() > 0.01
