"""Every key there is, with its type: the schema and one typed node per registered family."""

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

__all__ = ["ARGUMENTS", "Leaf", "family_node", "flagged", "leaves", "value_of"]

_SCALARS = (bool, int, float, str)
_TRUTH = {"true": True, "false": False}
_WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}


FREE = Option("", is_text=False)
"""Of a setting of a family, which is declared elsewhere."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A key that holds a value.

    Attributes:
        key: Dotted, such as ``search.folds``.
        annotation: Its type.
        declared: What the schema declares of it; nothing for a setting of a family.
    """

    key: str
    annotation: Any
    declared: Option = FREE

    @property
    def types(self) -> tuple[Any, ...]:
        """The types it may have, None left out."""
        is_collection = get_origin(self.annotation) in (dict, list)
        members = () if is_collection else get_args(self.annotation)
        return tuple(t for t in members or (self.annotation,) if t is not NoneType)

    @property
    def is_optional(self) -> bool:
        """Whether null is a value of it."""
        return self.annotation is Any or NoneType in get_args(self.annotation)

    @property
    def is_mapping(self) -> bool:
        """Whether it takes keys of the user's own."""
        return any(get_origin(t) is dict for t in self.types)

    @property
    def is_list(self) -> bool:
        """Whether it holds a list."""
        return any(get_origin(t) is list for t in self.types)

    @property
    def flag(self) -> str:
        """What it is called on the command line, where it has a section there."""
        return flag_of(self.key)

    @property
    def item(self) -> Any:
        """The type of its value, or of each value where there are several."""
        return get_args(self.types[0])[-1] if self.is_list or self.is_mapping else self.types[0]

    @property
    def is_text(self) -> bool:
        """Whether it holds texts of a person or names of columns, which are taken as they stand."""
        is_open = self.is_mapping or not self.declared.choices
        return self.declared.is_text and is_open and self.item is str

    @property
    def param(self) -> Param | None:
        """What a single value of an option may be; None where the type says all."""
        option = self.declared
        if not option.help or not (option.choices or self.item in (int, float)):
            return None
        from automl.plugin import Param

        low, above, below = option.low, option.above, option.below
        name: Any = self.item.__name__
        return Param(name, low=low, above=above, below=below, choices=option.choices)

    @property
    def expected(self) -> str:
        """The type in words, such as ``an integer or null``."""
        words = [_in_words(t) for t in self.types]
        return " or ".join([*words, "null"] if self.is_optional else words)

    def parsed(self, value: Any) -> Any:
        """A value as its option reads it; as it is where the option does not say how.

        Raises:
            ConfigError: It cannot be read; the option is named.
        """
        if self.declared.parse is None or value is None:
            return value
        try:
            return self.declared.parse(value)
        except ConfigError as error:
            raise ConfigError(f"{named(self.key)}: {error}") from None

    def from_flag(self, text: str) -> Any:
        """Reads a text of the command line; values of a list stand between commas.

        Raises:
            ValueError: It is none; the message says what is expected.
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
        item = {int: " of integers", float: " of numbers", str: " of texts"}.get(inner[0], "")
        return f"a list{item} such as [a, b]" if inner[0] is str else f"a list{item}"
    return _WORDS.get(annotation, "any value")


@cache
def _schema_leaves(kind: type, prefix: str) -> tuple[Leaf, ...]:
    hints = get_type_hints(kind)
    found: list[Leaf] = []
    for entry in fields(kind):
        hint = hints[entry.name]
        if is_dataclass(hint) and isinstance(hint, type):
            found += _schema_leaves(hint, f"{prefix}{entry.name}.")
        else:
            found.append(Leaf(f"{prefix}{entry.name}", hint, entry.metadata.get("option", FREE)))
    return tuple(found)


def flagged() -> list[Leaf]:
    """The options that have a flag on the command line, in the order of the schema."""
    return [leaf for leaf in leaves(()).values() if leaf.declared.section]


def value_of(config: SearchConfig, key: str) -> Any:
    """The value of a key."""
    value: Any = config
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


def leaves(families: Iterable[ModelFamily]) -> dict[str, Leaf]:
    """All keys that hold a value, in the order of the schema."""
    found: dict[str, Leaf] = {}
    for leaf in _schema_leaves(SearchConfig, ""):
        if leaf.key != "model":
            found[leaf.key] = leaf
            continue
        for family in families:
            node = _schema_leaves(family_node(family), f"model.{family.name}.")
            found.update({inner.key: inner for inner in node})
    return found


def family_node(family: ModelFamily) -> type:
    """A dataclass of what may be set under ``model.<family>``.

    Beside the family's own settings every family has ``fixed``, params that are not searched
    but given, and ``max_trials``, the most trials it gets.
    """
    from automl.plugin.configurable import default_settings

    own = [(key, *_typed(value)) for key, value in default_settings(family).items()]
    common: list[tuple[str, Any, Any]] = [
        ("fixed", dict[str, Any], field(default_factory=dict)),
        ("max_trials", int | None, field(default=None)),
    ]
    return make_dataclass(f"{type(family).__name__}Settings", [*own, *common])


def _typed(default: Any) -> tuple[Any, Any]:
    """The type that a default stands for, and the dataclass field that holds it."""
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
