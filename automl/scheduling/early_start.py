"""Starts the parent of workers early, before libraries are imported and the table is read."""

from __future__ import annotations

from typing import TypeAlias

from automl.scheduling.local import launcher
from automl.scheduling.local.launcher import Launcher

__all__ = ["EarlyStart", "start_early"]

EarlyStart: TypeAlias = Launcher


def start_early() -> EarlyStart:
    """Starts the parent of workers, which imports libraries from now on.

    The executor is not known yet; ``make_executor`` closes this for all but ``local``. Importing
    this module loads only the standard library.
    """
    return launcher.start_launcher()
