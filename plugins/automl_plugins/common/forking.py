"""Threads after a fork: a child has the records of its parent's thread pool, but not its threads.

GNU OpenMP waits for them for ever (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=58378). Servers do
so once they have tried a model: gunicorn with --preload, multiprocessing.Pool.
"""

from __future__ import annotations

import os
import sys

__all__ = ["threads_here"]


class _Process:
    """Whether this process has used several threads, or was forked by one that had."""

    has_used_threads = False
    is_forked = False


def threads_here(wanted: int) -> int:
    """How many threads an OpenMP library may use now: as wanted, or one in a forked child.

    Args:
        wanted: Threads that would be best.
    """
    if _Process.is_forked:
        return 1
    _Process.has_used_threads |= wanted > 1
    return wanted


def _after_fork() -> None:
    if not _Process.has_used_threads:
        return
    _Process.is_forked = True
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
