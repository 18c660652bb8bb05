"""The copy of a study in the storage of the run, for people and tools that look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["REPEATED", "StoredStudy"]

REPEATED = "repeats another trial"
"""Remark at a trial that was not run; its params are left out, as no record has them."""


class StoredStudy:
    """Follows a study in memory, one trial at a time.

    A trial is entered in one transaction, as it is by then, and changed once more when it is over.
    Nothing is read from here but how far an earlier search has come.

    Args:
        study: The study in the storage.
    """

    def __init__(self, study: optuna.Study) -> None:
        trials = study.get_trials(deepcopy=False)
        self._storage, self._study_id = study._storage, study._study_id
        self._n_entered = len(trials)
        self._running = {t.number: (t._trial_id, t) for t in trials if not t.state.is_finished()}

    def follow_one(self, trials: Sequence[FrozenTrial]) -> bool:
        """Notes what has become of one trial; False when nothing is new.

        Args:
            trials: The first trials of the study in memory, in the order of their numbers.

        Raises:
            StorageError: The disk is full, read-only or closed to us.
        """
        over = (n for n in self._running if n < len(trials) and trials[n].state.is_finished())
        number = next(over, None)
        if number is not None:
            self._finish(trials[number])
        elif self._n_entered < len(trials):
            self._enter(trials[self._n_entered])
        else:
            return False
        return True

    def _enter(self, trial: FrozenTrial) -> None:
        """Adds a trial as it is; values outside the space are not refused."""
        import optuna

        if REPEATED in trial.user_attrs:
            trial = optuna.trial.create_trial(state=trial.state, user_attrs=trial.user_attrs)
        trial_id = self._storage.create_new_trial(self._study_id, template_trial=trial)
        self._n_entered += 1
        if not trial.state.is_finished():
            self._running[trial.number] = (trial_id, trial)

    def _finish(self, trial: FrozenTrial) -> None:
        trial_id, before = self._running[trial.number]
        for key in trial.system_attrs.keys() - before.system_attrs.keys():
            self._storage.set_trial_system_attr(trial_id, key, trial.system_attrs[key])
        for key in trial.user_attrs.keys() - before.user_attrs.keys():
            self._storage.set_trial_user_attr(trial_id, key, trial.user_attrs[key])
        self._storage.set_trial_state_values(trial_id, trial.state, trial.values)
        del self._running[trial.number]
