"""Plans packs: fits that are trained together, for families that support it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl.data.split.choose import ALL_ROWS
from automl.plugin.context import Resources
from automl.plugin.family import Params
from automl.plugin.packs import PackedFamily
from automl.trial.spec import TrialSpec
from automl.tuning.budget.fit_times import FitTimes
from automl.tuning.problem.families import Families
from automl.tuning.trials.trial import Trial

__all__ = ["PackPlanner", "TrialFold"]

MAX_SHARE = 0.1  # of the time left, which a pack on a CPU may take

TrialFold = tuple[Trial, int]
"""A fold of a trial."""


@dataclass(slots=True)
class PackPlanner:
    """Plans which folds of which trials are fitted as one program.

    A small net leaves a GPU mostly idle, so on a GPU several params are proposed together and all
    their folds are fitted at once. A CPU core fits a pack hardly faster than its fits in sequence,
    so racing on one fold comes first: there, only the folds of a promoted trial form a pack.

    Attributes:
        families: Family and problem by name.
        fit_times: Expected times of fits and trials.
        deterministic: Whether packs must not depend on the clock or on free devices: then only
            fits on GPUs are packed, with the trials they were proposed with.
    """

    families: Families
    fit_times: FitTimes
    deterministic: bool = False

    def n_more(self, spec: TrialSpec) -> int:
        """Number of further params to propose together with these."""
        family, problem = self.families[spec.family]
        if not isinstance(family, PackedFamily) or not self.fit_times.is_packed_on_gpu(spec.family):
            return 0
        return family.max_pack_size(spec.params, problem) - 1

    def shared_params(self, spec: TrialSpec) -> Params:
        """The params that the other trials of a pack share with these."""
        family = self.families[spec.family][0]
        packed = family.packable_params if isinstance(family, PackedFamily) else frozenset()
        return {name: value for name, value in spec.params.items() if name not in packed}

    def pack_of(self, trial: Trial, live: Sequence[Trial], search_left_s: float) -> list[TrialFold]:
        """The next fold of a trial, with the folds fitted together with it.

        Args:
            trial: A trial with a ready fold.
            live: Unfinished trials.
            search_left_s: Seconds left for fits.
        """
        alone = [(trial, trial.ready[0])]
        is_packed = isinstance(self.families[trial.spec.family][0], PackedFamily)
        if not is_packed or trial.folds == (ALL_ROWS,):
            return alone
        own = [(trial, fold) for fold in trial.ready if fold not in trial.solo_folds]
        if alone[0] not in own:
            return alone
        if self.fit_times.is_packed_on_gpu(trial.spec.family):
            mates = self._mates(trial, [t for t in live if t.pack_id == trial.pack_id])
            return own + [(t, f) for t in mates for f in t.ready if f not in t.solo_folds]
        if self.deterministic or not trial.results:
            return alone
        most = MAX_SHARE * search_left_s / max(self.fit_times.next_fit_s(trial), 1e-9)
        return own[: max(1, int(min(most, len(own))))]  # `most` may be infinite

    def need(self, units: Sequence[TrialFold]) -> Resources:
        """Resources of a pack on a GPU, as its family declares them."""
        family, problem = self.families[units[0][0].spec.family]
        assert isinstance(family, PackedFamily)
        return family.pack_resources(len(units), problem)

    def _mates(self, trial: Trial, others: Sequence[Trial]) -> list[Trial]:
        """The trials among ``others`` that the family fits together with ``trial``."""
        family, problem = self.families[trial.spec.family]
        if not trial.pack_id or not isinstance(family, PackedFamily):
            return []
        group = [trial, *[t for t in others if t is not trial and t.ready]]
        packs = family.split_into_packs([t.spec.params for t in group], problem)
        own = next(pack for pack in packs if 0 in pack)
        return [group[place] for place in own if place]
