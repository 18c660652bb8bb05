"""One row of the leaderboard: a trial, or the ensemble."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["COLUMNS", "ENSEMBLE", "NUMBERS", "Row"]

ENSEMBLE = "ensemble"
"""Family and trial name of the ensemble's own row."""

COLUMNS = (
    "rank",
    "family",
    "trial",
    "state",
    "score",
    "score_margin",
    "score_low",
    "score_high",
    "score_se",
    "fold_sd",
    "selected_score",
    "mean_score",
    "test_score",
    "fit_s",
    "predict_s",
    "predict_ms",
    "size_mb",
    "front",
    "weight",
    "error",
    "score_reason",
    "test_reason",
    "folds",
    "params",
)
"""What a row holds, in the order of every format."""

NUMBERS = (*COLUMNS[COLUMNS.index("score") : COLUMNS.index("front")], "weight")
"""Columns of numbers that may be missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One trial, or the ensemble.

    Attributes:
        rank: From 1, among complete trials; None for the ensemble, which is no trial, and for
            trials that are not complete.
        family, trial: Such as ``lightgbm`` and ``lightgbm-3``.
        state: ``complete``, ``running``, ``pruned``, ``out_of_time``, ``interrupted`` or
            ``failed``.
        score: Of its out-of-fold predictions, in the run's metric; None unless complete. That of
            the ensemble is on rows that its selection did not see, once that is known.
        score_margin: Half of the 95 % interval of the score, for trials and ensemble alike: what
            stands behind ``±``.
        score_low, score_high: That interval; None where it is not known, as for trials of earlier
            versions.
        score_se: Standard error of the score.
        fold_sd: Standard deviation of the scores of the folds: how much they differ, and not how
            sure the score is. None for the ensemble and below two folds.
        selected_score: Of the ensemble on the very rows it was selected on: it flatters. None for
            trials.
        mean_score: Of the ensemble, what it is expected to score where it predicts by the mean of
            the models of several folds: each row of ``score`` is predicted by one of them, which is
            worse. None for trials, for refits, and where it is not known.
        test_score: On a table it has not seen; None when none was given.
        fit_s, predict_s: Wall-clock seconds of all its fits, and of predicting its validation
            rows. Those of the ensemble are the sums over its members.
        predict_ms: Milliseconds to predict 1,000 rows with all its fold models, or in order of time
            with the last, as one of the newest rows will take their place. That of the
            ensemble is measured where it was asked for, and else the sum over its members.
        size_mb: Size of its models, in units of 10^6 bytes.
        front: Whether no other complete trial is better in all objectives; None where there is
            only one, and for the ensemble.
        weight: In the ensemble, 0 for a trial that is not in it; None where there is no
            ensemble, and for the ensemble itself.
        error: Why it failed or was stopped, in one line; None otherwise.
        score_reason: Why a score of it, or of some of its folds, is missing; None where none is.
        test_reason: Why ``test_score`` is missing though a table was given; None otherwise.
        folds: Score of each finished fold, in the order of the folds; None where the metric has no
            value for its rows.
        params: The point of the search space; of the ensemble how many members it has, and how
            it corrects their mean.
    """

    rank: int | None
    family: str
    trial: str
    state: str
    score: float | None = None
    score_se: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    selected_score: float | None = None
    mean_score: float | None = None
    test_score: float | None = None
    fit_s: float = 0.0
    predict_s: float = 0.0
    predict_ms: float = 0.0
    size_mb: float = 0.0
    front: bool | None = None
    weight: float | None = None
    error: str | None = None
    score_reason: str | None = None
    test_reason: str | None = None
    folds: tuple[float | None, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score_margin(self) -> float | None:
        """Half of the 95 % interval of the score."""
        if self.score_low is None or self.score_high is None:
            return None
        return (self.score_high - self.score_low) / 2

    @property
    def fold_sd(self) -> float | None:
        """Standard deviation of the scores of the folds of a complete trial that have one."""
        known = [score for score in self.folds if score is not None and math.isfinite(score)]
        return None if self.score is None or len(known) < 2 else statistics.stdev(known)

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as JSON values, keys in the order of ``COLUMNS``."""
        values = {name: getattr(self, name) for name in COLUMNS}
        return {**values, "folds": list(self.folds), "params": dict(self.params)}
