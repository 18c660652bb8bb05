"""The additive model of an explainable boosting machine: tables of scores by bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Matrix, StageLog, Task
from automl_plugins.common.fitting import load_arrays, save_arrays
from automl_plugins.common.probabilities import softmax
from automl_plugins.ebm.bins import Bins

__all__ = ["AdditiveModel", "Term", "as_prediction", "term_places"]

Term = tuple[int, ...]
"""One or two columns of a term."""


@dataclass(frozen=True, slots=True)
class AdditiveModel:
    """Sums the scores of all terms, looked up by the bins of their columns.

    Attributes:
        task: Task of the model.
        bins: Bins of the columns.
        intercept: Scores without terms, ``(n_scores,)``: one, or one per class if several.
        terms: Single columns in fine bins, pairs of columns in coarse bins.
        scores: For each term ``(n_places, n_scores)``.
        stages: Stage logs of validation predictions; only after a fit.
    """

    task: Task
    bins: Bins
    intercept: NDArray[np.float64]
    terms: tuple[Term, ...]
    scores: tuple[NDArray[np.float64], ...]
    stages: tuple[StageLog, ...] = ()

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, or values ``(n_rows,)``."""
        rows = np.asarray(X)
        used = sorted({column for term in self.terms for column in term})
        fine = {column: self.bins.fine(rows, column) for column in used}
        total = np.repeat(self.intercept[np.newaxis], len(rows), axis=0)
        for term, scores in zip(self.terms, self.scores, strict=True):
            total += scores[term_places(self.bins, term, fine)]
        return as_prediction(total, self.task)

    def save(self, path: Path) -> None:
        """Writes arrays into the directory ``path``."""
        save_arrays(
            path,
            task=np.array(str(self.task)),
            is_coded=np.array(self.bins.is_coded, dtype=np.bool_),
            n_cuts=np.array([len(cuts) for cuts in self.bins.cuts], dtype=np.int64),
            cuts=_joined(self.bins.cuts, np.float32),
            n_coarse=np.array([len(coarse) for coarse in self.bins.coarse], dtype=np.int64),
            coarse=_joined(self.bins.coarse, np.int64),
            intercept=self.intercept,
            terms=np.array([(term[0], term[-1]) for term in self.terms], dtype=np.int64),
            n_places=np.array([len(scores) for scores in self.scores], dtype=np.int64),
            scores=np.concatenate([np.empty((0, len(self.intercept))), *self.scores]),
        )

    @classmethod
    def load(cls, path: Path) -> AdditiveModel:
        """Reads the model written by ``save``."""
        arrays = load_arrays(path)
        bins = Bins(
            cuts=_parted(arrays["cuts"], arrays["n_cuts"]),
            coarse=_parted(arrays["coarse"].astype(np.intp), arrays["n_coarse"]),
            is_coded=tuple(arrays["is_coded"].tolist()),
        )
        pairs = arrays["terms"].reshape(-1, 2).tolist()
        terms = tuple((first,) if first == last else (first, last) for first, last in pairs)
        scores = _parted(arrays["scores"], arrays["n_places"])
        return cls(Task(str(arrays["task"])), bins, arrays["intercept"], terms, scores)


def term_places(bins: Bins, term: Term, fine: Mapping[int, NDArray[np.intp]]) -> NDArray[np.intp]:
    """Position of each row in the scores of a term, ``(n_rows,)``.

    Args:
        bins: Bins of the columns.
        term: One or two columns.
        fine: Bin of each row by column, from ``Bins.fine``.
    """
    if len(term) == 1:
        return fine[term[0]]
    first, second = (bins.coarse[column][fine[column]] for column in term)
    pair_places: NDArray[np.intp] = first * bins.n_bins(term[1], is_coarse=True) + second
    return pair_places


def as_prediction(scores: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    """Probabilities or values from summed scores ``(n_rows, n_scores)``."""
    if task is Task.REGRESSION:
        return scores[:, 0]
    if task is Task.BINARY:
        scores = np.column_stack((np.zeros(len(scores)), scores[:, 0]))
    return softmax(scores)


def _joined(arrays: tuple[NDArray[Any], ...], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype=dtype), *arrays]).astype(dtype)


def _parted(joined: NDArray[Any], lengths: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
    return tuple(np.split(joined, np.cumsum(lengths)[:-1])) if len(lengths) else ()
