"""Checks, before anything is fitted, that the metric has a value for the data."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from automl.data.raw_table import format_names
from automl.data.split.choose import SplitPlan
from automl.data.table import Dataset
from automl.errors import DataError
from automl.plugin.metric import Metric
from automl.plugin.task import Task
from automl.surface import named
from automl.tuning.problem.constant_baseline import baseline_prediction

__all__ = ["check_metric", "metric_notes", "rare_class_notes"]

RARE_SHARE = 0.1
BLIND = frozenset({"accuracy", "f1_micro"})
"""Metrics by which a model that never predicts a rare class looks good."""

SHARE_METRICS = frozenset({"mape"})
FEW_SHARE, DOMINATES = 0.01, 0.5  # of the rows, and of their contribution to the score
NEARLY = 0.9  # of the way from the constant baseline to the true values
MAX_ERROR = 0.1  # standard error of an area under the ROC curve


def check_metric(dataset: Dataset, plan: SplitPlan, metric: Metric) -> None:
    """Checks that the metric has a value for the rows that will be scored.

    Two predictions are scored, the constant baseline and a nearly perfect one, as a user's metric
    does not declare for which rows it has a value.

    Raises:
        DataError: It has no value; the text has the reason.
    """
    rows = np.flatnonzero(plan.covered)
    reason = metric.undefined_reason(dataset.y, dataset.weight)
    where = f"the {len(dataset.y):,} rows of the data"
    if not reason:
        reason = _reason_by_trial(dataset, rows, metric)
        where = f"the {len(rows):,} rows that models are scored on ({plan.reason})"
    if reason:
        raise DataError(
            f"metric {metric.name!r} has no value for {where}: {reason}. Choose another with "
            f"{named('metric')}{_split_hint(dataset, metric)}"
        )


def metric_notes(dataset: Dataset, plan: SplitPlan, metric: Metric) -> Iterator[str]:
    """Notes on data for which the metric has a value, but a poor one."""
    yield from _folds_without(dataset, plan, metric)
    yield from _classes_never_scored(dataset, plan)
    if metric.name in SHARE_METRICS:
        yield from _shares_of_little(dataset.y, metric)
    if metric.is_ranking and dataset.target.task is Task.BINARY:
        yield from _few_to_rank(dataset, plan, metric)


def _reason_by_trial(dataset: Dataset, rows: NDArray[np.int64], metric: Metric) -> str:
    """Why neither the constant baseline nor a nearly perfect prediction has a score; "" if one has.

    A correlation is undefined for a constant, a deviance for predictions of 0.
    """
    y, prior = dataset.y[rows], baseline_prediction(dataset)
    weight = None if dataset.weight is None else dataset.weight[rows]
    constant = np.tile(prior, (len(rows), *[1] * prior.ndim))
    truth = np.eye(len(prior))[y] if dataset.target.classes else _as_shape(y, constant)
    reason = ""
    for prediction in (constant, NEARLY * truth + (1 - NEARLY) * constant):
        _, reason = metric.evaluate(y, prediction, weight)
        if not reason:
            return ""
    return reason


def _as_shape(y: NDArray[np.float64], like: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values ``(n_rows,)``, repeated for each level if there are several."""
    return y if like.ndim == 1 else np.tile(y[:, np.newaxis], like.shape[1])


def _split_hint(dataset: Dataset, metric: Metric) -> str:
    """A hint to score other rows, if the metric has a value for all rows of the data."""
    if metric.undefined_reason(dataset.y, dataset.weight):
        return ""
    return f", or split the rows differently ({named('search.folds')}, {named('folds_column')})"


def _folds_without(dataset: Dataset, plan: SplitPlan, metric: Metric) -> Iterator[str]:
    """Folds whose validation rows have no score, with the reason for the first."""
    reasons = {}
    for number, division in enumerate(plan.splits):
        weight = None if dataset.weight is None else dataset.weight[division.valid]
        reason = metric.undefined_reason(dataset.y[division.valid], weight)
        if reason:
            reasons[number] = reason
    if not reasons:
        return
    first = next(iter(reasons))
    why = f"{len(reasons)} of {plan.n_folds} folds (fold {first}: {reasons[first]})"
    if len(reasons) < plan.n_folds or not metric.is_ranking:
        yield f"{metric.name} has no value in {why}: means over folds exclude them"
        return
    yield (
        f"{metric.name} has no value in {why}: rows of all folds are ranked together instead, "
        "which is too pessimistic, as models of different folds differ in confidence. Fewer "
        f"folds, or {named('metric', 'log_loss')}, avoid it"
    )


def _classes_never_scored(dataset: Dataset, plan: SplitPlan) -> Iterator[str]:
    """Classes without validation rows, which no score covers."""
    classes = dataset.target.classes
    if not classes:
        return
    n_scored = np.bincount(dataset.y[plan.covered], minlength=len(classes))
    missing = [str(classes[k]) for k in np.flatnonzero(n_scored == 0)]
    if missing:
        shown = ", ".join(repr(name) for name in missing[:3]) + (", ..." if missing[3:] else "")
        noun = "class" if len(missing) == 1 else f"{len(missing)} classes:"
        yield f"no scored row has the {noun} {shown}, so no score covers it"


def _shares_of_little(y: NDArray[np.float64], metric: Metric) -> Iterator[str]:
    """Rows with a target of 0, and rows so close to 0 that they decide the score."""
    n_zeros = len(y) - np.count_nonzero(y)
    if n_zeros:
        yield (
            f"the target is 0 in {n_zeros:,} of {len(y):,} rows, for which {metric.name} has no "
            f"value: they are used for training but not scored; {named('metric', 'mae')} or smape "
            "counts them"
        )
    shares = np.sort(1 / np.abs(y[y != 0]))[::-1]
    n_few = max(1, math.ceil(FEW_SHARE * len(shares)))
    if len(shares) > n_few and shares[:n_few].sum() > DOMINATES * shares.sum():
        largest = 1 / shares[n_few - 1]
        who, decide = ("the row", "decides") if n_few == 1 else (f"the {n_few:,} rows", "decide")
        yield (
            f"{who} whose target is nearest to 0 (within {largest:.3g} of it) {decide} "
            f"{metric.name}, which divides by the target: {named('metric', 'mae')} or smape counts "
            "all rows"
        )


def _few_to_rank(dataset: Dataset, plan: SplitPlan, metric: Metric) -> Iterator[str]:
    """A class with so few rows that a ranking of the rows is mostly chance.

    Standard error of the area under the ROC curve of a random ranking: Hanley and McNeil (1982).
    """
    counts = np.bincount(dataset.y[plan.covered], minlength=2)
    few, many = int(counts.min()), int(counts.max())
    error = math.sqrt((few + many + 1) / (12 * few * many)) if few else 0.0
    if error > MAX_ERROR:
        rare = str(dataset.target.classes[int(counts.argmin())])
        rows = "one row" if few == 1 else f"{few} rows"
        yield (
            f"{metric.name} rests on {rows} of class {rare!r}: chance alone moves it by "
            f"{2 * error:.2f} up or down"
        )


def rare_class_notes(dataset: Dataset, metric: Metric) -> Iterator[str]:
    """Notes on classes too small to train and score on, and on a metric that ignores them."""
    classes = dataset.target.classes
    if not classes:
        return
    alone = np.flatnonzero(np.bincount(dataset.y, minlength=len(classes)) == 1)
    if len(alone):
        names = format_names([str(classes[k]) for k in alone])
        yield (f"only one row has the class {names}: a model scored on it has not trained on it")
    weights = np.bincount(dataset.y, dataset.weight, minlength=len(classes))
    share = float(weights.min() / weights.sum())
    if metric.name in BLIND and share < RARE_SHARE:
        rare = classes[int(weights.argmin())]
        yield (
            f"class {str(rare)!r} has {share:.1%} of the rows, which hardly affect {metric.name}: "
            f"{named('metric', 'balanced_accuracy')}, f1_macro or mcc counts all classes"
        )
