"""The signatures of the public API and of the plugin API are those of ``api.txt``.

A change of either is seen in review as a change of that file. ``python
tests/house/test_api_snapshot.py`` writes it anew.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, get_origin

PACKAGES = ("automl", "automl.plugin")
FILE = Path(__file__).with_name("api.txt")
COMMAND = "python tests/house/test_api_snapshot.py"


def describe() -> str:
    """All packages with their public names, a line for each name and each member of a class."""
    lines: list[str] = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        lines.append(f"# {package}")
        for name in sorted(module.__all__):
            lines += describe_name(name, getattr(module, name))
        lines.append("")
    return "\n".join(lines)


def describe_name(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, type):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})" if bases else f"class {name}"
        yield from (f"    {line}" for line in members(value))
    elif inspect.isfunction(value):
        yield f"def {name}{signature(value)}"
    else:
        is_alias = name != "__version__" and (isinstance(value, str) or get_origin(value))
        yield f"{name} = {value}" if is_alias else f"{name}: {type(value).__name__}"


def members(cls: type) -> Iterator[str]:
    """What a class itself defines: its parents have lines of their own."""
    if issubclass(cls, Enum):
        yield from (f"{member.name} = {member.value!r}" for member in cls)
        return
    fields = {field.name: field for field in dataclasses.fields(cls)} if is_dataclass(cls) else {}
    skipped = {"__init__"} if fields or Protocol in cls.__bases__ else set()
    for name, note in inspect.get_annotations(cls).items():
        field = fields.get(name)
        is_set = name in vars(cls) if field is None else has_default(field)
        if not name.startswith("_"):
            yield f"{name}: {note}{' = ...' if is_set else ''}"
        skipped.add(name)
    for name, value in vars(cls).items():
        if name in skipped or (name.startswith("_") and name not in ("__init__", "__call__")):
            continue
        if isinstance(value, property):
            yield f"{name}: {Plain(inspect.signature(value.fget).return_annotation)} (property)"
        elif inspect.isfunction(value):
            abstract = "abstract " if getattr(value, "__isabstractmethod__", False) else ""
            yield f"{abstract}def {name}{signature(value)}"


def has_default(field: dataclasses.Field[Any]) -> bool:
    return not field.default is field.default_factory is dataclasses.MISSING


class Plain:
    """An annotation that is shown without quotes."""

    def __init__(self, note: Any) -> None:
        self.text = note if isinstance(note, str) else getattr(note, "__name__", str(note))

    def __repr__(self) -> str:
        return self.text


def signature(function: Any) -> str:
    found = inspect.signature(function)

    def shown(note: Any) -> Any:
        return note if note is inspect.Signature.empty else Plain(note)

    parameters = [p.replace(annotation=shown(p.annotation)) for p in found.parameters.values()]
    return str(
        found.replace(parameters=parameters, return_annotation=shown(found.return_annotation))
    )


def test_the_public_and_the_plugin_api_are_as_written_down():
    known, found = FILE.read_text(encoding="utf-8"), describe()
    changes = difflib.unified_diff(known.splitlines(), found.splitlines(), "api.txt", "now", n=0)
    assert known == found, "\n".join(
        (
            "the API has changed. If that is meant, write it down, with a line in CHANGELOG.md:",
            f"    {COMMAND}",
            *changes,
        )
    )


if __name__ == "__main__":
    FILE.write_text(describe(), encoding="utf-8")
