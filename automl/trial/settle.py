"""Settles a trial: once all its folds are done, the other folds choose the stage of each.

The fold is scored on its predictions at the earliest stage whose mean loss over the others is
within one standard error of the best (Breiman et al., Classification and Regression Trees, 1984,
section 3.4.3). This needs no fit. The best stage itself would still be optimistic with few rows,
since the rows of a fold have trained the others (docs/decisions/0040).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split.choose import ALL_ROWS, SplitPlan
from automl.data.table import Dataset
from automl.errors import RunError
from automl.plugin.metric import Metric
from automl.plugin.prediction import check_prediction
from automl.store.files import write_atomic
from automl.store.run_dir import RunDir
from automl.trial.prediction_files import as_they_are, write_predictions
from automl.trial.stages import CURVES_FILE, StageCurve, stage_near

__all__ = ["Settled", "best_stage", "choosers", "discard_stages", "settle_folds"]

FOLDS_TO_HALF = 2.0
SHORT = 0.5  # of the median end: a fold that the clock stopped earlier would shorten all curves


@dataclass(frozen=True, slots=True)
class Settled:
    """The score of a fold once all folds of its trial are done.

    Attributes:
        score: Score of its validation rows at the stage that other folds chose, in the run's
            metric; None if the metric is undefined for them.
        crc: CRC-32 of the file of these predictions.
    """

    score: float | None
    crc: int


def settle_folds(
    run: RunDir,
    trial_id: str,
    folds: Sequence[int],
    plan: SplitPlan,
    dataset: Dataset,
    metric: Metric,
) -> tuple[dict[int, Settled], tuple[float, ...]]:
    """Scores each fold of a trial at the stage that its other folds choose, and writes that.

    Folds without logged stages stay unchanged. After a kill it can be repeated from the files,
    which stay until ``discard_stages``.

    Args:
        run: The run.
        trial_id: Such as ``lightgbm-3``.
        folds: Finished folds, ``ALL_ROWS`` for an out-of-bag family.
        plan: The split plan.
        dataset: The data.
        metric: Metric of the run.

    Returns:
        The settled folds, and the stages at which a fit on all rows should end: one for each log,
        none if no fold logged stages.

    Raises:
        RunError: A file is damaged.
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    curves = {f: _read_curves(run, trial_id, f) for f in sorted(folds) if f != ALL_ROWS}
    curves = {fold: found for fold, found in curves.items() if found}
    settled: dict[int, Settled] = {}
    for fold, own in curves.items():
        others = choosers(fold, curves, plan)
        if not others:
            continue  # a single fold keeps the score by its halves
        parts = []
        for number, curve in enumerate(own):
            stage = best_stage(
                {f: curves[f][number] for f in others},
                _sizes(plan, others),
                _n_train(plan, fold),
                is_cautious=plan.kind != "time",
            )
            wanted = curve.usual if stage is None else stage
            parts.append(_read_stage(run, trial_id, fold, number, curve, wanted))
        prediction = parts[0] if len(parts) == 1 else np.column_stack(parts)
        settled[fold] = _write(run, trial_id, fold, prediction, plan, dataset, metric)
    return settled, _ends(curves, plan)


def _ends(curves: Mapping[int, Sequence[StageCurve]], plan: SplitPlan) -> tuple[float, ...]:
    """Stages at which a fit on all rows should end, one for each log; finite."""
    ends = []
    for number in range(min((len(found) for found in curves.values()), default=0)):
        of_log = {fold: found[number] for fold, found in curves.items()}
        stage = best_stage(of_log, _sizes(plan, curves), plan.n_rows)
        last = max(float(curve.stages[-1]) for curve in of_log.values())
        usual = min(last, *(curve.usual for curve in of_log.values()))
        ends.append(usual if stage is None else stage)
    return tuple(ends)


def best_stage(
    curves: Mapping[int, StageCurve],
    n_train: Mapping[int, int] | None,
    n_rows: int,
    *,
    is_cautious: bool = False,
) -> float | None:
    """The stage with the lowest mean loss of several folds, or an earlier one that is as good.

    Args:
        curves: Curves of the folds that choose.
        n_train: Their training rows if these differ, with a time plan: fits of more rows run
            longer, by the square root of the ratio (Yao, Rosasco & Caponnetto 2007), and later
            folds count more (see ``_relevance``). None if all have as many.
        n_rows: Training rows of the fit that is to end there.
        is_cautious: Whether to take the earliest stage whose mean loss exceeds the lowest by no
            more than the standard error of that difference over the folds.

    Returns:
        The stage; None if no fold can choose.
    """
    useful = {fold: curve for fold, curve in curves.items() if curve.is_of_use}
    if not useful:
        return None
    factors = {
        fold: float(np.sqrt(n_rows / n_train[fold])) if n_train and curve.grows else 1.0
        for fold, curve in useful.items()
    }
    if n_train is not None:
        weight_of = {f: c.weight * _relevance(c, max(useful) - f) for f, c in useful.items()}
        useful = {f: replace(curve, weight=weight_of[f]) for f, curve in useful.items()}
    scaled = [(curve.stages * factors[fold], curve) for fold, curve in useful.items()]
    median_end = float(np.median([stages[-1] for stages, _ in scaled]))
    kept = [(stages, curve) for stages, curve in scaled if stages[-1] >= SHORT * median_end]
    end = min(stages[-1] for stages, _ in kept)
    grid = np.unique(np.concatenate([stages[stages <= end] for stages, _ in kept]))
    weights = np.array([curve.weight for _, curve in kept])
    losses = np.stack([np.interp(grid, s, _filled(c.losses)) for s, c in kept])
    mean = StageCurve(
        grid,
        _mean(losses, weights),
        _mean(np.stack([np.interp(grid, s, c.ties) for s, c in kept]), weights),
        usual=end,
        weight=float(weights.sum()),
        grows=False,
    )
    if not is_cautious or len(kept) < 2:
        return mean.best
    behind = losses - losses[:, [int(np.flatnonzero(grid == mean.best)[0])]]
    is_as_good = _mean(behind, weights) <= _mean_error(behind, weights)
    return float(grid[np.flatnonzero(is_as_good)[0]])


def _relevance(curve: StageCurve, age: int) -> float:
    """Weight of a curve of a time plan, halved for every two folds of age.

    Losses above 0 are divided by the lowest: a fold that meets a shift has large losses at every
    stage, and would outweigh all others.

    Args:
        curve: Curve of a fold.
        age: Number of folds by which it is older than the latest.
    """
    lowest = float(np.nanmin(curve.losses))
    return float(2.0 ** (-age / FOLDS_TO_HALF) / (lowest if lowest > 0 else 1.0))


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean over folds of values ``(n_folds, n_stages)``."""
    return np.average(values, axis=0, weights=weights)


def _mean_error(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of ``_mean`` from the differences between two or more folds."""
    shares = (weights / weights.sum())[:, np.newaxis]
    apart = shares * (values - _mean(values, weights))
    n_folds = len(values)
    return np.asarray(np.sqrt(n_folds / (n_folds - 1) * (apart**2).sum(axis=0)))


def _filled(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Losses in which a stage without a value is worse than all others."""
    known = losses[np.isfinite(losses)]
    worst = known.max() + abs(known.max()) + 1.0
    return np.where(np.isfinite(losses), losses, worst)


def discard_stages(run: RunDir, trial_id: str) -> None:
    """Removes the predictions of all stages of a finished trial, as they are large."""
    for folder in run.trial(trial_id).glob("fold-*"):
        for file in [*folder.glob("stages-*.npy"), folder / CURVES_FILE]:
            file.unlink(missing_ok=True)


def choosers(fold: int, curves: Mapping[int, Any], plan: SplitPlan) -> list[int]:
    """Folds whose curves may choose for a fold: they do not contain its rows.

    With a time plan these are earlier ones; in a repeat, the other folds of that repeat.
    """
    if plan.kind == "time":
        return [other for other in curves if other < fold]
    own = np.zeros(plan.n_rows, dtype=np.bool_)
    own[plan.splits[fold].valid] = True
    others = (other for other in curves if other != fold)
    return [other for other in others if not own[plan.splits[other].valid].any()]


def _n_train(plan: SplitPlan, fold: int) -> int:
    return len(plan.splits[fold].train)


def _sizes(plan: SplitPlan, folds: Sequence[int] | Mapping[int, Any]) -> dict[int, int] | None:
    """Training rows of the folds with a time plan, where they grow; None otherwise."""
    return {fold: _n_train(plan, fold) for fold in folds} if plan.kind == "time" else None


def _read_curves(run: RunDir, trial_id: str, fold: int) -> list[StageCurve]:
    path = run.fold(trial_id, fold) / CURVES_FILE
    if not path.is_file():
        return []
    try:
        with np.load(path, allow_pickle=False) as file:
            n_logs = sum(name.endswith("-curve") for name in file.files)
            return [_curve(file[f"{n}-curve"], file[f"{n}-facts"]) for n in range(n_logs)]
    except (OSError, ValueError, LookupError, EOFError) as error:
        raise RunError(f"{path} is damaged: {error!r}") from None


def _curve(values: NDArray[np.float64], facts: NDArray[np.float64]) -> StageCurve:
    (stages, losses, ties), (usual, weight, grows) = values, facts.tolist()
    return StageCurve(stages, losses, ties, usual, weight, bool(grows))


def _read_stage(
    run: RunDir, trial_id: str, fold: int, number: int, curve: StageCurve, wanted: float
) -> NDArray[np.float64]:
    path = _stages_file(run.fold(trial_id, fold), number)
    try:
        predictions = np.load(path, mmap_mode="r", allow_pickle=False)
        return np.array(predictions[stage_near(curve.stages, wanted)], dtype=np.float64)
    except (OSError, ValueError, LookupError, EOFError) as error:
        raise RunError(f"{path} is damaged: {error!r}") from None


def _stages_file(folder: Path, number: int) -> Path:
    return folder / f"stages-{number}.npy"


def _write(
    run: RunDir,
    trial_id: str,
    fold: int,
    prediction: NDArray[np.float64],
    plan: SplitPlan,
    dataset: Dataset,
    metric: Metric,
) -> Settled:
    rows, target = np.asarray(plan.splits[fold].valid), dataset.target
    shape = (len(rows), target.n_outputs) if target.n_outputs else (len(rows),)
    checked = check_prediction(prediction.reshape(shape), len(rows), target.task, target.n_outputs)
    path = run.settled(trial_id, fold)
    write_atomic(path, lambda file: write_predictions(file, checked, target.offset))
    weight = None if dataset.weight is None else dataset.weight[rows]
    shown = as_they_are(checked, target.offset)
    score, reason = metric.evaluate(dataset.y[rows], shown, weight)
    return Settled(None if reason else score, zlib.crc32(path.read_bytes()))
