r"""What each measure of a search brings: the whole search beside the search without it.

    python -m benchmarks.compare run --catalog tables/catalog.csv --time 60 \
        --systems automl $(python -m benchmarks.ablation systems)
    python -m benchmarks.ablation table runs/benchmark/results.jsonl

The first runs whatever is not done yet, as every comparison does. The second prints a row for each
measure: by how much the error on test rows is higher without it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import read_results
from benchmarks.standings import BAND, Comparison, comparisons
from benchmarks.systems import OURS

__all__ = ["MEASURES", "Measure", "changes", "leave_out", "main", "to_markdown"]

PREFIX = f"{OURS}:without="


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that a search does, and how to search without it.

    Attributes:
        what: It, in words.
        settings: Settings that turn it off.
        patch: Takes it out of the modules of this process, where no setting does.
    """

    what: str
    settings: tuple[str, ...] = ()
    patch: Callable[[], None] | None = None


def leave_out(name: str) -> tuple[str, ...]:
    """Takes a measure out of this process; returns the settings that its searches need.

    Raises:
        KeyError: There is no such measure.
    """
    measure = MEASURES[name]
    if measure.patch is not None:
        measure.patch()
    return measure.settings


def changes(one: Comparison, system: str) -> dict[str, float]:
    """By which share the error of a system is above that of ours, by table.

    The error of an area under the curve is its distance from 1. Tables on which either has failed
    are left out.
    """
    higher = {case.table: case.higher_is_better for case in one.cases}
    ours, theirs = one.scores(one.ours), one.scores(system)
    found = {}
    for table in one.tables:
        errors = [1 - s if higher[table] else s for s in (ours[table], theirs[table])]
        if not np.isnan(errors).any():
            found[table] = errors[1] / max(errors[0], 1e-12) - 1
    return found


def to_markdown(one: Comparison) -> str:
    """A row for each system beside ours, the one that is missed most first."""
    rows = []
    for system in one.systems:
        if system == one.ours:
            continue
        found = np.array([*changes(one, system).values()])
        if not len(found):
            continue
        name = system.removeprefix(PREFIX)
        what = MEASURES[name].what if name in MEASURES else system
        better, worse = int((found < -BAND).sum()), int((found > BAND).sum())
        cells = (
            f"{100 * found.mean():+.1f} % | {100 * np.median(found):+.1f} % | {worse} | {better}"
        )
        rows.append((-found.mean(), f"| {what} | {len(found)} | {cells} |"))
    head = [
        "| without | tables | mean change of the error | median | worse on | better on |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    return "\n".join(head + [row for _, row in sorted(rows)])


def _left_out(self: Any, shape: Any) -> Any:
    raise ValueError("it is left out")


def _refuse(*families: type[Any]) -> None:
    for family in families:
        family.resources = _left_out


def _without_libraries() -> None:
    from automl_plugins.catboost.family import CatBoost
    from automl_plugins.ebm.family import EBM
    from automl_plugins.xgboost.family import XGBoost

    _refuse(CatBoost, EBM, XGBoost)


def _without_nets() -> None:
    from automl_plugins.torch.tabular.family import NetFamily

    _refuse(NetFamily)


def _without_generated() -> None:
    from automl_plugins.common import generated_columns as _generated

    _generated._choices = lambda shape: ("none",)


def _without_portfolio() -> None:
    from automl.tuning.propose.study import FamilyStudy

    make = FamilyStudy.__init__

    def with_defaults(self: FamilyStudy, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self._portfolio = self._portfolio[:1]

    FamilyStudy.__init__ = with_defaults  # type: ignore[method-assign]


def _without_evidence() -> None:
    from automl.tuning.propose import allocator

    allocator._evidence = lambda arm, stakes: 1.0


def _without_corrections() -> None:
    from automl.ensemble import choice
    from automl.ensemble.calibration import NO_CALIBRATION

    choice._learn = lambda candidates, weights: NO_CALIBRATION


MEASURES: Mapping[str, Measure] = {
    "libraries": Measure("CatBoost, XGBoost and EBM", patch=_without_libraries),
    "nets": Measure("nets", patch=_without_nets),
    "generated": Measure("generated columns", patch=_without_generated),
    "portfolio": Measure("portfolios, but for their defaults", patch=_without_portfolio),
    "evidence": Measure("evidence in the choice of a family", patch=_without_evidence),
    "racing": Measure("races on the first fold", ("pruner=none",)),
    "folds": Measure("folds: a holdout", ("search.folds=1",)),
    "ensemble": Measure("ensemble: the best model", ("ensemble=none",)),
    "corrections": Measure("corrections of the mean", patch=_without_corrections),
    "refit": Measure("refit of many rows", ("ensemble.refit=false",)),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Names the systems, or prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("systems", help="the systems to run beside automl")
    table = verbs.add_parser("table", help="print what was found")
    table.add_argument("results", type=Path, nargs="+")
    table.add_argument("--systems", nargs="+", default=(), help="only these")
    options = parser.parse_args(arguments)
    if options.verb == "systems":
        print(" ".join(PREFIX + name for name in MEASURES))
        return
    results = [result for path in options.results for result in read_results(path)]
    for one in comparisons(results, options.systems):
        print(f"{one.time_s:g} seconds, {one.n_cores} cores\n\n{to_markdown(one)}\n")


if __name__ == "__main__":
    main()
