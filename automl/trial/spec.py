"""The (trial, fold) unit of work, and the record a trial leaves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = [
    "UNFINISHED",
    "FoldResult",
    "Job",
    "JobKey",
    "TrialError",
    "TrialRecord",
    "TrialSpec",
    "TrialState",
]

UNFINISHED = frozenset({"out_of_time", "interrupted", "held"})
"""Kinds of errors that say that the search was over, and nothing of the trial."""

LIMITS = frozenset({"cuda_oom", "memory", "oom", "timeout"})
NUMBERS = re.compile(r"0x[0-9a-f]+|\d+(?:[.,]\d+)*(?:e[+-]?\d+)?", re.IGNORECASE)


class TrialState(StrEnum):
    """How a trial stands.

    ``PRUNED`` says something of the trial: others were better. ``OUT_OF_TIME`` and ``INTERRUPTED``
    say that the search was over before it was; earlier versions recorded these as pruned.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    OUT_OF_TIME = "out_of_time"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """One family with one params.

    Attributes:
        family: Name of the family.
        number: Number within the family, from 0.
        params: The point of the search space.
        source: ``portfolio`` or ``sampler``.
        noted: What the sampler noted at it and will look for, such as the state of CMA-ES.
    """

    family: str
    number: int
    params: dict[str, Any]
    source: str = "portfolio"
    noted: dict[str, Any] = field(default_factory=dict)

    @property
    def trial_id(self) -> str:
        """Such as ``lightgbm-3``."""
        return f"{self.family}-{self.number}"


@dataclass(frozen=True, slots=True)
class JobKey:
    """A trial on a fold; its text is such as ``lightgbm-3/fold-0``."""

    trial_id: str
    fold: int

    def __str__(self) -> str:
        return f"{self.trial_id}/fold-{self.fold}"


@dataclass(frozen=True, slots=True)
class Job:
    """One fit: a trial on a fold, in a slot.

    Attributes:
        spec: The trial.
        fold: Number of the fold; ``ALL_ROWS`` (-1) for the one fit of an out-of-bag family.
        seed: Seed of the fit.
        n_threads: Threads it may use.
        device: ``cpu`` or ``cuda:0``.
        time_limit_s: Fair share of the budget, in seconds; None without a time budget.
        deadline_s: Seconds until it is killed from when its fold is encoded; None for never.
        encode_limit_s: Seconds until it is killed where its fold is not encoded; None for never.
        end_s: Seconds until it is killed whatever it is at; None for never.
        attempt: 0 at the first try, more after its worker was lost.
        stands_for: Folds whose models the one of this job is to replace (see ``refit_job``);
            empty for a fit that is scored.
        stages: Where such a fit should end; see ``TrialContext``.
    """

    spec: TrialSpec
    fold: int
    seed: int
    n_threads: int = 1
    device: str = "cpu"
    time_limit_s: float | None = None
    deadline_s: float | None = None
    encode_limit_s: float | None = None
    end_s: float | None = None
    attempt: int = 0
    stands_for: tuple[int, ...] = ()
    stages: tuple[float, ...] = ()

    @property
    def job_id(self) -> JobKey:
        """What it is told apart by."""
        return JobKey(self.spec.trial_id, self.fold)

    def fit_limit_s(self, spent_s: float) -> float | None:
        """Seconds until the fit is killed, so many after the start; None for never."""
        left_s = None if self.end_s is None else max(0.0, self.end_s - spent_s)
        limits = [limit for limit in (self.deadline_s, left_s) if limit is not None]
        return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What a finished fit gave.

    Attributes:
        fold: Number of the fold.
        score: On its validation rows, in the run's metric, as it was when the fold was done: of a
            fit that stopped early, each half of them at the stage that the other half chose. The
            pruner compares these. None where the metric has no value for them.
        fit_s, predict_s: Wall-clock seconds of the fit and of predicting the validation rows.
        predict_ms: Milliseconds to encode and predict 1,000 rows.
        encode_s: Seconds spent encoding the fold (0 when it was cached).
        n_valid: Validation rows.
        model_mib: Size of the saved model.
        peak_rss_mib: The most memory its worker held, with what it started; where that is not
            looked at, the peak of the worker so far.
        peak_vram_mib: The most GPU memory its worker held; 0 without a GPU.
        steps: Reports of the fit as (step, score).
        oof_crc: CRC-32 of the file of its predictions; None where nobody took it.
        n_threads: Threads it had, which the last bits of a model may depend on.
        n_members: Fits of its pack, itself included, which they may depend on too. Seconds are
            its share of those of the pack.
        settled_score: Of a fit that stopped early, the score at the stage that the other folds of
            its trial chose; None where there is none.
        settled_crc: CRC-32 of the file of the predictions at that stage.
        score_reason: Why there is no score; "" where there is one.
    """

    fold: int
    score: float | None
    fit_s: float
    predict_s: float
    encode_s: float = 0.0
    n_valid: int = 0
    model_mib: float = 0.0
    peak_rss_mib: float = 0.0
    peak_vram_mib: float = 0.0
    predict_ms: float = 0.0
    steps: tuple[tuple[int, float], ...] = ()
    oof_crc: int | None = None
    n_threads: int = 1
    n_members: int = 1
    settled_score: float | None = None
    settled_crc: int | None = None
    score_reason: str = ""

    @property
    def final_score(self) -> float | None:
        """The score to show: settled where it is; None where there is none."""
        return self.score if self.settled_crc is None else self.settled_score


@dataclass(frozen=True, slots=True)
class TrialError:
    """Why a trial failed or was stopped.

    Attributes:
        kind: ``exception``, ``crash``, ``killed`` (by somebody else), ``timeout``, ``oom`` (more
            memory than a fit may have, or than the machine has), ``memory`` (an allocation that
            was refused), ``cuda_oom`` (a GPU has too little memory even for this fit alone),
            ``wrong_device`` (a worker saw other GPUs than its own), ``bad_prediction``,
            ``lost_files`` (the fit has removed the folder of its trial), ``no_score`` (the metric
            has no value for its predictions), ``pruned``, ``held`` (its first fold promised no
            gain, and the search was over before it was taken up again), ``out_of_time`` or
            ``interrupted``.
        message: One line for people.
        traceback: Of the worker, where there is one.
        fold: The fold it happened in.
    """

    kind: str
    message: str
    traceback: str = ""
    fold: int = 0

    @property
    def way(self) -> tuple[str, str]:
        """Kind and message without its numbers, which is equal for failures of one cause.

        A limit of time or memory is one cause, however it was met.
        """
        return self.kind, "" if self.kind in LIMITS else NUMBERS.sub("#", self.message)


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What is known of a trial: one file in its directory, one row of the leaderboard.

    Attributes:
        spec: The trial.
        index: Number within the run, from 0, in the order of proposal.
        state: How it stands.
        folds: Results of its finished folds, in the order of the folds.
        score: Of its out-of-fold predictions, in the run's metric; None unless complete.
        score_se: Standard error of the score as an estimate of that on new rows; None where it is
            not known, as with fewer than 10 rows.
        error: Why it failed or was pruned.
        cut_steps: Reports, as (step, score), of the fit that ``error`` ended.
        started_s, finished_s: Seconds since the start of the run.
        stages: Where a fit of it on all rows should end, by the mean curve of all folds, one for
            each log of stages (see ``StageLog``); empty where it does not stop early.
        interval: The 95 % interval of the score; None where it is not known.
    """

    spec: TrialSpec
    index: int
    state: TrialState
    folds: tuple[FoldResult, ...] = ()
    score: float | None = None
    score_se: float | None = None
    error: TrialError | None = None
    cut_steps: tuple[tuple[int, float], ...] = ()
    started_s: float = 0.0
    finished_s: float | None = None
    stages: tuple[float, ...] = ()
    interval: tuple[float, float] | None = None

    @property
    def trial_id(self) -> str:
        """Such as ``lightgbm-3``."""
        return self.spec.trial_id

    @property
    def margin(self) -> float | None:
        """Half of the 95 % interval of the score; None where it is not known."""
        return None if self.interval is None else (self.interval[1] - self.interval[0]) / 2

    @property
    def fit_s(self) -> float:
        """Seconds of all its fits."""
        return sum(f.fit_s for f in self.folds)

    @property
    def predict_s(self) -> float:
        """Seconds of predicting all its validation rows."""
        return sum(f.predict_s for f in self.folds)
