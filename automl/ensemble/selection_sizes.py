"""Limits the number of rows used by selections to fit the available time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from automl.ensemble.candidates import Candidates, sampled

__all__ = ["NESTED_POOL", "NESTED_STEPS", "Sizes"]

MIN_SAMPLE_ROWS = 2_000
NESTED_POOL, NESTED_STEPS = 12, 12
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
    def of(cls, candidates: Candidates, steps: int, pool: int, parts: int, max_rows: int) -> Sizes:
        """Returns the sizes without a time limit."""
        n_families, n_repeats = len(set(candidates.families)), len(candidates.repeats())

        def scorings(steps: int, pool: int) -> int:
            n_models = candidates.n_models
            return n_models + steps * min(pool + n_families, n_models)

        short = scorings(min(steps, NESTED_STEPS), min(pool, NESTED_POOL))
        return cls(
            (max_rows, min(max_rows, NESTED_ROWS[0]), min(max_rows, NESTED_ROWS[1])),
            (
                scorings(steps, pool),
                n_repeats * parts * short,
                n_repeats * parts * (parts - 1) // 2 * short,
            ),
        )

    def within(self, time_limit_s: float | None, candidates: Candidates) -> Sizes:
        """Reduces the rows, to 2,000 at least, to fit a time limit, by timing one scoring."""
        if time_limit_s is None:
            return self
        drawn = sampled(candidates, candidates.n_rows, self.n_rows[0], 0)
        timed = candidates if drawn is None else candidates.rows(drawn)
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
