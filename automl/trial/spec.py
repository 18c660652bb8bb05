"""Defines the (trial, fold) job, its result, and the record of a trial."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

__all__ = [
    "CUT_SHORT",
    "LONGER",
    "FoldResult",
    "Job",
    "JobKey",
    "TrialError",
    "TrialRecord",
    "TrialSpec",
    "TrialState",
]

CUT_SHORT = frozenset({"out_of_time", "interrupted", "held"})
"""Kinds of errors that mean that the search ended first, and say nothing about the trial."""

LONGER = "longer"
"""Source of a trial with the params of an earlier one, whose fits take more time."""

LIMITS = frozenset({"cuda_oom", "memory", "oom", "timeout"})
NUMBERS = re.compile(r"0x[0-9a-f]+|\d+(?:[.,]\d+)*(?:e[+-]?\d+)?", re.IGNORECASE)


class TrialState(StrEnum):
    """State of a trial.

    ``PRUNED`` means that others were better. ``OUT_OF_TIME`` and ``INTERRUPTED`` mean that the
    search ended first; earlier versions recorded these as pruned.
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
        source: ``portfolio``, ``sampler``, or ``longer`` for params that were tried before and are
            fitted with more time.
        noted: State that the sampler stored with it and reads again, such as that of CMA-ES.
    """

    family: str
    number: int
    params: dict[str, Any]
    source: str = "portfolio"
    noted: dict[str, Any] = field(default_factory=dict)

    @property
    def trial_id(self) -> str:
        """Id of the trial, such as ``lightgbm-3``."""
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
        deadline_s: Seconds from the end of encoding until it is killed; None for never.
        encode_limit_s: Seconds of encoding until it is killed; None for never.
        end_s: Seconds until it is killed in any case; None for never.
        attempt: 0 for the first attempt, more after its worker was lost.
        replaces_folds: Folds whose models this fit replaces (see ``refit_job``); empty for a fit
            that is scored.
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
    replaces_folds: tuple[int, ...] = ()
    stages: tuple[float, ...] = ()

    @property
    def job_id(self) -> JobKey:
        """Key of the job."""
        return JobKey(self.spec.trial_id, self.fold)

    def late_by(self, late_s: float) -> Job:
        """The job with the seconds it has left after it waited ``late_s``."""
        if self.end_s is None:
            return self
        return replace(self, end_s=max(0.0, self.end_s - late_s))

    def fit_limit_s(self, spent_s: float) -> float | None:
        """Seconds until the fit is killed, ``spent_s`` after the start; None for never."""
        left_s = None if self.end_s is None else max(0.0, self.end_s - spent_s)
        limits = [limit for limit in (self.deadline_s, left_s) if limit is not None]
        return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """Result of a finished fit.

    Attributes:
        fold: Number of the fold.
        score: Score of its validation rows in the run's metric when the fold was done; for a fit
            that stopped early, each half of them at the stage that the other half chose. The pruner
            compares these. None if the metric is undefined for them.
        fit_s, predict_s: Wall-clock seconds of the fit and of predicting the validation rows.
        predict_ms: Milliseconds to encode and predict 1,000 rows.
        encode_s: Seconds of encoding the fold (0 if it was cached).
        n_valid: Validation rows.
        model_mib: Size of the saved model.
        peak_rss_mib: Peak memory of its worker with child processes; if that is not measured, the
            peak of the worker so far.
        peak_vram_mib: Peak GPU memory of its worker; 0 without a GPU.
        steps: Reports of the fit as (step, score).
        oof_crc: CRC-32 of the file of its predictions; None if it was not computed.
        n_threads: Threads of the fit, on which the last bits of a model may depend.
        n_members: Fits of its pack, itself included; the last bits may depend on them too. Seconds
            are its share of those of the pack.
        settled_score: For a fit that stopped early, the score at the stage that the other folds of
            its trial chose; None without one.
        settled_crc: CRC-32 of the file of the predictions at that stage.
        score_reason: Why there is no score; "" if there is one.
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
        """The score to show: the settled one if the fold was settled; None without one."""
        return self.score if self.settled_crc is None else self.settled_score


@dataclass(frozen=True, slots=True)
class TrialError:
    """Why a trial failed or was stopped.

    Attributes:
        kind: ``exception``, ``crash``, ``killed`` (from outside), ``timeout``, ``oom`` (more memory
            than a fit may use, or than the machine has), ``memory`` (a failed allocation),
            ``cuda_oom`` (a GPU has too little memory even for this fit alone), ``wrong_device``
            (a worker saw GPUs other than its own), ``bad_prediction``, ``lost_files`` (the fit
            has removed the folder of its trial), ``no_score`` (the metric is undefined for its
            predictions), ``pruned``, ``held`` (deferred after its first fold, which promised no
            gain, until the search ended), ``out_of_time`` or ``interrupted``.
        message: One line for people.
        traceback: Traceback of the worker, if any.
        fold: The fold it happened in.
    """

    kind: str
    message: str
    traceback: str = ""
    fold: int = 0

    @property
    def signature(self) -> tuple[str, str]:
        """Kind and message without its numbers: equal for failures with the same cause.

        A limit of time or memory is one cause, whatever the message.
        """
        return self.kind, "" if self.kind in LIMITS else NUMBERS.sub("#", self.message)


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """The record of a trial: one file in its directory, one row of the leaderboard.

    Attributes:
        spec: The trial.
        index: Number within the run, from 0, in the order of proposal.
        state: State of the trial.
        folds: Results of its finished folds, in the order of the folds.
        score: Score of its out-of-fold predictions, in the run's metric; None unless complete.
        score_se: Standard error of the score as an estimate of that on new rows; None if unknown,
            as with fewer than 10 rows.
        error: Why it failed or was stopped.
        cut_steps: Reports, as (step, score), of the fit that ``error`` ended.
        started_s, finished_s: Seconds since the start of the run.
        stages: Where a fit of it on all rows should end, by the mean curve of all folds, one for
            each log of stages (see ``StageLog``); empty if it does not stop early.
        interval: The 95 % interval of the score; None if unknown.
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
        """Id of the trial, such as ``lightgbm-3``."""
        return self.spec.trial_id

    @property
    def margin(self) -> float | None:
        """Half the width of the 95 % interval of the score; None if unknown."""
        return None if self.interval is None else (self.interval[1] - self.interval[0]) / 2

    @property
    def fit_s(self) -> float:
        """Seconds of all its fits."""
        return sum(f.fit_s for f in self.folds)

    @property
    def predict_s(self) -> float:
        """Seconds of predicting all its validation rows."""
        return sum(f.predict_s for f in self.folds)
