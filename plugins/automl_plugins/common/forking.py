"""Chooses one thread in forked processes, where the thread pool of the parent does not exist.

GNU OpenMP waits for its threads forever (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=58378), for
example in servers that predict before they fork: gunicorn --preload, multiprocessing.Pool.
"""

from __future__ import annotations

import os
import sys

__all__ = ["threads_here"]


class _Process:
    """Records whether this process has used several threads, or was forked from one that had."""

    has_used_threads = False
    is_forked = False


def threads_here(wanted: int) -> int:
    """Number of threads that OpenMP may use: ``wanted``, or one in such a forked process.

    Args:
        wanted: Best number of threads.
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
