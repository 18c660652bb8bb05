"""Finds config groups in folders and packages of YAML files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

__all__ = ["CORE_PATH", "find_groups", "is_search_path"]

CORE_PATH = "pkg://automl_conf"


def find_groups(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Returns the groups and the names of their options, sorted.

    Args:
        paths: Hydra search paths, ``pkg://package`` or ``file://folder``.

    Returns:
        Options by group; a group inside another is written ``outer/inner``.
    """
    found: dict[str, set[str]] = {}
    for path in paths:
        root = _root(path)
        for group, option in _walk(root, "") if root.is_dir() else ():
            found.setdefault(group, set()).add(option)
    return {group: tuple(sorted(found[group])) for group in sorted(found)}


def is_search_path(path: str) -> bool:
    """Whether a Hydra search path is a folder or an importable package."""
    try:
        return _root(path).is_dir()
    except ImportError:
        return False


def _root(path: str) -> Traversable:
    if path.startswith("pkg://"):
        return files(path.removeprefix("pkg://"))
    return Path(path.removeprefix("file://"))


def _walk(folder: Traversable, group: str) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.name.startswith(("_", ".")):
            yield from _walk(entry, f"{group}/{entry.name}".lstrip("/"))
        elif group and entry.name.endswith(".yaml"):
            yield group, entry.name.removesuffix(".yaml")
