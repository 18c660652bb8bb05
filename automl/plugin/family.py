"""Base class of model families, and the protocols of their fitted models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from numpy.typing import NDArray

from automl.plugin.context import Encoding, Fold, ProblemInfo, Resources, TrialContext
from automl.plugin.stages import StageLog
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = [
    "CachedRowsModel",
    "FittedModel",
    "ModelFamily",
    "Params",
    "Report",
    "StagedModel",
    "Suggest",
    "TrialPruned",
]

Params = Mapping[str, Any]
"""One point of a search space: JSON values by name."""


class TrialPruned(Exception):
    """Raised by ``report`` to stop a fit that is pruned; a family does not catch it.

    Example:
        >>> raise TrialPruned("worse than 3 of 4 trials after 20 rounds")
        Traceback (most recent call last):
        automl.plugin.family.TrialPruned: worse than 3 of 4 trials after 20 rounds
    """


class Suggest(Protocol):
    """Proposes values through methods named as in Optuna's ``Trial``.

    Example:
        >>> from automl.testing.fakes import RandomSuggest
        >>> suggest = RandomSuggest(seed=0)
        >>> suggest.suggest_categorical("loss", ["squared", "absolute"]) in ("squared", "absolute")
        True
    """

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Returns a float in ``[low, high]``."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Returns an integer in ``[low, high]``."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Returns one of ``choices`` (None, bool, int, float or str)."""
        ...


class Report(Protocol):
    """Reports the progress of a fit to the search.

    Example:
        >>> def fit(params, fold, context, report):
        ...     for epoch in range(1, 11):
        ...         report(epoch, 0.5)  # may raise TrialPruned
    """

    def __call__(self, step: int, score: float) -> None:
        """Reports a validation score in the metric of the run after ``step`` units of fidelity.

        Raises:
            TrialPruned: The fit must stop now; it counts as pruned.
        """
        ...


class FittedModel(Protocol):
    """A fitted model, as ``fit`` and ``load`` return it.

    It may also be a ``StagedModel`` or a ``CachedRowsModel``.

    Example:
        >>> class ConstantModel:
        ...     def __init__(self, value):
        ...         self.value = value
        ...     def predict(self, X):
        ...         return np.full(X.shape[0], self.value)
        >>> ConstantModel(0.5).predict(np.eye(2)).tolist()
        [0.5, 0.5]
    """

    def predict(self, X: Any) -> NDArray[Any]:
        """Predicts rows.

        Args:
            X: Encoded rows, a ``Matrix`` of shape ``(n_rows, n_features)``; ``Rows`` for a
                family that takes images, sequences or raw texts.

        Returns:
            Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)`` for regression, or
            quantiles ``(n_rows, n_levels)`` in the order of the levels.
        """
        ...


@runtime_checkable
class StagedModel(Protocol):
    """A model whose fit used its validation rows for early stopping.

    Attributes:
        stages: Logs of the predictions for these rows by stage, one per part that is fitted
            separately. Empty if the fit did not use their targets.

    Example:
        >>> class Boosted:
        ...     stages = [StageLog(mae)]
        >>> isinstance(Boosted(), StagedModel)
        True
    """

    @property
    def stages(self) -> Sequence[StageLog]:
        """See the class."""
        ...


@runtime_checkable
class CachedRowsModel(Protocol):
    """A model that used features cached for the rows of this run.

    Attributes:
        extra_predict_ms: Additional milliseconds to predict 1,000 rows without the cache.

    Example:
        >>> class OnEmbeddings:
        ...     extra_predict_ms = 850.0
        >>> isinstance(OnEmbeddings(), CachedRowsModel)
        True
    """

    @property
    def extra_predict_ms(self) -> float:
        """See the class."""
        ...


class ModelFamily(ABC):
    """One kind of model with its search space. Instances hold no state.

    A family implements ``search_space``, ``fit``, ``save`` and ``load``; the other methods have
    defaults. Optional abilities are subclasses, to inherit instead of this class:

    ======================  ========================================================
    ``IterativeFamily``     reports during a fit, so that it can be pruned
    ``RefittableFamily``    fits one model on all rows to replace those of the folds
    ``OutOfBagFamily``      has out-of-bag predictions, so needs no folds
    ``PackedFamily``        trains several fits as one program
    ``ConfigurableFamily``  has settings, and params that a user may fix
    ``SelectiveFamily``     does not suit all data, or has a priority that depends on it
    ======================  ========================================================

    The module of a family must import quickly: import its library inside ``fit``, ``save`` and
    ``load``.

    Attributes:
        name: Name in the configuration: lower case, unique among installed families.
        tasks: Tasks that it takes; by default all but quantiles.
        kinds: Column kinds that it takes; it does not see others. By default those that can be
            encoded into a matrix, so not images and sequences.
        extra: The extra of the distribution that installs its library; "" without one.
        preload: Modules that a fit imports. They are loaded once, before workers are forked.
        priority: Families with a higher priority get their first trial earlier, and more trials
            if all else is equal.
        early_stopping: How ``fit`` uses the targets of validation rows. ``staged``: for early
            stopping; it returns a ``StagedModel`` and, without validation rows, stops at
            ``context.stages``. ``inner``: freely, so they are drawn from the training rows.
            ``none``: not at all; it gets no validation rows.

    Example:
        >>> class ConstantModel:
        ...     def __init__(self, value):
        ...         self.value = value
        ...     def predict(self, X):
        ...         return np.full(X.shape[0], self.value)
        >>> class Mean(ModelFamily):
        ...     name, early_stopping = "mean", "none"
        ...     def search_space(self, suggest, problem):
        ...         return {}
        ...     def fit(self, params, fold, context, report):
        ...         return ConstantModel(fold.y_train.mean())
        ...     def save(self, model, path):
        ...         np.save(path / "mean.npy", model.value)
        ...     def load(self, path):
        ...         return ConstantModel(np.load(path / "mean.npy", allow_pickle=False))
        >>> Mean().save(Mean().fit({}, fold, context, None), folder)
        >>> Mean().load(folder).predict(fold.X_valid).tolist()
        [0.5]
    """

    name: ClassVar[str]
    tasks: ClassVar[frozenset[Task]] = frozenset(Task) - {Task.QUANTILE}
    kinds: ClassVar[frozenset[ColumnKind]] = TABULAR_KINDS
    extra: ClassVar[str] = ""
    preload: ClassVar[tuple[str, ...]] = ()
    priority: ClassVar[int] = 50
    early_stopping: ClassVar[Literal["staged", "inner", "none"]] = "inner"

    def resources(self, problem: ProblemInfo) -> Resources:
        """Estimates the resources of one fit."""
        return Resources()

    @abstractmethod
    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Draws params from ``suggest``; all values must be JSON values."""

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """Returns params to try first, best first. The first is the family's default.

        Each entry must be complete and lie inside the search space.
        """
        return ()

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Returns the encoding for these params.

        It must not depend on devices or time, as other machines recompute it.
        """
        return Encoding()

    @abstractmethod
    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Fits one model on one fold.

        Raises:
            TrialPruned: Passed on from ``report``.
        """

    @abstractmethod
    def save(self, model: FittedModel, path: Path) -> None:
        """Writes a model into the empty directory ``path``, without pickle."""

    @abstractmethod
    def load(self, path: Path) -> FittedModel:
        """Reads a model that ``save`` wrote. Its predictions must be equal."""
