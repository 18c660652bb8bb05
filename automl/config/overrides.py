"""Parses ``key=value`` overrides into group choices and values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automl.config.fields import ConfigKey
from automl.config.groups import is_search_path
from automl.errors import ConfigError, PluginError, did_you_mean
from automl.registry import Registry

__all__ = [
    "Assignment",
    "KnownKeys",
    "Overrides",
    "group_choice",
    "read_overrides",
    "user_paths",
]

SEARCH_PATH_KEY = "hydra.searchpath"
"""The only setting of Hydra that is supported: folders with config groups of the user."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value to set.

    Attributes:
        key: Key of a leaf, of a value in a mapping, or of a branch if the value is a mapping.
        value: Parsed value.
        origin: Origin as text.
        literal: Whether ``${`` in it is text, not a reference to another key.
    """

    key: str
    value: Any
    origin: str
    literal: bool = False


@dataclass(slots=True)
class Overrides:
    """Parsed overrides.

    Attributes:
        choices: Option by group.
        assignments: Values in the given order.
        problems: Messages about invalid overrides.
    """

    choices: dict[str, str] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """The keys and groups that can be set.

    Attributes:
        config_keys: Keys that hold a value.
        groups: Options by config group.
        registry: Families, to explain why one has no settings.
    """

    config_keys: Mapping[str, ConfigKey]
    groups: Mapping[str, Sequence[str]]
    registry: Registry

    def first_below(self, key: str) -> str | None:
        """Returns the first key below this one; None if there is none."""
        return next((leaf for leaf in self.config_keys if leaf.startswith(f"{key}.")), None)

    def mapping_above(self, key: str) -> str | None:
        """Returns the key above this one whose keys the user may choose, if any."""
        return next((leaf.key for leaf in self._leaves_above(key) if leaf.is_mapping), None)

    def _leaves_above(self, key: str) -> list[ConfigKey]:
        parts = key.split(".")
        above = (".".join(parts[:n]) for n in range(1, len(parts)))
        return [self.config_keys[k] for k in above if k in self.config_keys]

    def check(self, key: str) -> str | None:
        """Returns the problem with a key; None if it is known."""
        if key in self.config_keys or self.first_below(key) or self.mapping_above(key):
            return None
        parts = key.split(".")
        if parts[0] == "model" and len(parts) > 1 and parts[1] not in self.registry.families:
            try:
                self.registry.get(parts[1])
            except PluginError as error:
                return f"{key}: {error}"
        if above := self._leaves_above(key):
            return f"unknown key {key!r}: {above[0].key} holds {above[0].expected}"
        return f"unknown key {key!r}{self._nearest(key)}"

    def _nearest(self, key: str) -> str:
        every = [*self.config_keys, *self.groups]
        last = key.rpartition(".")[2]
        same = [k for k in every if k.rpartition(".")[2] == last]
        if same:
            return f"; did you mean {', '.join(map(repr, same[:3]))}?"
        if near := did_you_mean(key, every):
            return near
        lasts = {k.rpartition(".")[2]: k for k in every}
        close = difflib.get_close_matches(last, lasts, n=1, cutoff=0.7)
        if close:
            return f"; did you mean {lasts[close[0]]!r}?"
        return "; automl search DATA --cfg prints all keys"


def user_paths(texts: Iterable[str]) -> list[str]:
    """Returns the search paths of the user's config groups.

    Raises:
        ConfigError: A path is neither a folder nor a package.
    """
    prefix = f"{SEARCH_PATH_KEY}="
    values = [text.removeprefix(prefix) for text in texts if text.startswith(prefix)]
    paths = [p.strip(" '\"") for value in values for p in value.strip(" []").split(",")]
    full = [p if "://" in p else f"file://{Path(p).absolute()}" for p in paths if p]
    for path in full:
        if not is_search_path(path):
            raise ConfigError(f"{SEARCH_PATH_KEY}={path}: there is no such folder or package")
    return full


def read_overrides(texts: Iterable[str], keys: KnownKeys) -> Overrides:
    """Parses overrides and collects the problems."""
    found = Overrides()
    for text in texts:
        try:
            _read(text, keys, found)
        except ConfigError as error:
            found.problems.append(str(error))
    return found


def _read(text: str, keys: KnownKeys, found: Overrides) -> None:
    sign = next((s for s in ("++", "+", "~") if text.startswith(s)), "")
    key, equals, value = text.removeprefix(sign).partition("=")
    key = key.strip()
    if sign == "~":
        raise ConfigError(f"{text!r}: a setting cannot be removed; write {key}=null")
    if not equals or not key:
        raise ConfigError(f"{text!r} is not a setting: write key=value")
    if key == SEARCH_PATH_KEY:
        return  # read by user_paths, as it defines the groups
    if key in keys.groups and not value.lstrip().startswith("{"):
        found.choices[key] = group_choice(key, _unquoted(value.strip()), keys.groups[key])
    elif problem := keys.check(key):
        raise ConfigError(problem)
    elif sign and keys.mapping_above(key) is None:
        raise ConfigError(f"{text!r}: {key} exists already; write it without {sign}")
    else:
        found.assignments.append(_assignment(key, value, keys))


def group_choice(group: str, option: str, options: Sequence[str]) -> str:
    """Returns the chosen option of a group if it exists.

    Raises:
        ConfigError: The group has no such option.
    """
    if option not in options:
        near = did_you_mean(option, options)
        raise ConfigError(
            f"{group}={option}: unknown {group}{near} (choices: {', '.join(options)})"
        )
    return option


def _assignment(key: str, text: str, keys: KnownKeys) -> Assignment:
    origin = f"override {key}"
    leaf = keys.config_keys.get(key)
    if leaf is not None and (leaf.declared.parse or leaf.is_text):
        if (text == "null" and leaf.is_optional) or not (leaf.is_list or leaf.is_mapping):
            value = None if text == "null" else leaf.parsed(_unquoted(text))
            return Assignment(key, value, origin, literal=True)
        value, literal = _names(key, text, leaf)
        return Assignment(key, value, origin, literal)
    value = _parsed(key, text, leaf)
    if leaf is not None and leaf.is_list and value is not None and not isinstance(value, list):
        value = [value]
    return Assignment(key, value, origin)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _names(key: str, text: str, leaf: ConfigKey) -> tuple[Any, bool]:
    """Parses a list or mapping of names as strings, in YAML's flow style, which allows quotes."""
    import yaml

    try:
        value = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return _parsed(key, text, leaf), False
    if leaf.is_list:
        return (value if isinstance(value, list) else [value]), True
    if not isinstance(value, dict):
        raise ConfigError(f"{key}={text}: expected {leaf.expected}")
    # YAML reads {a:b} as the key "a:b" without a value
    pairs = (k.rpartition(":")[::2] if v == "" and ":" in k else (k, v) for k, v in value.items())
    return dict(pairs), True


def _parsed(key: str, text: str, leaf: ConfigKey | None) -> Any:
    """Parses a value with Hydra's grammar."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(f"x={text}")
    except HydraException as error:
        hint = f" (expected {leaf.expected})" if leaf is not None else ""
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{key}={text}: cannot be read: {reason}{hint}") from None
    if override.is_sweep_override():
        hint = f"; write {key}=[{text}]" if leaf is not None and leaf.is_list else ""
        raise ConfigError(f"{key}={text}: expected one value, got several{hint}")
    return override.value()
