"""Cross-fits weights, kind and calibration: for each part of the rows, chosen without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import NO_CALIBRATION, Calibration
from automl.ensemble.candidates import Candidates, round_loss, sampled

__all__ = [
    "KINDS",
    "Choice",
    "CrossFit",
    "Kind",
    "Select",
    "Verdict",
    "comparison_text",
    "parts_of",
    "verdict_of",
    "within_parts",
]

MIN_PARTS = 3  # without two of them there must be rows left to select on
MIN_ROWS_PER_PART = 4

Kind = Literal["ensemble", "single"]
KINDS: tuple[Kind, ...] = ("single", "ensemble")

Select = Callable[[Candidates], NDArray[np.float64]]
"""A way to weigh candidates: gives their weights, ``(n_models,)``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Comparison of the kinds on rows not used by the selections.

    Attributes:
        kind: The kind with the better score.
        is_corrected: Whether calibration improves its score.
        scores: Cross-fitted score of each kind without calibration.
    """

    kind: Kind
    is_corrected: bool
    scores: Mapping[Kind, float]


@dataclass(frozen=True, slots=True)
class Choice:
    """A predictor: weights of the models, ``(n_models,)``, and the calibration of their mean."""

    weights: NDArray[np.float64]
    calibration: Calibration = NO_CALIBRATION

    def held_out_predictions(
        self, candidates: Candidates, rows: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Predicts some of the rows, as the metric is shown them."""
        members = np.flatnonzero(self.weights)
        blend = candidates.models(members.tolist()).rows(rows).blend(self.weights[members])
        return self.calibration.for_metric(candidates.metric, self.calibration.apply(blend))


@dataclass(slots=True)
class CrossFit:
    """Selections made without one or two parts of the rows.

    For a part p, the weights, the kind (ensemble or single model) and the calibration are chosen
    on the other parts alone. Kind and calibration are those that score best there when each part
    q is predicted by a selection without p and q (nested cross-validation; Varma & Simon, 2006).
    A selection without p and q serves both, so P parts need P + P (P - 1) / 2 selections.

    Attributes:
        candidates: The models on the rows used for selection.
        part_of_row: Part of each row, from 0, ``(n_rows,)``.
        selections: Functions that weight the models, by kind.
        max_rows: Largest number of rows of a selection without one part, and without two.
        seed: Seed of the samples of rows.
    """

    candidates: Candidates
    part_of_row: NDArray[np.int64]
    selections: Mapping[Kind, Select]
    max_rows: tuple[int, int]
    seed: int = 0
    _weights: dict[tuple[Kind, frozenset[int]], NDArray[np.float64]] = field(default_factory=dict)
    _learned: dict[tuple[Kind, frozenset[int]], Calibration] = field(default_factory=dict)

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return int(self.part_of_row.max()) + 1

    def verdict(self, without: int | None = None) -> Verdict:
        """Compares the kinds, then the better one with and without a correction.

        Args:
            without: Part to exclude; None for none.
        """
        return verdict_of([self], without)

    def choices(self) -> tuple[Choice, ...]:
        """Returns the predictor of each part, chosen without rows of the part."""
        verdicts = map(self.verdict, range(self.n_parts))
        return tuple(
            self._choice(found.kind, found.is_corrected, frozenset((part,)))
            for part, found in enumerate(verdicts)
        )

    def score(self, kind: Kind, is_corrected: bool, outside: frozenset[int]) -> float:
        """Scores the rows of all other parts, each predicted by a selection without its part."""
        shown = np.empty(self.candidates.predictions[0].shape)
        for part in set(range(self.n_parts)) - outside:
            rows = np.flatnonzero(self.part_of_row == part)
            choice = self._choice(kind, is_corrected, outside | {part})
            shown[rows] = choice.held_out_predictions(self.candidates, rows)
        rows = self._rows_without(outside)
        compared = within_parts(self.candidates.models(()), self.part_of_row)
        return compared.rows(rows).score(shown[rows])

    def _choice(self, kind: Kind, is_corrected: bool, outside: frozenset[int]) -> Choice:
        """Returns weights and calibration from the rows outside some parts."""
        key = kind, outside
        if key not in self._weights:
            seen = self._seen(outside)
            self._weights.update({(k, outside): s(seen) for k, s in self.selections.items()})
        weights = self._weights[key]
        if not is_corrected:
            return Choice(weights)
        if key not in self._learned:
            self._learned[key] = self._seen(outside).calibration(weights)
        return Choice(weights, self._learned[key])

    def _seen(self, outside: frozenset[int]) -> Candidates:
        """The models on a sample of the rows of all other parts."""
        rows = self._rows_without(outside)
        max_rows = self.max_rows[len(outside) - 1]
        drawn = sampled(self.candidates, len(rows), max_rows, (self.seed, *sorted(outside)))
        return self.candidates.rows(rows[drawn])

    def _rows_without(self, outside: frozenset[int]) -> NDArray[np.int64]:
        return np.flatnonzero(~np.isin(self.part_of_row, list(outside)))


def verdict_of(repeats: Sequence[CrossFit], without: int | None = None) -> Verdict:
    """Compares the kinds by the mean score of several repeats; see ``CrossFit.verdict``.

    Of equally good kinds it is the single model.
    """
    outside = frozenset(() if without is None else (without,))
    metric = repeats[0].candidates.metric

    def mean(kind: Kind, is_corrected: bool) -> float:
        scores = np.array([fit.score(kind, is_corrected, outside) for fit in repeats])
        known = scores[np.isfinite(scores)]
        return float(known.mean()) if len(known) else math.nan

    offered = [kind for kind in KINDS if kind in repeats[0].selections]
    scores = {kind: mean(kind, False) for kind in offered}
    losses = {kind: round_loss(metric.loss(score)) for kind, score in scores.items()}
    kind = min(offered, key=losses.__getitem__)
    return Verdict(kind, round_loss(metric.loss(mean(kind, True))) < losses[kind], scores)


def comparison_text(where: str, metric: str, scores: Mapping[Kind, float], kind: Kind) -> str:
    """Returns why the ensemble or the best single model was chosen, for the user."""
    found = (
        f"{where} the ensemble has {metric} {scores['ensemble']:.6g} and the best single model "
        f"{scores['single']:.6g}"
    )
    return found if kind == "ensemble" else f"{found}, so that model predicts alone"


def parts_of(candidates: Candidates, parts: int, seed: int) -> NDArray[np.int64] | None:
    """Divides the rows: number of the part of each row from 0, ``(n_rows,)``.

    Where the metric compares the rows of a fold with one another, a part is whole folds; else
    whole groups, or equal shares of each class, or rows by chance.

    Args:
        candidates: The models.
        parts: Parts at most; a part has four rows at least.
        seed: Of the division.

    Returns:
        The numbers; None where there are too few rows or groups for three parts.
    """
    units = _folds(candidates)
    if units is None:
        units = candidates.group
    n_units = candidates.n_rows if units is None else len(np.unique(units))
    parts = min(parts, candidates.n_rows // MIN_ROWS_PER_PART, n_units)
    if parts < MIN_PARTS:
        return None
    random = np.random.default_rng(seed)
    if units is not None:
        names, unit_of_row = np.unique(units, return_inverse=True)
        part_of_unit: NDArray[np.int64] = random.permutation(len(names)) % parts
        return part_of_unit[unit_of_row]
    shuffled = random.permutation(candidates.n_rows)
    if candidates.predictions[0].ndim == 2:
        shuffled = shuffled[np.argsort(candidates.y[shuffled], kind="stable")]
    part_of_row = np.empty(candidates.n_rows, dtype=np.int64)
    part_of_row[shuffled] = np.arange(candidates.n_rows) % parts
    return part_of_row


def within_parts(candidates: Candidates, part_of_row: NDArray[np.int64]) -> Candidates:
    """Candidates of which a metric that ranks compares rows of one part, and of one fold, alone.

    Each part is predicted by a choice of its own. Of two choices that order rows equally well one
    may give higher values than the other: across parts their order says nothing, and a score of
    all rows at once would be too low by that.
    """
    if not candidates.metric.is_ranking:
        return candidates
    fold = 0 if candidates.fold is None else candidates.fold
    n_parts = int(part_of_row.max()) + 1
    return replace(candidates, fold=fold * n_parts + part_of_row)


def _folds(candidates: Candidates) -> NDArray[np.int64] | None:
    """The fold of each row, where rows are compared within folds and there are enough of them."""
    if candidates.fold is None or not candidates.metric.is_ranking:
        return None
    return candidates.fold if len(np.unique(candidates.fold)) >= MIN_PARTS else None
