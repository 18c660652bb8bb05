"""What is done when a GPU is out of memory: the same work in smaller parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from automl.plugin import is_cuda_oom

__all__ = ["MAX_PARTS", "Parts"]

MAX_PARTS = 4  # halved twice; what still does not fit needs a GPU with more room

T = TypeVar("T")


@dataclass(slots=True)
class Parts:
    """In how many parts a batch goes through a net: twice as many whenever memory runs out.

    What a batch gives must not depend on it, and work that runs out of memory must leave nothing
    half done: it is done again from its start.

    Attributes:
        n: Parts, from the next call on.
    """

    n: int = 1

    def run(self, work: Callable[[int], T]) -> T:
        """Does some work, told the number of parts, and does it again in more of them if it must.

        Raises:
            RuntimeError: The GPU is out of memory even so, or whatever the work raises.
        """
        while True:
            try:
                return work(self.n)
            except RuntimeError as error:
                if not is_cuda_oom(error) or self.n >= MAX_PARTS:
                    raise
            # Not inside of the handler: the error holds on to what the work has allocated.
            self.n *= 2
            torch.cuda.empty_cache()
