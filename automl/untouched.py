"""What belongs to the whole process is left as it was by whatever is called here."""

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
    """Puts back random states, environment variables and filters of warnings.

    Libraries change them when they are imported: scikit-learn adds variables of OpenMP and filters,
    others draw random numbers. Where a block has imported nothing, nothing is put back, so that
    threads that predict do not undo what others do meanwhile; and random states are put back in the
    main thread alone, since another would have it draw the same numbers twice.
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
    """State of numpy's global generator; None where numpy is not loaded, and so is at its start."""
    numpy: Any = sys.modules.get("numpy")
    return None if numpy is None else numpy.random.get_state()


def _put_back(environ: dict[str, str], filters: list[Any]) -> None:
    if dict(os.environ) != environ:
        for name in os.environ.keys() - environ.keys():
            del os.environ[name]
        os.environ.update(environ)
    if list(warnings.filters) != filters:
        warnings.resetwarnings()  # which also forgets what was decided by the filters there were
        kept: Any = warnings.filters
        kept[:] = filters
