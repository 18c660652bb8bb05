"""Chooses which member of the ensemble is fitted again, with more time.

Boosters and nets adapt to the time of a fit, or are cut by it. Once new params no longer improve
the ensemble, the same params with more time are worth more (see ``FitTimes``). They get another
seed, as every trial does. Fits that ended by themselves are not repeated: seeds alone bring
nothing (docs/decisions/0055).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from automl.trial.records import canonical_params
from automl.trial.spec import LONGER, TrialState
from automl.tuning.budget.fit_times import FitTimes
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial

__all__ = ["LongerFits"]

FULL_SHARE = 0.8  # of the time that a fit should take: one that took as much was cut by it


@dataclass(frozen=True, slots=True)
class LongerFits:
    """Chooses among the members of the ensemble.

    Attributes:
        incumbent: The ensemble.
        ledger: All trials.
        fit_times: Expected times of fits.
    """

    incumbent: EnsembleTracker
    ledger: Ledger
    fit_times: FitTimes

    def next(self, families: Collection[str]) -> Trial | None:
        """The heaviest member whose fits used up their time; None if there is none left.

        Args:
            families: Those of which a trial may start.
        """
        current = self.incumbent.current
        weights = {} if current is None else current.weights
        able = [
            member
            for member in self.incumbent.members
            if member.spec.family in families
            if member.state is TrialState.COMPLETE and self._was_cut(member)
            if len(self._same(member)) == 1
        ]
        return max(able, key=lambda t: (weights.get(t.spec.trial_id, 0.0), -t.index), default=None)

    def is_copy(self, trial: Trial) -> bool:
        """Whether more time gave the very same model, as seen on the first fold."""
        return (
            trial.spec.source == LONGER
            and trial.first_loss is not None
            and any(t.first_loss == trial.first_loss for t in self._same(trial) if t is not trial)
        )

    def _was_cut(self, trial: Trial) -> bool:
        """Whether a fit took about as long as it should at most."""
        share = self.fit_times.fair_share_s(trial)
        longest_s = max((r.fit_s for r in trial.results.values()), default=0.0)
        return share is not None and longest_s >= FULL_SHARE * share

    def _same(self, trial: Trial) -> list[Trial]:
        """Trials with the same params, itself included."""
        text, family = canonical_params(trial.spec.params), trial.spec.family
        return [t for t in self.ledger.of_family(family) if canonical_params(t.spec.params) == text]
