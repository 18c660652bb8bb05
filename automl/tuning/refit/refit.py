"""Refits the members of an ensemble on all rows, for predictions that take a fraction."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automl.config import load_config
from automl.config.reopened import registry_of
from automl.data.folds.encoder_store import drop_matrices, load_encoder
from automl.data.split.choose import ALL_ROWS
from automl.ensemble import Ensemble, Member, Predictor, read_ensemble, write_ensemble
from automl.errors import RunError, did_you_mean
from automl.registry import Registry
from automl.scheduling.local.executor import Executor, LocalExecutor
from automl.scheduling.local.launcher import start_launcher
from automl.store.files import read_json
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.trial.inference_cost import cost_of
from automl.trial.latency import best_ms, table_batch
from automl.trial.records import read_record
from automl.trial.spec import FoldResult, TrialRecord
from automl.tuning.problem.problem import Problem, open_problem
from automl.tuning.refit.gains import measure
from automl.tuning.refit.newest_seeds import fit_more_seeds
from automl.tuning.refit.refitter import Refitter
from automl.tuning.refit.shipping import MAX_SEEDS, Shipped, choose_shipped
from automl.tuning.trials.newest import is_by_time, predicting_folds

__all__ = ["Refit", "refit_ensemble", "refit_members", "refit_run"]

SEEN = "the holdout rows, which the refits have seen: its interval does not hold for them"


@dataclass(frozen=True, slots=True)
class Refit:
    """The outcome of fitting the members of an ensemble on all rows.

    Attributes:
        refitted: Trials that predict with models of all rows now.
        kept: Why the others keep the models of their folds, by trial.
        after_ms: Milliseconds in which the ensemble predicts 1,000 rows: as measured, or the sum
            over its models where time was short.
        before_ms: As many with the models that were taken until then; None where that was not
            measured, or nothing changed.
        scored_on: Where the score comes from.
        choice: What ships and why, in a sentence; "" where nothing was chosen.
    """

    refitted: tuple[str, ...]
    kept: Mapping[str, str]
    after_ms: float
    before_ms: float | None
    scored_on: str = "cross-validation"
    choice: str = ""

    @property
    def notes(self) -> Iterator[str]:
        """What a person should know."""
        n_all = len(self.refitted) + len(self.kept)
        before = "" if self.before_ms is None else f", {_digits(self.before_ms)} ms before"
        took = f"{_digits(self.after_ms)} ms per 1,000 rows{before}"
        if self.refitted:
            yield (
                f"{len(self.refitted)} of {n_all} members were refitted on all rows ({took}); the "
                f"score is from {self.scored_on}"
            )
        elif self.kept:
            yield f"no member was refitted ({took})"
        else:
            took, was = f"{_digits(self.after_ms)} ms per 1,000 rows", ""
            if self.before_ms is not None:  # taken back: these figures go the other way
                was = f"; with the models of all rows they took {_digits(self.before_ms)} ms"
            yield f"all members predict with the models of their folds: {took}{was}"
        if self.choice:
            yield self.choice
        for trial, why in self.kept.items():
            yield f"{trial} keeps the models of its folds: {why}"


def _digits(value: float) -> str:
    """Three digits, and no powers of ten: ``29.7``, ``1,460``."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def refit_run(run: RunDir, *, undo: bool = False, metric: Any = None) -> Refit:
    """Fits the members of a run that is over; see ``refit_members``.

    Args:
        run: The run directory.
        undo: Whether to take the models of the folds again instead.
        metric: The metric of the run, where it is a Python object.

    Raises:
        ConfigError: The metric is a Python object and is not given.
        RunError: There is no ensemble, the run is in use, a family of it is not installed, or a
            file of it is damaged.
        PluginError: No family of the run is installed.
        StorageError: The disk is full, read-only or closed to us.
    """
    lock = RunLock(run.check())
    lock.acquire()
    try:
        return refit_ensemble(run, undo=undo, metric=metric)
    finally:
        lock.release()


def refit_ensemble(
    run: RunDir, *, time_left_s: float = math.inf, undo: bool = False, metric: Any = None
) -> Refit:
    """Opens a run that nobody else is at, and fits its members; see ``refit_members``.

    Args:
        run: The run.
        time_left_s: Seconds the fits may take.
        undo: Whether to take the models of the folds again instead.
        metric: The metric of the run, where it is a Python object.

    Raises:
        ConfigError: The metric is a Python object and is not given.
        RunError: There is no ensemble, a family of it is not installed, or a file of the run is
            damaged.
        PluginError: No family of the run is installed.
        StorageError: The disk is full, read-only or closed to us.
    """
    config = load_config(run.config)
    registry = registry_of(run, config, metric, read_json(run.manifest)["families"])
    registry.tell_remarks()
    _check_installed(run, registry)
    problem = open_problem(config, registry, run)
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
    only_if_better: bool = False,
) -> Refit:
    """Fits every member of an ensemble on all rows, in place of the models of its folds.

    Weights and corrections stay. The score is that of the models of the folds: no row is left to
    score the new ones on. The models of the folds stay on disk, and can be taken again. A member
    whose refit is cut short, or predicts something else than its folds, keeps the folds' models.

    Args:
        problem: Of the run that has the ensemble.
        executor: Runs the fits; nothing runs on it.
        time_left_s: Seconds this may take; a member that would take longer keeps its models. Where
            they are limited, the whole ensemble is not timed.
        interrupted: Asked all the time: whether to leave the rest as it is.
        only_if_better: Whether ``choose_shipped`` decides what ships; else one refit of each does,
            or in order of time up to three of a net (``fit_more_seeds``).

    Raises:
        RunError: There is no ensemble, or a file of the run is damaged.
        StorageError: The disk is full, read-only or closed to us.
    """
    due, run = time.monotonic() + time_left_s, problem.run
    before = read_ensemble(run)
    records = {m.trial: read_record(run, m.trial) for m in before.members}
    before = _with_folds(problem, before, records)
    refitter = Refitter(problem, executor, records, due, interrupted)
    kept, choice = dict(refitter.refit(before.members)), ""
    if only_if_better and refitter.fitted:
        shipped = _choose(problem, before, refitter)
        choice = shipped.reason
        if shipped.n_seeds == 0:
            refitter.fitted.clear()
            kept = {}
        for number in range(1, shipped.n_seeds):
            again = [m for m in before.members if len(refitter.fitted.get(m.trial, ())) == number]
            list(refitter.refit(again, ALL_ROWS - number))  # one that fails keeps those before
    elif is_by_time(problem.plan):
        choice = fit_more_seeds(problem, before.members, refitter)
    after = _with_all_rows(before, refitter.fitted)
    refitted = tuple(m.trial for m in after.members if m.trial in refitter.fitted)
    if due < math.inf:
        models = [refitter.fitted.get(m.trial, records[m.trial].folds) for m in after.members]
        took_ms = sum(cost_of(m).predict_ms for m in models)
        return _settle(problem, after, kept, took_ms, None, refitted, choice)
    took_ms = _predict_ms(problem, after)
    took_before_ms = None if not refitted else _predict_ms(problem, before)
    return _settle(problem, after, kept, took_ms, took_before_ms, refitted, choice)


def _check_installed(run: RunDir, registry: Registry) -> None:
    for member in read_ensemble(run).members:
        if member.family not in registry.families:
            raise RunError(
                f"the ensemble of {run.path} needs family {member.family!r} for trial "
                f"{member.trial}, and no installed plugin brings it"
                f"{did_you_mean(member.family, registry.families)}; install it again, `automl "
                "plugins` lists those that do load"
            )


def _choose(problem: Problem, ensemble: Ensemble, refitter: Refitter) -> Shipped:
    """What ships, by what is expected of it; one refit where that is not known."""
    members = [m for m in ensemble.members if m.trial in refitter.fitted]
    expected = measure(problem, ensemble, refitter.records, refitter.fitted)
    if expected is None:
        return Shipped(1, "")
    seeds = min(MAX_SEEDS, 1 + refitter.seeds_in_time(members))
    return choose_shipped(expected, problem.config.limits, seeds)


def _take_folds(problem: Problem) -> Refit:
    """Has all members predict by the models of their folds again."""
    now = read_ensemble(problem.run)
    records = {m.trial: read_record(problem.run, m.trial) for m in now.members}
    folds = _with_folds(problem, now, records)
    before_ms = None if folds.members == now.members else _predict_ms(problem, now)
    return _settle(problem, folds, {}, _predict_ms(problem, folds), before_ms)


def _settle(
    problem: Problem,
    ensemble: Ensemble,
    kept: Mapping[str, str],
    after_ms: float,
    before_ms: float | None,
    refitted: tuple[str, ...] = (),
    choice: str = "",
) -> Refit:
    """Writes the ensemble, and says what it is now."""
    write_ensemble(problem.run, replace(ensemble, predict_ms=after_ms))
    drop_matrices(problem.run.views)
    scored_on = SEEN if problem.plan.n_folds == 1 else "cross-validation"
    return Refit(refitted, kept, after_ms, before_ms, scored_on, choice)


def _with_folds(
    problem: Problem, ensemble: Ensemble, records: Mapping[str, TrialRecord]
) -> Ensemble:
    """The ensemble whose members predict by the models of their folds."""
    members = (
        replace(m, folds=predicting_folds(problem.plan, (r.fold for r in records[m.trial].folds)))
        for m in ensemble.members
    )
    return replace(ensemble, members=tuple(members))


def _with_all_rows(ensemble: Ensemble, fitted: Mapping[str, Sequence[FoldResult]]) -> Ensemble:
    """The ensemble whose members predict by their refits, where they have any."""

    def of(member: Member) -> Member:
        results = fitted.get(member.trial, ())
        return replace(member, folds=tuple(r.fold for r in results)) if results else member

    return replace(ensemble, members=tuple(map(of, ensemble.members)))


def _predict_ms(problem: Problem, ensemble: Ensemble) -> float:
    """Milliseconds in which an ensemble predicts 1,000 rows, in this process."""
    run, seed, digest = problem.run, problem.config.seed, problem.plan.digest
    predictor = Predictor(
        run,
        ensemble,
        {name: family for name, (family, _) in problem.families.items()},
        lambda fold, view, kinds: load_encoder(run.views, fold, view, kinds, seed, digest),
        offset=problem.dataset.target.offset,
    )
    batch = table_batch(problem.dataset.table)
    predictor.predict(batch)  # loads
    return best_ms(lambda: predictor.predict(batch))
