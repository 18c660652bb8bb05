"""AutoML with plugins: searches model families, leaves a leaderboard and an ensemble.

Importing this package is light: names are loaded when they are first used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from automl.version import __version__

if TYPE_CHECKING:
    from automl.api import Run, load_run, resume, search

__all__ = ["Run", "__version__", "load_run", "resume", "search"]


class _Package(ModuleType):
    """This package, where ``search`` is a function and also the name of a subpackage.

    Importing a subpackage sets it as an attribute, in place of the function: so the subpackage
    is made to do what the function does when it is called.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "search" and isinstance(value, ModuleType):
            value.__class__ = _SearchPackage
        super().__setattr__(name, value)


class _SearchPackage(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Run:
        from automl import api

        return api.search(*args, **options)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in ("Run", "load_run", "resume", "search"):
        from automl import api

        return getattr(api, name)
    raise AttributeError(f"module 'automl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
