"""One trial again, alone, from its record: the same params, seeds and folds, and no other trial."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automl.config import load_config
from automl.config.reopened import metric_setting, registry_of
from automl.config.schema import SearchConfig
from automl.data import open_dataset
from automl.data.split.choose import SplitPlan, load_split_plan
from automl.errors import StorageError
from automl.metrics import get_metric
from automl.metrics.given import PREFIX
from automl.registry import Registry
from automl.scheduling.devices.machine import make_pool
from automl.scheduling.local.executor import LocalExecutor
from automl.scheduling.local.launcher import start_launcher
from automl.scheduling.local.messages import Done, Failed, Unwritable
from automl.store.files import read_json
from automl.store.run_dir import RunDir
from automl.trial.records import find_record
from automl.trial.setup import family_shape
from automl.trial.spec import TrialError, TrialRecord, TrialState
from automl.tuning.budget.budget import Budget
from automl.tuning.budget.fit_times import Costs
from automl.tuning.budget.resources import Needs
from automl.tuning.incumbent.oof_store import Evidence
from automl.tuning.lifecycle.threads import slots_of
from automl.tuning.loop.dispatcher import Dispatcher
from automl.tuning.problem.problem import trial_setup
from automl.tuning.propose.proposer import Proposer
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial

__all__ = ["FoldRerun", "Rerun", "rerun_trial"]


@dataclass(frozen=True, slots=True)
class FoldRerun:
    """One fold of a trial, as recorded and as it came out again.

    Attributes:
        fold: Number of the fold; -1 for the one fit on all rows of an out-of-bag family.
        recorded: The score on record; None where the fold was not finished.
        score: The score now; None where the fit failed.
        n_members: Fits that were trained together with the recorded one, itself included.
        same_predictions: Whether the predictions are those on disk to the last bit; None where
            there are none to compare.
        error: Why the fit failed now, with the traceback of the worker.
    """

    fold: int
    recorded: float | None
    score: float | None = None
    same_predictions: bool | None = None
    n_members: int = 1
    error: TrialError | None = None

    @property
    def is_equal(self) -> bool | None:
        """Whether score and predictions are the recorded ones.

        None without a recorded score, and where it is of a pack, which is rounded otherwise.
        """
        if self.recorded is None or self.n_members > 1:
            return None
        return self.score == self.recorded and self.same_predictions is not False


@dataclass(frozen=True, slots=True)
class Rerun:
    """What came out of running one trial again.

    Attributes:
        record: The record it was run from.
        metric: What the scores are.
        folds: The folds that were fitted again, in their order.
        timed: Whether the run had a limit of time, of all or of one fit: fits that adapt to the
            clock may differ.
    """

    record: TrialRecord
    metric: str
    folds: tuple[FoldRerun, ...]
    timed: bool

    @property
    def is_equal(self) -> bool:
        """Whether every fold that was on record came out the same."""
        return all(fold.is_equal is not False for fold in self.folds)


def rerun_trial(
    run: RunDir,
    trial_id: str,
    on_fold: Callable[[FoldRerun], None] = lambda fold: None,
    given: Any = None,
) -> Rerun:
    """Runs one trial again in a worker process; the run is only read.

    The folds on record are fitted, and the one the trial failed in; where there are none, every
    fold of the trial. The first that fails is the last. Without a limit of time a fit on the CPU
    comes out equal to the last bit: it has as many threads as it had. With one, a fit is told
    its fair share and its deadline as in the run.

    Args:
        run: The run directory.
        trial_id: Such as ``lightgbm-3``.
        on_fold: Called with each fold as soon as it is over.
        given: The metric of the run, where it is a Python object.

    Raises:
        RunError: There is no such trial.
        PluginError: Its family is not installed.
        ConfigError: A device that the configuration names is not there.
        StorageError: The disk of temporary files is full.
    """
    record = find_record(run, trial_id)
    config, plan = load_config(run.config), load_split_plan(run.split)
    manifest, metric = read_json(run.manifest), metric_setting(run, config)
    registry = registry_of(run, config, given, [record.spec.family])
    registry.tell_remarks()
    threads = config.scheduler.threads_per_fit or int(manifest.get("threads_per_fit", 1))
    folds = []
    with (
        _scratch(run) as scratch,
        _bench(scratch, record, config, plan, registry, metric, threads) as bench,
    ):
        for ended in bench.fits():
            folds.append(_compare(run, scratch, record, ended))
            on_fold(folds[-1])
    timed = config.time_s is not None or config.scheduler.fit_timeout_s is not None
    return Rerun(record, metric.removeprefix(PREFIX), tuple(folds), timed)


@contextmanager
def _scratch(run: RunDir) -> Iterator[RunDir]:
    """A run directory with the data and the folds of another one, and nothing fitted yet."""
    with tempfile.TemporaryDirectory(prefix="automl-rerun-") as folder:
        scratch = RunDir(Path(folder))
        scratch.data.symlink_to(run.data.resolve())
        scratch.split.symlink_to(run.split.resolve())
        for own in (scratch.trials, scratch.views):
            own.mkdir()
        yield scratch


@dataclass(frozen=True, slots=True)
class _Bench:
    """The objects of a search for one trial alone."""

    trial: Trial
    dispatcher: Dispatcher
    executor: LocalExecutor
    modules: frozenset[str]
    threads: Mapping[int, int]

    def fits(self) -> Iterator[Done | Failed]:
        """Fits one fold after another, up to the first that fails."""
        while self.trial.waiting:
            fit, _ = self.dispatcher.next_fit(float("inf"))
            assert fit is not None  # nothing else runs, and nothing is too long
            (job,) = self.dispatcher.jobs(fit, float("inf"))
            job = replace(job, n_threads=self.threads.get(fit.fold, job.n_threads))
            self.executor.submit([job], fit.lease, self.modules)
            ended = self._end()
            yield ended
            if isinstance(ended, Failed):
                return
            self.trial.results[fit.fold] = ended.result

    def _end(self) -> Done | Failed:
        """Waits for the end of the one fit that runs."""
        while True:
            for happening in self.executor.poll(1.0):
                if isinstance(happening, Unwritable):
                    raise StorageError(happening.why)
                if isinstance(happening, Done | Failed):
                    return happening


@contextmanager
def _bench(
    scratch: RunDir,
    record: TrialRecord,
    config: SearchConfig,
    plan: SplitPlan,
    registry: Registry,
    metric: str,
    threads: int,
) -> Iterator[_Bench]:
    """Builds the objects of a search with the family of the trial alone."""
    family = registry.get(record.spec.family)
    pool = make_pool(config.scheduler)
    dataset = open_dataset(scratch.data)
    target = dataset.target
    measure = get_metric(metric, target.task, registry.metrics, target.quantiles, registry.given)
    setup = trial_setup(scratch, config, plan.n_folds, metric, pool, registry.given)
    setup = replace(setup, plugins=registry.modules_of([family.name], metric))
    families = {family.name: (family, family_shape(setup, dataset, measure, family))}
    launcher = start_launcher()
    try:
        launcher.preload(family.preload)
        executor = LocalExecutor(setup, pool, launcher)
        ledger = Ledger(measure)
        n_slots = slots_of(pool, threads)
        budget = Budget(time.monotonic(), config.time_s, 1, 0.0, config.scheduler.fit_timeout_s)
        costs = Costs(families, plan, ledger, budget, n_slots)
        evidence = Evidence(scratch, dataset, plan, measure)
        proposer = Proposer(families, {}, ledger, config, budget, costs, evidence, scratch)
        needs = Needs(families, ledger, threads)
        dispatcher = Dispatcher(
            families, executor, proposer, ledger, budget, costs, config.seed, needs
        )
        folds = _folds(record, costs.folds_of(record.spec, _on_record(record)))
        trial = Trial(record.spec, record.index, folds, 0.0, promoted=True, alone=set(folds))
        ledger.trials.append(trial)
        recorded = {result.fold: result.n_threads for result in record.folds}
        yield _Bench(trial, dispatcher, executor, frozenset(family.preload), recorded)
    finally:
        launcher.close()


def _on_record(record: TrialRecord) -> set[int]:
    """Folds that are finished, and the one the trial failed in."""
    folds = {result.fold for result in record.folds}
    if record.state is TrialState.FAILED and record.error is not None:
        folds.add(record.error.fold)
    return folds


def _folds(record: TrialRecord, all_folds: tuple[int, ...]) -> tuple[int, ...]:
    """The folds to fit: those on record, and the one the trial failed in; else all."""
    folds = _on_record(record)
    return tuple(f for f in all_folds if f in folds) or all_folds


def _compare(run: RunDir, scratch: RunDir, record: TrialRecord, ended: Done | Failed) -> FoldRerun:
    """Puts a fold beside what is on record of it."""
    fold = ended.error.fold if isinstance(ended, Failed) else ended.result.fold
    found = next((result for result in record.folds if result.fold == fold), None)
    recorded, n_members = (found.score, found.n_members) if found else (None, 1)
    if isinstance(ended, Failed):
        return FoldRerun(fold, recorded, error=ended.error, n_members=n_members)
    before, now = (r.oof(record.trial_id, fold) for r in (run, scratch))
    same = before.read_bytes() == now.read_bytes() if before.is_file() else None
    return FoldRerun(fold, recorded, ended.result.score, same, n_members)
