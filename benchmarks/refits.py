"""Refits on all rows against the mean of the folds' models, with fixed params of LightGBM.

    python -m benchmarks.refits --catalog PATH adult:10000 california_housing:4000 ratings:75000:8

Each argument is a table of the catalog, the training rows and, optionally, the folds; ``ratings``
is made (numeric ids of users and films). The folds stop early on their own validation rows; the
refits take their rounds as a search does. Prints, in percent of the loss of one fold's model on up
to 25,000 test rows (squared error of values or of probabilities): what the mean of the folds, one
refit and the mean of three gain; the variance of a fold's model on test rows, on training rows that
both models of a pair saw, on those that one saw, and between seeds; and the ratio by which a sound
refit and one of a single tree differ from the folds. One core, some ten seconds a table.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.metrics import CATALOG
from automl.plugin import ProblemInfo, Task, TrialContext
from automl.trial.refit_agreement import MIN_PROBABILITY
from automl_plugins.common.boosting import patience, refit_rounds

__all__ = ["Measured", "main", "measure"]

RATE, MAX_ROUNDS, N_SEEDS, MAX_TEST_ROWS = 0.05, 4_000, 3, 25_000
PARAMS = {
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.9,
    "bagging_freq": 1,
    "verbosity": -1,
    "num_threads": 1,
}

Array = NDArray[Any]
Predict = Callable[[Any, Array], Array]


@dataclass(frozen=True, slots=True)
class Measured:
    """One table; gains and variances in percent of the loss of a single fold's model."""

    rounds: float
    bag: float
    refit: float
    three: float
    unseen: float
    both_saw: float
    one_saw: float
    seeds: float
    ratio: float
    one_tree: float

    def __str__(self) -> str:
        numbers = (f"{getattr(self, name):8.2f}" for name in self.__slots__)
        return " ".join(numbers)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="+", metavar="TABLE:ROWS[:FOLDS]")
    parser.add_argument("--catalog", type=Path, help="CSV with columns name, file, target, task")
    options = parser.parse_args(arguments)
    print(f"{'table':28s}" + " ".join(f"{name:>8s}" for name in Measured.__slots__))
    for text in options.tables:
        name, n_rows, *folds = text.split(":")
        if name != "ratings" and options.catalog is None:
            parser.error(f"--catalog is needed for the table {name}")
        X, y, n_classes = _made() if name == "ratings" else _read(name, options.catalog)
        found = measure(X, y, n_classes, int(n_rows), int(folds[0]) if folds else 5)
        print(f"{text:28s}{found}", flush=True)


def measure(X: Array, y: Array, n_classes: int, n_train: int, n_folds: int) -> Measured:
    """Fits the folds, three refits and a refit of one tree, and compares them."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    n_train = min(n_train, 3 * len(y) // 4)
    train, test = order[:n_train], order[n_train:][:MAX_TEST_ROWS]
    params, predict = _task(n_classes)
    X_train, y_train, fold = X[train], y[train], rng.integers(0, n_folds, n_train)
    models = [_fit_fold(params, X_train, y_train, fold == k, k) for k in range(n_folds)]
    best = [m.best_iteration for m in models]
    rounds, rate = refit_rounds(best, [RATE] * n_folds, _slot(len(y_train)))
    data = lgb.Dataset(X_train, y_train, free_raw_data=False)
    refits = [
        lgb.train({**params, "learning_rate": rate, "seed": 100 + s}, data, rounds)
        for s in range(N_SEEDS)
    ]
    stump = lgb.train({**params, "learning_rate": rate, "seed": 100}, data, 1)
    new, again = ([predict(m, X[test]) for m in ms] for ms in (models, refits))
    known = [predict(m, X_train) for m in models]
    loss = _loss_of(n_classes, y[test])
    one = float(np.mean([loss(p) for p in new]))
    ways = (np.mean(new, axis=0), np.mean(again, axis=0))
    bag, three = (100 * (one - loss(p)) / one for p in ways)
    pairs = list(itertools.combinations(range(n_folds), 2))
    shares = [
        [_half_distance(known[i][rows], known[j][rows]) for i, j in pairs for rows in [seen(i, j)]]
        for seen in (
            lambda i, j: (fold != i) & (fold != j),
            lambda i, j: (fold == i) | (fold == j),
        )
    ]
    bags = _scaled(np.mean(known, axis=0), n_classes)
    usual = np.median([_rms(_scaled(p, n_classes) - bags) for p in known])
    ratios = [
        _rms(_scaled(predict(m, X_train), n_classes) - bags) / usual for m in (refits[0], stump)
    ]
    variances = [
        np.mean([_half_distance(new[i], new[j]) for i, j in pairs]),
        *map(np.mean, shares),
        np.mean([_half_distance(a, b) for a, b in itertools.combinations(again, 2)]),
    ]
    return Measured(
        float(np.mean([m.best_iteration for m in models])),
        bag,
        100 * (one - float(np.mean([loss(p) for p in again]))) / one,
        three,
        *(100 * float(v) / one for v in variances),
        *map(float, ratios),
    )


def _slot(n_rows: int) -> TrialContext:
    """A slot in which nothing is fixed, and no stage is known."""
    return TrialContext(ProblemInfo(Task.REGRESSION, CATALOG["rmse"], n_rows, 1), seed=0)


def _fit_fold(params: dict[str, Any], X: Array, y: Array, valid: Array, seed: int) -> Any:
    train = lgb.Dataset(X[~valid], y[~valid])
    stop = lgb.early_stopping(int(patience(int((~valid).sum()), RATE)(100)), verbose=False)
    given = {**params, "learning_rate": RATE, "seed": seed}
    valid_set = lgb.Dataset(X[valid], y[valid], reference=train)
    return lgb.train(given, train, MAX_ROUNDS, [valid_set], callbacks=[stop])


def _task(n_classes: int) -> tuple[dict[str, Any], Predict]:
    if n_classes == 0:
        return {**PARAMS, "objective": "regression"}, lambda model, X: model.predict(X)
    if n_classes > 2:
        extra = {"objective": "multiclass", "num_class": n_classes}
        return {**PARAMS, **extra}, lambda model, X: model.predict(X)

    def predict(model: Any, X: Array) -> Array:
        second = model.predict(X)
        return np.column_stack((1 - second, second))

    return {**PARAMS, "objective": "binary"}, predict


def _loss_of(n_classes: int, y: Array) -> Callable[[Array], float]:
    """Squared error of values, or of probabilities: what the choice of a search is made by."""
    truth = np.eye(n_classes)[y] if n_classes else y[:, np.newaxis]
    return lambda p: float(((p.reshape(len(y), -1) - truth) ** 2).sum(axis=1).mean())


def _half_distance(a: Array, b: Array) -> float:
    return float(((a - b).reshape(len(a), -1) ** 2).sum(axis=1).mean()) / 2


def _scaled(prediction: Array, n_classes: int) -> Array:
    if n_classes == 0:
        return prediction
    p = np.clip(prediction, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.asarray(np.log(p / (1 - p)))


def _rms(difference: Array) -> float:
    return float(np.sqrt((difference**2).mean()))


def _read(name: str, catalog: Path) -> tuple[Array, Array, int]:
    """Features as numbers and codes, the target, and the number of classes."""
    row = pd.read_csv(catalog).set_index("name").loc[name]
    frame = pd.read_csv(catalog.parent / row.file)
    y = frame.pop(row.target)
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].astype("category").cat.codes
    if row.task == "regression":
        return frame.to_numpy(float), y.to_numpy(float), 0
    codes = y.astype("category").cat.codes.to_numpy()
    return frame.to_numpy(float), codes, int(codes.max()) + 1


def _made(
    n_rows: int = 100_000, n_users: int = 700, n_films: int = 9_000
) -> tuple[Array, Array, int]:
    """Ratings of films by users, whose ids are numbers: means of both, and 8 tastes."""
    rng = np.random.default_rng(1)
    user = rng.integers(0, n_users, n_rows)
    film = rng.choice(n_films, n_rows, p=rng.dirichlet(np.full(n_films, 0.1)))
    taste = (0.25 * rng.normal(size=(n_users, 8)))[user] * (0.4 * rng.normal(size=(n_films, 8)))[
        film
    ]
    year = rng.integers(1950, 2016, n_films)[film]
    means = rng.normal(0, 0.4, n_users)[user] + rng.normal(0, 0.4, n_films)[film]
    y = 3.5 + means + taste.sum(axis=1) + rng.normal(0, 0.8, n_rows)
    return np.column_stack((user, film, year, rng.random(n_rows))), np.round(2 * y) / 2, 0


if __name__ == "__main__":
    main()
