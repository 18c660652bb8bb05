"""Measures the GPU memory of a fit, by torch's allocator in the worker itself.

The driver counts by process too, but by the machine's process ids, which differ in a container.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

__all__ = ["free_vram", "peak_vram_mib", "reset_peak"]

CONTEXT_MIB = 512.0  # of CUDA and its libraries in one process, besides torch's allocations


def reset_peak() -> None:
    """Resets the peak."""
    cuda = _cuda()
    if cuda is not None:
        cuda.reset_peak_memory_stats()


def peak_vram_mib() -> float:
    """Peak GPU memory of this process since ``reset_peak`` in MiB; 0 without a GPU."""
    cuda = _cuda()
    return 0.0 if cuda is None else cuda.max_memory_reserved() / 2**20 + CONTEXT_MIB


def free_vram() -> None:
    """Returns the allocator's cached memory, which other processes may need sooner."""
    cuda = _cuda()
    if cuda is not None:
        gc.collect()
        cuda.empty_cache()


def _cuda() -> Any:
    """``torch.cuda`` if it has been used in this process."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
