"""Base class of families that train several fits as one program on one device (a pack)."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from automl.plugin.context import Fold, ProblemInfo, Resources, TrialContext
from automl.plugin.family import FittedModel, ModelFamily, Params, Report

__all__ = ["PackFit", "PackedFamily"]


@dataclass(frozen=True, slots=True)
class PackFit:
    """One fit of a pack.

    Attributes:
        params: A point of the search space.
        fold: Training and validation rows.
        seed: Seed for all random choices of this fit.
        report: As in ``fit``; raises ``TrialPruned`` if only this fit must stop.

    Example:
        >>> member = PackFit({"lr": 0.01}, fold, seed=0, report=lambda step, score: None)
    """

    params: Params
    fold: Fold
    seed: int
    report: Report


class PackedFamily(ModelFamily):
    """A family that trains several fits, of different params or folds, as one program.

    Attributes:
        packable_params: Names of the params that may differ within a pack.

    Example:
        >>> class Nets(PackedFamily):
        ...     packable_params = frozenset({"lr", "weight_decay"})
        ...     def max_pack_size(self, params, problem):
        ...         return 16 if problem.n_gpus else 1
        ...     def fit_pack(self, members, context):
        ...         return train_with_stacked_weights(members, context)
    """

    packable_params: ClassVar[frozenset[str]]

    @abstractmethod
    def max_pack_size(self, params: Params, problem: ProblemInfo) -> int:
        """Returns the largest number of such params to train together, each on all folds."""

    def split_into_packs(self, params: Sequence[Params], problem: ProblemInfo) -> list[list[int]]:
        """Divides params into packs of at most ``max_pack_size``.

        Within a pack, only ``packable_params`` differ.

        Returns:
            Positions in ``params``, each in one pack.
        """
        groups: dict[str, list[int]] = {}
        for position, one in enumerate(params):
            common = {
                name: value for name, value in one.items() if name not in self.packable_params
            }
            groups.setdefault(json.dumps(common, sort_keys=True), []).append(position)
        packs: list[list[int]] = []
        for group in groups.values():
            size = max(1, self.max_pack_size(params[group[0]], problem))
            packs += [group[i : i + size] for i in range(0, len(group), size)]
        return packs

    def pack_resources(self, n_members: int, problem: ProblemInfo) -> Resources:
        """Estimates the resources of a pack of ``n_members``; by default those of one fit."""
        return self.resources(problem)

    def fit_pack(
        self, members: Sequence[PackFit], context: TrialContext
    ) -> list[FittedModel | Exception]:
        """Fits the members of a pack, by default one after another.

        A member's result must not depend on the others, apart from rounding and time.

        Args:
            members: Fits of one pack, on any folds.
            context: The slot; its limits apply to all members together. Members have own seeds.

        Returns:
            For each member its model or its own error, such as a ``TrialPruned`` of its
            ``report``.
        """
        outcomes: list[FittedModel | Exception] = []
        for member in members:
            own = replace(context, seed=member.seed)
            try:
                outcomes.append(self.fit(member.params, member.fold, own, member.report))
            except Exception as error:  # the others may succeed
                outcomes.append(error)
        return outcomes
