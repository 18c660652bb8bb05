"""Saves the state of a training once a minute, so that it continues if its worker is lost."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from automl.plugin import TrialContext

__all__ = ["Checkpoint", "checkpoint_of"]

EVERY_S = 60.0
_FACTS = "facts"
_FORMAT = 2  # raise it when the state changes; older checkpoints are ignored


@dataclass(slots=True)
class Checkpoint:
    """A file with the state of a training, written atomically.

    Attributes:
        path: Path of the file; None for no checkpoints.
        every_s: Seconds between two checkpoints.
        clock: Returns the time in seconds.
    """

    path: Path | None
    every_s: float = EVERY_S
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    @property
    def is_due(self) -> bool:
        """True if it is time to save."""
        return self.path is not None and self.clock() - self._last >= self.every_s

    def save(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Replaces the saved state.

        A failed write is ignored: a lost fit would only start again.

        Args:
            tensors: Tensors on any device.
            facts: JSON values.
        """
        self._last = self.clock()
        if self.path is None:
            return
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        draft = self.path.with_suffix(".draft")
        with contextlib.suppress(OSError, SafetensorError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(kept, draft, metadata={_FACTS: json.dumps(facts)})
            draft.replace(self.path)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The last saved state, or None if there is no readable one."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                facts = json.loads((file.metadata() or {})[_FACTS])
                return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError):
            return None


def checkpoint_of(
    context: TrialContext, fits: Sequence[tuple[Mapping[str, Any], int]]
) -> Checkpoint:
    """The checkpoint of fits that train together; other combinations have other checkpoints.

    Args:
        context: Context of the fit, with its scratch folder.
        fits: Params and seed of each fit.
    """
    if context.scratch_dir is None:
        return Checkpoint(None)
    trained = [[dict(params), seed] for params, seed in fits]
    text = json.dumps([_FORMAT, trained], sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Checkpoint(context.scratch_dir / f"{name}.safetensors")
