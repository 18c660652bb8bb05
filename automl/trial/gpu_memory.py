"""How much GPU memory a fit has held, as torch's allocator counts it in the worker itself.

The driver counts by process too, but with ids of the machine, which mean nothing in a container.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

__all__ = ["free_vram", "peak_vram_mib", "start_counting"]

CONTEXT_MIB = 512.0  # of CUDA and its libraries in one process, beside what torch allocates


def start_counting() -> None:
    """Counts the peak from here on."""
    cuda = _cuda()
    if cuda is not None:
        cuda.reset_peak_memory_stats()


def peak_vram_mib() -> float:
    """The most GPU memory this process held since counting started; 0 without any."""
    cuda = _cuda()
    return 0.0 if cuda is None else cuda.max_memory_reserved() / 2**20 + CONTEXT_MIB


def free_vram() -> None:
    """Gives back what the allocator keeps for later: others may need it sooner."""
    cuda = _cuda()
    if cuda is not None:
        gc.collect()
        cuda.empty_cache()


def _cuda() -> Any:
    """``torch.cuda`` where something has used it in this process."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
