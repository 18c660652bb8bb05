"""Whether a trial, or one fit of it, should end before it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from automl.config.schema import PrunerConfig
from automl.store.run_dir import RunDir
from automl.trial.lost import LOST, lost_text
from automl.trial.spec import TrialError
from automl.tuning.prune.rules import is_early, may_stop_fit, should_stop_fit, should_stop_trial
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Ending, Stopped, Trial

__all__ = ["fit_verdict", "note_lost", "verdict"]


def note_lost(trial: Trial, run: RunDir) -> None:
    """Looks whether what finished folds have written is still there: a later one may remove it."""
    for fold in trial.results:
        oof = run.oof(trial.spec.trial_id, fold)
        if not oof.is_file():
            trial.end_fold(fold, TrialError(LOST, lost_text(oof.parent), fold=fold))


def verdict(trial: Trial, ledger: Ledger, pruner: PrunerConfig, in_order: bool) -> Ending | None:
    """Why a trial should end now, by its finished folds and failed fits; None to go on.

    Args:
        trial: The trial.
        ledger: All trials.
        pruner: Which rule.
        in_order: Whether folds count in their order only, so that a fold says nothing before
            those ahead of it are done: where the run must not depend on who answers first.
    """
    if not in_order:
        first = next(iter(trial.ended.values()), None)
        if first is not None or trial.is_done:
            return first
        return _losing(trial, list(trial.results), ledger, pruner)
    for n_done, fold in enumerate(trial.folds):
        if fold in trial.ended or fold not in trial.results:
            return trial.ended.get(fold)
        losing = _losing(trial, trial.folds[: n_done + 1], ledger, pruner)
        if losing is not None and n_done + 1 < len(trial.folds):
            return losing
    return None


def fit_verdict(trial: Trial, fold: int, ledger: Ledger, pruner: PrunerConfig) -> Stopped | None:
    """Why a running fit should end now, by its reports; None to go on."""
    if not may_stop_fit(pruner, len(trial.steps.get(fold, ()))):
        return None  # without a look at all its peers
    why = should_stop_fit(pruner, ledger.curve(trial), fold, ledger.peers(trial))
    return None if why is None else Stopped("pruned", why, fold)


def _losing(
    trial: Trial, folds: Sequence[int], ledger: Ledger, pruner: PrunerConfig
) -> Stopped | None:
    """What the pruner says of a trial by these finished folds."""
    if is_early(len(folds)):
        return None  # without a look at all its peers
    curve = ledger.curve(trial)  # which lacks the folds that have no score
    seen = replace(curve, folds={f: curve.folds[f] for f in folds if f in curve.folds})
    why = should_stop_trial(pruner, seen, ledger.peers(trial))
    return None if why is None else Stopped("pruned", why, folds[-1])
