"""Base class of families with out-of-bag predictions, which replace the fits of the folds."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from automl.plugin.context import Fold, TrialContext
from automl.plugin.family import ModelFamily, Params, Report

__all__ = ["OutOfBagFamily", "OutOfBagModel"]


@runtime_checkable
class OutOfBagModel(Protocol):
    """A fitted model with out-of-bag predictions.

    Example:
        >>> class Forest:
        ...     def predict(self, X):
        ...         return np.zeros(X.shape[0])
        ...     def out_of_bag_prediction(self):
        ...         return np.zeros(100)
        >>> isinstance(Forest(), OutOfBagModel)
        True
    """

    def predict(self, X: Any) -> NDArray[Any]:
        """Predicts rows, see ``FittedModel``."""
        ...

    def out_of_bag_prediction(self) -> NDArray[Any]:
        """Predicts each training row with the parts that did not train on it.

        Called after ``fit``, never on a loaded model.

        Returns:
            As ``predict``; NaN for a row that every part trained on.
        """
        ...


class OutOfBagFamily(ModelFamily):
    """A family whose single fit on all rows has out-of-bag predictions, such as a forest.

    If rows are exchangeable and its encoding does not use the target, the search fits it once
    instead of once per fold, and ``fold.X_valid`` is empty. Otherwise it fits one per fold.

    Example:
        >>> class Forests(OutOfBagFamily):
        ...     name, early_stopping = "forests", "none"
        ...     def fit(self, params, fold, context, report):
        ...         return grow_forest(fold.X_train, fold.y_train)  # an OutOfBagModel
    """

    @abstractmethod
    def fit(
        self, params: Params, fold: Fold, context: TrialContext, report: Report
    ) -> OutOfBagModel:
        """Fits one model on one fold, or on all rows.

        Raises:
            TrialPruned: Passed on from ``report``.
        """
