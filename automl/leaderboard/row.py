"""The rows of the leaderboard: trials, and the ensemble."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["COLUMNS", "ENSEMBLE", "NUMBERS", "LeaderboardRow", "Ranking"]

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
"""Names of the columns, in the order of every format."""

NUMBERS = (*COLUMNS[COLUMNS.index("score") : COLUMNS.index("front")], "weight")
"""Columns of numbers that may be missing."""


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One trial, or the ensemble.

    Attributes:
        rank: Rank among complete trials, from 1; None for the ensemble and for trials that are
            not complete.
        family, trial: Names, such as ``lightgbm`` and ``lightgbm-3``.
        state: ``complete``, ``running``, ``pruned``, ``out_of_time``, ``interrupted`` or
            ``failed``.
        score: Score of its out-of-fold predictions in the run's metric; None unless complete. For
            the ensemble the nested score, once that is known.
        score_margin: Half the width of the score's 95 % interval, shown after ``±``.
        score_low, score_high: That interval; None if unknown, as for trials of earlier versions.
        score_se: Standard error of the score.
        fold_sd: Standard deviation of the scores of the folds, which is not the uncertainty of the
            score. None for the ensemble and below two folds.
        selected_score: Score of the ensemble on the rows used to choose it, so optimistic. None
            for trials.
        mean_score: Expected score of an ensemble that predicts with the mean of its folds' models;
            in ``score`` each row is predicted by one of them, which is worse. None for trials,
            for refits, and if unknown.
        test_score: Score on a held-out table; None without one.
        fit_s, predict_s: Wall-clock seconds of all its fits, and of predicting its validation
            rows; for the ensemble summed over its members.
        predict_ms: Milliseconds to predict 1,000 rows with the models of all folds; in a time plan
            with the last one, which a model of the newest rows will replace. For the ensemble
            measured if required, else summed over its members.
        size_mb: Size of its models in units of 10^6 bytes.
        front: Whether it is on the Pareto front; None with a single objective, and for the
            ensemble.
        weight: Weight in the ensemble, 0 for a trial that is not a member; None without an
            ensemble, and for the ensemble itself.
        error: Why it failed or was stopped, in one line; else None.
        score_reason: Why its score or those of some folds are missing; else None.
        test_reason: Why ``test_score`` is missing although a table was given; else None.
        folds: Score of each finished fold, in the order of the folds; None if undefined.
        params: Params of a trial; number of members and calibration of the ensemble.
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
        """Half the width of the score's 95 % interval."""
        if self.score_low is None or self.score_high is None:
            return None
        return (self.score_high - self.score_low) / 2

    @property
    def fold_sd(self) -> float | None:
        """Standard deviation of the defined scores of the folds of a complete trial."""
        known = [score for score in self.folds if score is not None and math.isfinite(score)]
        return None if self.score is None or len(known) < 2 else statistics.stdev(known)

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as JSON values, keys in the order of ``COLUMNS``."""
        values = {name: getattr(self, name) for name in COLUMNS}
        return {**values, "folds": list(self.folds), "params": dict(self.params)}


@dataclass(frozen=True, slots=True)
class Ranking:
    """The rows of a leaderboard and what they are shown with; see ``Leaderboard``."""

    metric: str
    greater_is_better: bool
    task: str
    target: str
    rows: tuple[LeaderboardRow, ...]
    objectives: tuple[str, ...] = ("score",)
    limits: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ensemble(self) -> LeaderboardRow | None:
        """Row of the ensemble; None without one."""
        return next((row for row in self.rows if row.trial == ENSEMBLE), None)

    @property
    def trials(self) -> tuple[LeaderboardRow, ...]:
        """All rows except the ensemble's."""
        return tuple(row for row in self.rows if row.trial != ENSEMBLE)
