"""Events of a search for its watchers: frozen values, in the order they happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "EnsembleUpdated",
    "Event",
    "FamilyCounts",
    "Note",
    "Progress",
    "SearchFinished",
    "SearchStarted",
    "TrialFinished",
    "TrialStarted",
]


@dataclass(frozen=True, slots=True)
class SearchStarted:
    """The data is read, the folds are fixed, and workers are about to start.

    Attributes:
        run: Path of the run directory.
        n_rows, n_columns: Size of the table in use.
        target, task, metric: Target, task, and metric that models are compared by.
        target_reason: Why this target and task, and how to override.
        families: Names of the families to be tried, in order.
        split: The split plan in words.
        n_cpus, n_gpus: Devices that the run may use.
        time_s, trials: The budget.
    """

    run: str
    n_rows: int
    n_columns: int
    target: str
    task: str
    metric: str
    target_reason: str
    families: tuple[str, ...]
    split: str
    n_cpus: int
    n_gpus: int
    time_s: float | None
    trials: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A note for the user: a column ignored, a family skipped, a plugin broken."""

    message: str
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial was proposed."""

    trial: str
    family: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial has ended.

    Attributes:
        trial, family: Id of the trial, and its family.
        state: ``complete``, ``pruned``, ``out_of_time``, ``interrupted`` or ``failed``.
        score: Score of its out-of-fold predictions, if complete.
        margin: Half the width of the 95 % interval of the score; None if unknown.
        fit_s: Seconds of all its fits.
        error_kind, error: Why it failed or was stopped; "" otherwise.
        elapsed_s: Seconds since the start of the run.
        params: The point of the search space.
        folds: Score of each finished fold, by its number; None if the metric is undefined.
    """

    trial: str
    family: str
    state: str
    score: float | None
    margin: float | None
    fit_s: float
    error_kind: str
    error: str
    elapsed_s: float
    params: Mapping[str, Any] = field(default_factory=dict)
    folds: Mapping[int, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnsembleUpdated:
    """There is a better predictor on disk.

    Attributes:
        score: Score of its out-of-fold predictions; None if the metric is undefined for them.
        weights: Weight of each member trial.
        elapsed_s: Seconds since the start of the run.
    """

    score: float | None
    weights: Mapping[str, float]
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class FamilyCounts:
    """Trials of one family by state, and its best score.

    Trials deferred after their first fold count as pruned; ``cut`` are those that were unfinished
    when the search ended.
    """

    complete: int = 0
    running: int = 0
    pruned: int = 0
    failed: int = 0
    best_score: float | None = None
    cut: int = 0

    @property
    def over(self) -> int:
        """All finished trials."""
        return self.complete + self.pruned + self.failed + self.cut


@dataclass(frozen=True, slots=True)
class Progress:
    """State of the search, several times a second.

    Attributes:
        elapsed_s: Seconds since the start of the run.
        time_left_s: Seconds until the budget is used up; None without one.
        stage: ``searching``, ``finishing`` or ``refitting``.
        families: Counts by family, in the order of the first round.
        running: The running fits, such as ``lightgbm-3/fold-0``.
        best_trial, best_score: The best complete trial so far.
        ensemble_score: Score of the ensemble so far.
    """

    elapsed_s: float
    time_left_s: float | None
    stage: str
    families: Mapping[str, FamilyCounts] = field(default_factory=dict)
    running: tuple[str, ...] = ()
    best_trial: str | None = None
    best_score: float | None = None
    ensemble_score: float | None = None


@dataclass(frozen=True, slots=True)
class SearchFinished:
    """The search has ended and everything is on disk.

    Attributes:
        run: Path of the run directory.
        stopped_by: ``time``, ``trials``, ``exhausted``, ``no more gains`` or ``interrupt``.
        n_complete, n_pruned, n_failed: Trials by state.
        n_out_of_time, n_interrupted: Trials cut by the end of the search.
        failures: Causes of failed trials with their counts, most frequent first.
        ensemble_score: Score of the predictor, on rows not used to select it if known.
        weights: Weight of each member trial.
        elapsed_s: Seconds since the start of the run.
        notes: Families that were stopped, or had no time.
    """

    run: str
    stopped_by: str
    n_complete: int
    n_pruned: int
    n_failed: int
    failures: tuple[tuple[str, int], ...]
    ensemble_score: float | None
    weights: Mapping[str, float]
    elapsed_s: float
    notes: tuple[str, ...] = ()
    n_out_of_time: int = 0
    n_interrupted: int = 0


Event: TypeAlias = (
    SearchStarted
    | Note
    | TrialStarted
    | TrialFinished
    | EnsembleUpdated
    | Progress
    | SearchFinished
)
