"""A family of models, as its author sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from numpy.typing import NDArray

from automl.plugin.context import Fold, Resources, Shape, TrialContext, View
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
"""One point of a search space: names to JSON values."""


class TrialPruned(Exception):
    """Raised by ``report`` inside a fit that is to stop; a family lets it pass."""


class Suggest(Protocol):
    """Proposes values, with the names and meaning of Optuna's ``Trial.suggest_*``."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A float in ``[low, high]``."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """An integer in ``[low, high]``, both included."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of ``choices`` (None, bool, int, float or str)."""
        ...


class Report(Protocol):
    """Tells the search how a fit is doing."""

    def __call__(self, step: int, score: float) -> None:
        """Reports a validation score, in the run's metric, after ``step`` units of fidelity.

        Raises:
            TrialPruned: The fit is to stop now and counts as pruned.
        """
        ...


class FittedModel(Protocol):
    """What ``fit`` and ``load`` return.

    A model that has more to tell is a ``StagedModel`` or a ``CachedRowsModel`` as well.
    """

    def predict(self, X: Any) -> NDArray[Any]:
        """Predicts rows.

        Args:
            X: Encoded rows, a ``Matrix`` of shape ``(n_rows, n_features)``; for a family that
                takes images, sequences or raw texts the ``Rows`` that hold it and these.

        Returns:
            Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)`` for regression, or
            quantiles ``(n_rows, n_levels)`` in the order of the levels.
        """
        ...


@runtime_checkable
class StagedModel(Protocol):
    """A model whose fit stopped early by the validation rows it is scored on.

    Attributes:
        stages: Logs of what other stages of the fit predict for these rows, one for each part
            that is fitted by itself. Without any the fit did not look at their targets.
    """

    @property
    def stages(self) -> Sequence[StageLog]:
        """See the class."""
        ...


@runtime_checkable
class CachedRowsModel(Protocol):
    """A model that used features cached for the rows of this run.

    Attributes:
        new_rows_ms: Milliseconds that 1,000 rows without the cache take longer to predict.
    """

    @property
    def new_rows_ms(self) -> float:
        """See the class."""
        ...


class ModelFamily(ABC):
    """One kind of model with its search space. Instances hold no state.

    A family writes the methods ``search_space``, ``fit``, ``save`` and ``load``; the others have
    defaults. What only some families can do is in subclasses, to inherit in place of this class:

    ======================  ========================================================
    ``IterativeFamily``     reports inside a fit, and can be pruned there
    ``RefittableFamily``    fits one model on all rows, in place of those of the folds
    ``OutOfBagFamily``      predicts its training rows honestly, so needs no folds
    ``PackedFamily``        trains several fits as one program
    ``ConfigurableFamily``  has settings, and params that a user may fix
    ``SelectiveFamily``     is not for all data, or not at once
    ======================  ========================================================

    Importing the module of a family must be light: the library it stands on is imported inside
    ``fit``, ``save`` and ``load``.

    Attributes:
        name: Lower case, unique among installed families; used in the configuration.
        tasks: Tasks it takes; to predict quantiles it must say so.
        kinds: Column kinds it takes; others are not shown to it. By default those that can be
            encoded into a matrix: images and sequences must be asked for.
        extra: The extra of the distribution that installs its library; "" when none is needed.
        preload: Modules that a fit imports. Loaded once, before workers are forked.
        priority: Families with a higher priority get their first trial earlier, and more trials
            where all else is equal.
        early_stopping: How ``fit`` uses the targets of validation rows. ``staged``: it stops by
            them, and returns a ``StagedModel``; where it gets none, it ends at
            ``context.stages``. ``inner``: as it likes, and so they are drawn from the training
            rows. ``none``: not at all, and it gets none.

    Example:
        >>> class Mean(ModelFamily):                                           # doctest: +SKIP
        ...     name, early_stopping = "mean", "none"
        ...     def search_space(self, suggest, shape):
        ...         return {}
        ...     def fit(self, params, fold, context, report):
        ...         return ConstantModel(fold.y_train.mean())
        ...     def save(self, model, path):
        ...         np.save(path / "mean.npy", model.value)
        ...     def load(self, path):
        ...         return ConstantModel(np.load(path / "mean.npy", allow_pickle=False))
    """

    name: ClassVar[str]
    tasks: ClassVar[frozenset[Task]] = frozenset(Task) - {Task.QUANTILE}
    kinds: ClassVar[frozenset[ColumnKind]] = TABULAR_KINDS
    extra: ClassVar[str] = ""
    preload: ClassVar[tuple[str, ...]] = ()
    priority: ClassVar[int] = 50
    early_stopping: ClassVar[Literal["staged", "inner", "none"]] = "inner"

    def resources(self, shape: Shape) -> Resources:
        """Estimates what one fit takes."""
        return Resources()

    @abstractmethod
    def search_space(self, suggest: Suggest, shape: Shape) -> dict[str, Any]:
        """Draws params; the values must survive JSON."""

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        """Params to try first, best first; the first is the default of the family.

        Each entry must be complete and lie inside the search space.
        """
        return ()

    def view(self, params: Params, shape: Shape) -> View:
        """How the columns are encoded for these params.

        It must not depend on devices or time: it is asked for again where others are, or none.
        """
        return View()

    @abstractmethod
    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Fits one model on one fold.

        Raises:
            TrialPruned: As raised by ``report``.
        """

    @abstractmethod
    def save(self, model: FittedModel, path: Path) -> None:
        """Writes a model into the empty directory ``path``, without pickle."""

    @abstractmethod
    def load(self, path: Path) -> FittedModel:
        """Reads what ``save`` wrote. Predictions must be equal."""
