"""With rows in order of time: what the folds tell of the future, at the end of a search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from automl.ensemble import block_scores, estimate, newest_blocks
from automl.trial.records import write_record
from automl.trial.spec import TrialState
from automl.tuning.incumbent.ensemble_tracker import Standing
from automl.tuning.incumbent.oof_store import finite
from automl.tuning.trials.newest import is_by_time
from automl.tuning.trials.trial import Trial

__all__ = ["tell_of_drift"]

ERRORS = 2.0
DIGITS = 4


def tell_of_drift(standing: Standing, trials: Sequence[Trial]) -> Iterator[str]:
    """Scores trials on the folds that the ensemble is scored on, and says how the error moved.

    Args:
        standing: Has selected for the last time.
        trials: Of the run; the records of those whose score changes are written again.

    Yields:
        What a person should know: folds that the score leaves out, or that the last fold is worse
        than those before.

    Raises:
        StorageError: The disk is full, read-only or closed to us.
    """
    evidence = standing.evidence
    if not is_by_time(evidence.plan) or standing.blend is None or not standing.said_blocks:
        return
    rows = np.flatnonzero(finite(standing.blend))
    fold = evidence.plan.fold_of_row[rows]
    weight = None if evidence.dataset.weight is None else evidence.dataset.weight[rows]
    scores = block_scores(
        evidence.metric, evidence.dataset.y[rows], standing.blend[rows], fold, weight
    )
    asked = newest_blocks(range(evidence.plan.n_folds))
    shocks = [f for f in asked if f not in standing.said_blocks and f > 0]
    if standing.said_blocks != asked:
        _score_again(standing, trials)
    if shocks:
        yield (
            f"the score leaves out fold{'s' * (len(shocks) > 1)} {_listed(shocks)}, which met a "
            f"change that later folds knew: {evidence.metric.name} by fold {_series(scores)}"
        )
    elif _is_growing(standing, scores):
        yield (
            "the last fold is worse than those before it, and the next rows may be worse still: "
            f"{evidence.metric.name} by fold {_series(scores)}. The final models have learnt from "
            "its rows too, which no score can show"
        )


def _score_again(standing: Standing, trials: Sequence[Trial]) -> None:
    for trial in trials:
        if trial.state is TrialState.COMPLETE:
            before = trial.loss
            standing.evidence.judge(trial, blocks=standing.said_blocks)
            if trial.loss != before:
                write_record(standing.evidence.run, trial.record(standing.evidence.metric))


def _is_growing(standing: Standing, scores: Mapping[int, float]) -> bool:
    """Whether the loss of the last fold is above that of those before by 2 errors.

    The error is of both: of the rows of the last fold, and of the folds before as units.
    """
    evidence = standing.evidence
    *before, last = [evidence.metric.loss(s) for _, s in sorted(scores.items())]
    before = [loss for loss in before if math.isfinite(loss)]
    if not before or not math.isfinite(last) or standing.blend is None:
        return False
    inside = evidence.plan.fold_of_row == max(scores)
    rows = np.flatnonzero(inside & finite(standing.blend))
    data = evidence.dataset
    found = estimate(
        evidence.metric,
        data.y[rows],
        standing.blend[rows],
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
