"""The members of an ensemble fitted once on all rows, for predictions that take a fraction."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from automl.config import load_config
from automl.data.cache import drop_matrices, load_encoder
from automl.data.split import ALL_ROWS
from automl.ensemble import Ensemble, Member, Predictor, read_ensemble, write_ensemble
from automl.errors import StorageError
from automl.plugin.context import Resources
from automl.registry import load_registry
from automl.scheduling.executor import LocalExecutor
from automl.scheduling.launch import start_launcher
from automl.scheduling.messages import Done, Failed, Unwritable
from automl.search.budget import Budget
from automl.search.events import Note
from automl.search.problem import Problem, open_problem
from automl.search.standing import Standing
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.trial.records import read_record
from automl.trial.setup import seed_of
from automl.trial.spec import FoldResult, Job, TrialRecord
from automl.trial.timing import best_ms, table_batch

__all__ = [
    "Refit",
    "expected_refit_s",
    "is_refitted",
    "refit_at_the_end",
    "refit_ensemble",
    "refit_run",
]

MANY_ROWS = 10_000
OPENING_S = 1.0  # of the run, and of the models that are timed
MORE_ROWS = 1.25  # all rows take longer than those of a fold
RESERVE = 1.2  # estimates err: so much more time is kept than a refit needs to be begun
MEMORY_HEADROOM = 1.5
MIB_PER_GIB = 1024
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Refit:
    """What came out of fitting the members of an ensemble on all rows.

    Attributes:
        refitted: Trials that predict with one model now.
        kept: Why the others keep the models of their folds, by trial.
        after_ms: Milliseconds in which the ensemble predicts 1,000 rows.
        before_ms: As many with the models of the folds; None where that was not measured.
    """

    refitted: tuple[str, ...]
    kept: Mapping[str, str]
    after_ms: float
    before_ms: float | None

    @property
    def notes(self) -> Iterator[str]:
        """What a person should know."""
        n_all = len(self.refitted) + len(self.kept)
        before = "" if self.before_ms is None else f", {self.before_ms:.3g} ms before"
        yield (
            f"{len(self.refitted)} of {n_all} members predict with one model of all rows: "
            f"{self.after_ms:.3g} ms for 1,000 rows{before}; the score is that of the models of "
            "the folds"
        )
        for trial, why in self.kept.items():
            yield f"{trial} keeps the models of its folds: {why}"


def refit_run(run: RunDir, *, undo: bool = False) -> Refit:
    """Fits the members of a run that is over; see ``refit_ensemble``.

    Args:
        run: The run directory.
        undo: Whether to take the models of the folds again instead.

    Raises:
        RunError: There is no ensemble, the run is in use, or a file of it is damaged.
        PluginError: No family of the run is installed.
        StorageError: The disk is full, read-only or closed to us.
    """
    lock = RunLock(run.check())
    lock.acquire()
    try:
        return refit_ensemble(run, undo=undo)
    finally:
        lock.release()


def refit_ensemble(run: RunDir, *, time_left_s: float = math.inf, undo: bool = False) -> Refit:
    """Fits every member on all rows, once, in place of the models of its folds.

    Weights and corrections stay. The score is that of the models of the folds: no row is left to
    score the new ones on. The models of the folds stay on disk, and ``undo`` takes them again.

    Args:
        run: The run, which nobody else is at.
        time_left_s: Seconds this may take; a member that would take longer keeps its models. Where
            they are limited, it is not measured how fast the ensemble was before.
        undo: Whether to take the models of the folds again instead.

    Raises:
        RunError: There is no ensemble, or a file of the run is damaged.
        PluginError: No family of the run is installed.
        StorageError: The disk is full, read-only or closed to us.
    """
    in_a_hurry = time_left_s < math.inf
    due = time.monotonic() + time_left_s - OPENING_S * in_a_hurry
    before, config = read_ensemble(run), load_config(run.config)
    registry = load_registry(config.plugins.modules, config.plugins.block)
    problem = open_problem(config, registry, run)
    records = {m.trial: read_record(run, m.trial) for m in before.members}
    after, kept = _with_folds(before, records), {}
    if not undo:
        with _executor(problem) as executor:
            kept = dict(_Refitter(problem, executor, records, due).refit(after.members))
        after = _with_all_rows(after, frozenset(kept))
    before_ms = None if in_a_hurry else _predict_ms(problem, before)
    after_ms = _predict_ms(problem, after)
    write_ensemble(run, replace(after, predict_ms=after_ms))
    drop_matrices(run.views)
    refitted = tuple(m.trial for m in after.members if m.folds == (ALL_ROWS,))
    return Refit(refitted, kept, after_ms, before_ms)


def refit_at_the_end(standing: Standing, budget: Budget) -> Iterator[Note]:
    """Fits the members of a search that is nearly over, where that is wanted and there is time.

    Raises:
        UserError: As raised by ``refit_ensemble``.
    """
    if standing.current is None or not is_refitted(standing):
        return
    time_left_s = math.inf if budget.time_left_s is None else budget.time_left_s
    for text in refit_ensemble(standing.evidence.run, time_left_s=time_left_s).notes:
        yield Note(text, budget.elapsed_s)


def is_refitted(standing: Standing) -> bool:
    """Whether a search refits at its end: as it is set, else where rows are many."""
    asked = standing.config.refit
    return len(standing.evidence.dataset.y) >= MANY_ROWS if asked is None else asked


def expected_refit_s(standing: Standing, n_slots: int) -> float:
    """Seconds that the refit at the end of a search is expected to take; 0 where there is none.

    Args:
        standing: Has the members.
        n_slots: Fits that run side by side.
    """
    if not is_refitted(standing):
        return 0.0
    in_folds = [trial for trial in standing.members if trial.folds != (ALL_ROWS,)]
    each = [_expected_fit_s(trial.results.values()) for trial in in_folds]
    return OPENING_S + RESERVE * max(sum(each) / n_slots, max(each, default=0.0))


def _expected_fit_s(results: Iterable[FoldResult]) -> float:
    """Seconds that the fit of a trial on all rows is expected to take, by those of its folds."""
    return MORE_ROWS * max(result.encode_s + result.fit_s for result in results)


def _with_folds(ensemble: Ensemble, records: Mapping[str, TrialRecord]) -> Ensemble:
    """The ensemble whose members predict by the models of their folds."""
    members = (
        replace(m, folds=tuple(result.fold for result in records[m.trial].folds))
        for m in ensemble.members
    )
    return replace(ensemble, members=tuple(members))


def _with_all_rows(ensemble: Ensemble, kept: frozenset[str]) -> Ensemble:
    """The ensemble whose members, but those, predict by one model of all rows."""
    members = (m if m.trial in kept else replace(m, folds=(ALL_ROWS,)) for m in ensemble.members)
    return replace(ensemble, members=tuple(members))


@contextmanager
def _executor(problem: Problem) -> Iterator[LocalExecutor]:
    launcher = start_launcher()
    try:
        yield LocalExecutor(problem.setup, problem.pool, launcher)
    finally:
        launcher.close()


@dataclass(slots=True)
class _Refitter:
    """Fits members side by side in worker processes."""

    problem: Problem
    executor: LocalExecutor
    records: Mapping[str, TrialRecord]
    due: float
    _running: dict[str, Member] = field(default_factory=dict)

    def refit(self, members: tuple[Member, ...]) -> Iterator[tuple[str, str]]:
        """Fits all that have models of folds; yields those that keep them, and why."""
        waiting = [m for m in members if m.folds != (ALL_ROWS,)]
        while waiting or self._running:
            late = [m for m in waiting if not self._fits(m)]
            waiting = [m for m in waiting if m not in late]
            yield from ((m.trial, "there was no time for it") for m in late)
            while waiting and self._start(waiting[0]):
                waiting.pop(0)
            for happening in self.executor.poll(POLL_S):
                if isinstance(happening, Unwritable):
                    raise StorageError(happening.why)
                if isinstance(happening, Done | Failed):
                    member = self._running.pop(happening.job_id)
                    if isinstance(happening, Failed):
                        yield member.trial, happening.error.message

    def _fits(self, member: Member) -> bool:
        return _expected_fit_s(self.records[member.trial].folds) < self.due - time.monotonic()

    def _start(self, member: Member) -> bool:
        """Starts the fit of a member; False when it has to wait for a device."""
        record = self.records[member.trial]
        family, shape = self.problem.families[member.family]
        need = _need(record, family.resources(shape))
        lease = self.executor.pool.lease(need, member.trial)
        if lease is None:
            return False
        spec, seed = record.spec, self.problem.config.seed
        job = Job(
            spec=spec,
            fold=ALL_ROWS,
            seed=seed_of(seed, spec.family, spec.number, ALL_ROWS),
            n_threads=lease.n_cpus,
            device=lease.device,
            deadline_s=None if self.due == math.inf else self.due - time.monotonic(),
            stands_for=member.folds,
        )
        self._running[job.job_id] = member
        self.executor.submit([job], lease, frozenset(family.preload))
        return True


def _need(record: TrialRecord, declared: Resources) -> Resources:
    """What a fit on all rows needs: somewhat more than the largest fold was seen to hold."""
    ram_gib = max(result.peak_rss_mib for result in record.folds) / MIB_PER_GIB
    vram_gib = max(result.peak_vram_mib for result in record.folds) / MIB_PER_GIB
    return replace(
        declared,
        ram_gib=MEMORY_HEADROOM * ram_gib or declared.ram_gib,
        vram_gib=MEMORY_HEADROOM * vram_gib or declared.vram_gib,
    )


def _predict_ms(problem: Problem, ensemble: Ensemble) -> float:
    """Milliseconds in which an ensemble predicts 1,000 rows, in this process."""
    run, seed, digest = problem.run, problem.config.seed, problem.plan.digest
    predictor = Predictor(
        run,
        ensemble,
        {name: family for name, (family, _) in problem.families.items()},
        lambda fold, view, kinds: load_encoder(run.views, fold, view, kinds, seed, digest),
    )
    batch = table_batch(problem.dataset.table)
    predictor.predict(batch)  # loads
    return best_ms(lambda: predictor.predict(batch))
