"""Silences Optuna's log during a search, and restores the caller's level."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["optuna_as_it_was"]


@contextmanager
def optuna_as_it_was() -> Iterator[None]:
    """Restores Optuna's log level, for a caller who uses Optuna too.

    In a notebook without widgets, its import would make tqdm recommend installing them, for a bar
    that is never shown.
    """
    if "tqdm.auto" not in sys.modules:
        warnings.filterwarnings("ignore", "IProgress not found")
    known = sys.modules.get("optuna")
    before = logging.INFO if known is None else known.logging.get_verbosity()  # INFO is its default
    try:
        yield
    finally:
        if (optuna := sys.modules.get("optuna")) is not None:
            optuna.logging.set_verbosity(before)
