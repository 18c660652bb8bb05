"""Checks the params that the user has fixed, before anything is written or fitted.

Each must be in the search space of its family or among its extra params, with an allowed value.
All problems are reported together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from automl.config.values import shown
from automl.data.table import Dataset
from automl.errors import ConfigError, did_you_mean
from automl.plugin.configurable import default_settings
from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily
from automl.plugin.param import Param
from automl.plugin.task import Task
from automl.tuning.problem.families import Families
from automl.tuning.problem.fixed_values import value_problems
from automl.tuning.problem.search_space import extra_params, fixed_of, space_params

__all__ = ["check_fixed", "fixed_notes"]


def check_fixed(families: Families, dataset: Dataset) -> None:
    """Checks the fixed params of the selected families.

    Args:
        families: Family and problem by name.
        dataset: The data, whose columns a param may name.

    Raises:
        ConfigError: A param is unknown, cannot be set, or has a value that is not allowed; the
            text has all of them.
    """
    problems: list[str] = []
    for family, problem in families.values():
        if fixed_of(problem):
            problems += _Check(family, problem, dataset, families).problems()
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))


def fixed_notes(families: Families, settings: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Notes on fixed params that have less effect than a user may expect.

    Args:
        families: Families of the search, checked.
        settings: Settings by family (``model.<family>``), also of families that are not tried.
    """
    idle = [name for name, own in settings.items() if own.get("fixed") and name not in families]
    for name in idle:
        yield f"model.{name}.fixed has no effect: {name} is not tried"
    for name, (family, problem) in families.items():
        extra = extra_params(family, problem) if fixed_of(problem) else {}
        for param in fixed_of(problem):
            free = [n for n, (_, s) in families.items() if n != name and param not in fixed_of(s)]
            if param in extra and extra[param].form != "value" and free:
                yield (
                    f"model.{name}.fixed.{param} applies only to {name}, and the ensemble may "
                    f"mix it with {', '.join(free)}: 'family=[{name}]' excludes them"
                )


class _Check:
    """Checks the fixed params of one family against its search space and extra params."""

    def __init__(
        self, family: ModelFamily, problem: ProblemInfo, dataset: Dataset, families: Families
    ) -> None:
        self._family, self._problem, self._dataset, self._all = family, problem, dataset, families
        self._fixed = fixed_of(problem)
        self._space = space_params(family, problem)
        self._extra = extra_params(family, problem)

    def problems(self) -> list[str]:
        found = [text for name, value in self._fixed.items() for text in self._of(str(name), value)]
        return found or list(self._of_all())

    def _key(self, name: str) -> str:
        return f"model.{self._family.name}.fixed.{name}"

    def _of(self, name: str, value: Any) -> Iterator[str]:
        """Problems of one param by itself."""
        key = self._key(name)
        param = self._extra.get(name) or self._space.get(name)
        if param is None:
            yield f"{key}={shown(value)}: {self._unknown(name)}"
        elif param.alias_of:
            yield f"{key}={shown(value)}: use {self._key(param.alias_of)} instead"
        elif param.refused:
            yield f"{key}={shown(value)}: it cannot be set: {param.refused}"
        else:
            target = self._dataset.target.name
            param = replace(param, columns=param.columns & self._family.kinds)
            yield from value_problems(key, value, param, self._dataset.table, target)

    def _unknown(self, name: str) -> str:
        settable = [n for n, p in self._extra.items() if not p.refused and not p.alias_of]
        known = list(dict.fromkeys([*self._space, *settable]))
        family = self._family.name
        for what, problem in _other_problems(self._problem, self._family):
            if name in _names(self._family, problem):
                return f"{family} has this param only {what}"
        is_setting = name in default_settings(self._family)
        setting = f"; model.{family}.{name} is a setting" if is_setting else ""
        near = did_you_mean(name, known)
        listed = ", ".join(sorted(self._space)) or "none"
        searched = "" if near or setting else f" (the search space has: {listed})"
        others = [n for n, pair in self._all.items() if n != family and name in _names(*pair)]
        owners = f"; {', '.join(others)} has one" if others else ""
        return f"{family} has no such param{near}{owners}{setting}{searched}"

    def _of_all(self) -> Iterator[str]:
        """Conflicts between params that are each valid."""
        for name in self._fixed:
            for needed, values in (self._extra.get(name) or Param()).needs.items():
                if needed in self._fixed and (not values or self._fixed[needed] in values):
                    continue
                choice = " or ".join(f"{needed}: {shown(value)}" for value in values) or needed
                yield f"{self._key(name)}: it has an effect only if {choice} is fixed as well"
        drawn = space_params(self._family, self._problem, self._fixed)
        table, target = self._dataset.table, self._dataset.target.name
        for name, value in self._fixed.items():
            if name in self._space and name not in drawn:
                others = ", ".join(f"{n}: {shown(v)}" for n, v in self._fixed.items() if n != name)
                yield (
                    f"{self._key(name)}={shown(value)}: {self._family.name} does not use it "
                    f"together with {others}"
                )
            elif name in drawn and name not in self._extra:
                yield from value_problems(self._key(name), value, drawn[name], table, target)


def _other_problems(problem: ProblemInfo, family: ModelFamily) -> Iterator[tuple[str, ProblemInfo]]:
    """The problem with other columns, then with other tasks; each with a text that says so."""
    settings = {name: value for name, value in problem.settings.items() if name != "fixed"}
    blank = replace(problem, settings=settings)
    yield "on data with categories", replace(blank, n_categorical=2, n_categories=(9, 9))
    yield "on data with texts", replace(blank, n_text=1, text_bytes=(40.0,))
    yield "on data with several numbers", replace(blank, n_numeric=9)
    for task in sorted(family.tasks - {problem.task}):
        levels = (0.1, 0.5, 0.9) if task is Task.QUANTILE else ()
        n_classes = {Task.BINARY: 2, Task.MULTICLASS: 3}.get(task, 0)
        other = replace(blank, task=task, n_classes=n_classes, quantiles=levels)
        yield f"for {task} tasks", other


def _names(family: ModelFamily, problem: ProblemInfo) -> set[str]:
    """Params that can be fixed on such data; none if the family's code fails."""
    try:
        extra = extra_params(family, problem).items()
        settable = {name for name, param in extra if not param.refused and not param.alias_of}
        return settable | set(space_params(family, problem))
    except Exception:  # a plugin may not expect a made-up problem
        return set()
