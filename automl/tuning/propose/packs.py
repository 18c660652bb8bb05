"""Which fits are trained together, as packs of families that offer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automl.data.split.choose import ALL_ROWS
from automl.plugin.context import Resources, Shape
from automl.plugin.family import ModelFamily, Params
from automl.plugin.packs import PackedFamily
from automl.trial.spec import TrialSpec
from automl.tuning.budget.fit_times import Costs
from automl.tuning.trials.trial import Trial

__all__ = ["Packing", "Unit"]

MAX_SHARE = 0.1  # of the time that is left: what is packed on a CPU is over that soon

Unit = tuple[Trial, int]
"""A fold of a trial."""


@dataclass(slots=True)
class Packing:
    """Tells which folds of which trials are fitted as one program.

    On a GPU, which a small net leaves idle, several params are proposed together and all their
    folds are fitted at once. On a CPU a core does little more for a pack than for one fit after
    another, so that racing on one fold comes first: there the folds of a trial that has earned
    them are a pack.

    Attributes:
        families: Family and shape by name.
        costs: What trials are expected to cost.
        by_generation: Whether what is fitted together must not depend on the clock or on what is
            free: then it is packed on GPUs alone, in the company it was proposed in.
    """

    families: Mapping[str, tuple[ModelFamily, Shape]]
    costs: Costs
    by_generation: bool = False

    def n_mates(self, spec: TrialSpec) -> int:
        """How many more params should be proposed along with these."""
        family, shape = self.families[spec.family]
        if not isinstance(family, PackedFamily) or not self._is_for_gpu(spec.family):
            return 0
        return family.pack_size(spec.params, shape) - 1

    def common(self, spec: TrialSpec) -> Params:
        """The params that mates have in common with these."""
        family = self.families[spec.family][0]
        packed = family.packed if isinstance(family, PackedFamily) else frozenset()
        return {name: value for name, value in spec.params.items() if name not in packed}

    def units(self, trial: Trial, live: Sequence[Trial], search_left_s: float) -> list[Unit]:
        """The next fold of a trial, and what is fitted together with it.

        Args:
            trial: With a fold that is ready.
            live: Trials that are not over.
            search_left_s: Seconds until fits must be over.
        """
        alone = [(trial, trial.ready[0])]
        is_packed = isinstance(self.families[trial.spec.family][0], PackedFamily)
        if not is_packed or trial.folds == (ALL_ROWS,):
            return alone
        own = [(trial, fold) for fold in trial.ready if fold not in trial.alone]
        if alone[0] not in own:
            return alone
        if self._is_for_gpu(trial.spec.family):
            mates = self._mates(trial, [t for t in live if t.company == trial.company])
            return own + [(t, f) for t in mates for f in t.ready if f not in t.alone]
        if self.by_generation or not trial.results:
            return alone
        most = MAX_SHARE * search_left_s / max(self.costs.next_fit_s(trial), 1e-9)
        return own[: max(1, int(min(most, len(own))))]  # there may be no limit of time

    def need(self, units: Sequence[Unit]) -> Resources:
        """What a pack on a GPU needs, as its family declares it."""
        family, shape = self.families[units[0][0].spec.family]
        assert isinstance(family, PackedFamily)
        return family.pack_resources(len(units), shape)

    def _mates(self, trial: Trial, others: Sequence[Trial]) -> list[Trial]:
        """Those of some trials that its family fits together with one."""
        family, shape = self.families[trial.spec.family]
        if not trial.company or not isinstance(family, PackedFamily):
            return []
        group = [trial, *[t for t in others if t is not trial and t.ready]]
        packs = family.pack([t.spec.params for t in group], shape)
        own = next(pack for pack in packs if 0 in pack)
        return [group[place] for place in own if place]

    def _is_for_gpu(self, name: str) -> bool:
        family, shape = self.families[name]
        is_packed = isinstance(family, PackedFamily)
        return is_packed and shape.n_gpus > 0 and family.resources(shape).n_gpus > 0
