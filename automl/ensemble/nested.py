"""What was selected on some rows predicts the others: the only fair look at a selection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import NO_CALIBRATION, learn_calibration
from automl.ensemble.candidates import Candidates, sample

__all__ = ["Nested", "Select", "select_in_parts"]

MIN_ROWS_PER_PART = 4

Select = Callable[[Candidates], NDArray[np.float64]]
"""A way to weigh candidates: gives their weights, ``(n_models,)``."""


@dataclass(frozen=True, slots=True)
class Nested:
    """Rows in parts; for each part, what was selected on the others.

    Attributes:
        candidates: The models.
        part_of_row: Number of the part of each row, ``(n_rows,)``.
        weights: By the name of the selection, weights for each part, ``(n_models,)``.
    """

    candidates: Candidates
    part_of_row: NDArray[np.int64]
    weights: Mapping[str, tuple[NDArray[np.float64], ...]]

    def shown(self, name: str, calibrated: bool = False) -> NDArray[np.float64]:
        """Predictions of each row by what was selected without it, as the metric is shown them.

        Args:
            name: Of the selection.
            calibrated: Whether to correct them, by what was learned without the row as well.
        """
        everything = self.candidates
        result = np.empty(everything.predictions[0].shape)
        for part, weights in enumerate(self.weights[name]):
            inside = self.part_of_row == part
            calibration = NO_CALIBRATION
            if calibrated:
                seen = everything.rows(np.flatnonzero(~inside))
                calibration = learn_calibration(
                    seen.blend(weights), seen.y, seen.metric, seen.weight
                )
            unseen = everything.rows(np.flatnonzero(inside))
            corrected = calibration.correct(unseen.blend(weights))
            result[inside] = calibration.shown_to(unseen.metric, corrected)
        return result

    def judged_elsewhere(self, ways: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Predictions of each part by the way that has the lowest loss on all other parts.

        The best of several ways is flattered by the rows that show it to be the best.

        Args:
            ways: Predictions of all rows, one array a way; of equal ones the first is taken.
        """
        result = np.empty_like(ways[0])
        for part in range(int(self.part_of_row.max()) + 1):
            others = np.flatnonzero(self.part_of_row != part)
            elsewhere = self.candidates.rows(others)
            losses = [elsewhere.loss(way[others]) for way in ways]
            inside = self.part_of_row == part
            result[inside] = ways[int(np.argmin(losses))][inside]
        return result


def select_in_parts(
    candidates: Candidates, selections: Mapping[str, Select], parts: int, max_rows: int, seed: int
) -> Nested | None:
    """Selects in several ways, each without one part of the rows at a time.

    Args:
        candidates: The models.
        selections: The ways to select, by name.
        parts: Parts of the rows at most; a part has four rows at least, and whole groups. Where
            the metric compares the rows of a fold, folds are the parts.
        max_rows: Rows that steer a selection at most.
        seed: Of the parts and of the samples of rows.

    Returns:
        The selections; None where there are too few rows or groups for two parts.
    """
    part_of_row = _folds(candidates)
    if part_of_row is None:
        part_of_row = _parts(candidates, parts, seed)
    if part_of_row is None:
        return None
    weights: dict[str, list[NDArray[np.float64]]] = {name: [] for name in selections}
    for part in range(int(part_of_row.max()) + 1):
        seen = candidates.rows(np.flatnonzero(part_of_row != part))
        steered = sample(seen, max_rows, seed + part)
        for name, select in selections.items():
            weights[name].append(select(steered))
    return Nested(candidates, part_of_row, {name: tuple(w) for name, w in weights.items()})


def _folds(candidates: Candidates) -> NDArray[np.int64] | None:
    """The folds as parts, where rows are compared within folds and there are several."""
    if candidates.fold is None or not candidates.metric.ranks:
        return None
    numbers, part_of_row = np.unique(candidates.fold, return_inverse=True)
    return part_of_row if len(numbers) > 1 else None


def _parts(candidates: Candidates, parts: int, seed: int) -> NDArray[np.int64] | None:
    """Number of the part of each row: whole groups, or equal shares of each class, or by chance.

    None where there are too few rows or groups for two parts.
    """
    n_units = candidates.n_rows if candidates.group is None else len(np.unique(candidates.group))
    parts = min(parts, candidates.n_rows // MIN_ROWS_PER_PART, n_units)
    if parts < 2:
        return None
    random = np.random.default_rng(seed)
    if candidates.group is not None:
        names, unit_of_row = np.unique(candidates.group, return_inverse=True)
        part_of_unit: NDArray[np.int64] = random.permutation(len(names)) % parts
        return part_of_unit[unit_of_row]
    shuffled = random.permutation(candidates.n_rows)
    if candidates.predictions[0].ndim == 2:
        shuffled = shuffled[np.argsort(candidates.y[shuffled], kind="stable")]
    part_of_row = np.empty(candidates.n_rows, dtype=np.int64)
    part_of_row[shuffled] = np.arange(candidates.n_rows) % parts
    return part_of_row
