"""The params that are measured: those of all portfolios, and some drawn at random."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily

__all__ = ["Candidate", "candidates"]

SIZES = (500, 5_000, 50_000, 500_000)
"""Rows at which portfolios are asked for: each has an entry for every size it knows."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One point of a family's search space, measured on all tables.

    Attributes:
        name: Family and a hash of the params that it has where no kind of column is missing: the
            same on all tables.
        family: Name.
        params: Those that the table at hand asks for.
    """

    name: str
    family: str
    params: Mapping[str, Any]


def candidates(
    families: Sequence[tuple[ModelFamily, ProblemInfo]],
    n_entries: int,
    n_random: int,
    seed: int = 0,
    sizes: Sequence[int] = SIZES,
) -> list[Candidate]:
    """The candidates of families for one table, each once: first portfolios, then random draws.

    Args:
        families: Those that take the table, with its shape.
        n_entries: Entries of each portfolio, at each of some sizes of tables.
        n_random: Random draws of each family.
        seed: Of the draws.
        sizes: Rows of tables at which portfolios are asked for.
    """
    found: dict[str, Candidate] = {}
    for family, shape in families:
        full = replace(shape, n_numeric=8, n_categorical=4, n_categories=(2, 5, 20, 100))
        pairs = zip(
            _params(family, full, n_entries, n_random, seed, sizes),
            _params(family, shape, n_entries, n_random, seed, sizes),
            strict=True,
        )
        for known_by, params in pairs:
            text = json.dumps(known_by, sort_keys=True)
            name = f"{family.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
            found.setdefault(name, Candidate(name, family.name, dict(params)))
    return list(found.values())


def _params(
    family: ModelFamily,
    problem: ProblemInfo,
    n_entries: int,
    n_random: int,
    seed: int,
    sizes: Sequence[int],
) -> Iterator[Mapping[str, Any]]:
    for n_rows in sizes:
        yield from family.portfolio(replace(problem, n_rows=n_rows))[:n_entries]
    for number in range(n_random):
        yield family.search_space(_Random(f"{family.name}/{seed}/{number}"), problem)


class _Random:
    """Draws each param by its name, so that a space that lacks one gives the same others."""

    def __init__(self, key: str) -> None:
        self._key = key

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        share = self._share(name)
        value = low * (high / low) ** share if log else low + (high - low) * share
        return float(f"{value:.4g}")

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return max(low, min(high, round(self.suggest_float(name, low, high, log=log))))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[min(int(self._share(name) * len(choices)), len(choices) - 1)]

    def _share(self, name: str) -> float:
        return random.Random(f"{self._key}/{name}").random()
