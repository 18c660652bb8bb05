"""Which kind of extra work pays once a search has found its families, on recorded tables.

    python -m benchmarks.portfolio.extra_work --time 60 --cores 2

A replay with the candidates of the first round gives the complete trials and the ensemble. Then the
CPU seconds that one more seed of its members takes, or two, are spent in each of several ways, and
the ensemble is selected again. Prints one JSON line a table, and at the end for each way the mean
over the tables of log(test loss / that of the ensemble before), with its standard error. Classes
are selected and judged by log loss here, as an area under the curve of some hundred rows is too
coarse. Members without recorded seeds or repeats stay unchanged. The last two lines are of single
models, without an ensemble around them.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from automl.ensemble import aligned, choose_ensemble
from automl.metrics import get_metric
from automl.plugin.metric import Metric
from automl.plugin.task import Task
from automl.trial.setup import derive_seed
from benchmarks.portfolio.measured import Measured, MeasuredTable
from benchmarks.portfolio.recorded import FOLDER, read_store
from benchmarks.portfolio.replay import Replay, installed, make_config, replay
from benchmarks.portfolio.simulated import Speeds

__all__ = ["WAYS", "Gain", "alone", "main", "summary", "ways_of"]


@dataclass(frozen=True, slots=True)
class Gain:
    """What one way of spending the seconds brought on a table.

    Attributes:
        way: See ``WAYS``.
        ratio: log(test loss / test loss before); negative is better.
        spent_s: CPU seconds, at most those that all ways were given.
        n_fits: Candidates, seeds or repeats that were fitted.
    """

    way: str
    ratio: float
    spent_s: float
    n_fits: int


ALONE = {"seed": "a model alone, one more seed", "repeat": "a model alone, one more repeat"}


@dataclass(frozen=True, slots=True)
class _State:
    """Where the search stands.

    Attributes:
        table: What was measured.
        complete: Its complete trials, each once.
        members: Names of the members, the heaviest first.
        leading: The family with the largest weight.
        extra_s: CPU seconds to spend.
    """

    table: MeasuredTable
    complete: Mapping[str, Measured]
    members: Sequence[str]
    leading: str
    extra_s: float

    def variants(self, kind: str) -> list[Measured]:
        """Seeds or repeats of the members that there is time for: the first of all, the second."""
        found = [
            self.table.variants[f"{name}@{kind}-{number}"]
            for number in (1, 2)
            for name in self.members
            if f"{name}@{kind}-{number}" in self.table.variants
        ]
        return list(_within(found, self.extra_s))

    def draws(self, family: str = "") -> list[Measured]:
        """Candidates of the second round that there is time for, in random order."""
        later = [
            m
            for m in self.table.candidates.values()
            if m.name not in self.table.first and family in ("", m.family)
        ]
        random.Random(derive_seed(0, self.table.name)).shuffle(later)
        return list(_within(later, self.extra_s))


def _within(fits: Iterable[Measured], extra_s: float) -> Iterator[Measured]:
    """Fits in their order, without those that take more than what is left of some seconds."""
    for measured in fits:
        if _cost_s(measured) <= extra_s + 1e-9:
            extra_s -= _cost_s(measured)
            yield measured


def _cost_s(measured: Measured) -> float:
    return float(measured.seconds.sum() + measured.encode_s.sum())


Join: TypeAlias = Callable[[_State, Sequence[Measured]], dict[str, Measured]]


def _averaged(state: _State, fits: Sequence[Measured]) -> dict[str, Measured]:
    """The complete trials, in which members are the mean of their own fits and further ones."""
    found = dict(state.complete)
    for name in {m.name for m in fits}:
        every = [found[name], *(m for m in fits if m.name == name)]
        oof = np.mean([m.oof for m in every], axis=0)
        test = np.mean([m.test for m in every], axis=0)
        found[name] = replace(found[name], oof=oof, test=test)
    return found


def _added(state: _State, fits: Sequence[Measured]) -> dict[str, Measured]:
    return {**state.complete, **{m.key: m for m in fits}}


WAYS: Mapping[str, Callable[[_State], tuple[Join, list[Measured]]]] = {
    "seeds of members, as candidates": lambda s: (_added, s.variants("seed")),
    "seeds of members, averaged": lambda s: (_averaged, s.variants("seed")),
    "repeats of members, averaged": lambda s: (_averaged, s.variants("repeat")),
    "draws of the leading family": lambda s: (_added, s.draws(s.leading)),
    "draws of all families": lambda s: (_added, s.draws()),
}
"""Ways to spend the seconds: what is fitted, and how it joins the complete trials."""


def ways_of(table: MeasuredTable, found: Replay, extra_s: float) -> list[Gain]:
    """What each way brings on a table; none if no member has recorded seeds.

    Args:
        table: What was measured.
        found: How the search ended that knew the candidates of the first round alone.
        extra_s: Most CPU seconds to spend.
    """
    complete = {k: table.candidates[k] for k in found.complete if k in table.candidates}
    weights = {k: w for k, w in found.weights.items() if k in complete}
    members = sorted(weights, key=lambda name: (-weights[name], name))
    by_family: dict[str, float] = {}
    for name, weight in weights.items():
        by_family[complete[name].family] = by_family.get(complete[name].family, 0.0) + weight
    if not by_family:
        return []
    leading = max(by_family, key=lambda family: (by_family[family], family))
    state = _State(table, complete, members, leading, extra_s)
    state = replace(state, extra_s=sum(map(_cost_s, state.variants("seed"))))
    if not state.extra_s:
        return []
    metric = _metric(table)
    before = _test_loss(table, complete, metric)
    gains = []
    for way, plan in WAYS.items():
        join, fits = plan(state)
        after = _test_loss(table, join(state, fits), metric) if fits else before
        spent_s = sum(map(_cost_s, fits))
        gains.append(Gain(way, math.log(after / before), spent_s, len(fits)))
    return gains


def alone(table: MeasuredTable) -> list[Gain]:
    """What one seed, or one repeat, brings to each candidate that has both, averaged into it."""
    metric, gains = _metric(table), []
    for name, measured in table.candidates.items():
        further = [table.variants.get(f"{name}@{kind}-1") for kind in ALONE]
        before = metric.loss(float(metric.score(table.y_test, measured.test.astype(float), None)))
        for way, other in zip(ALONE.values(), further, strict=True):
            if None in further or other is None:
                continue
            mean = (measured.test.astype(float) + other.test) / 2
            after = metric.loss(float(metric.score(table.y_test, mean, None)))
            gains.append(Gain(way, math.log(after / before), _cost_s(other), 1))
    return gains


def _metric(table: MeasuredTable) -> Metric:
    task = Task(table.task)
    return get_metric("log_loss" if task.is_classification else table.metric, task)


def _test_loss(table: MeasuredTable, fits: Mapping[str, Measured], metric: Metric) -> float:
    """Test loss of the ensemble that would ship."""
    ordered = [fits[name] for name in sorted(fits)]
    candidates = aligned(
        [m.oof.astype(np.float64) for m in ordered],
        table.y,
        metric,
        fold=table.fold_of,
        families=[m.family for m in ordered],
    )
    chosen = choose_ensemble(candidates)
    pairs = zip(chosen.weights, ordered, strict=True)
    total = np.asarray(sum(w * m.test.astype(np.float64) for w, m in pairs if w))
    shown = chosen.calibration.for_metric(metric, total)
    return metric.loss(float(metric.score(table.y_test, shown, None)))


def summary(gains: Sequence[Gain]) -> Iterator[str]:
    """One line a way: mean log ratio with its standard error, better and worse, seconds, fits."""
    for way in (*WAYS, *ALONE.values()):
        own = [g for g in gains if g.way == way]
        if not own:
            continue
        ratios = np.array([g.ratio for g in own])
        error = ratios.std(ddof=1) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan
        better, worse = int((ratios < -1e-9).sum()), int((ratios > 1e-9).sum())
        yield (
            f"{way:34} {ratios.mean():+.4f} +- {error:.4f}  better {better}, worse {worse}"
            f"  {np.mean([g.spent_s for g in own]):.1f} s, {np.mean([g.n_fits for g in own]):.1f}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Compares the ways on all tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.portfolio.extra_work",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", type=Path, default=FOLDER)
    parser.add_argument("--time", type=float, default=60.0)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--cpu-factor", type=float, default=1.0, help="as if fits took longer")
    parser.add_argument("--extra", type=float, default=60.0, help="most CPU seconds to spend")
    parser.add_argument("--only", nargs="*", default=())
    options = parser.parse_args(arguments)
    config, families = make_config(options.time, options.cores), installed()
    speeds = Speeds(cpu_factor=options.cpu_factor)
    gains: list[Gain] = []
    for table in read_store(options.store, options.only):
        first = {name: table.candidates[name] for name in table.first}
        if not first:
            continue
        known = replace(table, candidates=first, variants={})
        found = replay(known, config, families, speeds=speeds)
        own = ways_of(table, found, options.extra)
        gains += [*own, *alone(table)]
        ratios = {g.way: [round(g.ratio, 4), round(g.spent_s, 1), g.n_fits] for g in own}
        print(json.dumps({"table": table.name, **ratios}), flush=True)
    if gains:
        print(*summary(gains), sep="\n", flush=True)


if __name__ == "__main__":
    main()
