"""Checks a value against a ``Param`` and describes the valid values."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automl.errors import did_you_mean
from automl.plugin import Param
from automl.surface import named

__all__ = ["fits", "in_words", "python_value", "shown", "value_problem"]

_WORDS = {
    "any": "a value",
    "bool": "true or false",
    "file": "the path of an existing file, or nothing",
    "float": "a number",
    "folder": "the path of an existing folder, or nothing",
    "int": "an integer",
    "str": "a string",
}
LONG = 10_000  # whole bounds from here on get thousands separators


def value_problem(key: str, value: Any, param: Param) -> str | None:
    """Checks one value.

    Args:
        key: Full key, for the message.
        value: Value given by the user.
        param: Valid values.

    Returns:
        A message with key, value, expectation and closest choice; None if the value is valid.
    """
    if fits(value, param):
        return None
    where = f"{named(key)}=null" if value is None else named(key, value)
    return f"{where}: expected {in_words(param)}{_nearest(value, param)}"


def python_value(value: Any) -> Any:
    """Converts numbers and arrays of other libraries, tuples and paths to plain Python values."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): python_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [python_value(item) for item in value]
    if isinstance(value, numbers.Integral) and not isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, (int, float)):
        return float(value)
    return value.tolist() if hasattr(value, "tolist") else value


def in_words(param: Param) -> str:
    """Describes the valid values of a param."""
    null = " or null" if param.optional else ""
    if param.choices:
        return f"one of {', '.join(map(shown, param.choices))}{null}"
    return f"{_WORDS[param.kind]}{_range(param)}{null}"


def shown(value: Any) -> str:
    """Formats a value approximately as in YAML."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def fits(value: Any, param: Param) -> bool:
    """Whether a value is valid for a param."""
    if value is None:
        return param.optional or None in param.choices
    if param.choices:
        return any(_is_same(value, choice) for choice in param.choices)
    if param.kind == "bool":
        return isinstance(value, bool)
    if param.kind in ("file", "folder"):
        return isinstance(value, str) and _exists(value, param.kind)
    if param.kind == "str":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if param.kind == "int" and not isinstance(value, int):
        return False
    return math.isfinite(value) and _is_within(value, param)


def _exists(value: str, kind: str) -> bool:
    path = Path(value).expanduser()
    return not value or (path.is_file() if kind == "file" else path.is_dir())


def _range(param: Param) -> str:
    if param.low is not None and param.high is not None:
        return f" from {_bound(param.low)} to {_bound(param.high)}"
    parts = (
        ("of at least", param.low),
        ("above", param.above),
        ("of at most", param.high),
        ("below", param.below),
    )
    given = [f"{words} {_bound(bound)}" for words, bound in parts if bound is not None]
    return f" {' and '.join(given)}" if given else ""


def _bound(bound: float) -> str:
    is_long = abs(bound) >= LONG and float(bound).is_integer()
    return f"{bound:,.0f}" if is_long else f"{bound:g}"


def _is_within(value: float, param: Param) -> bool:
    return (
        (param.low is None or value >= param.low)
        and (param.high is None or value <= param.high)
        and (param.above is None or value > param.above)
        and (param.below is None or value < param.below)
    )


def _is_same(value: Any, choice: Any) -> bool:
    """Whether a value equals a choice; 1 equals 1.0 but not true."""
    return isinstance(value, bool) == isinstance(choice, bool) and bool(value == choice)


def _nearest(value: Any, param: Param) -> str:
    texts = [choice for choice in param.choices if isinstance(choice, str)]
    return did_you_mean(value, texts) if isinstance(value, str) else ""
