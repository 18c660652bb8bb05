"""Nets without memory: what has to be known of them before weights are read is their shapes."""

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
    """Has tensors be made without data.

    The first sum of such tensors has torch load its compiler, which makes an empty folder among
    the temporary files. It is removed again: a process that predicts leaves nothing there.
    """
    folder, is_first = Path(tempfile.gettempdir()), "torch._dynamo" not in sys.modules
    before = set(folder.glob("torchinductor_*")) if is_first else set()
    try:
        with torch.device("meta"):
            yield
    finally:
        for new in set(folder.glob("torchinductor_*")) - before if is_first else ():
            with suppress(OSError):  # somebody compiles, and it is not empty
                new.rmdir()
