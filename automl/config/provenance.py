"""Prints a composed configuration with the origin of each value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from automl.config.schema import SearchConfig

__all__ = ["DEFAULT", "ComposedConfig", "render_config"]

DEFAULT = "default"
"""Origin of values from the schema."""

_MAX_COLUMN = 60


@dataclass(frozen=True, slots=True)
class ComposedConfig:
    """A configuration and the origins of its values.

    Attributes:
        config: The configuration.
        provenance: Origin of the value of each key, as text.
    """

    config: SearchConfig
    provenance: Mapping[str, str]


def render_config(composed: ComposedConfig) -> str:
    """Returns the configuration as YAML, with the origin of each value in a comment."""
    lines = list(_lines(asdict(composed.config), "", composed.provenance))
    column = max((len(text) for text, _ in lines if len(text) < _MAX_COLUMN), default=0) + 2
    return "".join(
        f"{text:<{column}}# {origin}\n" if origin else f"{text}\n" for text, origin in lines
    )


def _lines(
    values: Mapping[str, Any], above: str, provenance: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    indent = "  " * above.count(".")
    for name, value in values.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and value and key not in provenance:
            yield f"{indent}{name}:", ""
            yield from _lines(value, f"{key}.", provenance)
        else:
            text = f"{indent}{name}: {_flow(value)}"
            # two spaces if the text is longer than the column: # must not touch it
            origin = provenance.get(key, "")
            yield (f"{text}  " if len(text) >= _MAX_COLUMN else text), origin


def _flow(value: Any) -> str:
    import yaml

    style = '"' if isinstance(value, str) and not value.isprintable() else None
    text = yaml.safe_dump(
        value,
        default_flow_style=True,
        default_style=style,
        allow_unicode=True,
        sort_keys=False,
        width=2**31,
    )
    return text.removesuffix("\n").removesuffix("\n...")
