"""Reruns one trial from its record, with the same params, seeds and folds."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automl.config.reopened import metric_setting, registry_of
from automl.config.saved import load_config
from automl.metrics.callable_metric import PREFIX
from automl.scheduling.executor import Done, Failed
from automl.store.files import read_json
from automl.store.run_dir import RunDir
from automl.trial.records import find_record
from automl.trial.spec import TrialError, TrialRecord, TrialState
from automl.tuning.lifecycle.build import open_search
from automl.tuning.lifecycle.threads import set_threads
from automl.tuning.loop.controller import Controller
from automl.tuning.trials.trial import Trial

__all__ = ["FoldRerun", "RerunResult", "rerun_trial"]


@dataclass(frozen=True, slots=True)
class FoldRerun:
    """One fold of a trial, as recorded and as rerun.

    Attributes:
        fold: Number of the fold; -1 for the one fit on all rows of an out-of-bag family.
        recorded: Recorded score; None if the fold was not finished.
        score: Score of the rerun; None if the fit failed.
        same_predictions: Whether the predictions equal those on disk bit for bit; None if there
            are none to compare.
        n_members: Fits trained together with the recorded one, itself included.
        error: Why the rerun failed, with the worker's traceback.
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

        None without a recorded score, and if it is from a pack, whose rounding differs.
        """
        if self.recorded is None or self.n_members > 1:
            return None
        return self.score == self.recorded and self.same_predictions is not False


@dataclass(frozen=True, slots=True)
class RerunResult:
    """Result of a rerun.

    Attributes:
        record: The trial's record.
        metric: Metric of the scores.
        folds: The rerun folds, in their order.
        timed: Whether the run had a time limit, in total or per fit: fits that adapt to the clock
            may differ.
    """

    record: TrialRecord
    metric: str
    folds: tuple[FoldRerun, ...]
    timed: bool

    @property
    def is_equal(self) -> bool:
        """Whether every recorded fold gave the same result."""
        return all(fold.is_equal is not False for fold in self.folds)


def rerun_trial(
    run: RunDir,
    trial_id: str,
    on_fold: Callable[[FoldRerun], None] = lambda fold: None,
    given: Any = None,
) -> RerunResult:
    """Runs one trial again in a worker process, without changing the run.

    Fits the recorded folds and the one the trial failed in, or every fold if there are none; stops
    at the first failure. Without a time limit a fit on the CPU is equal bit for bit, since it
    has the same number of threads. With one, a fit gets its fair share and its deadline as in the
    run.

    Args:
        run: The run directory.
        trial_id: Such as ``lightgbm-3``.
        on_fold: Called with each fold as soon as it is done.
        given: The metric of the run, if it is a Python object.

    Raises:
        RunError: There is no such trial.
        PluginError: Its family is not installed.
        ConfigError: A device named in the configuration does not exist.
        StorageError: The disk of temporary files is full.
    """
    record = find_record(run, trial_id)
    config, manifest = load_config(run.config), read_json(run.manifest)
    metric, family = metric_setting(run, config), record.spec.family
    registry = registry_of(run, config, given, [family])
    registry.tell_remarks()
    threads = config.scheduler.threads_per_fit or int(manifest.get("threads_per_fit", 1))
    alone, folds = replace(config, metric=metric, family=[family]), list[FoldRerun]()
    with (
        _scratch(run) as scratch,
        open_search(scratch, alone, registry, [family]) as (_, controller),
    ):
        set_threads(controller, threads)
        for ended in _fits(controller, record):
            folds.append(_compare(run, scratch, record, ended))
            on_fold(folds[-1])
    timed = config.time_s is not None or config.scheduler.fit_timeout_s is not None
    return RerunResult(record, metric.removeprefix(PREFIX), tuple(folds), timed)


@contextmanager
def _scratch(run: RunDir) -> Iterator[RunDir]:
    """A run directory with another's data and folds, and no trials."""
    with tempfile.TemporaryDirectory(prefix="automl-rerun-") as folder:
        scratch = RunDir(Path(folder))
        scratch.data.symlink_to(run.data.resolve())
        scratch.split.symlink_to(run.split.resolve())
        for own in (scratch.trials, scratch.encodings):
            own.mkdir()
        yield scratch


def _trial(record: TrialRecord, controller: Controller) -> Trial:
    """The trial, with the recorded folds and the one it failed in, or all folds."""
    costs, on_record = controller.proposer.fit_times, _on_record(record)
    every = costs.folds_of(record.spec, on_record)
    folds = tuple(fold for fold in every if fold in on_record) or every
    return Trial(record.spec, record.index, folds, 0.0, promoted=True, solo_folds=set(folds))


def _fits(controller: Controller, record: TrialRecord) -> Iterator[Done | Failed]:
    """Fits one fold after another up to the first failure, with the recorded numbers of threads."""
    trial, recorded = _trial(record, controller), {r.fold: r.n_threads for r in record.folds}
    controller.ledger.trials.append(trial)
    family, _ = controller.families[record.spec.family]

    def start() -> None:
        if controller.runner.running or not trial.waiting:
            return
        fit, _ = controller.dispatcher.next_fit(math.inf)
        assert fit is not None  # nothing else runs, and no fit is too long
        (job,) = controller.dispatcher.jobs(fit, math.inf)
        job = replace(job, n_threads=recorded.get(fit.fold, job.n_threads))
        controller.runner.submit([job], fit.lease, frozenset(family.preload))

    for events in controller.runner.run(start):
        for event in events:
            if isinstance(event, Done | Failed):
                yield event
            if isinstance(event, Failed):
                return
            if isinstance(event, Done):
                trial.complete_fold(event.result)


def _on_record(record: TrialRecord) -> set[int]:
    """The finished folds, and the one the trial failed in."""
    folds = {result.fold for result in record.folds}
    if record.state is TrialState.FAILED and record.error is not None:
        folds.add(record.error.fold)
    return folds


def _compare(run: RunDir, scratch: RunDir, record: TrialRecord, ended: Done | Failed) -> FoldRerun:
    """Compares a fold with its record."""
    fold = ended.error.fold if isinstance(ended, Failed) else ended.result.fold
    found = next((result for result in record.folds if result.fold == fold), None)
    recorded, n_members = (found.score, found.n_members) if found else (None, 1)
    if isinstance(ended, Failed):
        return FoldRerun(fold, recorded, error=ended.error, n_members=n_members)
    before, now = (r.oof(record.trial_id, fold) for r in (run, scratch))
    same = before.read_bytes() == now.read_bytes() if before.is_file() else None
    return FoldRerun(fold, recorded, ended.result.score, same, n_members)
