"""The exceptions that users read, with the exit status of each.

AutoMLError                 exit status 1
├── UserError               exit status 2: an error that the user can fix
│   ├── ConfigError         an unknown or invalid setting
│   ├── DataError           an unreadable file, or a table that cannot be used
│   │   └── MissingColumnError   a column the model needs is not in the table
│   ├── PluginError         a plugin or family that is broken, missing or claimed twice
│   └── RunError            a path that is missing, in use, or not a run directory
├── MissingExtraError       a library that is not installed
├── NoPredictorError        a search without a usable model
└── StorageError            exit status 3: the disk is full, read-only or not permitted

MisfitWarning               a UserWarning: values of new rows that cannot be read
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

__all__ = [
    "INTERRUPTED",
    "AutoMLError",
    "ConfigError",
    "DataError",
    "MisfitWarning",
    "MissingColumnError",
    "MissingExtraError",
    "NoPredictorError",
    "PluginError",
    "RunError",
    "StorageError",
    "UserError",
    "did_you_mean",
]

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 plus the signal number, as in shells."""


class AutoMLError(Exception):
    """Base of all errors shown to users; the text is the whole message."""

    exit_status = 1


class UserError(AutoMLError):
    """An error that the user can fix in the command, the configuration or the input."""

    exit_status = 2


class ConfigError(UserError):
    """A setting is unknown, has an invalid value, or contradicts another."""


class DataError(UserError):
    """A file cannot be read, or its table cannot be used to train or predict."""


class MissingColumnError(DataError):
    """A column that the predictor needs is not in the table."""


class PluginError(UserError):
    """A plugin cannot be loaded, or a family is unknown or claimed twice."""


class RunError(UserError):
    """A path is missing, in use, or not a run directory."""


class MissingExtraError(AutoMLError):
    """A required library is not installed.

    Args:
        needed_by: What needs it, such as ``"family mlp"``.
        module: The module that could not be imported.
        extra: The extra of the distribution that installs it; "" without one.
        distribution: The distribution that has the extra.
    """

    def __init__(
        self, needed_by: str, module: str, extra: str, distribution: str = "automl-search"
    ) -> None:
        self.needed_by, self.module, self.extra = needed_by, module, extra
        self.distribution = distribution
        what = f"{distribution}[{extra}]" if extra else module
        super().__init__(
            f"{needed_by} needs {module}, which is not installed: pip install '{what}'"
        )

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str, str]]:
        return type(self), (self.needed_by, self.module, self.extra, self.distribution)


class NoPredictorError(AutoMLError):
    """The search ended without a model that can predict."""


class StorageError(AutoMLError):
    """The disk cannot be written: it is full, read-only, or not permitted."""

    exit_status = 3


class MisfitWarning(UserWarning):
    """Values of new rows do not fit the kind of their column and count as missing.

    Args:
        message: The columns, with counts and examples.
        counts: Number of such values by column name.
    """

    def __init__(self, message: str, counts: Mapping[str, int] | None = None) -> None:
        super().__init__(message)
        self.counts = dict(counts or {})


def did_you_mean(word: str, choices: Iterable[str], n: int = 3) -> str:
    """Returns ``"; did you mean 'x'?"`` for the ``n`` closest choices, "" if none is close."""
    near = difflib.get_close_matches(word, list(choices), n, cutoff=0.6)
    return f"; did you mean {', '.join(repr(n) for n in near)}?" if near else ""
