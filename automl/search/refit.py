"""The members of an ensemble fitted once on all rows, for predictions that take a fraction."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from automl.config import load_config
from automl.data.cache import drop_matrices, load_encoder
from automl.data.split import ALL_ROWS
from automl.ensemble import Ensemble, Member, Predictor, read_ensemble, write_ensemble
from automl.errors import StorageError
from automl.plugin.context import Resources
from automl.plugin.family import ModelFamily
from automl.registry import load_registry
from automl.scheduling.executor import Executor, Happening, LocalExecutor
from automl.scheduling.launch import start_launcher
from automl.scheduling.messages import Done, Failed, Unwritable
from automl.search.newest import is_by_time, predicting_folds
from automl.search.problem import Problem, open_problem
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.trial.cost import cost_of
from automl.trial.records import read_record
from automl.trial.setup import seed_of
from automl.trial.spec import FoldResult, Job, TrialRecord
from automl.trial.timing import best_ms, table_batch

__all__ = [
    "Refit",
    "can_refit",
    "expected_fit_s",
    "refit_ensemble",
    "refit_members",
    "refit_run",
]

MEMORY_HEADROOM = 1.5
MIB_PER_GIB = 1024
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Refit:
    """What came out of fitting the members of an ensemble on all rows.

    Attributes:
        refitted: Trials that predict with one model now.
        kept: Why the others keep the models of their folds, by trial.
        after_ms: Milliseconds in which the ensemble predicts 1,000 rows: as measured, or the sum
            over its models where time was short.
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
    """Fits the members of a run that is over; see ``refit_members``.

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
    """Opens a run that nobody else is at, and fits its members; see ``refit_members``.

    Args:
        run: The run.
        time_left_s: Seconds the fits may take.
        undo: Whether to take the models of the folds again instead.

    Raises:
        RunError: There is no ensemble, or a file of the run is damaged.
        PluginError: No family of the run is installed.
        StorageError: The disk is full, read-only or closed to us.
    """
    config = load_config(run.config)
    problem = open_problem(config, load_registry(config.plugins.modules, config.plugins.block), run)
    if undo:
        return _take_folds(problem)
    launcher = start_launcher()
    try:
        executor = LocalExecutor(problem.setup, problem.pool, launcher)
        return refit_members(problem, executor, time_left_s=time_left_s)
    finally:
        launcher.close()


def refit_members(
    problem: Problem,
    executor: Executor,
    *,
    time_left_s: float = math.inf,
    interrupted: Callable[[], bool] = lambda: False,
) -> Refit:
    """Fits every member of an ensemble on all rows, once, in place of the models of its folds.

    Weights and corrections stay. The score is that of the models of the folds: no row is left to
    score the new ones on. The models of the folds stay on disk, and can be taken again.

    Args:
        problem: Of the run that has the ensemble.
        executor: Runs the fits; nothing runs on it.
        time_left_s: Seconds this may take; a member that would take longer keeps its models. Where
            they are limited, the whole ensemble is not timed.
        interrupted: Asked all the time: whether to leave the rest as it is.

    Raises:
        RunError: There is no ensemble, or a file of the run is damaged.
        StorageError: The disk is full, read-only or closed to us.
    """
    due, run = time.monotonic() + time_left_s, problem.run
    before = read_ensemble(run)
    records = {m.trial: read_record(run, m.trial) for m in before.members}
    before = _with_folds(problem, before, records)
    refitter = _Refitter(problem, executor, records, due, interrupted)
    kept = dict(refitter.refit(before.members))
    after = _with_all_rows(before, frozenset(kept))
    if due < math.inf:
        models = [refitter.fitted.get(m.trial, records[m.trial].folds) for m in after.members]
        return _settle(problem, after, kept, sum(cost_of(m).predict_ms for m in models), None)
    return _settle(problem, after, kept, _predict_ms(problem, after), _predict_ms(problem, before))


def can_refit(family: ModelFamily) -> bool:
    """Whether a family has a way to fit all rows without validation rows at all."""
    return type(family).refit is not ModelFamily.refit


def expected_fit_s(results: Iterable[FoldResult]) -> float:
    """Seconds that the fit of a trial on all rows is expected to take: as its slowest fold did.

    There are more rows, but none to validate by, and boosters take fewer rounds.
    """
    return max(result.encode_s + result.fit_s for result in results)


def _take_folds(problem: Problem) -> Refit:
    """Has all members predict by the models of their folds again."""
    now = read_ensemble(problem.run)
    records = {m.trial: read_record(problem.run, m.trial) for m in now.members}
    folds = _with_folds(problem, now, records)
    return _settle(problem, folds, {}, _predict_ms(problem, folds), _predict_ms(problem, now))


def _settle(
    problem: Problem,
    ensemble: Ensemble,
    kept: Mapping[str, str],
    after_ms: float,
    before_ms: float | None,
) -> Refit:
    """Writes the ensemble, and says what it is now."""
    write_ensemble(problem.run, replace(ensemble, predict_ms=after_ms))
    drop_matrices(problem.run.views)
    refitted = tuple(m.trial for m in ensemble.members if m.folds == (ALL_ROWS,))
    return Refit(refitted, kept, after_ms, before_ms)


def _with_folds(
    problem: Problem, ensemble: Ensemble, records: Mapping[str, TrialRecord]
) -> Ensemble:
    """The ensemble whose members predict by the models of their folds."""
    members = (
        replace(m, folds=predicting_folds(problem.plan, (r.fold for r in records[m.trial].folds)))
        for m in ensemble.members
    )
    return replace(ensemble, members=tuple(members))


def _with_all_rows(ensemble: Ensemble, kept: frozenset[str]) -> Ensemble:
    """The ensemble whose members, but those, predict by one model of all rows."""
    members = (m if m.trial in kept else replace(m, folds=(ALL_ROWS,)) for m in ensemble.members)
    return replace(ensemble, members=tuple(members))


@dataclass(slots=True)
class _Refitter:
    """Fits members side by side in worker processes."""

    problem: Problem
    executor: Executor
    records: Mapping[str, TrialRecord]
    due: float
    interrupted: Callable[[], bool]
    fitted: dict[str, tuple[FoldResult, ...]] = field(default_factory=dict)
    _running: dict[str, Member] = field(default_factory=dict)

    def refit(self, members: tuple[Member, ...]) -> Iterator[tuple[str, str]]:
        """Fits all that have models of folds; yields those that keep them, and why.

        The longest come first, so that the last ones end at about the same time.
        """
        of_folds = [m for m in members if m.folds != (ALL_ROWS,)]
        waiting = sorted(filter(self._is_able, of_folds), key=self._expected_s, reverse=True)
        unable = [m for m in of_folds if not self._is_able(m)]
        yield from ((m.trial, f"family {m.family} has no model of all rows") for m in unable)
        while waiting or self._running:
            if self.interrupted():
                self.executor.stop()
                left = [*waiting, *self._running.values()]
                yield from ((m.trial, "the search was stopped") for m in left)
                return
            late = [m for m in waiting if self._expected_s(m) > self.due - time.monotonic()]
            waiting = [m for m in waiting if m not in late]
            yield from ((m.trial, "there was no time for it") for m in late)
            while waiting and self._start(waiting[0]):
                waiting.pop(0)
            for happening in self.executor.poll(POLL_S):
                yield from self._take(happening)

    def _take(self, happening: Happening) -> Iterator[tuple[str, str]]:
        if isinstance(happening, Unwritable):
            raise StorageError(happening.why)
        if isinstance(happening, Done):
            self.fitted[self._running.pop(happening.job_id).trial] = (happening.result,)
        elif isinstance(happening, Failed):
            yield self._running.pop(happening.job_id).trial, happening.error.message

    def _is_able(self, member: Member) -> bool:
        by_time = is_by_time(self.problem.plan)
        return by_time or can_refit(self.problem.families[member.family][0])

    def _expected_s(self, member: Member) -> float:
        return expected_fit_s(self.records[member.trial].folds)

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
