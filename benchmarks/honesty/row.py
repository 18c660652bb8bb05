"""What a measurement consists of: units of work, and verdicts on their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "TABLES",
    "Key",
    "Line",
    "Parts",
    "Row",
    "Unit",
    "Verdict",
    "mean_and_error",
    "merged",
    "values",
]

Key = Mapping[str, Any]
"""What makes a unit unique within its row: rows, seed, ..."""

TABLES = "HONESTY_TABLES"
"""Variable of the environment with the folder where drawn tables are kept from unit to unit."""

Parts = dict[str, dict[str, Any]]
"""Results by part: a family, or ``ensemble``. One that failed holds ``error`` alone."""

Line = Mapping[str, Any]
"""A line of results: row, label, key, parts, and where and when they were measured."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One process of work.

    Attributes:
        key: What is measured: values of JSON.
        parts: Names of the results. Those that are kept already are not measured again.
    """

    key: Key
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the report.

    Attributes:
        what: What was measured.
        value: The figure, as text.
        bar: Where it has to lie, as text.
        is_met: Whether it lies there; None where nothing is asked of it.
        n: Number of units that the figure rests on.
        n_asked: Number of units of the whole measurement.
    """

    what: str
    value: str
    bar: str
    is_met: bool | None
    n: int
    n_asked: int


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        name: On the command line.
        what: What it shows, in a line.
        seeds: Number of seeds of the whole measurement.
        parts: What a unit may have: families, or ``ensemble``.
        units: Makes the units of some seeds and parts.
        measure: Measures a unit, in its process: key, names of parts and an empty folder.
        judge: Makes verdicts on lines of one label.
        is_timed: Whether seconds count: one unit at a time then, on all cores that it is given.
        limit_s: Seconds after which a unit is killed.
    """

    name: str
    what: str
    seeds: int
    parts: tuple[str, ...]
    units: Callable[[int, tuple[str, ...]], list[Unit]]
    measure: Callable[[Key, Sequence[str], Path], Parts]
    judge: Callable[[Sequence[Line]], list[Verdict]]
    is_timed: bool = False
    limit_s: float = 1800.0


def merged(lines: Iterable[Line]) -> list[tuple[Key, Parts]]:
    """Units with all their parts, whichever lines hold them; later lines win."""
    units: dict[str, tuple[Key, Parts]] = {}
    for line in lines:
        key = line["key"]
        _, parts = units.setdefault(repr(sorted(key.items())), (key, {}))
        parts.update(line["parts"])
    return list(units.values())


def values(units: Iterable[tuple[Key, Parts]], name: str) -> dict[str, list[float]]:
    """The values of this name by part; parts that failed, or have none, are left out."""
    found: dict[str, list[float]] = {}
    for _, parts in units:
        for part, result in parts.items():
            if result.get(name) is not None:
                found.setdefault(part, []).append(float(result[name]))
    return found


def mean_and_error(numbers: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error; NaN for the error of fewer than two."""
    error = np.std(numbers, ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.nan
    return float(np.mean(numbers)), float(error)
