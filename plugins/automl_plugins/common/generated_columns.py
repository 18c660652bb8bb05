"""Generated columns as a param of tree families: what they are shown beside the table's own.

Which kinds of columns are offered, and on what data, follows docs/decisions/0020.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.plugin import Params, Shape, Suggest, Task, View
from automl_plugins.common.constraints import is_constrained

__all__ = ["MOST_COLUMNS", "generated_view", "left_of", "suggest_generated"]

MOST_COLUMNS = 80
"""Generated columns there may be, for estimates."""

_VIEWS: Mapping[str, View] = {
    "none": View(),
    "numbers": View(generated=("arithmetic", "groups")),
    "categories": View(generated=("target",)),
    "all": View(generated=("arithmetic", "groups", "target")),
}


def suggest_generated(suggest: Suggest, shape: Shape) -> dict[str, Any]:
    """The param ``generated``; nothing where the columns leave no choice."""
    choices = _choices(shape)
    if len(choices) == 1:
        return {}
    return {"generated": suggest.suggest_categorical("generated", choices)}


def generated_view(params: Params) -> View:
    """Raw values, category codes, and the new columns that the params ask for."""
    return _VIEWS[params.get("generated", "none")]


def left_of(choice: str, shape: Shape) -> str:
    """What the columns of the data leave of a choice; ``none`` may be all."""
    choices = _choices(shape)
    if choice in choices:
        return choice
    return choices[-1] if choice == "all" else "none"


def _choices(shape: Shape) -> tuple[str, ...]:
    """What there is to generate on data of this shape, from few columns to many."""
    # A tree that may split on what is made of several columns is free of constraints on one.
    free = shape.n_numeric > 1 and not is_constrained(shape)
    numbers = ("numbers",) if free else ()
    # With several classes each category becomes as many columns, and each of them is noise.
    encoded = shape.n_categorical and shape.task is not Task.MULTICLASS
    categories = ("categories",) if encoded else ()
    both = ("all",) if numbers and categories else ()
    return ("none", *numbers, *categories, *both)
