"""Grows bootstrapped trees in batches, with out-of-bag predictions."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Fold, Matrix, TrialContext
from automl_plugins.common.fitting import FitClock, weighted_quantiles
from automl_plugins.common.probabilities import with_all_classes
from automl_plugins.forest.quantiles import OutOfBagQuantiles, draw_leaves

__all__ = ["ForestModel", "grow"]

CHUNK_ROWS = 20_000
"""Rows predicted at a time."""

MOST_DRAWS = 3.0
"""Largest expected number of draws of a row per sample; one tree in twenty then lacks the row."""


@dataclass(frozen=True, slots=True)
class ForestModel:
    """An average of trees.

    Attributes:
        trees: scikit-learn's ``Tree`` objects.
        classes: Class indices of the trees' outputs; empty for regression.
        n_classes: Number of classes of the task; 0 for regression.
        levels: Quantile levels; empty for other tasks.
        out_of_bag: Mean prediction of each training row by the trees whose samples lack it, NaN
            if there is no such tree; None after loading.
    """

    trees: tuple[Any, ...]
    classes: NDArray[np.int64]
    n_classes: int
    levels: tuple[float, ...] = ()
    out_of_bag: NDArray[np.float64] | None = None

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles."""
        parts = [
            self._predict_chunk(np.ascontiguousarray(X[i : i + CHUNK_ROWS], dtype=np.float32))
            for i in range(0, max(1, X.shape[0]), CHUNK_ROWS)
        ]
        return np.concatenate(parts)

    def out_of_bag_prediction(self) -> NDArray[np.float64]:
        """Out-of-bag predictions of the training rows, NaN for a row in every sample.

        Raises:
            RuntimeError: The model was loaded from disk.
        """
        if self.out_of_bag is None:
            raise RuntimeError("out-of-bag predictions exist only right after the fit")
        return self.out_of_bag

    def _predict_chunk(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        if self.levels:
            values = np.column_stack([_outputs(tree, X)[:, 0] for tree in self.trees])
            return weighted_quantiles(values, None, self.levels)
        total = _outputs(self.trees[0], X)
        for tree in self.trees[1:]:
            total += _outputs(tree, X)
        return _finish(total / len(self.trees), self.classes, self.n_classes)


def grow(
    kind: str,
    params: Mapping[str, Any],
    n_trees: int,
    max_rows: int,
    fold: Fold,
    context: TrialContext,
) -> ForestModel:
    """Grows trees on bootstrap samples until there are enough or time is up.

    Bootstrap and out-of-bag estimates as in Breiman, "Random Forests" (2001); extra trees as in
    Geurts et al. (2006), but on bootstrap samples, so that they have out-of-bag rows.

    Args:
        kind: ``random`` or ``extra``.
        params: Parameters of scikit-learn's trees.
        n_trees: Number of trees.
        max_rows: Largest number of rows of a sample.
        fold: All rows of the table, or one fold.
        context: Threads, seed and time limits.
    """
    clock = FitClock(context)
    # scikit-learn's trees reject read-only memory, such as a mapped file.
    X = np.require(fold.X_train, np.float32, ["C", "W"])
    y = np.require(fold.y_train, requirements=["C", "W"])
    classes = (
        np.unique(y).astype(np.int64) if context.task.is_classification else np.empty(0, np.int64)
    )
    n_classes, levels = context.problem.n_classes, context.problem.quantiles
    unbagged = (
        OutOfBagQuantiles(len(y), n_trees, levels)
        if levels
        else _UnbaggedMeans(len(y), classes, n_classes)
    )

    def grow_one(number: int) -> tuple[Any, NDArray[np.bool_], NDArray[np.float64]]:
        tree, unseen = _grow_tree(
            kind, params, max_rows, (X, y, fold.weight_train), (context.seed, number), bool(levels)
        )
        return tree, unseen, _outputs(tree, X[unseen])

    trees: list[Any] = []
    with ThreadPoolExecutor(context.n_threads) as pool:
        while len(trees) < n_trees:
            batch = range(len(trees), min(n_trees, len(trees) + context.n_threads))
            started_s = clock.elapsed_s
            for tree, unseen, outputs in pool.map(grow_one, batch):
                trees.append(tree)
                unbagged.add(unseen, outputs)
            # The time to predict grows with the number of trees.
            batch_s = clock.elapsed_s - started_s
            if clock.left_s(reserve_s=0.2 * clock.elapsed_s) < 1.5 * batch_s:
                break
    return ForestModel(tuple(trees), classes, n_classes, levels, unbagged.result())


class _UnbaggedMeans:
    """Sums the trees' predictions of out-of-bag rows.

    Args:
        n_rows: Training rows.
        classes: Class indices of the trees' outputs; empty for regression.
        n_classes: Number of classes of the task; 0 for regression.
    """

    def __init__(self, n_rows: int, classes: NDArray[np.int64], n_classes: int) -> None:
        self._classes, self._n_classes = classes, n_classes
        self._sums = np.zeros((n_rows, max(1, len(classes))))
        self._counts = np.zeros(n_rows, dtype=np.int32)

    def add(self, unseen: NDArray[np.bool_], outputs: NDArray[np.float64]) -> None:
        """Adds the predictions of a tree, ``(n_unseen, n_outputs)``."""
        self._sums[unseen] += outputs
        self._counts[unseen] += 1

    def result(self) -> NDArray[np.float64]:
        """Mean predictions of the rows; NaN for a row in every sample."""
        with np.errstate(invalid="ignore"):
            mean = self._sums / self._counts[:, np.newaxis]
        prediction = _finish(mean, self._classes, self._n_classes)
        prediction[self._counts == 0] = np.nan
        return prediction


def _grow_tree(
    kind: str,
    params: Mapping[str, Any],
    max_rows: int,
    rows: tuple[NDArray[np.float32], NDArray[Any], NDArray[np.float64] | None],
    seed: tuple[int, int],
    draws: bool,
) -> tuple[Any, NDArray[np.bool_]]:
    """Grows one tree; returns it with a mask of its out-of-bag rows.

    Rows outside of the sample keep weight 0: scikit-learn ignores them, and every tree has all
    classes. With ``draws`` a leaf has the value of one of its rows instead of the mean.
    """
    from sklearn import tree as sklearn_tree

    rng = np.random.default_rng(seed)
    X, y, row_weight = rows
    weight = _bootstrap(row_weight, len(y), max_rows, rng)
    unseen = weight == 0
    name = ("ExtraTree" if kind == "extra" else "DecisionTree") + (
        "Classifier" if y.dtype.kind in "iu" else "Regressor"
    )
    estimator = getattr(sklearn_tree, name)(random_state=int(rng.integers(2**31)), **params)
    estimator.fit(X, y, sample_weight=weight)
    if draws:
        draw_leaves(estimator.tree_, X, y, weight, rng)
    return _slim(estimator.tree_), unseen


def _bootstrap(
    row_weight: NDArray[np.float64] | None, n_rows: int, max_rows: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Weight of each row in a sample drawn with replacement, 0 for out-of-bag rows.

    A row is drawn in proportion to its weight, because in a leaf of a single row its weight has no
    other effect; but at most ``MOST_DRAWS`` times on average, so that some trees lack it. The rest
    of its weight multiplies each draw.
    """
    size = min(n_rows, max_rows)
    if row_weight is None:
        return np.bincount(rng.integers(n_rows, size=size), minlength=n_rows).astype(np.float64)
    expected = row_weight / row_weight.mean()
    rate = np.minimum(expected, MOST_DRAWS)
    n_draws = max(1, round(size * rate.mean()))
    drawn = np.searchsorted(np.cumsum(rate), rng.random(n_draws) * rate.sum(), side="right")
    counts = np.bincount(np.minimum(drawn, n_rows - 1), minlength=n_rows)
    weight: NDArray[np.float64] = counts * (expected / rate)
    return weight


def _slim(tree: Any) -> Any:
    """Removes parts of a tree that are not used to predict, so that it compresses well.

    Features are float32, so thresholds are rounded down to float32 without changing the path of any
    row. Leaf values are rounded to float32.
    """
    class_, arguments, state = tree.__reduce__()
    nodes, is_leaf = state["nodes"].copy(), state["nodes"]["left_child"] == -1
    for unused in ("impurity", "n_node_samples", "weighted_n_node_samples"):
        nodes[unused] = 0
    rounded = nodes["threshold"].astype(np.float32)
    too_high = rounded > nodes["threshold"]
    rounded[too_high] = np.nextafter(rounded[too_high], np.float32(-np.inf))
    nodes["threshold"] = rounded
    values = state["values"].astype(np.float32).astype(np.float64)
    values[~is_leaf] = 0.0
    slim = class_(*arguments)
    slim.__setstate__({**state, "nodes": nodes, "values": values})
    return slim


def _outputs(tree: Any, X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Class shares ``(n_rows, n_classes)`` or values ``(n_rows, 1)`` of one tree."""
    outputs: NDArray[np.float64] = tree.predict(X)
    return outputs


def _finish(
    outputs: NDArray[np.float64], classes: NDArray[np.int64], n_classes: int
) -> NDArray[np.float64]:
    return with_all_classes(outputs, classes, n_classes) if n_classes else outputs[:, 0].copy()
