"""Sets single values in the composed configuration and checks their types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from automl.config.fields import ConfigKey
from automl.config.overrides import Assignment, KnownKeys
from automl.config.values import python_value

__all__ = ["by_leaf", "escaped", "set_value"]

_REFERENCE = re.compile(r"(\\*)\$\{")


def set_value(
    composed: DictConfig, assignment: Assignment, keys: KnownKeys, provenance: dict[str, str]
) -> list[str]:
    """Sets the value of a key, or all values below it if the value is a mapping.

    Returns:
        Problems, one message per key.
    """
    problems = []
    for key, value in by_leaf(assignment.key, assignment.value, keys):
        leaf = keys.config_keys.get(key)
        problem = keys.check(key) or (
            f"{key}={value}: expected a mapping of keys such as {keys.first_below(key)}"
            if leaf is None
            else _set(composed, leaf, value, assignment.literal)
        )
        if problem:
            problems.append(problem)
        provenance[key] = assignment.origin
    return problems


def escaped(value: Any) -> Any:
    """Escapes ``${`` so that OmegaConf does not read it as a reference to another key."""
    if isinstance(value, str):
        # backslashes are escapes only before a reference
        return _REFERENCE.sub(lambda match: match[1] * 2 + r"\${", value)
    if isinstance(value, Mapping):
        return {key: escaped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [escaped(item) for item in value]
    return value


def by_leaf(key: str, value: Any, keys: KnownKeys) -> Iterator[tuple[str, Any]]:
    """Yields the keys that hold a value, and their values.

    Args:
        key: Key of the value; "" for a mapping of the top level.
        value: A value, or a mapping with values of the keys below.
        keys: Known keys.
    """
    if above := keys.mapping_above(key):
        yield above, {key.removeprefix(f"{above}."): value}
    elif key not in keys.config_keys and isinstance(value, Mapping):
        for name, item in value.items():
            yield from by_leaf(f"{key}.{name}".lstrip("."), item, keys)
    else:
        yield key, value


def _set(composed: DictConfig, leaf: ConfigKey, value: Any, literal: bool) -> str | None:
    value = python_value(value)
    wrong = f"{leaf.key}={value}: expected {leaf.expected}"
    if value is not None and not _fits(leaf, value):
        return wrong
    try:
        OmegaConf.update(
            composed, leaf.key, escaped(value) if literal else value, force_add=leaf.is_mapping
        )
    except OmegaConfBaseException:
        return wrong
    return None


def _fits(leaf: ConfigKey, value: Any) -> bool:
    """Rejects values that OmegaConf would convert: 3.7 to the integer 3, 2 to true."""
    is_mapping, is_list = isinstance(value, Mapping), isinstance(value, list)
    if leaf.annotation is Any:
        return True
    if leaf.is_mapping or leaf.is_list:
        return is_mapping == leaf.is_mapping and is_list == leaf.is_list
    if int in leaf.types and isinstance(value, (float, bool)):
        return False
    if leaf.types == (bool,) and not isinstance(value, (bool, str)):
        return False
    return not (is_mapping or is_list)
