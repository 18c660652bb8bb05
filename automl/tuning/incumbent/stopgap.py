"""Finds an incomplete trial to predict with when complete ones barely beat the baseline."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace

from automl.trial.lost_files import LOST
from automl.trial.spec import TrialState
from automl.tuning.trials.trial import Trial

__all__ = ["best_cut", "is_lost"]


def best_cut(begun: Iterable[Trial], first_loss: Callable[[Trial], float]) -> Trial | None:
    """The incomplete trial with the lowest loss on the first fold.

    The choice depends neither on the order in which trials came nor on how fast a failed one was
    stopped: of a trial that failed or was pruned, only the folds before that count.

    Args:
        begun: Trials whose first fold is done.
        first_loss: Returns the loss of a trial on the first fold.

    Returns:
        The trial with the folds that may predict, or None.
    """
    cut = [t for t in begun if t.state is not TrialState.COMPLETE and not is_lost(t)]
    best = min(cut, key=lambda trial: (_loss(trial, first_loss), trial.index), default=None)
    if best is None or best.ending is None or best.may_go_on:
        return best
    sure = itertools.takewhile(lambda f: f in best.results and f not in best.ended, best.folds)
    return replace(best, results={fold: best.results[fold] for fold in sure})


def is_lost(trial: Trial) -> bool:
    """Whether a trial cannot predict: it has no finished fold, or its files were removed."""
    return not trial.results or (trial.error is not None and trial.error.kind == LOST)


def _loss(trial: Trial, first_loss: Callable[[Trial], float]) -> float:
    return first_loss(trial) if trial.first_loss is None else trial.first_loss
