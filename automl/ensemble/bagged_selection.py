"""Selection on few rows: the mean of greedy selections on halves of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.candidates import Candidates
from automl.ensemble.selection import SelectionOptions, greedy_weights

__all__ = ["FEW_ROWS", "LEAST_ROWS", "bagged_weights"]

# Measured on tables of 300 to 1,000 rows: docs/decisions/0048-what-a-nested-score-keeps.md.
FEW_ROWS = 1_000
N_HALVES = 4
MOST_MEMBERS = 8
LEAST_ROWS = 40  # with fewer a half says nothing


def bagged_weights(candidates: Candidates, options: SelectionOptions) -> NDArray[np.float64]:
    """Weights of the candidates, ``(n_models,)``: the mean of greedy selections on four halves.

    A model that is good by luck on some rows is hardly as good on half of them. The halves are
    drawn by chance, independently; a selection takes half of the steps. Of all members the
    heaviest are kept, eight at most, as far as they keep all limits together. With fewer than 40
    rows it is the greedy selection on all.
    """
    if candidates.n_rows < LEAST_ROWS:
        return greedy_weights(candidates, options)
    halved = replace(options, steps=max(1, options.steps // 2))
    random, total = np.random.default_rng(options.seed), np.zeros(candidates.n_models)
    for _ in range(N_HALVES):
        rows = random.choice(candidates.n_rows, candidates.n_rows // 2, replace=False)
        total += greedy_weights(candidates.rows(np.sort(rows)), halved)
    kept: list[int] = []
    for i in np.argsort(-total, kind="stable")[: np.count_nonzero(total)].tolist():
        fits = not kept or candidates.fit_together([*kept, i])
        if fits and len(kept) < min(options.max_members, MOST_MEMBERS):
            kept.append(i)
    weights = np.zeros(candidates.n_models)
    weights[kept] = total[kept] / total[kept].sum()
    return weights
