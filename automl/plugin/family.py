"""A family of models, as its author sees it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from numpy.typing import NDArray

from automl.plugin.context import Fold, Resources, Shape, TrialContext, View
from automl.plugin.param import Param
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = [
    "FittedModel",
    "ModelFamily",
    "PackMember",
    "Params",
    "Report",
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

    One that ``fit`` returned may know the rows of the run already, by what was made of them once
    for all fits. It then says in ``new_rows_ms``, a float, by how many milliseconds 1,000 new rows
    take longer.

    One that was stopped early has in ``stages`` a sequence of ``StageLog``, which tells what other
    stages of the fit predict for the validation rows; without it the fit did not look at their
    targets.
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


@dataclass(frozen=True, slots=True)
class PackMember:
    """One fit among those that are trained together.

    Attributes:
        params: A point of the search space.
        fold: What it learns from and is judged by.
        seed: For every random choice of this fit.
        report: As in ``fit``; raises ``TrialPruned`` where this member alone is to stop.
    """

    params: Params
    fold: Fold
    seed: int
    report: Report


class ModelFamily(ABC):
    """One kind of model with its search space. Instances hold no state.

    Importing the module of a family must be light: the library it stands on is imported inside
    ``fit``, ``save`` and ``load``.

    Attributes:
        name: Lower case, unique among installed families; used in the configuration.
        tasks: Tasks it takes; to predict quantiles it must say so.
        kinds: Column kinds it takes; others are not shown to it. By default those that can be
            encoded into a matrix: images and sequences must be asked for.
        needs: Groups of column kinds. A table without a column of each group is nothing for the
            family, and who did not name the family is not told that it is skipped.
        extra: The extra of the distribution that installs its library; "" when none is needed.
        preload: Modules that a fit imports. Loaded once, before workers are forked.
        fidelity: What a step of ``report`` counts: ``rounds``, ``epochs``, ``trees``, or "" when
            the family cannot report inside a fit.
        priority: Families with a higher priority get their first trial earlier, and more trials
            where all else is equal.
        out_of_bag: Whether one fit on all rows gives an honest prediction of each of them: its
            model has a method ``out_of_bag_prediction`` that returns predictions of the training
            rows, NaN where a row has none. Such a family is fitted once in place of once per fold,
            where rows are exchangeable and its view does not use the target.
        early_stopping: How ``fit`` uses the targets of validation rows. ``staged``: it stops by
            them, and its model has ``stages`` (see ``StageLog``); where it gets none, it ends at
            ``context.stages``. ``inner``: as it likes, and so they are drawn from the training
            rows. ``none``: not at all, and it gets none.
        packed: Params that may differ within a pack, where ``fit_pack`` trains several fits as one
            program; empty for a family that fits one at a time.
        settings: Defaults of what a user may set under ``model.<name>``; the types of the
            defaults are enforced.
        setting_ranges: Which values each setting may have, or each entry of one that is a list.
            Others are refused before a search begins; without a range a number must be finite.
    """

    name: ClassVar[str]
    tasks: ClassVar[frozenset[Task]] = frozenset(Task) - {Task.QUANTILE}
    kinds: ClassVar[frozenset[ColumnKind]] = TABULAR_KINDS
    needs: ClassVar[tuple[frozenset[ColumnKind], ...]] = ()
    extra: ClassVar[str] = ""
    preload: ClassVar[tuple[str, ...]] = ()
    fidelity: ClassVar[str] = ""
    priority: ClassVar[int] = 50
    out_of_bag: ClassVar[bool] = False
    early_stopping: ClassVar[Literal["staged", "inner", "none"]] = "inner"
    packed: ClassVar[frozenset[str]] = frozenset()
    settings: ClassVar[Mapping[str, Any]] = {}
    setting_ranges: ClassVar[Mapping[str, Param]] = {}

    def accepts(self, shape: Shape) -> str | None:
        """Says why this family should not be tried on such data; None when it should.

        A reason is shown to the user, never swallowed.
        """
        return None

    def suits(self, kinds: Collection[ColumnKind]) -> bool:
        """Whether a table with columns of such kinds has what ``needs`` names."""
        return all(not group.isdisjoint(kinds) for group in self.needs)

    def priority_for(self, shape: Shape) -> int:
        """The priority on such data; ``priority`` where that does not matter."""
        return self.priority

    def resources(self, shape: Shape) -> Resources:
        """Estimates what one fit takes."""
        return Resources()

    def useful_s(self, shape: Shape) -> float | None:
        """Seconds in which one core, or a GPU, makes the default fit on one fold worth having.

        A rough estimate, for families that learn little in less: where no other takes the data
        and the budget is too short for folds, one holdout is taken in their place. None for
        families that need not be asked.
        """
        return None

    def view(self, params: Params, shape: Shape) -> View:
        """How the columns are encoded for these params.

        It must not depend on devices or time: it is asked for again where others are, or none.
        """
        return View()

    @abstractmethod
    def search_space(self, suggest: Suggest, shape: Shape) -> dict[str, Any]:
        """Draws params; the values must survive JSON."""

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        """Params to try first, best first; the first is the default of the family.

        Each entry must be complete and lie inside the search space.
        """
        return ()

    def extra_params(self, shape: Shape) -> Mapping[str, Param]:
        """Params that a user may fix although no trial varies them, or beyond what trials vary.

        Those in ``shape.settings["fixed"]``, which may be wrong yet, join the params of all trials.
        """
        return {}

    @abstractmethod
    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Fits one model on one fold.

        Raises:
            TrialPruned: As raised by ``report``.
        """

    def pack_size(self, params: Params, shape: Shape) -> int:
        """The most params like these that should be trained together, each on all folds."""
        return 1

    def pack(self, params: Sequence[Params], shape: Shape) -> list[list[int]]:
        """Divides params into packs: those that differ in ``packed`` alone, to ``pack_size``.

        Returns:
            Positions in ``params``, each in one pack.
        """
        groups: dict[str, list[int]] = {}
        for position, one in enumerate(params):
            common = {name: value for name, value in one.items() if name not in self.packed}
            groups.setdefault(json.dumps(common, sort_keys=True), []).append(position)
        packs: list[list[int]] = []
        for group in groups.values():
            size = max(1, self.pack_size(params[group[0]], shape)) if self.packed else 1
            packs += [group[i : i + size] for i in range(0, len(group), size)]
        return packs

    def pack_resources(self, n_members: int, shape: Shape) -> Resources:
        """Estimates what fitting so many members together takes; by default one after another."""
        return self.resources(shape)

    def fit_pack(
        self, members: Sequence[PackMember], context: TrialContext
    ) -> list[FittedModel | Exception]:
        """Fits several params or folds together; by default one after another.

        A member's result must not depend on the others, apart from rounding and time.

        Args:
            members: Fits of one pack of ``pack``, on any folds.
            context: The slot; its limits are for all members together. Its seed is not for them.

        Returns:
            For each member its model, or the error that ended it alone: ``TrialPruned`` where its
            ``report`` raised that.
        """
        outcomes: list[FittedModel | Exception] = []
        for member in members:
            own = replace(context, seed=member.seed)
            try:
                outcomes.append(self.fit(member.params, member.fold, own, member.report))
            except Exception as error:  # the others may succeed
                outcomes.append(error)
        return outcomes

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[FittedModel]
    ) -> FittedModel | None:
        """Fits one model on all rows, in place of those of the folds; None where it cannot.

        There are no validation rows to stop by: what early stopping found has to come from the
        models of the folds, such as the number of rounds. Where rows are in order of time ``fit``
        is called in place of None, with rows drawn from all of them to stop by.

        Args:
            params: Those of the trial.
            fold: All rows; ``X_valid`` has none.
            context: The slot; only its deadline limits the time.
            models: Of the folds, as loaded.

        Raises:
            RefitIncomplete: The deadline ended it before 90 % of the work; see ``check_refit``.
        """
        return None

    @abstractmethod
    def save(self, model: FittedModel, path: Path) -> None:
        """Writes a model into the empty directory ``path``, without pickle."""

    @abstractmethod
    def load(self, path: Path) -> FittedModel:
        """Reads what ``save`` wrote. Predictions must be equal."""
