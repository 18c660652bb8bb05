"""The param ``generated`` of tree families: kinds of generated columns in addition to the table's.

docs/decisions/0020 explains which kinds are offered on which data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.plugin import Encoding, Params, ProblemInfo, Suggest, Task
from automl_plugins.common.constraints import is_constrained

__all__ = ["MOST_COLUMNS", "available_choice", "generated_view", "suggest_generated"]

MOST_COLUMNS = 80
"""Largest number of generated columns, for estimates."""

_VIEWS: Mapping[str, Encoding] = {
    "none": Encoding(),
    "numbers": Encoding(generated=("arithmetic", "groups")),
    "categories": Encoding(generated=("target",)),
    "all": Encoding(generated=("arithmetic", "groups", "target")),
}


def suggest_generated(suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
    """Suggests the param ``generated``; returns an empty dict if there is only one choice."""
    choices = _choices(problem)
    if len(choices) == 1:
        return {}
    return {"generated": suggest.suggest_categorical("generated", choices)}


def generated_view(params: Params) -> Encoding:
    """Raw values, category codes, and the generated columns of the params."""
    return _VIEWS[params.get("generated", "none")]


def available_choice(choice: str, problem: ProblemInfo) -> str:
    """Restricts a choice to kinds that this data supports; may return ``none``."""
    choices = _choices(problem)
    if choice in choices:
        return choice
    return choices[-1] if choice == "all" else "none"


def _choices(problem: ProblemInfo) -> tuple[str, ...]:
    """Choices of generated columns for this data, from few columns to many."""
    # Splits on columns made of several others would violate constraints on one of them.
    free = problem.n_numeric > 1 and not is_constrained(problem)
    numbers = ("numbers",) if free else ()
    # With several classes each category becomes one column per class, all of them noisy.
    encoded = problem.n_categorical and problem.task is not Task.MULTICLASS
    categories = ("categories",) if encoded else ()
    both = ("all",) if numbers and categories else ()
    return ("none", *numbers, *categories, *both)
