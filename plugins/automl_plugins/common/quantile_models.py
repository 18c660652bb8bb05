"""Quantile prediction with one model per level, for families that fit one level at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    FittedModel,
    Matrix,
    Metric,
    StagedModel,
    StageLog,
    Task,
    TrialContext,
    pinball_losses,
)

__all__ = ["QuantileModels", "fit_levels", "load_levels", "save_levels"]


@dataclass(frozen=True, slots=True)
class QuantileModels:
    """Models that predict one quantile each.

    Attributes:
        models: One per level, ascending; each predicts values ``(n_rows,)``.
    """

    models: tuple[FittedModel, ...]

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Quantiles ``(n_rows, n_levels)``."""
        return np.column_stack([model.predict(X) for model in self.models])

    @property
    def stages(self) -> tuple[StageLog, ...]:
        """The stage log of each level; empty if a level did not stop early."""
        staged = [model for model in self.models if isinstance(model, StagedModel)]
        logs = tuple(log for model in staged for log in model.stages)
        return logs if len(logs) == len(self.models) else ()


def fit_levels(
    fit: Callable[[int, TrialContext], FittedModel], context: TrialContext
) -> QuantileModels:
    """Fits one model per level, one after the other.

    The metric of each is the pinball loss of its level. Each gets an equal share of the remaining
    time; unused time goes to the later levels.

    Args:
        fit: Fits the model of a level from its number and a context with this level and metric.
        context: Context of the whole fit.
    """
    started, levels = context.clock(), context.problem.quantiles
    models = []
    for number, level in enumerate(levels):
        now, share = context.clock(), 1 / (len(levels) - number)
        limit_s, deadline = context.time_limit_s, context.deadline
        slot = replace(
            context,
            problem=replace(context.problem, metric=_loss_of(level), quantiles=(level,)),
            time_limit_s=None if limit_s is None else share * max(0.0, limit_s - (now - started)),
            deadline=None if deadline is None else now + share * (deadline - now),
            stages=context.stages[number : number + 1],
        )
        models.append(fit(number, slot))
    return QuantileModels(tuple(models))


def _loss_of(level: float) -> Metric:
    """The pinball loss of one level as a metric of values."""

    def loss(
        y: NDArray[Any], prediction: NDArray[Any], weight: NDArray[np.float64] | None
    ) -> float:
        return float(np.average(pinball_losses(y, prediction, (level,)), weights=weight))

    return Metric("pinball", False, "values", (0.0, float("inf")), frozenset({Task.QUANTILE}), loss)


def save_levels(
    model: QuantileModels, path: Path, save: Callable[[FittedModel, Path], None]
) -> None:
    """Writes each model into its own folder."""
    for number, one in enumerate(model.models):
        folder = path / f"level-{number}"
        folder.mkdir()
        save(one, folder)


def load_levels(path: Path, load: Callable[[Path], FittedModel]) -> QuantileModels | None:
    """Reads the models written by ``save_levels``; None if ``path`` has no levels."""
    folders = sorted(path.glob("level-*"), key=lambda f: int(f.name.removeprefix("level-")))
    return QuantileModels(tuple(load(folder) for folder in folders)) if folders else None
