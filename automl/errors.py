"""The exception tree: what a person can have done wrong, and what the machine could not do.

AutoMLError                 exit status 1
├── UserError               exit status 2: the command or the input must change
│   ├── ConfigError         an unknown or wrong setting
│   ├── DataError           a file that cannot be read, or a table that cannot be learnt from
│   │   └── MissingColumnError   a column the model needs is not in the table
│   ├── PluginError         a plugin or family that is broken, missing or named twice
│   └── RunError            a run directory that is not there, in use, or not a run
├── MissingExtraError       a library that an extra of this distribution installs
├── NoPredictorError        the search ended and no model was usable
└── StorageError            exit status 3: the disk is full, read-only or closed to us

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
"""The exit status after Ctrl-C: 128 and the number of the signal, as shells have it."""


class AutoMLError(Exception):
    """Base of every error that is meant to be read by a person; its text is the whole message."""

    exit_status = 1


class UserError(AutoMLError):
    """The command, the configuration or the input must change."""

    exit_status = 2


class ConfigError(UserError):
    """A setting is unknown, has a value that does not fit, or contradicts another."""


class DataError(UserError):
    """A file cannot be read, or the table in it cannot be learnt from or predicted."""


class MissingColumnError(DataError):
    """A column that the predictor needs is not in the table."""


class PluginError(UserError):
    """A plugin cannot be loaded, or a family is unknown or defined twice."""


class RunError(UserError):
    """A run directory does not exist, is not one, or is in use."""


class MissingExtraError(AutoMLError):
    """A library is missing that an extra installs.

    Args:
        needed_by: What needs it, such as ``"family mlp"``.
        module: The module that could not be imported.
        extra: The extra of the distribution that installs it; "" where no extra does.
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
    """The search is over and left no model that can predict."""


class StorageError(AutoMLError):
    """The disk takes no more: it is full, read-only, or closed to us."""

    exit_status = 3


class MisfitWarning(UserWarning):
    """Values of new rows fit no reading of their column, and count as missing.

    Args:
        message: The columns, with counts and examples.
        counts: Number of such values by name of the column.
    """

    def __init__(self, message: str, counts: Mapping[str, int] | None = None) -> None:
        super().__init__(message)
        self.counts = dict(counts or {})


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Returns ``"; did you mean 'x'?"`` for the nearest choices, or ``""`` when none is near."""
    near = difflib.get_close_matches(word, list(choices), n=3, cutoff=0.6)
    return f"; did you mean {', '.join(repr(n) for n in near)}?" if near else ""
