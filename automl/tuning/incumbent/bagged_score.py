"""Estimates the score of an ensemble whose members average the models of their folds."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.data.table import Dataset
from automl.ensemble import Ensemble, Member, fold_variance, gain_of_mean, in_log_odds, read_oof
from automl.ensemble.oof import as_probabilities, read_predictions
from automl.plugin.metric import Metric
from automl.store.run_dir import RunDir
from automl.trial.seen_rows import rows_of_all

__all__ = ["Blend", "expected_of_mean"]

MAX_ROWS = 20_000  # rows used for the estimate


def expected_of_mean(
    run: RunDir,
    ensemble: Ensemble,
    folds: Mapping[str, Sequence[int]],
    plan: SplitPlan,
    dataset: Dataset,
    metric: Metric,
    seed: int,
) -> float | None:
    """Expected score of an ensemble that averages the models of its folds.

    The nested score is of one model per row. This adds the gain from averaging, estimated from
    the variance of the members' weighted sum between folds.

    Args:
        run: The run.
        ensemble: The ensemble, with its nested score.
        folds: Finished folds of each member trial; ``ALL_ROWS`` for out-of-bag predictions.
        plan: The split plan.
        dataset: The data.
        metric: Metric of the run.
        seed: Seed of the run.

    Returns:
        The expected score. None if nothing is averaged (a holdout, a time plan, out of bag), if
        there is no nested score, or if the models were fitted by a version that did not store the
        predictions to compare.

    Raises:
        RunError: A file of the run is damaged.
    """
    said = ensemble.expected_score
    in_folds = [m for m in ensemble.members if tuple(folds[m.trial]) != (ALL_ROWS,)]
    numbers = {tuple(sorted(folds[m.trial])) for m in in_folds}
    if said is None or plan.kind == "time" or len(numbers) != 1:
        return None
    (used,) = numbers
    if len(used) < 2 or not all(run.known(m.trial, f).is_file() for m in in_folds for f in used):
        return None
    blend = Blend(run, ensemble, folds, plan)
    ranked = metric.is_ranking and len(plan.repeats) > 1  # then each repeat is scored separately
    oof = blend.out_of_fold(set(plan.repeats[0]) if ranked else set(used))
    rows = rows_of_all(plan, seed)
    predictions = np.stack([blend.of_fold(fold, rows) for fold in used])
    saw = np.stack([~np.isin(rows, plan.splits[fold].valid) for fold in used])
    finite = np.isfinite(predictions.reshape(*saw.shape, -1)).all(axis=(0, 2))
    drawn = np.flatnonzero(np.isfinite(oof.reshape(len(oof), -1)).all(axis=1))
    drawn = np.sort(np.random.default_rng(seed).permutation(drawn)[:MAX_ROWS])
    if len(drawn) == 0 or not finite.any():
        return None
    weight = dataset.weight
    known_weight = np.ones(len(rows)) if weight is None else weight[rows]
    variance = fold_variance(predictions[:, finite], saw[:, finite], known_weight[finite])
    corrected = ensemble.calibration.apply(oof[drawn])
    if ensemble.task.is_classification:
        variance = in_log_odds(variance, corrected)
    gain = gain_of_mean(
        ensemble.calibration.for_metric(metric, corrected),
        dataset.y[drawn],
        metric,
        variance,
        len(used),
        is_classification=ensemble.task.is_classification,
        fold=plan.fold_of_row[drawn],
        weight=None if weight is None else weight[drawn],
        n_averaged=1 if ranked else len(plan.repeats),
        seed=seed,
    )
    return None if math.isnan(gain) else float(np.clip(said + gain, *metric.bounds))


@dataclass(frozen=True, slots=True)
class Blend:
    """Weighted sums of the predictions of an ensemble's members.

    Attributes:
        run, ensemble, folds, plan: As for ``expected_of_mean``.
    """

    run: RunDir
    ensemble: Ensemble
    folds: Mapping[str, Sequence[int]]
    plan: SplitPlan

    def out_of_fold(self, folds: Collection[int]) -> NDArray[np.float64]:
        """For all rows: by the models of these folds that did not train on them, or out of bag."""
        return self._sum([self._oof(member, folds) for member in self.ensemble.members])

    def of_fold(self, fold: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """For some rows: by the models of one fold, calibrated.

        A member with out-of-bag predictions has one model, so it adds no variance between folds.
        """
        blend = self._sum(
            [
                self._oof(member, ())[rows]
                if self._is_out_of_bag(member)
                else self._known(member, fold)
                for member in self.ensemble.members
            ]
        )
        return self.ensemble.calibration.apply(blend)

    def _is_out_of_bag(self, member: Member) -> bool:
        return tuple(self.folds[member.trial]) == (ALL_ROWS,)

    def _oof(self, member: Member, folds: Collection[int]) -> NDArray[np.float64]:
        used = [f for f in self.folds[member.trial] if f in folds or f == ALL_ROWS]
        is_class = self.ensemble.task.is_classification
        return read_oof(self.run, member.trial, used, self.plan, sum_to_one=is_class)

    def _known(self, member: Member, fold: int) -> NDArray[np.float64]:
        found = read_predictions(self.run.known(member.trial, fold))
        if not self.ensemble.task.is_classification:
            return found
        known = np.isfinite(found).all(axis=1)
        found[known] = as_probabilities(found[known])
        return found

    def _sum(self, predictions: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        weights = [member.weight for member in self.ensemble.members]
        return np.asarray(sum(w * p for w, p in zip(weights, predictions, strict=True)))
