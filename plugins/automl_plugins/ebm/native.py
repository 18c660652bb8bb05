"""Calls interpret's compiled core; all code that depends on its interface is here.

``ExplainableBoostingClassifier.fit`` cannot stop at a deadline without a helper process for its
callback, which would outlive a killed worker; nor can it score the metric of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Params
from automl_plugins.ebm.model import Term

__all__ = [
    "BinnedColumn",
    "Objective",
    "PackedRows",
    "TermBooster",
    "native_rows",
    "new_random",
    "pair_strengths",
]

PackedRows = NDArray[np.ubyte]
"""Binned columns, target and weights in the core's format."""

Random = NDArray[np.ubyte]
"""State of a random generator, changed by the core."""

Objective = Literal["log_loss", "rmse"]

MAX_CELLS = 2**20
"""Dimensions of the table of a pair."""


class BinnedColumn(NamedTuple):
    """A binned column.

    Attributes:
        n_bins: Number of bins, the one of missing values included.
        is_nominal: True if its bins have no order.
        places: Bin of each row.
    """

    n_bins: int
    is_nominal: bool
    places: NDArray[np.intp]


def native_rows(
    columns: Sequence[BinnedColumn],
    y: NDArray[Any],
    n_classes: int,
    weight: NDArray[np.float64] | None,
) -> PackedRows:
    """Packs rows in the core's format.

    Args:
        columns: Columns of the table.
        y: Class indices or values.
        n_classes: Number of classes; 0 for regression.
        weight: Row weights.
    """
    native = _core()
    # The core reserves the last bin of a column for unseen values: no row is in it.
    features = [
        (c.n_bins + 1, bool((c.places == 0).any()), False, c.is_nominal, c.places.astype(np.int64))
        for c in columns
    ]
    weights = () if weight is None else (np.array(weight),)
    size = native.measure_dataset_header(len(features), len(weights), 1)
    size += sum(native.measure_feature(*feature) for feature in features)
    size += sum(native.measure_weight(one) for one in weights)
    if n_classes:
        size += native.measure_classification_target(n_classes, np.array(y))
    else:
        size += native.measure_regression_target(np.array(y))
    rows = np.empty(size, dtype=np.ubyte)
    native.fill_dataset_header(len(features), len(weights), 1, rows)
    for feature in features:
        native.fill_feature(*feature, rows)
    for one in weights:
        native.fill_weight(one, rows)
    if n_classes:
        native.fill_classification_target(n_classes, np.array(y), rows)
    else:
        native.fill_regression_target(np.array(y), rows)
    return rows


def new_random(seed: int) -> Random:
    """Creates a random generator."""
    random: Random = _core().create_rng(seed % 2**31)
    return random


class TermBooster:
    """Boosts terms, one tree of one term per step. A context manager.

    Args:
        rows: Training rows.
        terms: Terms to boost.
        start: Scores of the rows without these terms, ``(n_rows, n_scores)``.
        params: ``max_leaves``, ``min_samples_leaf``, ``min_hessian``, ``missing``, and for
            categories ``min_cat_samples`` and ``cat_smooth``.
        objective: Training loss.
        random: Random generator of the splits.
    """

    def __init__(
        self,
        rows: PackedRows,
        terms: Sequence[Term],
        start: NDArray[np.float64],
        params: Params,
        objective: Objective,
        random: Random,
    ) -> None:
        from interpret.utils._native import Booster, Native

        self._n_scores, self._params, self._random = start.shape[1], params, random
        self._random_splits = Native.TermBoostFlags_RandomSplits
        self._flags = {
            "low": Native.TermBoostFlags_MissingLow,
            "high": Native.TermBoostFlags_MissingHigh,
            "separate": Native.TermBoostFlags_MissingSeparate,
            "gain": Native.TermBoostFlags_Default,
        }[params["missing"]]
        self._terms = terms
        self._booster = Booster(
            dataset=rows,
            intercept=None,
            bag=None,
            init_scores=_as_start(start),
            term_features=list(terms),
            n_inner_bags=0,
            rng=random,
            create_booster_flags=Native.CreateBoosterFlags_Default,
            objective=objective,
            acceleration=Native.AccelerationFlags_ALL,
            experimental_params=None,
        )

    def __enter__(self) -> Self:
        self._booster.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._booster.close()

    def step(self, number: int, learning_rate: float, random_splits: bool) -> NDArray[np.float64]:
        """Grows a tree on one term; returns its scores, ``(n_places, n_scores)``.

        Args:
            number: Number of the term.
            learning_rate: Learning rate of this step.
            random_splits: True for random splits, which smooth the term.
        """
        params = self._params
        self._booster.generate_term_update(
            self._random,
            term_idx=number,
            term_boost_flags=self._flags | (self._random_splits if random_splits else 0),
            learning_rate=learning_rate,
            min_samples_leaf=params["min_samples_leaf"],
            min_hessian=params["min_hessian"],
            reg_alpha=0.0,
            reg_lambda=0.0,
            max_delta_step=0.0,
            min_cat_samples=params.get("min_cat_samples", 10),
            cat_smooth=params.get("cat_smooth", 10.0),
            max_cat_threshold=2**63 - 1,
            cat_include=1.0,
            max_leaves=params["max_leaves"],
            monotone_constraints=None,
        )
        update = self._seen(number, self._booster.get_term_update())
        self._booster.apply_term_update()
        return update

    def scores(self) -> list[NDArray[np.float64]]:
        """Sum of the trees of each term, ``(n_places, n_scores)``."""
        model = self._booster.get_current_model()
        return [self._seen(number, scores) for number, scores in enumerate(model)]

    def _seen(self, number: int, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Drops the bins of unseen values."""
        n_dimensions = len(self._terms[number])
        kept = scores[(slice(-1),) * n_dimensions]
        return np.ascontiguousarray(kept).reshape(-1, self._n_scores)


def pair_strengths(
    rows: PackedRows,
    pairs: Sequence[Term],
    start: NDArray[np.float64],
    params: Params,
    objective: Objective,
) -> list[float]:
    """Reduction of the loss by each pair of columns, given ``start`` (FAST).

    Args:
        rows: Training rows.
        pairs: Pairs of columns.
        start: Scores of the rows, ``(n_rows, n_scores)``.
        params: ``min_samples_leaf`` and ``min_hessian``.
        objective: Training loss.
    """
    from interpret.utils._native import InteractionDetector, Native

    with InteractionDetector(
        dataset=rows,
        intercept=None,
        bag=None,
        init_scores=_as_start(start),
        create_interaction_flags=Native.CreateInteractionFlags_Default,
        objective=objective,
        acceleration=Native.AccelerationFlags_ALL,
        experimental_params=None,
    ) as detector:
        return [
            detector.calc_interaction_strength(
                pair,
                Native.CalcInteractionFlags_Default,
                MAX_CELLS,
                params["min_samples_leaf"],
                params["min_hessian"],
                0.0,
                0.0,
                0.0,
            )
            for pair in pairs
        ]


def _core() -> Any:
    from interpret.utils._native import Native

    return Native.get_native_singleton()


def _as_start(start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores in the core's format, one-dimensional for one score per row."""
    return np.ascontiguousarray(start[:, 0] if start.shape[1] == 1 else start)
