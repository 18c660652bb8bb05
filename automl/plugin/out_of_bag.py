"""Out-of-bag predictions: one fit on all rows in place of one for each fold."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from automl.plugin.context import Fold, TrialContext
from automl.plugin.family import ModelFamily, Params, Report

__all__ = ["OutOfBagFamily", "OutOfBagModel"]


@runtime_checkable
class OutOfBagModel(Protocol):
    """A model that ``OutOfBagFamily.fit`` returns."""

    def predict(self, X: Any) -> NDArray[Any]:
        """Predicts rows, see ``FittedModel``."""
        ...

    def out_of_bag_prediction(self) -> NDArray[Any]:
        """Predictions of the training rows by the parts that did not learn from them.

        Asked of a model that was just fitted, never of one that was loaded.

        Returns:
            As ``predict`` does; NaN for a row that every part has learnt from.
        """
        ...


class OutOfBagFamily(ModelFamily):
    """A family whose one fit on all rows predicts each of them honestly, as bagging does.

    The search fits it once in place of once per fold, where rows are exchangeable and its view
    does not use the target; ``fold.X_valid`` has no rows then. Elsewhere it is fitted per fold.
    """

    @abstractmethod
    def fit(
        self, params: Params, fold: Fold, context: TrialContext, report: Report
    ) -> OutOfBagModel:
        """Fits one model on one fold, or on all rows.

        Raises:
            TrialPruned: As raised by ``report``.
        """
