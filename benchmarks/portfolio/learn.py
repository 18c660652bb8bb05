"""Learns the order in which candidates are tried, from what was measured on many tables.

    python -m benchmarks.portfolio.learn --store measured --time 60

Greedy, as in TabRepo (Salinas and Erickson, AutoML 2024, section 5): the next candidate is the one
after which the ensembles of all tables are best on average. A table's ensemble has the candidates
so far whose fits go into the budget, and is selected on their out-of-fold predictions and judged on
the test rows; errors are scaled per table, from 0 (the best single candidate) to 1 (the median
one). The order that is learned from some tables is judged on the others, next to an order given by
``--against`` or found at random.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble import SelectionOptions, aligned, select_ensemble
from automl.metrics import get_metric
from automl.plugin.metric import Metric
from automl.plugin.task import Task
from benchmarks.portfolio.measured import Measured, MeasuredTable, read_table

__all__ = ["Judge", "greedy_order", "main"]

MAX_ROWS, MAX_TEST_ROWS = 3_000, 6_000
STEPS = 15
USED_SHARE = 0.9  # of the core-seconds of a search is spent inside fits
PARTS = 5


@dataclass(slots=True)
class Judge:
    """Tells how good the ensemble of some candidates of one table is.

    Attributes:
        table: What was measured.
        seconds: Core-seconds for fits.
        metric: Of the table.
    """

    table: MeasuredTable
    seconds: float
    metric: Metric = field(init=False)
    _rows: NDArray[np.int64] = field(init=False)
    _test_rows: NDArray[np.int64] = field(init=False)
    _known: dict[tuple[str, ...], float] = field(default_factory=dict)
    _scale: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        table, random = self.table, np.random.default_rng(0)
        self.metric = get_metric(table.metric, Task(table.task))
        self._rows = _some(random, len(table.y), MAX_ROWS)
        self._test_rows = _some(random, len(table.y_test), MAX_TEST_ROWS)
        single = [self._test_loss(m.test) for m in table.candidates.values()]
        self._scale = min(single), max(float(np.median(single)), min(single) + 1e-12)

    def members(self, order: Sequence[str]) -> tuple[str, ...]:
        """The candidates of an order that go into the budget, one after the other."""
        left, chosen = self.seconds, []
        for name in order:
            measured = self.table.candidates.get(name)
            if measured is not None and (cost := float(measured.seconds.sum())) <= left:
                left -= cost
                chosen.append(name)
        return tuple(chosen)

    def error(self, order: Sequence[str]) -> float:
        """Scaled error of the ensemble of an order; 1 where there is none."""
        members = self.members(order)
        if members not in self._known:
            self._known[members] = self._error([self.table.candidates[m] for m in members])
        return self._known[members]

    def _error(self, members: Sequence[Measured]) -> float:
        if not members:
            return 1.0
        candidates = aligned(
            [m.oof[self._rows] for m in members],
            self.table.y[self._rows],
            self.metric,
            families=[m.family for m in members],
        )
        chosen = select_ensemble(candidates, SelectionOptions(steps=STEPS))
        weighted = zip(chosen.weights, members, strict=True)
        test = sum(weight * m.test.astype(np.float64) for weight, m in weighted if weight > 0)
        best, middle = self._scale
        return (self._test_loss(np.asarray(test)) - best) / (middle - best)

    def _test_loss(self, prediction: NDArray[Any]) -> float:
        rows = self._test_rows
        return self.metric.loss(self.metric.score(self.table.y_test[rows], prediction[rows]))


def _some(random: np.random.Generator, n: int, most: int) -> NDArray[np.int64]:
    return np.arange(n) if n <= most else np.sort(random.choice(n, most, replace=False))


def greedy_order(
    judges: Sequence[Judge],
    length: int,
    start: Sequence[str] = (),
    told: Callable[[str, float], None] = lambda *_: None,
) -> list[str]:
    """Candidates in the order in which they lower the mean scaled error most.

    Args:
        judges: Of the tables to learn from.
        length: Of the order at most.
        start: Candidates that come first.
        told: Hears each candidate with the error it leads to.
    """
    order = list(start)
    names = sorted({name for judge in judges for name in judge.table.candidates})
    while len(order) < length:
        errors = {
            name: float(np.mean([judge.error([*order, name]) for judge in judges]))
            for name in names
            if name not in order
        }
        if not errors:
            break
        name = min(errors, key=lambda n: (errors[n], n))
        if order and errors[name] >= np.mean([judge.error(order) for judge in judges]):
            break
        order.append(name)
        told(name, errors[name])
    return order


def judged_elsewhere(judges: Sequence[Judge], length: int) -> float:
    """Mean scaled error on tables that an order was not learned from, over ``PARTS`` parts."""
    errors: list[float] = []
    for part in range(PARTS):
        seen = [j for i, j in enumerate(judges) if i % PARTS != part]
        unseen = [j for i, j in enumerate(judges) if i % PARTS == part]
        order = greedy_order(seen, length)
        errors += [judge.error(order) for judge in unseen]
    return float(np.mean(errors))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the order that was learned, and what it is worth on tables it was not learned from."""
    options = _options(arguments)
    folders = sorted(p.parent for p in options.store.glob("*/table.json"))
    seconds = USED_SHARE * options.time * options.slots
    judges = [Judge(read_table(folder), seconds) for folder in folders]
    judges = [j for j in judges if options.rows[0] <= j.table.n_rows < options.rows[1]]
    print(f"{len(judges)} tables of {options.rows[0]} to {options.rows[1]} rows")
    params = _params(judges)
    order = greedy_order(
        judges,
        options.length,
        told=lambda name, error: print(f"{error:7.4f} {name} {json.dumps(params[name])}"),
    )
    every = sorted(params)
    draws = [list(np.random.default_rng(i).permutation(every)) for i in range(5)]
    by_chance = [np.mean([j.error(draw) for j in judges]) for draw in draws]
    print(f"learned: {np.mean([j.error(order) for j in judges]):.4f} on the same tables")
    print(f"learned: {judged_elsewhere(judges, options.length):.4f} on other tables")
    print(f"by chance: {np.mean(by_chance):.4f}")
    if options.against:
        given = json.loads(options.against.read_text(encoding="utf-8"))
        print(f"given: {np.mean([j.error(given) for j in judges]):.4f}")


def _params(judges: Sequence[Judge]) -> Mapping[str, Any]:
    return {name: m.params for j in judges for name, m in j.table.candidates.items()}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.portfolio.learn",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--time", type=float, default=60.0, help="budget of the search, seconds")
    parser.add_argument("--slots", type=int, default=2, help="its cores")
    parser.add_argument("--rows", type=int, nargs=2, default=(0, 10**9), help="from, and below")
    parser.add_argument("--length", type=int, default=12, help="of the order at most")
    parser.add_argument("--against", type=Path, help="a JSON list of candidates to compare with")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
