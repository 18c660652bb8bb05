"""What fits that stop early score at a stage that nobody chose."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from benchmarks.honesty.searches import Opened

__all__ = ["at_a_fixed_stage", "stages_are_kept"]

FIXED = 7
"""Place of the stage among those that are logged: late enough to have learnt, early enough for
every fit to reach it, whatever its validation rows say."""

DISCARD = "discard_stages"


@contextlib.contextmanager
def stages_are_kept() -> Iterator[None]:
    """Searches of this process leave the curves of all stages in the folders of their folds.

    Of a version that logs no stages nothing is kept.
    """
    importlib.import_module("automl.tuning.loop.controller")
    holders = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("automl.") and hasattr(module, DISCARD)
    ]
    before: list[Any] = [getattr(module, DISCARD) for module in holders]
    for module in holders:
        setattr(module, DISCARD, lambda *arguments: None)
    try:
        yield
    finally:
        for module, function in zip(holders, before, strict=True):
            setattr(module, DISCARD, function)


def at_a_fixed_stage(opened: Opened, trial: str) -> float | None:
    """Mean over the folds of a trial's score at one stage, the same for all folds.

    None where its fits logged no stages: then none was chosen by the rows that are scored.
    """
    logs = []
    for path in sorted(opened.opened.run.trial(trial).glob("fold-*/curves.npz")):
        with np.load(path, allow_pickle=False) as file:
            stages, losses = file["0-curve"][:2]
            logs.append((stages, losses))
    if not logs:
        return None
    fixed = min(stages[min(FIXED, len(stages) - 1)] for stages, _ in logs)
    loss = np.mean([losses[np.argmin(np.abs(stages - fixed))] for stages, losses in logs])
    metric = opened.opened.metric
    return float(-loss if metric.greater_is_better else loss)
