"""Checks the values of ``model.<family>.fixed``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from automl.config.values import fits, in_words, shown, value_problem
from automl.data.table import Table
from automl.errors import did_you_mean
from automl.plugin.param import Param
from automl.plugin.task import ColumnKind

__all__ = ["expected", "value_problems"]

FEW_COLUMNS = 12
"""Largest number of column names listed in a message."""


def value_problems(key: str, value: Any, param: Param, table: Table, target: str) -> Iterator[str]:
    """All problems of a value, one text each.

    Args:
        key: The whole key, for the text.
        value: The user's value.
        param: The allowed values.
        table: The table, with the columns that may be named.
        target: Name of the target, which is not a column of the table.
    """
    if param.form == "value":
        problem = value_problem(key, value, param)
        if problem is not None:
            yield problem
    elif param.form == "columns":
        if not isinstance(value, Mapping) or not value:
            yield f"{key}={shown(value)}: expected {expected(param)}"
            return
        for name, item in value.items():
            yield from _column_problems(key, str(name), param, table, target)
            if not fits(item, param):
                yield f"{key}.{name}={shown(item)}: expected {in_words(param)}"
    else:
        yield from _group_problems(key, value, param, table, target)


def expected(param: Param) -> str:
    """The allowed values of a param, in words."""
    if param.form == "columns":
        return f"a mapping of columns such as {{age: {_example(param)}}}, each {in_words(param)}"
    if param.form == "groups":
        return "a list of groups of columns such as [[age, height], [colour]]"
    return in_words(param)


def _example(param: Param) -> str:
    bounds = (param.high, param.low, param.above)
    return shown(param.choices[-1] if param.choices else next((b for b in bounds if b), 1))


def _group_problems(key: str, value: Any, param: Param, table: Table, target: str) -> Iterator[str]:
    if not _is_list_of_groups(value):
        yield f"{key}={shown(value)}: expected {expected(param)}"
        return
    for group in value:
        names = [str(name) for name in group]
        repeated = sorted({name for name in names if names.count(name) > 1})
        for name in repeated:
            yield f"{key}: a group has the column {name!r} twice"
        for name in dict.fromkeys(names):
            yield from _column_problems(key, name, param, table, target)


def _is_list_of_groups(value: Any) -> bool:
    def is_list(item: Any) -> bool:
        return isinstance(item, Sequence) and not isinstance(item, str) and len(item) > 0

    def is_name(item: Any) -> bool:
        return isinstance(item, str | int | float) and not isinstance(item, bool)

    return is_list(value) and all(is_list(group) and all(map(is_name, group)) for group in value)


def _column_problems(key: str, name: str, param: Param, table: Table, target: str) -> Iterator[str]:
    """The problem of a named column: at most one text."""
    found = [column for column in table.columns if column.name == name]
    used = [column.name for column in table.used]
    if not found:
        if name == target:
            yield f"{key}: {name!r} is the target, not a column to learn from"
            return
        listed = ", ".join(used[:FEW_COLUMNS]) + ", ..." * (len(used) > FEW_COLUMNS)
        yield f"{key}: there is no column {name!r}{did_you_mean(name, used)} (columns: {listed})"
    elif len(found) > 1:
        yield f"{key}: {len(found)} columns are called {name!r}: rename the one you mean"
    elif found[0].left_out:
        yield f"{key}: column {name!r} is not used: {found[0].left_out}"
    elif found[0].kind not in param.columns:
        kinds = " or ".join(sorted(str(kind) for kind in param.columns))
        numeric = ColumnKind.NUMERIC in param.columns
        way = f"; if its values are numbers: 'data.kinds={{{name}: numeric}}'" if numeric else ""
        yield f"{key}: column {name!r} is {found[0].kind}, and it must be {kinds}{way}"
