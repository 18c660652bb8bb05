"""Whether a value of ``model.<family>.fixed`` is one that its param may have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from automl.data.table import Table
from automl.errors import did_you_mean
from automl.plugin.param import Param
from automl.plugin.task import ColumnKind

__all__ = ["expected", "shown", "value_problems"]

_WORDS = {"any": "a value", "bool": "true or false", "int": "an integer", "float": "a number"}
FEW_COLUMNS = 12
"""So many names of columns are listed in a message."""


def value_problems(key: str, value: Any, param: Param, table: Table, target: str) -> Iterator[str]:
    """All that is wrong with a value, one text each.

    Args:
        key: The whole key, for the text.
        value: What the user gave.
        param: What it may be.
        table: Where named columns must be.
        target: Name of the target, which is no column of the table.
    """
    if param.form == "value":
        if not _fits(value, param):
            yield f"{key}={shown(value)}: expected {expected(param)}{_nearest(value, param)}"
    elif param.form == "columns":
        if not isinstance(value, Mapping) or not value:
            yield f"{key}={shown(value)}: expected {expected(param)}"
            return
        for name, item in value.items():
            yield from _column_problems(key, str(name), param, table, target)
            if not _fits(item, param):
                yield f"{key}.{name}={shown(item)}: expected {_one_value(param)}"
    else:
        yield from _group_problems(key, value, param, table, target)


def expected(param: Param) -> str:
    """What a param may be, in words."""
    if param.form == "columns":
        return f"a mapping of columns such as {{age: {_example(param)}}}, each {_one_value(param)}"
    if param.form == "groups":
        return "a list of groups of columns such as [[age, height], [colour]]"
    return _one_value(param)


def shown(value: Any) -> str:
    """A value as it stands in YAML, near enough."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _one_value(param: Param) -> str:
    null = " or null" if param.optional else ""
    if param.choices:
        return f"one of {', '.join(map(shown, param.choices))}{null}"
    if param.kind == "str":
        return f"a text{null}"
    return f"{_WORDS[param.kind]}{_range(param)}{null}"


def _range(param: Param) -> str:
    if param.low is not None and param.high is not None:
        return f" from {param.low:g} to {param.high:g}"
    parts = (
        ("of at least", param.low),
        ("above", param.above),
        ("of at most", param.high),
        ("below", param.below),
    )
    given = [f"{words} {bound:g}" for words, bound in parts if bound is not None]
    return f" {' and '.join(given)}" if given else ""


def _example(param: Param) -> str:
    bounds = (param.high, param.low, param.above)
    return shown(param.choices[-1] if param.choices else next((b for b in bounds if b), 1))


def _fits(value: Any, param: Param) -> bool:
    if value is None:
        return param.optional or None in param.choices
    if param.choices:
        return any(_is_same(value, choice) for choice in param.choices)
    if param.kind == "bool":
        return isinstance(value, bool)
    if param.kind == "str":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if param.kind == "int" and not isinstance(value, int):
        return False
    return math.isfinite(value) and _is_within(value, param)


def _is_within(value: float, param: Param) -> bool:
    return (
        (param.low is None or value >= param.low)
        and (param.high is None or value <= param.high)
        and (param.above is None or value > param.above)
        and (param.below is None or value < param.below)
    )


def _is_same(value: Any, choice: Any) -> bool:
    """Whether a value is a choice: 1 is 1.0 and not true."""
    return isinstance(value, bool) == isinstance(choice, bool) and bool(value == choice)


def _nearest(value: Any, param: Param) -> str:
    texts = [choice for choice in param.choices if isinstance(choice, str)]
    return did_you_mean(value, texts) if isinstance(value, str) else ""


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
    """What is wrong with a column that is named: at most one text."""
    found = [column for column in table.columns if column.name == name]
    used = [column.name for column in table.used]
    if not found:
        if name == target:
            yield f"{key}: {name!r} is the target, not a column to learn from"
            return
        listed = ", ".join(used[:FEW_COLUMNS]) + ", ..." * (len(used) > FEW_COLUMNS)
        yield f"{key}: there is no column {name!r}{did_you_mean(name, used)} (columns: {listed})"
    elif len(found) > 1:
        yield f"{key}: {len(found)} columns are called {name!r}: rename the one that is meant"
    elif found[0].left_out:
        yield f"{key}: column {name!r} is not used: {found[0].left_out}"
    elif found[0].kind not in param.columns:
        kinds = " or ".join(sorted(str(kind) for kind in param.columns))
        numeric = ColumnKind.NUMERIC in param.columns
        way = f"; if its values are numbers: 'data.kinds={{{name}: numeric}}'" if numeric else ""
        yield f"{key}: column {name!r} is {found[0].kind}, and it must be {kinds}{way}"
