"""Optuna's log: silent during a search, and afterwards as the caller had it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["optuna_as_it_was"]


@contextmanager
def optuna_as_it_was() -> Iterator[None]:
    """Puts back how much Optuna logs, for a caller who uses it too."""
    known = sys.modules.get("optuna")
    before = logging.INFO if known is None else known.logging.get_verbosity()  # INFO is its default
    try:
        yield
    finally:
        if (optuna := sys.modules.get("optuna")) is not None:
            optuna.logging.set_verbosity(before)
