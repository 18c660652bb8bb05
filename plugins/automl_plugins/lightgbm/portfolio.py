"""Portfolio of LightGBM, ordered by the size of the data.

The numbered entries are the LightGBM configs of AutoGluon's zeroshot portfolio of 2025-12-18 for
CPUs (learned on TabArena, arXiv 2506.16791), by their place in it. AutoGluon fits some of them on
generated columns; those in ``_ON_GENERATED`` use automl's, the others none. ``large`` is
AutoGluon's ``GBMLarge`` preset. The order follows the places in that portfolio, with few leaves
first for small data.
"""

from __future__ import annotations

from typing import Any

from automl.plugin import ProblemInfo
from automl_plugins.common.generated_columns import available_choice

__all__ = ["CATEGORICAL_PARAMS", "portfolio"]

CATEGORICAL_PARAMS = ("cat_l2", "cat_smooth", "max_cat_to_onehot", "min_data_per_group")

_NAMES = (
    "learning_rate",
    "num_leaves",
    "extra_trees",
    "feature_fraction",
    "bagging_fraction",
    "min_data_in_leaf",
    "lambda_l1",
    "lambda_l2",
    *CATEGORICAL_PARAMS,
)

_CONFIGS: dict[int | str, tuple[Any, ...]] = {
    2: (0.0193, 64, True, 0.553, 0.992, 28, 0.914, 1.9, 0.0143, 1.87, 18, 54),
    3: (0.0179, 39, True, 0.462, 0.877, 3, 0.238, 0.355, 0.342, 15.4, 16, 9),
    5: (0.0114, 84, False, 0.528, 0.978, 3, 0.0269, 0.838, 0.155, 0.00931, 42, 75),
    7: (0.00742, 8, True, 0.425, 0.722, 15, 0.113, 0.262, 1.89, 0.0279, 9, 10),
    8: (0.018, 180, True, 0.404, 0.95, 12, 0.766, 1.6, 0.216, 0.0638, 11, 3),
    10: (0.0398, 16, False, 0.579, 0.959, 1, 0.938, 0.99, 1.9, 0.0215, 27, 39),
    13: (0.0127, 5, True, 0.733, 0.854, 12, 0.241, 0.298, 0.011, 5.09, 67, 93),
    16: (0.0079, 8, False, 0.94, 0.815, 24, 0.437, 0.3, 0.00584, 0.0289, 28, 3),
    17: (0.0351, 64, False, 0.668, 0.928, 1, 0.0125, 0.716, 0.0732, 0.137, 20, 2),
    19: (0.0413, 128, True, 0.619, 0.884, 9, 0.651, 1.74, 0.661, 0.0452, 9, 3),
    21: (0.00907, 2, False, 0.588, 0.841, 17, 0.0789, 0.771, 0.928, 0.0898, 16, 11),
    23: (0.00741, 14, False, 0.859, 0.999, 1, 0.0414, 0.226, 0.00769, 89.5, 11, 26),
    31: (0.0309, 24, False, 0.49, 0.78, 1, 0.642, 0.581, 0.00714, 0.134, 38, 83),
    36: (0.0947, 23, True, 0.782, 0.704, 13, 0.37, 0.0341, 0.0135, 56.5, 13, 4),
    38: (0.0417, 128, False, 0.848, 0.898, 2, 0.568, 1.07, 0.00536, 89.7, 8, 7),
    45: (0.0508, 106, True, 0.929, 0.967, 4, 0.0449, 1.73, 1.77, 0.00977, 11, 2),
    48: (0.0433, 19, False, 0.661, 0.933, 18, 0.557, 1.27, 0.00676, 29.2, 42, 6),
    "large": (0.03, 128, False, 0.9, 1.0, 3, 0.0, 0.0, 2.0, 10.0, 8, 100),
}

_ON_GENERATED: dict[int | str, str] = {2: "numbers", 7: "all", 10: "numbers"}

# Largest number of rows, the default, then the configs by name. Extremely randomised trees
# converge slowly, so with many rows they come after the others, which fit into short budgets.
_DEFAULT_SMALL = (0.05, 15, False, 0.8, 0.9, 10, 0.0, 1.0, 2.0, 10.0, 8, 20)
_DEFAULT = (0.05, 31, False, 0.8, 0.9, 20, 0.0, 1.0, 2.0, 10.0, 8, 50)
_DEFAULT_LARGE = (0.08, 63, False, 0.8, 0.9, 20, 0.0, 1.0, 2.0, 10.0, 8, 100)
_ORDERS: tuple[tuple[float, tuple[Any, ...], tuple[int | str, ...]], ...] = (
    (1_000, _DEFAULT_SMALL, (13, 3, 7, 21, 10, 16, 23, 48)),
    (10_000, _DEFAULT, (2, 3, 13, 5, 7, 8, 10, 31, 36)),
    (100_000, _DEFAULT, (10, 5, 3, 17, 2, 38, 8, 45, 36)),
    (float("inf"), _DEFAULT_LARGE, ("large", 17, 38, 10, 45, 19, 36)),
)


def portfolio(problem: ProblemInfo) -> list[dict[str, Any]]:
    """Params to try first on this data; the first is the family's default."""
    default, order = next((d, o) for limit, d, o in _ORDERS if problem.n_rows <= limit)
    rows = [
        (default, "none"),
        *(
            (_CONFIGS[key], available_choice(_ON_GENERATED.get(key, "none"), problem))
            for key in order
        ),
    ]
    left_out = () if problem.n_categorical else CATEGORICAL_PARAMS
    names = (*_NAMES, "generated") if available_choice("all", problem) != "none" else _NAMES
    return [
        {n: value for n, value in zip(names, (*row, generated), strict=False) if n not in left_out}
        for row, generated in rows
    ]
