"""Optuna behind a family's ``suggest``: fixed params, and the identity of a search space."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily, Suggest

__all__ = ["FixedSuggest", "describe_space", "space_hash"]

PROBES = 64


class FixedSuggest:
    """Passes on to another ``suggest``, except for params whose value the user has fixed.

    Args:
        inner: Proposes the others.
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
    """Draws at random and writes down every distribution it is asked for."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.seen: dict[str, list[Any]] = {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.seen[name] = ["float", low, high, log]
        return self._random.uniform(low, high)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        self.seen[name] = ["int", low, high, log]
        return self._random.randint(low, high)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.seen[name] = ["categorical", *choices]
        return self._random.choice(list(choices))


def space_hash(family: ModelFamily, shape: Shape) -> str:
    """Identifies a search space: 8 hex digits over all distributions that 64 random draws meet.

    It is part of the name of the study, because choices cannot change within a study.
    """
    text = json.dumps(_distributions(family, shape), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def describe_space(family: ModelFamily, shape: Shape) -> dict[str, list[Any]]:
    """What may vary and how far, by param, as JSON values; of a fixed one its value."""
    fixed = {name: ["fixed", value] for name, value in (shape.settings.get("fixed") or {}).items()}
    described: dict[str, list[Any]] = json.loads(
        json.dumps({**_distributions(family, shape), **fixed}, default=str)
    )
    return described


def _distributions(family: ModelFamily, shape: Shape) -> dict[str, list[Any]]:
    seen: dict[str, list[Any]] = {}
    for seed in range(PROBES):
        recorder = _Recorder(seed)
        family.search_space(recorder, shape)
        seen.update(recorder.seen)
    return seen
