"""What the mean of the folds' models of an ensemble is expected to score on new rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.data.table import Dataset
from automl.ensemble import Ensemble, Member, fold_variance, gain_of_mean, in_log_odds, read_oof
from automl.ensemble.oof import as_probabilities
from automl.errors import RunError
from automl.plugin.metric import Metric
from automl.store.run_dir import RunDir
from automl.trial.seen import rows_of_all

__all__ = ["expected_of_mean"]

MAX_ROWS = 20_000  # that noise is added to


def expected_of_mean(
    run: RunDir,
    ensemble: Ensemble,
    folds: Mapping[str, Sequence[int]],
    plan: SplitPlan,
    dataset: Dataset,
    metric: Metric,
    seed: int,
) -> float | None:
    """What the mean of the folds' models is expected to score.

    The honest score is of one model for each row. Beside it goes what the mean gains, by the
    variance of the weighted sum of the members.

    Args:
        run: The run.
        ensemble: With its honest score.
        folds: Of each member trial, those that are finished; ``ALL_ROWS`` for out of bag.
        plan: The split plan.
        dataset: The data.
        metric: Of the run.
        seed: Of the run.

    Returns:
        None where no mean of several models predicts (a holdout, order of time, out of bag), where
        there is no honest score, or where the models were fitted by a version that did not
        compare them.

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
    blend = _Blend(run, ensemble, folds, plan)
    ranked = metric.ranks and len(plan.repeats) > 1  # then each repeat is judged by itself
    oof = blend.out_of_fold(set(plan.repeats[0]) if ranked else set(used))
    rows = rows_of_all(plan, seed)
    predictions = np.stack([blend.of_fold(fold, rows) for fold in used])
    saw = np.stack([~np.isin(rows, plan.divisions[fold].valid) for fold in used])
    finite = np.isfinite(predictions.reshape(*saw.shape, -1)).all(axis=(0, 2))
    drawn = np.flatnonzero(np.isfinite(oof.reshape(len(oof), -1)).all(axis=1))
    drawn = np.sort(np.random.default_rng(seed).permutation(drawn)[:MAX_ROWS])
    if len(drawn) == 0 or not finite.any():
        return None
    weight = dataset.weight
    known_weight = np.ones(len(rows)) if weight is None else weight[rows]
    variance = fold_variance(predictions[:, finite], saw[:, finite], known_weight[finite])
    corrected = ensemble.calibration.correct(oof[drawn])
    if ensemble.task.is_classification:
        variance = in_log_odds(variance, corrected)
    gain = gain_of_mean(
        ensemble.calibration.shown_to(metric, corrected),
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
class _Blend:
    """Weighted sums of what the members of an ensemble predict.

    Attributes:
        run, ensemble, folds, plan: As for ``expected_of_mean``.
    """

    run: RunDir
    ensemble: Ensemble
    folds: Mapping[str, Sequence[int]]
    plan: SplitPlan

    def out_of_fold(self, folds: Collection[int]) -> NDArray[np.float64]:
        """Of all rows, by models of these folds that did not see them, and out of bag."""
        return self._sum([self._oof(member, folds) for member in self.ensemble.members])

    def of_fold(self, fold: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of some rows by the models of one fold, as it is given away.

        A member that predicts out of bag has one model, which does not differ from itself.
        """
        blend = self._sum(
            [
                self._oof(member, ())[rows]
                if self._is_out_of_bag(member)
                else self._known(member, fold)
                for member in self.ensemble.members
            ]
        )
        return self.ensemble.calibration.correct(blend)

    def _is_out_of_bag(self, member: Member) -> bool:
        return tuple(self.folds[member.trial]) == (ALL_ROWS,)

    def _oof(self, member: Member, folds: Collection[int]) -> NDArray[np.float64]:
        used = [f for f in self.folds[member.trial] if f in folds or f == ALL_ROWS]
        is_class = self.ensemble.task.is_classification
        return read_oof(self.run, member.trial, used, self.plan, sum_to_one=is_class)

    def _known(self, member: Member, fold: int) -> NDArray[np.float64]:
        path = self.run.known(member.trial, fold)
        try:
            found = np.load(path, allow_pickle=False).astype(np.float64)
        except (OSError, ValueError, EOFError) as error:
            raise RunError(f"{path} is damaged: {error}") from None
        if not self.ensemble.task.is_classification:
            return np.asarray(found)
        known = np.isfinite(found).all(axis=1)
        found[known] = as_probabilities(found[known])
        return np.asarray(found)

    def _sum(self, predictions: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        weights = [member.weight for member in self.ensemble.members]
        return np.asarray(sum(w * p for w, p in zip(weights, predictions, strict=True)))
