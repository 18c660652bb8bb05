"""Reports drift at the end of a search on a time plan: how the error moved between folds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from automl.ensemble import block_scores, estimate, newest_blocks
from automl.trial.records import write_record
from automl.trial.spec import TrialState
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.incumbent.oof_store import complete_rows
from automl.tuning.trials.newest_rows import is_by_time
from automl.tuning.trials.trial import Trial

__all__ = ["tell_of_drift"]

ERRORS = 2.0
DIGITS = 4


def tell_of_drift(incumbent: EnsembleTracker, trials: Sequence[Trial]) -> Iterator[str]:
    """Scores trials on the folds of the ensemble's score, and reports how the error moved.

    Args:
        incumbent: The tracker, after its last selection.
        trials: Trials of the run; a record is rewritten if its score changes.

    Yields:
        Notes for the user: folds that the score excludes, or a last fold that is worse than
        those before it.

    Raises:
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    oof = incumbent.oof
    if not is_by_time(oof.plan) or incumbent.blend is None or not incumbent.said_blocks:
        return
    rows = np.flatnonzero(complete_rows(incumbent.blend))
    fold = oof.plan.fold_of_row[rows]
    weight = None if oof.dataset.weight is None else oof.dataset.weight[rows]
    scores = block_scores(oof.metric, oof.dataset.y[rows], incumbent.blend[rows], fold, weight)
    asked = newest_blocks(range(oof.plan.n_folds))
    shocks = [f for f in asked if f not in incumbent.said_blocks and f > 0]
    if incumbent.said_blocks != asked:
        _score_again(incumbent, trials)
    if shocks:
        yield (
            f"the score leaves out fold{'s' * (len(shocks) > 1)} {_listed(shocks)}, which met a "
            f"change that later folds trained on: {oof.metric.name} by fold {_series(scores)}"
        )
    elif _is_growing(incumbent, scores):
        yield (
            "the last fold is worse than those before it, and the next rows may be worse still: "
            f"{oof.metric.name} by fold {_series(scores)}. The final models have trained on "
            "its rows too, which no score can show"
        )


def _score_again(incumbent: EnsembleTracker, trials: Sequence[Trial]) -> None:
    for trial in trials:
        if trial.state is TrialState.COMPLETE:
            before = trial.loss
            incumbent.oof.judge(trial, blocks=incumbent.said_blocks)
            if trial.loss != before:
                write_record(incumbent.oof.run, trial.record(incumbent.oof.metric))


def _is_growing(incumbent: EnsembleTracker, scores: Mapping[int, float]) -> bool:
    """Whether the last fold's loss exceeds the mean of the earlier ones by 2 standard errors.

    The error combines that of the last fold's rows with the spread of the earlier folds.
    """
    oof = incumbent.oof
    *before, last = [oof.metric.loss(s) for _, s in sorted(scores.items())]
    before = [loss for loss in before if math.isfinite(loss)]
    if not before or not math.isfinite(last) or incumbent.blend is None:
        return False
    inside = oof.plan.fold_of_row == max(scores)
    rows = np.flatnonzero(inside & complete_rows(incumbent.blend))
    data = oof.dataset
    found = estimate(
        oof.metric,
        data.y[rows],
        incumbent.blend[rows],
        weight=None if data.weight is None else data.weight[rows],
        group=None if data.group is None else data.group[rows],
    )
    if found is None:
        return False
    of_folds = float(np.std(before, ddof=1)) if len(before) > 1 else found.error
    error = math.hypot(found.error, of_folds * math.sqrt(1 + 1 / len(before)))
    return last - float(np.mean(before)) > ERRORS * error


def _listed(folds: Sequence[int]) -> str:
    return " and ".join(map(str, folds))


def _series(scores: Mapping[int, float]) -> str:
    return " | ".join(f"{score:.{DIGITS}g}" for _, score in sorted(scores.items()))
