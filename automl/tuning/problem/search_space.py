"""Search spaces behind ``suggest``: fixed params, and a description to compare spaces by."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from automl.plugin.configurable import ConfigurableFamily
from automl.plugin.context import ProblemInfo
from automl.plugin.family import ModelFamily, Suggest
from automl.plugin.param import Param

__all__ = ["FixedSuggest", "describe_space", "extra_params", "fixed_of", "space_params"]

PROBES = 64


class FixedSuggest:
    """Passes calls on to another ``suggest``, except for params that the user has fixed.

    Args:
        inner: Proposes the other params.
        fixed: Values by name.
    """

    def __init__(self, inner: Suggest, fixed: Mapping[str, Any]) -> None:
        self._inner, self._fixed = inner, fixed

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A float in ``[low, high]``, or the fixed one."""
        if name in self._fixed:
            return float(self._fixed[name])
        return self._inner.suggest_float(name, low, high, log=log)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """An integer in ``[low, high]``, or the fixed one."""
        if name in self._fixed:
            return int(self._fixed[name])
        return self._inner.suggest_int(name, low, high, log=log)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of ``choices``, or the fixed one."""
        if name in self._fixed:
            return self._fixed[name]
        return self._inner.suggest_categorical(name, choices)


class _Recorder:
    """Draws at random, except fixed params, and records every requested distribution."""

    def __init__(self, seed: int, fixed: Mapping[str, Any]) -> None:
        self._random, self._fixed = random.Random(seed), fixed
        self.seen: dict[str, list[Any]] = {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.seen[name] = ["float", low, high, log]
        drawn = self._random.uniform(low, high)
        return float(self._fixed[name]) if name in self._fixed else drawn

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        self.seen[name] = ["int", low, high, log]
        drawn = self._random.randint(low, high)
        return int(self._fixed[name]) if name in self._fixed else drawn

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.seen[name] = ["categorical", *choices]
        drawn = self._random.choice(list(choices))
        return self._fixed.get(name, drawn)


def fixed_of(problem: ProblemInfo) -> Mapping[str, Any]:
    """The params that the user has fixed for a family, by name."""
    fixed: Mapping[str, Any] = problem.settings.get("fixed") or {}
    return fixed


def extra_params(family: ModelFamily, problem: ProblemInfo) -> Mapping[str, Param]:
    """Params outside the search space that a user may fix."""
    return family.extra_params(problem) if isinstance(family, ConfigurableFamily) else {}


def describe_space(family: ModelFamily, problem: ProblemInfo) -> dict[str, list[Any]]:
    """The distribution of each param, or its fixed value, as JSON values."""
    fixed = {name: ["fixed", value] for name, value in fixed_of(problem).items()}
    described: dict[str, list[Any]] = json.loads(
        json.dumps({**_distributions(family, problem), **fixed}, default=str)
    )
    return described


def space_params(
    family: ModelFamily, problem: ProblemInfo, fixed: Mapping[str, Any] | None = None
) -> dict[str, Param]:
    """The params that 64 random draws request, each with the union of its ranges or choices.

    Args:
        family: The family.
        problem: The problem.
        fixed: Params that are not drawn; others may depend on them.
    """
    found: dict[str, Param] = {}
    for seed in range(PROBES):
        recorder = _Recorder(seed, fixed or {})
        family.search_space(recorder, problem)
        for name, distribution in recorder.seen.items():
            found[name] = _joined(found.get(name), _param(distribution))
    return found


def _param(distribution: Sequence[Any]) -> Param:
    kind, *details = distribution
    if kind == "categorical":
        return Param(choices=tuple(details))
    return Param("int" if kind == "int" else "float", low=details[0], high=details[1])


def _joined(one: Param | None, other: Param) -> Param:
    """The union of two params; the second if their types differ."""
    if one is None or one == other or one.kind != other.kind:
        return other
    if other.choices:
        return Param(choices=tuple(dict.fromkeys([*one.choices, *other.choices])))
    lows = [param.low for param in (one, other) if param.low is not None]
    highs = [param.high for param in (one, other) if param.high is not None]
    return Param(other.kind, low=min(lows), high=max(highs))


def _distributions(family: ModelFamily, problem: ProblemInfo) -> dict[str, list[Any]]:
    seen: dict[str, list[Any]] = {}
    for seed in range(PROBES):
        recorder = _Recorder(seed, {})
        family.search_space(recorder, problem)
        seen.update(recorder.seen)
    return seen
