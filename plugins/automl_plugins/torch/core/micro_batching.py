"""Splits batches into smaller parts when a GPU is out of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from automl.plugin import is_cuda_oom

__all__ = ["MAX_PARTS", "MicroBatching"]

MAX_PARTS = 4  # halved twice; more needs a GPU with more memory

T = TypeVar("T")


@dataclass(slots=True)
class MicroBatching:
    """Number of parts of a batch, doubled whenever memory runs out.

    Results must not depend on it, and work that runs out of memory must leave no partial results,
    because it is repeated from its start.

    Attributes:
        n: Number of parts from the next call on.
    """

    n: int = 1

    def run(self, work: Callable[[int], T]) -> T:
        """Runs work with the number of parts, and repeats it with more when memory runs out.

        Raises:
            RuntimeError: The GPU is out of memory with ``MAX_PARTS``, or the work failed.
        """
        while True:
            try:
                return work(self.n)
            except RuntimeError as error:
                if not is_cuda_oom(error) or self.n >= MAX_PARTS:
                    raise
            # Outside of the handler, because the exception keeps the tensors of the work alive.
            self.n *= 2
            torch.cuda.empty_cache()
