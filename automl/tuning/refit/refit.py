"""Refits the members of an ensemble on all rows, which makes predictions several times faster."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from automl.data.folds.encoder_store import EncoderStore, drop_matrices
from automl.data.split.choose import ALL_ROWS
from automl.ensemble import Ensemble, Member, Predictor, read_ensemble, write_ensemble
from automl.scheduling.runner import JobRunner
from automl.trial.inference_cost import cost_of
from automl.trial.latency import min_time_ms, sample_batch
from automl.trial.records import read_record
from automl.trial.spec import FoldResult, TrialRecord
from automl.tuning.problem.problem import Problem
from automl.tuning.refit.gains import measure
from automl.tuning.refit.newest_seeds import fit_more_seeds
from automl.tuning.refit.refitter import Refitter
from automl.tuning.refit.shipping import MAX_SEEDS, Shipped, choose_shipped
from automl.tuning.trials.newest_rows import is_by_time, predicting_folds

__all__ = ["RefitResult", "refit_members", "returned", "take_folds"]

SEEN = "the holdout rows, which the refits trained on: its interval does not apply to them"


@dataclass(frozen=True, slots=True)
class RefitResult:
    """Result of refitting the members of an ensemble on all rows.

    Attributes:
        refitted: Trials that now predict with models of all rows.
        not_refitted: Why the others keep the models of their folds, by trial.
        after_ms: Milliseconds per 1,000 rows of the ensemble: measured, or the sum over its models
            if time was limited.
        before_ms: The same with the models used until then; None if it was not measured or
            nothing changed.
        scored_on: The rows that the score is from.
        choice: The models that ship, and why, in a sentence; "" if there was no choice.
    """

    refitted: tuple[str, ...]
    not_refitted: Mapping[str, str]
    after_ms: float
    before_ms: float | None
    scored_on: str = "cross-validation"
    choice: str = ""

    @property
    def notes(self) -> Iterator[str]:
        """Notes for the user."""
        n_all = len(self.refitted) + len(self.not_refitted)
        before = "" if self.before_ms is None else f", {_digits(self.before_ms)} ms before"
        took = f"{_digits(self.after_ms)} ms per 1,000 rows{before}"
        if self.refitted:
            yield (
                f"{len(self.refitted)} of {n_all} members were refitted on all rows ({took}); the "
                f"score is from {self.scored_on}"
            )
        elif self.not_refitted:
            yield f"no member was refitted ({took})"
        else:
            took, was = f"{_digits(self.after_ms)} ms per 1,000 rows", ""
            if self.before_ms is not None:  # undone: here the earlier models are those of all rows
                was = f"; with the models of all rows they took {_digits(self.before_ms)} ms"
            yield f"all members predict with the models of their folds: {took}{was}"
        if self.choice:
            yield self.choice
        for trial, why in self.not_refitted.items():
            yield f"{trial} keeps the models of its folds: {why}"


def _digits(value: float) -> str:
    """Three digits, without powers of ten: ``29.7``, ``1,460``."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def refit_members(
    problem: Problem,
    runner: JobRunner,
    *,
    time_left_s: float = math.inf,
    only_if_better: bool = False,
) -> Generator[None, None, RefitResult]:
    """Fits every member of an ensemble on all rows, to replace the models of its folds.

    Weights and calibration stay. The score is still that of the folds' models, as no row is left to
    score the new ones on. The models of the folds stay on disk, and can be used again. A member
    whose refit is cut short, or predicts differently from its folds, keeps the folds' models.

    Args:
        problem: Problem of the run with the ensemble.
        runner: Runs the fits, and nothing else. If it is interrupted, the remaining members keep
            their models.
        time_left_s: Seconds for the fits; a member that would take longer keeps its models. If
            they are limited, the whole ensemble is not timed.
        only_if_better: Whether ``choose_shipped`` decides; otherwise one refit of each member
            ships, or with a time plan up to three of a net (``fit_more_seeds``).

    Yields:
        None, whenever the fits may have advanced.

    Returns:
        The result; see ``returned``.

    Raises:
        RunError: There is no ensemble, or a file of the run is damaged.
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    due, run = time.monotonic() + time_left_s, problem.run
    before = read_ensemble(run)
    records = {m.trial: read_record(run, m.trial) for m in before.members}
    before = _with_folds(problem, before, records)
    refitter = Refitter(problem, runner, records, due)
    kept, choice = (yield from refitter.refit(before.members)), ""
    if only_if_better and refitter.fitted:
        shipped = _choose(problem, before, refitter)
        choice = shipped.reason
        if shipped.n_seeds == 0:
            refitter.fitted.clear()
            kept = {}
        for number in range(1, shipped.n_seeds):
            again = [m for m in before.members if len(refitter.fitted.get(m.trial, ())) == number]
            # If one fails, the earlier ones stay.
            yield from refitter.refit(again, ALL_ROWS - number)
    elif is_by_time(problem.plan):
        choice = yield from fit_more_seeds(problem, before.members, refitter)
    after = _with_all_rows(before, refitter.fitted)
    refitted = tuple(m.trial for m in after.members if m.trial in refitter.fitted)
    if due < math.inf:
        models = [refitter.fitted.get(m.trial, records[m.trial].folds) for m in after.members]
        took_ms = sum(cost_of(m).predict_ms for m in models)
        return _settle(problem, after, kept, took_ms, None, refitted, choice)
    took_ms = _predict_ms(problem, after)
    took_before_ms = None if not refitted else _predict_ms(problem, before)
    return _settle(problem, after, kept, took_ms, took_before_ms, refitted, choice)


def returned(refitting: Generator[None, None, RefitResult]) -> RefitResult:
    """Runs a refit to its end.

    Raises:
        UserError: As raised by ``refit_members``.
    """
    while True:
        try:
            next(refitting)
        except StopIteration as end:
            refit: RefitResult = end.value
            return refit


def _choose(problem: Problem, ensemble: Ensemble, refitter: Refitter) -> Shipped:
    """Chooses the models that ship by their expected gains; one refit if these are unknown."""
    members = [m for m in ensemble.members if m.trial in refitter.fitted]
    expected = measure(problem, ensemble, refitter.records, refitter.fitted)
    if expected is None:
        return Shipped(1, "")
    seeds = min(MAX_SEEDS, 1 + refitter.seeds_in_time(members))
    return choose_shipped(expected, problem.config.limits, seeds)


def take_folds(problem: Problem) -> RefitResult:
    """Makes all members predict with the models of their folds again."""
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
) -> RefitResult:
    """Writes the ensemble, and returns the result."""
    write_ensemble(problem.run, replace(ensemble, predict_ms=after_ms))
    drop_matrices(problem.run.encodings)
    scored_on = SEEN if problem.plan.n_folds == 1 else "cross-validation"
    return RefitResult(refitted, kept, after_ms, before_ms, scored_on, choice)


def _with_folds(
    problem: Problem, ensemble: Ensemble, records: Mapping[str, TrialRecord]
) -> Ensemble:
    """The ensemble with the models of the members' folds."""
    members = (
        replace(m, folds=predicting_folds(problem.plan, (r.fold for r in records[m.trial].folds)))
        for m in ensemble.members
    )
    return replace(ensemble, members=tuple(members))


def _with_all_rows(ensemble: Ensemble, fitted: Mapping[str, Sequence[FoldResult]]) -> Ensemble:
    """The ensemble with the refits of its members, where they exist."""

    def of(member: Member) -> Member:
        results = fitted.get(member.trial, ())
        return replace(member, folds=tuple(r.fold for r in results)) if results else member

    return replace(ensemble, members=tuple(map(of, ensemble.members)))


def _predict_ms(problem: Problem, ensemble: Ensemble) -> float:
    """Milliseconds per 1,000 rows of an ensemble, measured in this process."""
    store = EncoderStore(problem.run.encodings, problem.config.seed, problem.plan.digest)
    predictor = Predictor(
        problem.run,
        ensemble,
        {name: family for name, (family, _) in problem.families.items()},
        store.encoder,
        offset=problem.dataset.target.offset,
    )
    batch = sample_batch(problem.dataset.table)
    predictor.predict(batch)  # loads
    return min_time_ms(lambda: predictor.predict(batch))
