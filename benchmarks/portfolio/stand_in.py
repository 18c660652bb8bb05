"""What stands for a measured table in a search: folds, a target, and families to look up."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from automl.config.schema import SearchConfig
from automl.data import load_dataset
from automl.data.split.choose import Split, SplitPlan
from automl.data.table import Dataset
from automl.plugin import PackedFamily
from automl.plugin.configurable import default_settings
from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily, Params
from automl.plugin.metric import Metric
from automl.plugin.task import Task
from automl.trial.setup import derive_seed
from benchmarks.portfolio.measured import Measured, MeasuredTable

__all__ = ["KEY", "Answers", "dataset_of", "families_of", "plan_of"]

KEY = "recorded"
"""The param that names the fits which answer a trial, see ``Measured.key``."""

DRAW = "draw"
MOST_DRAWS = 2**30
USUAL_CATEGORIES = 5


def plan_of(table: MeasuredTable) -> SplitPlan:
    """The folds; a fold that no row validates is not there."""
    every = np.arange(len(table.y))
    divisions = tuple(
        Split(every[table.fold_of != fold], every[table.fold_of == fold])
        for fold in range(int(table.fold_of.max()) + 1)
    )
    return SplitPlan("stratified", divisions, "as measured", len(every))


def dataset_of(table: MeasuredTable) -> Dataset:
    """The target with one column beside it: nothing is fitted."""
    frame = pd.DataFrame({"x": np.arange(len(table.y)) % 7, "y": table.y})
    return load_dataset(frame, target="y", task=Task(table.task))


def families_of(
    table: MeasuredTable,
    plan: SplitPlan,
    families: Mapping[str, ModelFamily],
    config: SearchConfig,
    metric: Metric,
    n_gpus: int = 0,
) -> dict[str, tuple[ModelFamily, ProblemInfo]]:
    """The families that were measured, by priority; they propose what was measured.

    In all else they are the families themselves: their resources, packs, encodings and priorities
    are those of a real search.
    """
    by_family: dict[str, list[Measured]] = {}
    for measured in table.candidates.values():
        by_family.setdefault(measured.family, []).append(measured)
    found: list[tuple[ModelFamily, ProblemInfo]] = []
    for name, fits in by_family.items():
        problem = ProblemInfo(
            task=Task(table.task),
            metric=metric,
            n_rows=table.n_rows,
            n_numeric=table.n_columns - table.n_categorical,
            n_categorical=table.n_categorical,
            n_categories=(USUAL_CATEGORIES,) * table.n_categorical,
            n_classes=table.n_classes,
            n_folds=plan.n_folds,
            n_cpus=config.scheduler.cpus or 2,
            n_gpus=n_gpus,
            time_s=config.time_s,
            settings=default_settings(families[name]),
        )
        answers = Answers.of(families[name], problem, fits, table)
        found.append((_standing_for(families[name], answers), problem))
    found.sort(key=lambda pair: (-pair[0].priority, pair[0].name))
    return {family.name: (family, problem) for family, problem in found}


@dataclass(slots=True)
class Answers:
    """The fits of one family that answer its trials.

    The recorded entries of its portfolio come first, in their order. Every further trial is
    answered by recorded params drawn at random, each with equal chance, whatever the sampler
    learns; params that come again are answered by their recorded seeds in turn, and by the first
    one after these.

    Attributes:
        entries: Those of the portfolio.
        drawn: All of them, to draw from.
        seeds: Further seeds, by name of the candidate.
    """

    family: str
    entries: list[Measured]
    drawn: list[Measured]
    seeds: Mapping[str, Sequence[Measured]]
    _known: dict[int, Measured] = field(default_factory=dict)
    _n_uses: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        family: ModelFamily,
        problem: ProblemInfo,
        fits: Sequence[Measured],
        table: MeasuredTable,
    ) -> Answers:
        """Sorts what was measured of a family."""
        by_params = {_text(m.params): m for m in fits}
        entries = [by_params.pop(_text(p), None) for p in family.portfolio(problem)]
        seeds: dict[str, list[Measured]] = {}
        for variant in sorted(table.variants.values(), key=lambda m: m.key):
            if variant.variant.startswith("seed"):
                seeds.setdefault(variant.name, []).append(variant)
        ordered = sorted(fits, key=lambda m: m.name)
        return cls(family.name, [m for m in entries if m is not None], ordered, seeds)

    def answer(self, draw: int) -> Measured:
        """The fits that answer a draw; the same whenever it is asked for again."""
        if draw not in self._known:
            self._known[draw] = self._next(draw)
        return self._known[draw]

    def _next(self, draw: int) -> Measured:
        if draw < len(self.entries):
            chosen = self.entries[draw]
        else:
            chosen = random.Random(derive_seed(self.family, draw)).choice(self.drawn)
        number = self._n_uses.get(chosen.name, 0)
        self._n_uses[chosen.name] = number + 1
        choices = [chosen, *self.seeds.get(chosen.name, ())]
        return choices[number % len(choices)]


def _text(params: Params) -> str:
    return json.dumps(dict(params), sort_keys=True)


def _standing_for(family: ModelFamily, answers: Answers) -> ModelFamily:
    """The family, with other params to propose."""
    packed: frozenset[str] = getattr(family, "packable_params", frozenset())
    common = sorted({name for m in answers.drawn for name in m.params} - packed)
    is_packed = isinstance(family, PackedFamily)

    def shared(measured: Measured) -> dict[str, Any]:
        return {name: measured.params[name] for name in common if name in measured.params}

    def portfolio(self: ModelFamily, problem: ProblemInfo) -> Sequence[Params]:
        packs = [shared(measured) if is_packed else {} for measured in answers.entries]
        return [{DRAW: number, **others} for number, others in enumerate(packs)]

    def search_space(self: ModelFamily, suggest: Any, problem: ProblemInfo) -> dict[str, Any]:
        if not any(measured.params for measured in answers.drawn):
            return {KEY: answers.drawn[0].key}  # one point: a second trial would repeat the first
        draw = suggest.suggest_int(DRAW, 0, MOST_DRAWS)
        measured = answers.answer(draw)
        params = {**measured.params, DRAW: draw, KEY: measured.key}
        if is_packed:  # a pack asks for them to be equal
            for name, own in shared(measured).items():
                values = list(dict.fromkeys([own, *_values(answers.drawn, name)]))
                params[name] = suggest.suggest_categorical(name, values)
        return params

    facts: dict[str, Any] = {"portfolio": portfolio, "search_space": search_space}
    if is_packed:
        facts["packable_params"] = packed | {DRAW, KEY}
    made = copy.copy(family)
    made.__class__ = type(f"Replayed{type(family).__name__}", (type(family),), facts)
    return made


def _values(fits: Sequence[Measured], name: str) -> list[Any]:
    """Values of a param, in a fixed order."""
    found = {_text({name: m.params[name]}): m.params[name] for m in fits if name in m.params}
    return [found[text] for text in sorted(found)]
