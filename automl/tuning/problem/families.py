"""Which families take the data, and what folds of theirs would take at least."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from automl.data.split.choose import SHORT_FOLDS
from automl.errors import PluginError
from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.plugin.selective import SelectiveFamily
from automl.plugin.task import ColumnKind
from automl.registry.registry import is_suited
from automl.scheduling.devices.capacity import Capacity
from automl.tuning.problem.search_space import extra_params

__all__ = ["folds_s", "willing"]

NO_COLUMN = "no column is of a kind that is taken"


def willing(
    shapes: Mapping[str, tuple[ModelFamily, Shape]],
    are_named: bool = True,
    kinds: Collection[ColumnKind] = frozenset(ColumnKind),
) -> tuple[dict[str, tuple[ModelFamily, Shape]], list[str]]:
    """Families that take such data; for the others the reasons, each once.

    Args:
        shapes: Families and the problem as each sees it.
        are_named: Whether somebody asked for these. Where nobody did, it is no news that a family
            of images is not tried on a table of numbers.
        kinds: Kinds of the columns.

    Raises:
        PluginError: No family takes the data.
    """
    chosen: dict[str, tuple[ModelFamily, Shape]] = {}
    refused: dict[str, list[str]] = {}
    for name, (family, shape) in shapes.items():
        why = _refusal(family, shape)
        if why is None:
            chosen[name] = (family, shape)
        else:
            refused.setdefault(why, []).append(name)
    notes = []
    for why, names in refused.items():
        if chosen and not are_named:
            names = [n for n in names if why != NO_COLUMN and is_suited(shapes[n][0], kinds)]
        if names:
            notes.append(f"{', '.join(names)} skipped: {why}")
    if not chosen:
        raise PluginError(f"no family takes this data: {'; '.join(notes)}")
    return chosen, notes


def _refusal(family: ModelFamily, shape: Shape) -> str | None:
    """Why a family is not tried; None when it is."""
    if shape.task not in family.tasks:
        return f"it is not for {shape.task.value} tasks"
    if shape.n_columns == 0:
        return NO_COLUMN
    try:
        why = family.accepts(shape) if isinstance(family, SelectiveFamily) else None
        if why is None:  # what the search will ask it for
            family.resources(shape)
            family.portfolio(shape)
            extra_params(family, shape)
            _useful_s(family, shape)
    except Exception as error:  # the code of a plugin may raise anything
        return f"asked whether it takes such data it fails with {type(error).__name__}: {error}"
    return why


def _useful_s(family: ModelFamily, shape: Shape) -> float | None:
    return family.useful_s(shape) if isinstance(family, SelectiveFamily) else None


def folds_s(shapes: Mapping[str, tuple[ModelFamily, Shape]], capacity: Capacity) -> float:
    """Seconds that a trial on a few folds takes at least to be of use.

    Returns:
        0 where a family takes the data that need not be asked, as most families of tables.
    """
    taking = [(f, shape) for f, shape in shapes.values() if _refusal(f, shape) is None]
    guesses = [_useful_s(family, shape) for family, shape in taking]
    known = [guess for guess in guesses if guess is not None]
    if not known or len(known) < len(guesses):
        return 0.0
    n_beside = max(1, len(capacity.gpus) or min(capacity.n_cpus, SHORT_FOLDS))
    return SHORT_FOLDS * min(known) / n_beside
