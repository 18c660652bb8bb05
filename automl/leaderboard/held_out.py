"""Scores predictions of a held-out table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from automl.data.align import LabelledTable
from automl.data.columns.misfits import misfit_text
from automl.data.table import Misfits
from automl.plugin.metric import Metric

__all__ = ["HeldOutScores", "score_table"]

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """Scores on a held-out table.

    Attributes:
        scores: Scores by trial, and of the ensemble under ``ensemble``; None if undefined.
        reasons: Reason for each missing score, by trial.
        notes: Notes for the user on ignored rows and missing scores.
        misfits: Unreadable values of the table.
    """

    scores: Mapping[str, float | None]
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    misfits: tuple[Misfits, ...] = ()


def score_table(
    labelled: LabelledTable,
    predictions: Mapping[str, NDArray[np.float64]],
    metric: Metric,
    unpredicted: Mapping[str, str] | None = None,
) -> HeldOutScores:
    """Scores predictions of a held-out table.

    Args:
        labelled: The table.
        predictions: Predictions by trial, in the form that the metric needs.
        metric: The metric of the run.
        unpredicted: Reason for each missing prediction, by trial.
    """
    scores: dict[str, float | None] = {}
    reasons: dict[str, str] = dict(unpredicted or {})
    for trial, prediction in predictions.items():
        score, reason = metric.evaluate(labelled.y, prediction, labelled.weight)
        scores[trial] = None if reason else score
        if reason:
            reasons[trial] = reason
    return HeldOutScores(
        scores,
        reasons,
        (*_left_out(labelled), *_unscored(reasons, scores, metric)),
        labelled.table.misfits,
    )


def _left_out(labelled: LabelledTable) -> Iterator[str]:
    """Notes on rows that are not scored."""
    n_rows = len(labelled.y) + labelled.n_dropped
    if labelled.n_dropped:
        yield f"test: {_count(labelled.n_dropped, n_rows)} ignored: no value in the target"
    n_weightless = 0 if labelled.weight is None else int((labelled.weight <= 0).sum())
    if n_weightless:
        yield f"test: {_count(n_weightless, n_rows)} not counted: the weight is 0"
    if labelled.table.misfits:
        yield f"test: {misfit_text(labelled.table.misfits)}"


def _unscored(
    reasons: Mapping[str, str], scores: Mapping[str, float | None], metric: Metric
) -> Iterator[str]:
    """One note per reason, naming its trials unless it applies to all."""
    for reason in dict.fromkeys(reasons.values()):
        trials = [trial for trial, why in reasons.items() if why == reason]
        few = len(trials) <= MOST_NAMED
        named = f" of {', '.join(trials)}" if few else f" of {len(trials)} trials"
        of = "" if set(trials) >= set(scores) else named
        yield f"test: no {metric.name}{of}: {reason}"


def _count(n_rows: int, n_all: int) -> str:
    return f"{n_rows:,} of {n_all:,} rows {'is' if n_rows == 1 else 'are'}"
