"""Automatic machine learning with plugins: searches model families and builds an ensemble.

Importing the package is cheap: each name is loaded at its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.version import __version__

if TYPE_CHECKING:
    from automl.api import Run, load_run, resume, search

__all__ = ["Run", "__version__", "load_run", "resume", "search"]


def __getattr__(name: str) -> Any:
    if name in ("Run", "load_run", "resume", "search"):
        from automl import api

        return getattr(api, name)
    raise AttributeError(f"module 'automl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
