"""Packs: several fits of one family, trained as one program on one device."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from automl.plugin.context import Fold, Resources, Shape, TrialContext
from automl.plugin.family import FittedModel, ModelFamily, Params, Report

__all__ = ["PackMember", "PackedFamily"]


@dataclass(frozen=True, slots=True)
class PackMember:
    """One fit of a pack.

    Attributes:
        params: A point of the search space.
        fold: Its training and validation rows.
        seed: For every random choice of this fit.
        report: As in ``fit``; raises ``TrialPruned`` where this fit alone is to stop.
    """

    params: Params
    fold: Fold
    seed: int
    report: Report


class PackedFamily(ModelFamily):
    """A family that trains several params, or folds, as one program.

    Attributes:
        packed: Params that may differ within a pack.

    Example:
        >>> class Nets(PackedFamily):                                          # doctest: +SKIP
        ...     packed = frozenset({"lr", "weight_decay"})
        ...     def pack_size(self, params, shape):
        ...         return 16 if shape.n_gpus else 1
        ...     def fit_pack(self, members, context):
        ...         return train_with_stacked_weights(members, context)
    """

    packed: ClassVar[frozenset[str]]

    @abstractmethod
    def pack_size(self, params: Params, shape: Shape) -> int:
        """The most params like these to train together, each on all folds."""

    def pack(self, params: Sequence[Params], shape: Shape) -> list[list[int]]:
        """Divides params into packs: those that differ in ``packed`` alone, up to ``pack_size``.

        Returns:
            Positions in ``params``, each in one pack.
        """
        groups: dict[str, list[int]] = {}
        for position, one in enumerate(params):
            common = {name: value for name, value in one.items() if name not in self.packed}
            groups.setdefault(json.dumps(common, sort_keys=True), []).append(position)
        packs: list[list[int]] = []
        for group in groups.values():
            size = max(1, self.pack_size(params[group[0]], shape))
            packs += [group[i : i + size] for i in range(0, len(group), size)]
        return packs

    def pack_resources(self, n_members: int, shape: Shape) -> Resources:
        """Estimates what so many fits take together; by default what one takes."""
        return self.resources(shape)

    def fit_pack(
        self, members: Sequence[PackMember], context: TrialContext
    ) -> list[FittedModel | Exception]:
        """Fits the members of a pack; by default one after another.

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
