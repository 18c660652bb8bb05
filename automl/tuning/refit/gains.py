"""Measures error, variance and cost, for the choice between refits and the folds' models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS
from automl.ensemble import Ensemble, Member, fold_variance
from automl.ensemble.oof import as_probabilities, read_predictions
from automl.store.run_dir import RunDir
from automl.trial.inference_cost import InferenceCost, cost_of
from automl.trial.refit_agreement import rows_to_compare
from automl.trial.spec import FoldResult, TrialRecord
from automl.tuning.incumbent.bagged_score import Blend
from automl.tuning.problem.problem import Problem
from automl.tuning.refit.shipping import Expected

__all__ = ["measure"]


def measure(
    problem: Problem,
    ensemble: Ensemble,
    records: Mapping[str, TrialRecord],
    refitted: Mapping[str, Sequence[FoldResult]],
) -> Expected | None:
    """Measures error, variance and costs of an ensemble whose members have just been refitted.

    Args:
        problem: Problem of the run.
        ensemble: Its members, with their folds.
        records: Records of all members, by trial.
        refitted: Results of the refits, by trial.

    Returns:
        None without at least two folds to estimate the variance from.

    Raises:
        RunError: A file of the run is missing or damaged; the text names it.
    """
    members = [m for m in ensemble.members if m.trial in refitted]
    n_folds = max((len(m.folds) for m in members), default=0)
    members = [m for m in members if len(m.folds) == n_folds]
    if n_folds < 2:
        return None
    plan, dataset = problem.plan, problem.dataset
    rows = rows_to_compare(plan.n_rows, problem.setup.seed)
    weight = np.ones(len(rows)) if dataset.weight is None else dataset.weight[rows]
    saw = np.stack([np.isin(rows, plan.splits[fold].train) for fold in members[0].folds])
    blend = sum(m.weight * _of_folds(problem.run, m, ensemble) for m in members)
    kept = [m.trial for m in ensemble.members if m.trial not in refitted]
    fixed = sum((cost_of(records[trial].folds) for trial in kept), InferenceCost())
    seed = sum((cost_of(results[:1]) for results in refitted.values()), InferenceCost())
    folds = sum((cost_of(records[trial].folds) for trial in refitted), InferenceCost())
    fitted = {m.trial: [r.fold for r in records[m.trial].folds] for m in ensemble.members}
    oof = Blend(problem.run, ensemble, fitted, plan).out_of_fold(range(plan.n_folds))
    return Expected(
        loss=_loss(ensemble, oof[rows], dataset.y[rows], weight),
        variance=fold_variance(np.asarray(blend), saw, weight),
        n_folds=n_folds,
        folds=fixed + folds,
        refit=fixed + seed,
        seed=seed,
    )


def _of_folds(run: RunDir, member: Member, ensemble: Ensemble) -> NDArray[np.float64]:
    """Predictions by the folds' models that the refit of a member stored for comparison."""
    found = read_predictions(run.compared(member.trial, ALL_ROWS))[:-1]
    if not ensemble.task.is_classification:
        return found
    return np.stack([as_probabilities(one) for one in found])


def _loss(
    ensemble: Ensemble, oof: NDArray[np.float64], y: NDArray[Any], weight: NDArray[np.float64]
) -> float:
    """Mean squared error of weighted out-of-fold predictions."""
    truth = np.eye(ensemble.n_classes)[y] if ensemble.task.is_classification else y[:, np.newaxis]
    squares = ((oof.reshape(len(y), -1) - truth) ** 2).sum(axis=1)
    known = np.isfinite(squares)
    return float(np.average(squares[known], weights=weight[known])) if known.any() else 0.0
