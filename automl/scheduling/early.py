"""What takes ``local`` longest, started before libraries are imported and the table is read."""

from __future__ import annotations

from typing import TypeAlias

from automl.scheduling.local import launcher
from automl.scheduling.local.launcher import Launcher

__all__ = ["EarlyStart", "start_early"]

EarlyStart: TypeAlias = Launcher


def start_early() -> EarlyStart:
    """Starts the prepared parent of workers, which imports libraries from now on.

    Which executor it will be is not known yet; ``make_executor`` closes this for all others.
    Importing this module loads the standard library alone.
    """
    return launcher.start_launcher()
