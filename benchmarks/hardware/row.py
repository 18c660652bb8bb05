"""Rows of the table: units of work, and verdicts on their figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.honesty.row import Verdict

__all__ = [
    "ALL",
    "IMAGES_S",
    "NONE",
    "PACK",
    "PEER",
    "SEARCH",
    "STEPS",
    "Choices",
    "Figures",
    "Line",
    "Row",
    "Unit",
    "Verdict",
    "identity",
    "search_limit_s",
    "search_unit",
]

SEARCH, PACK, STEPS, PEER = "search", "pack", "steps", "peer"
"""Kinds of units."""

ALL, NONE = "all", "none"
"""Every device that this process may use, or no GPU."""

Figures = Mapping[str, Any]
"""Measured values by name, as JSON."""

Line = Mapping[str, Any]
"""A line of results: kind, key and figures of a unit, and where and when they were measured."""

PREDICT_S, IMAGES_S = 40.0, 150.0
"""Seconds in which all predictions of a unit have ended, or are killed."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest piece of a measurement: it is done as a whole, and its figures are kept.

    Attributes:
        kind: ``search``, ``pack``, ``steps`` or ``peer``.
        key: What is measured: values of JSON. Rows share units that have equal keys.
        needs_s: Seconds after which it has ended, or is killed.
    """

    kind: str
    key: Mapping[str, Any]
    needs_s: float

    def __str__(self) -> str:
        return f"{self.kind} {' '.join(f'{name}={value}' for name, value in self.key.items())}"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user changes about a row.

    Attributes:
        tables: Names of tables instead of those of the row; empty for those.
        time_s: Seconds of each search instead of those of the row; None for those. Longer searches
            of the row keep their ratio to the shortest.
        has_before: Whether there is an older checkout to compare with.
    """

    tables: tuple[str, ...] = ()
    time_s: float | None = None
    has_before: bool = True

    def seconds(self, own_s: float, shortest_s: float) -> float:
        """The budget of a search of ``own_s`` seconds in a row whose shortest has the other."""
        return own_s if self.time_s is None else self.time_s * own_s / shortest_s


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Attributes:
        name: On the command line.
        what: What it measures, in a line.
        units: Returns its units.
        judge: Makes verdicts on lines of one machine, given the units of the whole row.
        needs_gpu: Whether it measures nothing without a GPU.
        system: Other system that it needs, such as ``autogluon:best_quality``; "" for none.
    """

    name: str
    what: str
    units: Callable[[Choices], list[Unit]]
    judge: Callable[[Sequence[Line], Sequence[Unit]], list[Verdict]]
    needs_gpu: bool = False
    system: str = ""


def identity(kind: str, key: Mapping[str, Any]) -> str:
    """A text that is equal for units with equal keys."""
    return f"{kind} {json.dumps(dict(key), sort_keys=True)}"


def search_limit_s(time_s: float) -> float:
    """Seconds after which a search with this budget is killed."""
    return 1.2 * time_s + 20.0


def search_unit(
    table: str,
    time_s: float,
    *,
    cores: int | str = ALL,
    gpus: str = ALL,
    seed: int = 0,
    state: str = "this",
    predict_s: float = PREDICT_S,
) -> Unit:
    """A search, predictions of the rows apart, and their score.

    Args:
        table: Name of the table, or of a folder of images.
        time_s: Budget in seconds.
        cores: Number of cores, or all.
        gpus: All, or none.
        seed: Of the division of the rows, and of the search.
        state: ``this`` checkout, or the one ``before``.
        predict_s: Seconds for its predictions.
    """
    key = {
        "table": table,
        "time_s": float(time_s),
        "cores": cores,
        "gpus": gpus,
        "seed": seed,
        "state": state,
    }
    return Unit(SEARCH, key, search_limit_s(time_s) + predict_s)
