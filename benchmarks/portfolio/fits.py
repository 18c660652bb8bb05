"""Fits one candidate on the folds of a table, and measures it in seconds of the CPU."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS
from automl.data.table import Table
from automl.ensemble import read_oof
from automl.metrics import get_metric
from automl.plugin import OutOfBagFamily
from automl.plugin.task import Task
from automl.trial.execute import execute_pack
from automl.trial.settle import settle_folds
from automl.trial.setup import derive_seed
from automl.trial.spec import FoldResult, Job, TrialSpec
from automl.trial.worker_state import WorkerState
from automl.tuning.problem.problem import Problem
from benchmarks.portfolio.candidates import Candidate
from benchmarks.portfolio.measured import Measured, MeasuredTable

__all__ = ["Fits", "best_candidates", "is_out_of_bag", "measure"]

OUT_OF_BAG_SHARE = 3.0
MAX_STEPS = 40

_warm: set[str] = set()


@dataclass(frozen=True, slots=True)
class Fits:
    """The fits of one candidate.

    Attributes:
        candidate: Family and params.
        problem: The problem; its plan has one repeat for each that a variant may ask for.
        state: Data and encoded folds.
        share_s: Fair share of one fit in CPU seconds.
        variant: See ``Measured``.
    """

    candidate: Candidate
    problem: Problem
    state: WorkerState
    share_s: float
    variant: str = ""

    @property
    def folds(self) -> tuple[int, ...]:
        """Numbers of the folds: those of the first repeat, or of the variant's."""
        if is_out_of_bag(self.candidate, self.problem):
            return (ALL_ROWS,)
        kind, _, number = self.variant.partition("-")
        return self.problem.plan.repeats[int(number) if kind == "repeat" else 0]

    def job(self, fold: int) -> Job:
        """The fit of one fold."""
        share_s, one = self.share_s, len(self.problem.plan.repeats[0])
        if fold == ALL_ROWS:
            share_s *= min(one, OUT_OF_BAG_SHARE)
        spec = TrialSpec(self.candidate.family, 0, dict(self.candidate.params))
        seed = derive_seed(0, self.candidate.name, *filter(None, (self.variant,)), fold)
        return Job(spec, fold, seed, time_limit_s=share_s)


def is_out_of_bag(candidate: Candidate, problem: Problem) -> bool:
    """Whether one fit on all rows predicts all rows."""
    family, _ = problem.families[candidate.family]
    return isinstance(family, OutOfBagFamily) and problem.plan.exchangeable


def measure(fits: Fits, test: Table) -> Measured:
    """Fits a candidate on all folds, settles them, and predicts the rows of the test."""
    problem, candidate, folds = fits.problem, fits.candidate, fits.folds
    family, info = problem.families[candidate.family]
    encoding = family.encoding(dict(candidate.params), info)
    total: NDArray[np.float64] | float = 0.0
    results: list[tuple[FoldResult, float, float]] = []
    _warm_up(fits)
    for fold in folds:
        results.append(_fit(fits.job(fold), fits.state))
        model = family.load(problem.run.model(fits.job(fold).spec.trial_id, fold))
        encoder = fits.state.encoders.encoder(fold, encoding, family.kinds)
        total = total + model.predict(encoder.transform(test))
    trial_id, run = fits.job(folds[0]).spec.trial_id, problem.run
    settle_folds(run, trial_id, folds, problem.plan, problem.dataset, problem.metric)
    task = problem.dataset.target.task
    oof = read_oof(run, trial_id, folds, problem.plan, task.is_classification)
    shutil.rmtree(run.trial(trial_id))
    return Measured(
        name=candidate.name,
        family=candidate.family,
        params=dict(candidate.params),
        oof=oof.astype(np.float32),
        test=(np.asarray(total) / len(folds)).astype(np.float32),
        seconds=np.array([fit_s for _, _, fit_s in results]),
        encode_s=np.array([encode_s for _, encode_s, _ in results]),
        scores=np.array([r.score for r, _, _ in results], dtype=np.float64),
        size_mib=np.array([r.model_mib for r, _, _ in results]),
        predict_ms=np.array([r.predict_ms for r, _, _ in results]),
        steps=[_thinned(r.steps) for r, _, _ in results],
        variant=fits.variant,
    )


def _warm_up(fits: Fits) -> None:
    """Fits once without measuring, where this process has not imported the family's library."""
    if fits.candidate.family not in _warm:
        _warm.add(fits.candidate.family)
        job = fits.job(fits.folds[0])
        _fit(job, fits.state)
        shutil.rmtree(fits.problem.run.trial(job.spec.trial_id))


def _fit(job: Job, state: WorkerState) -> tuple[FoldResult, float, float]:
    """One fit; with CPU seconds of encoding, and of all that follows."""
    times = [time.process_time()]
    ((_, outcome),) = execute_pack(
        [job],
        state,
        lambda _: lambda *_: None,
        encoded=lambda: times.append(time.process_time()),
        clock=time.process_time,
    )
    times.append(time.process_time())
    if isinstance(outcome, Exception):
        raise outcome
    start, encoded, end = times
    return outcome, encoded - start, end - encoded


def _thinned(steps: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    kept = np.linspace(0, len(steps) - 1, min(len(steps), MAX_STEPS)).round().astype(int)
    return [steps[place] for place in kept]


def best_candidates(table: MeasuredTable, n: int) -> list[Candidate]:
    """The best candidates of the first round, each of another family, by out-of-fold loss."""
    metric, best = get_metric(table.metric, Task(table.task)), dict[str, tuple[float, Candidate]]()
    for measured in (table.candidates[name] for name in table.first or table.candidates):
        known = np.isfinite(measured.oof.reshape(len(table.y), -1)).all(axis=1)
        loss = metric.loss(metric.score(table.y[known], measured.oof[known].astype(float), None))
        found = Candidate(measured.name, measured.family, measured.params)
        if measured.family not in best or loss < best[measured.family][0]:
            best[measured.family] = loss, found
    ranked = sorted(best.values(), key=lambda pair: pair[0])
    return [candidate for _, candidate in ranked[:n]]
