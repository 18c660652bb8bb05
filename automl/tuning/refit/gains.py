"""Measures error, variance and cost, for the choice between refits and the folds' models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.data.table import Dataset
from automl.ensemble import Ensemble, Member, fold_variance, read_oof
from automl.ensemble.oof import as_probabilities
from automl.errors import RunError
from automl.store.run_dir import RunDir
from automl.trial.inference_cost import InferenceCost, cost_of
from automl.trial.refit_agreement import rows_to_compare
from automl.trial.spec import FoldResult, TrialRecord
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
    saw = np.stack([_saw(plan, fold)[rows] for fold in members[0].folds])
    blend = sum(m.weight * _of_folds(problem.run, m, ensemble) for m in members)
    kept = [m.trial for m in ensemble.members if m.trial not in refitted]
    fixed = sum((cost_of(records[trial].folds) for trial in kept), InferenceCost())
    seed = sum((cost_of(results[:1]) for results in refitted.values()), InferenceCost())
    folds = sum((cost_of(records[trial].folds) for trial in refitted), InferenceCost())
    return Expected(
        loss=_loss(problem.run, ensemble, records, dataset, plan, rows, weight),
        variance=fold_variance(np.asarray(blend), saw, weight),
        n_folds=n_folds,
        folds=fixed + folds,
        refit=fixed + seed,
        seed=seed,
    )


def _saw(plan: SplitPlan, fold: int) -> NDArray[np.bool_]:
    mask = np.zeros(plan.n_rows, dtype=bool)
    mask[plan.splits[fold].train] = True
    return mask


def _of_folds(run: RunDir, member: Member, ensemble: Ensemble) -> NDArray[np.float64]:
    """Predictions by the folds' models that the refit of a member stored for comparison."""
    path = run.compared(member.trial, ALL_ROWS)
    try:
        found = np.load(path, allow_pickle=False)[:-1].astype(np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from None
    if not ensemble.task.is_classification:
        return np.asarray(found)
    return np.stack([as_probabilities(one) for one in found])


def _loss(
    run: RunDir,
    ensemble: Ensemble,
    records: Mapping[str, TrialRecord],
    dataset: Dataset,
    plan: SplitPlan,
    rows: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> float:
    """Mean squared error of the weighted out-of-fold predictions of some rows."""
    is_class = ensemble.task.is_classification
    total: NDArray[np.float64] | float = 0.0
    for member in ensemble.members:
        folds = [result.fold for result in records[member.trial].folds]
        oof = read_oof(run, member.trial, folds, plan, sum_to_one=is_class)
        total = total + member.weight * oof[rows]
    predicted = np.asarray(total).reshape(len(rows), -1)
    y = dataset.y[rows]
    truth = np.eye(ensemble.n_classes)[y] if is_class else y[:, np.newaxis]
    squares = ((predicted - truth) ** 2).sum(axis=1)
    known = np.isfinite(squares)
    return float(np.average(squares[known], weights=weight[known])) if known.any() else 0.0
