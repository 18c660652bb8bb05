"""Limits the number of rows used by selections to fit the available time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from automl.ensemble.candidates import Candidates, sample
from automl.ensemble.selection import SelectionOptions

__all__ = ["Sizes"]

MIN_SAMPLE_ROWS = 2_000
NESTED_ROWS = (20_000, 5_000)  # for a selection without one part, and without two
SHARE_OF_TIME_FOR_STEPS = 0.6


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of three kinds of selections: the final one, without one part, and without two parts.

    Attributes:
        n_rows: Largest number of rows used by one selection of each kind.
        n_scorings: Scorings of all selections of each kind.
    """

    n_rows: tuple[int, int, int]
    n_scorings: tuple[int, int, int]

    @classmethod
    def of(cls, candidates: Candidates, options: SelectionOptions) -> Sizes:
        """Returns the sizes without a time limit."""
        n_families, n_repeats = len(set(candidates.families)), len(candidates.repeats())

        def scorings(options: SelectionOptions) -> int:
            n_models = candidates.n_models
            return n_models + options.steps * min(options.pool + n_families, n_models)

        n_rows, parts = options.max_rows, options.parts
        short = n_repeats * parts * scorings(options.short)
        return cls(
            (n_rows, min(n_rows, NESTED_ROWS[0]), min(n_rows, NESTED_ROWS[1])),
            (scorings(options), short, short * (parts - 1) // 2),
        )

    def within(self, time_limit_s: float | None, candidates: Candidates) -> Sizes:
        """Reduces the rows, to 2,000 at least, to fit a time limit, by timing one scoring."""
        if time_limit_s is None:
            return self
        timed = sample(candidates, self.n_rows[0], 0)
        start = time.perf_counter()
        timed.loss(timed.predictions[0])
        row_s = (time.perf_counter() - start) / timed.n_rows
        n_scored = (
            n * min(rows, timed.n_rows)
            for n, rows in zip(self.n_scorings, self.n_rows, strict=True)
        )
        share = SHARE_OF_TIME_FOR_STEPS * time_limit_s / max(row_s * sum(n_scored), 1e-9)
        last, one, two = (
            rows if share >= 1 else min(rows, max(MIN_SAMPLE_ROWS, int(rows * share)))
            for rows in self.n_rows
        )
        return replace(self, n_rows=(last, one, two))
