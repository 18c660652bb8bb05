"""What stands for a measured table in a search: folds, a target, and families to look up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl.config.schema import SearchConfig
from automl.data import load_dataset
from automl.data.split.choose import Split, SplitPlan
from automl.data.table import Dataset
from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily, Params
from automl.plugin.metric import Metric
from automl.plugin.out_of_bag import OutOfBagFamily
from automl.plugin.task import Task
from benchmarks.portfolio.measured import MeasuredTable

__all__ = ["dataset_of", "families_of", "plan_of"]


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
    priorities: Mapping[str, int],
    config: SearchConfig,
    metric: Metric,
) -> dict[str, tuple[ModelFamily, ProblemInfo]]:
    """Families with the measured candidates for a portfolio, in the order they were measured."""
    by_family: dict[str, list[str]] = {}
    for name, measured in table.candidates.items():
        by_family.setdefault(measured.family, []).append(name)
    problem = ProblemInfo(
        task=Task(table.task),
        metric=metric,
        n_rows=table.n_rows,
        n_numeric=table.n_columns - table.n_categorical,
        n_categorical=table.n_categorical,
        n_classes=table.n_classes,
        n_folds=plan.n_folds,
        n_cpus=config.scheduler.cpus or 2,
        time_s=config.time_s,
    )
    ordered = sorted(by_family, key=lambda name: (-priorities.get(name, 50), name))
    return {
        name: (_Replayed.make(name, priorities.get(name, 50), by_family[name], table), problem)
        for name in ordered
    }


class _Replayed(ModelFamily):
    """Proposes candidates that were measured."""

    _names: Sequence[str]

    @classmethod
    def make(
        cls, name: str, priority: int, names: Sequence[str], table: MeasuredTable
    ) -> ModelFamily:
        once = all(len(table.candidates[n].seconds) == 1 for n in names)
        bases = (cls, OutOfBagFamily) if once else (cls,)
        facts = {"name": name, "priority": priority, "_names": names}
        made: ModelFamily = type(f"Replayed_{name}", bases, facts)()
        return made

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        return [{"candidate": name} for name in self._names]

    def search_space(self, suggest: Any, problem: ProblemInfo) -> dict[str, Any]:
        return {"candidate": suggest.suggest_categorical("candidate", list(self._names))}

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        raise NotImplementedError

    def save(self, model: Any, path: Any) -> None:
        raise NotImplementedError

    def load(self, path: Any) -> Any:
        raise NotImplementedError
