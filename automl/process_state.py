"""Restores the global state of the process after calls that change it."""

from __future__ import annotations

import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["process_untouched"]


@contextmanager
def process_untouched() -> Iterator[None]:
    """Restores random states, environment variables and warning filters.

    Libraries change them when they are imported: scikit-learn adds OpenMP variables and filters,
    others draw random numbers. If a block has imported nothing, nothing is restored, so that
    concurrent predictions do not undo each other's changes. Random states are restored only in the
    main thread, as a restore by another would make it draw the same numbers twice.
    """
    n_modules, environ, filters = len(sys.modules), dict(os.environ), list(warnings.filters)
    numbers, numpy_numbers = random.getstate(), _numpy_state()
    try:
        yield
    finally:
        if len(sys.modules) != n_modules:
            _put_back(environ, filters)
            if threading.current_thread() is threading.main_thread():
                random.setstate(numbers)
                if numpy_numbers is not None:
                    sys.modules["numpy"].random.set_state(numpy_numbers)


def _numpy_state() -> Any:
    """State of NumPy's global generator; None if NumPy is not loaded, so that it is unused."""
    numpy: Any = sys.modules.get("numpy")
    return None if numpy is None else numpy.random.get_state()


def _put_back(environ: dict[str, str], filters: list[Any]) -> None:
    if dict(os.environ) != environ:
        for name in os.environ.keys() - environ.keys():
            del os.environ[name]
        os.environ.update(environ)
    if list(warnings.filters) != filters:
        warnings.resetwarnings()  # also clears decisions cached from the earlier filters
        kept: Any = warnings.filters
        kept[:] = filters
