"""Builds nets without memory, to check the shapes of weights before they are read."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

__all__ = ["shapes_only"]


@contextmanager
def shapes_only() -> Iterator[None]:
    """Creates tensors without data.

    The first sum of such tensors makes torch load its compiler, which creates an empty temporary
    folder. It is removed, so that a process that predicts leaves no files.
    """
    folder, is_first = Path(tempfile.gettempdir()), "torch._dynamo" not in sys.modules
    before = set(folder.glob("torchinductor_*")) if is_first else set()
    try:
        with torch.device("meta"):
            yield
    finally:
        for new in set(folder.glob("torchinductor_*")) - before if is_first else ():
            with suppress(OSError):  # not empty: another process uses the compiler
                new.rmdir()
