"""Lists all configuration keys with their types: those of the schema and of each family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from automl.config.option import Option
from automl.config.schema import SearchConfig
from automl.errors import ConfigError
from automl.surface import flag_of, named

if TYPE_CHECKING:
    from automl.plugin import ModelFamily, Param

__all__ = ["ARGUMENTS", "ConfigKey", "config_keys", "family_node", "flagged", "value_of"]

_SCALARS = (bool, int, float, str)
_TRUTH = {"true": True, "false": False}
_WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}


FREE = Option("", is_text=False)
"""Declaration of family settings, which are declared elsewhere."""


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A key that holds a value.

    Attributes:
        key: Dotted key, such as ``search.folds``.
        annotation: Type of the value.
        declared: Declaration in the schema; ``FREE`` for settings of a family.
    """

    key: str
    annotation: Any
    declared: Option = FREE

    @property
    def types(self) -> tuple[Any, ...]:
        """Accepted types without None."""
        is_collection = get_origin(self.annotation) in (dict, list)
        members = () if is_collection else get_args(self.annotation)
        return tuple(t for t in members or (self.annotation,) if t is not NoneType)

    @property
    def is_optional(self) -> bool:
        """Whether null is accepted."""
        return self.annotation is Any or NoneType in get_args(self.annotation)

    @property
    def is_mapping(self) -> bool:
        """Whether the user may choose the keys below it."""
        return any(get_origin(t) is dict for t in self.types)

    @property
    def is_list(self) -> bool:
        """Whether it holds a list."""
        return any(get_origin(t) is list for t in self.types)

    @property
    def flag(self) -> str:
        """Flag on the command line, for keys with a section."""
        return flag_of(self.key)

    @property
    def item(self) -> Any:
        """Type of the value, or of each item of a list or mapping."""
        return get_args(self.types[0])[-1] if self.is_list or self.is_mapping else self.types[0]

    @property
    def is_text(self) -> bool:
        """Whether it holds free text or column names, which are taken literally."""
        is_open = self.is_mapping or not self.declared.choices
        return self.declared.is_text and is_open and self.item is str

    @property
    def param(self) -> Param | None:
        """Valid values of an option; None if its type is the only restriction."""
        option = self.declared
        if not option.help or not (option.choices or self.item in (int, float)):
            return None
        from automl.plugin import Param

        low, above, below = option.low, option.above, option.below
        name: Any = self.item.__name__
        return Param(name, low=low, above=above, below=below, choices=option.choices)

    @property
    def expected(self) -> str:
        """Expected type as text, such as ``an integer or null``."""
        words = [_in_words(t) for t in self.types]
        return " or ".join([*words, "null"] if self.is_optional else words)

    def parsed(self, value: Any) -> Any:
        """Parses a value with the option's ``parse``; returns it unchanged without one.

        Raises:
            ConfigError: It cannot be parsed; the message names the option.
        """
        if self.declared.parse is None or value is None:
            return value
        try:
            return self.declared.parse(value)
        except ConfigError as error:
            raise ConfigError(f"{named(self.key)}: {error}") from None

    def from_flag(self, text: str) -> Any:
        """Parses text from the command line; lists are separated by commas.

        Raises:
            ValueError: The text is invalid; the message says what is expected.
        """
        if self.is_list:
            return [self._one(item) for item in text.split(",")]
        return self._one(text)

    def _one(self, text: str) -> Any:
        if self.declared.parse is not None:
            return self.declared.parse(text)
        try:
            return _TRUTH[text.lower()] if self.item is bool else self.item(text)
        except (KeyError, ValueError):
            raise ValueError(f"expected {_WORDS[self.item]}, got {text!r}") from None


def _in_words(annotation: Any) -> str:
    inner = get_args(annotation)
    if get_origin(annotation) is dict:
        return "a mapping such as {name: value}"
    if get_origin(annotation) is list:
        items = {int: " of integers", float: " of numbers", str: " of strings such as [a, b]"}
        return f"a list{items.get(inner[0], '')}"
    return _WORDS.get(annotation, "any value")


@cache
def _schema_leaves(kind: type, prefix: str) -> tuple[ConfigKey, ...]:
    hints = get_type_hints(kind)
    found: list[ConfigKey] = []
    for entry in fields(kind):
        hint = hints[entry.name]
        if is_dataclass(hint) and isinstance(hint, type):
            found += _schema_leaves(hint, f"{prefix}{entry.name}.")
        else:
            found.append(
                ConfigKey(f"{prefix}{entry.name}", hint, entry.metadata.get("option", FREE))
            )
    return tuple(found)


def flagged() -> list[ConfigKey]:
    """Returns the options with a flag on the command line, in the order of the schema."""
    return [leaf for leaf in config_keys(()).values() if leaf.declared.section]


def value_of(config: SearchConfig, key: str) -> Any:
    """Returns the value of a key."""
    value: Any = config
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


def config_keys(families: Iterable[ModelFamily]) -> dict[str, ConfigKey]:
    """Returns all keys that hold a value, in the order of the schema."""
    found: dict[str, ConfigKey] = {}
    for leaf in _schema_leaves(SearchConfig, ""):
        if leaf.key != "model":
            found[leaf.key] = leaf
            continue
        for family in families:
            node = _schema_leaves(family_node(family), f"model.{family.name}.")
            found.update({inner.key: inner for inner in node})
    return found


def family_node(family: ModelFamily) -> type:
    """Returns a dataclass of the settings under ``model.<family>``.

    Besides its own settings, every family has ``fixed`` (params that are not searched) and
    ``max_trials`` (its largest number of trials).
    """
    from automl.plugin.configurable import default_settings

    own = [(key, *_typed(value)) for key, value in default_settings(family).items()]
    common: list[tuple[str, Any, Any]] = [
        ("fixed", dict[str, Any], field(default_factory=dict)),
        ("max_trials", int | None, field(default=None)),
    ]
    return make_dataclass(f"{type(family).__name__}Settings", [*own, *common])


def _typed(default: Any) -> tuple[Any, Any]:
    """Returns the type of a default and a dataclass field with that default."""
    if isinstance(default, Mapping):
        return dict[str, Any], field(default_factory=lambda: dict(default))
    if isinstance(default, (list, tuple)):
        kinds = {type(item) for item in default}
        kind = kinds.pop() if len(kinds) == 1 else Any
        item = kind if kind in _SCALARS else Any
        return list[item], field(default_factory=lambda: list(default))  # type: ignore[valid-type]
    return (type(default) if isinstance(default, _SCALARS) else Any), field(default=default)


ARGUMENTS = {
    leaf.key: leaf.key.rpartition(".")[2] for leaf in flagged() if leaf.declared.is_argument
}
"""Arguments of ``automl.search`` by the keys of their options."""
