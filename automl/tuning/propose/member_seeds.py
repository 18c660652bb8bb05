"""Chooses which member of the ensemble is fitted again with another seed.

Once new params no longer improve the ensemble, the mean of several models with the same params
still varies less than one of them. Such a fit may take longer than earlier ones (see
``FitTimes``), so that what the clock cut is trained to its end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from automl.trial.records import canonical_params
from automl.trial.spec import SEED, TrialState
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial

__all__ = ["MAX_SEEDS", "MemberSeeds"]

MAX_SEEDS = 4  # of the same params, the first included


@dataclass(frozen=True, slots=True)
class MemberSeeds:
    """Chooses among the members of the ensemble.

    Attributes:
        incumbent: The ensemble.
        ledger: All trials.
    """

    incumbent: EnsembleTracker
    ledger: Ledger

    def next(self, families: Collection[str]) -> Trial | None:
        """The member with the fewest seeds, the heaviest of these; None if all have enough.

        A family whose fits do not depend on the seed is left out, as soon as one has shown that.

        Args:
            families: Those of which a trial may start.
        """
        current = self.incumbent.current
        weights = {} if current is None else current.weights
        able = [
            (len(seeds), -weights.get(member.spec.trial_id, 0.0), member)
            for member in self.incumbent.members
            if member.spec.family in families and member.state is TrialState.COMPLETE
            if len(seeds := self._same(member)) < MAX_SEEDS
            if not any(self.is_copy(t) for t in self.ledger.of_family(member.spec.family))
        ]
        return min(able, key=lambda found: (*found[:2], found[2].index))[2] if able else None

    def is_copy(self, trial: Trial) -> bool:
        """Whether another seed gave the very same model, as seen on the first fold."""
        return (
            trial.spec.source == SEED
            and trial.first_loss is not None
            and any(t.first_loss == trial.first_loss for t in self._same(trial) if t is not trial)
        )

    def _same(self, trial: Trial) -> list[Trial]:
        """Trials with the same params, itself included."""
        text, family = canonical_params(trial.spec.params), trial.spec.family
        return [t for t in self.ledger.of_family(family) if canonical_params(t.spec.params) == text]
