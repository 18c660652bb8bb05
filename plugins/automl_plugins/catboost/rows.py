"""Converts rows to CatBoost's formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Features, Fold, Matrix

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame", "pool", "pools"]


def frame(X: NDArray[np.float32], categorical: Sequence[int]) -> pd.DataFrame:
    """Rows for CatBoost, with category codes as integers, without copying numbers.

    Args:
        X: ``(n_rows, n_features)``.
        categorical: Positions of the columns with category codes.
    """
    import pandas as pd

    coded = frozenset(categorical)
    columns = {i: X[:, i].astype(np.int32) if i in coded else X[:, i] for i in range(X.shape[1])}
    return pd.DataFrame(columns, copy=False)


def pools(fold: Fold, max_bin: int) -> tuple[Any, Any]:
    """Training and validation rows as CatBoost pools, cached for the next trial on this fold.

    Training rows are quantised once. CatBoost 1.2 quantises validation rows itself, by the same
    borders, and reads them wrongly if they are quantised before.
    """
    key = f"catboost-{max_bin}"
    if key not in fold.memo:
        train = pool(fold.X_train, fold.y_train, fold.weight_train, fold.features)
        train.quantize(border_count=max_bin)
        valid = pool(fold.X_valid, fold.y_valid, fold.weight_valid, fold.features)
        fold.memo[key] = (train, valid)
    found: tuple[Any, Any] = fold.memo[key]
    return found


def pool(X: Matrix, y: Any, weight: Any, features: Features) -> Any:
    """Rows with targets and weights as ``catboost.Pool``."""
    import catboost

    categorical = list(features.categorical)
    rows = frame(np.asarray(X), categorical)
    return catboost.Pool(rows, y, cat_features=categorical, weight=weight)
