"""Applies the pruner to a trial or to a running fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from automl.config.schema import PrunerConfig
from automl.store.run_dir import RunDir
from automl.trial.lost_files import LOST, lost_text
from automl.trial.spec import TrialError
from automl.tuning.prune.rules import (
    fit_prune_reason,
    has_too_few_folds,
    may_stop_fit,
    trial_prune_reason,
)
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Ending, Stopped, Trial

__all__ = ["note_lost", "should_prune_fit", "should_prune_trial"]


def note_lost(trial: Trial, run: RunDir) -> None:
    """Fails a trial if a finished fold's predictions are gone: a later fit may remove them."""
    for fold in trial.results:
        oof = run.oof(trial.spec.trial_id, fold)
        if not oof.is_file():
            trial.end_fold(fold, TrialError(LOST, lost_text(oof.parent), fold=fold))


def should_prune_trial(
    trial: Trial, ledger: Ledger, pruner: PrunerConfig, in_order: bool = True
) -> Ending | None:
    """Reason to end a trial now, from its finished folds and failed fits; None to continue.

    Args:
        trial: The trial.
        ledger: All trials.
        pruner: Configuration of the pruner.
        in_order: Whether folds count only in their order, each after all before it, so that the
            run does not depend on which fit ends first.
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


def should_prune_fit(
    trial: Trial, fold: int, ledger: Ledger, pruner: PrunerConfig
) -> Stopped | None:
    """Reason to end a running fit now, from its reports; None to continue."""
    if not may_stop_fit(pruner, len(trial.reports.get(fold, ()))):
        return None  # saves reading all peers
    why = fit_prune_reason(pruner, ledger.curve(trial), fold, ledger.peers(trial))
    return None if why is None else Stopped("pruned", why, fold)


def _losing(
    trial: Trial, folds: Sequence[int], ledger: Ledger, pruner: PrunerConfig
) -> Stopped | None:
    """The pruner's decision on a trial with these finished folds."""
    if has_too_few_folds(len(folds)):
        return None  # saves reading all peers
    curve = ledger.curve(trial)  # without folds that have no score
    seen = replace(curve, folds={f: curve.folds[f] for f in folds if f in curve.folds})
    why = trial_prune_reason(pruner, seen, ledger.peers(trial))
    return None if why is None else Stopped("pruned", why, folds[-1])
