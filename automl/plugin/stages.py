"""Unbiased scores under early stopping, from a log of the predictions by stage.

A fit stopped at the best stage on its own validation rows would get an optimistic score on these
rows. So it logs its predictions for them at a series of stages, and the search scores it at the
stage that other rows choose. The fitted model itself may be that of its own best stage.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin.metric import Metric
from automl.plugin.task import Task

__all__ = [
    "MOST_STAGES",
    "StageLog",
    "enough_to_choose",
    "log_loss",
    "stage_steps",
    "stopping_metric",
]

MOST_STAGES = 45
LEAST_STAGES = 8
MOST_BYTES = 64 << 20
MIN_ROWS, MIN_OTHERS = 20, 5
LEAST_PROBABILITY = 1e-7


class StageLog:
    """Predictions of one fit for its validation rows, stage by stage.

    Stages are measured in a unit shared by all folds of a trial: the sum of the learning rates of
    all rounds for boosters, the share of the learning-rate schedule for nets. A model that was
    stopped early is a ``StagedModel``, with one log, or one per separately fitted quantile level.

    Of many stages, every second, fourth, ... is kept, and always the last. The choice depends on
    their number alone, never on their scores.

    Args:
        metric: Metric that compares stages: that of the run, or the loss of one level.
        usual: Stage at which such fits usually end, used if there are too few rows to choose one;
            infinite for the last.
        grows: Whether more training rows need longer training, as for boosters.

    Example:
        >>> log = StageLog(mae)
        >>> for epoch in range(1, 5):
        ...     log.add(epoch / 4, np.full(3, 1 / epoch))  # predictions of the validation rows
        >>> log.stages
        [0.25, 0.5, 0.75, 1.0]
    """

    def __init__(self, metric: Metric, usual: float = math.inf, grows: bool = False) -> None:
        self.metric, self.usual, self.grows = metric, usual, grows
        self._stages: list[float] = []
        self._predictions: list[NDArray[np.float32]] = []
        self._last: tuple[float, NDArray[np.float32]] | None = None
        self._n_added, self._stride = 0, 1

    def add(self, stage: float, prediction: NDArray[Any]) -> None:
        """Logs a stage and copies its predictions.

        Args:
            stage: Above 0 and above all earlier stages.
            prediction: Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)`` or quantiles
                ``(n_rows, n_levels)`` of the validation rows.

        Raises:
            ValueError: The stages do not ascend.
        """
        if stage <= (self.stages[-1] if self._n_added else 0.0):
            raise ValueError(f"stage {stage} does not come after {self.stages[-1:] or 0.0}")
        entry = float(stage), np.array(prediction, dtype=np.float32)
        self._last = entry
        if self._n_added % self._stride == 0:
            self._keep(*entry)
        self._n_added += 1

    def _keep(self, stage: float, prediction: NDArray[np.float32]) -> None:
        self._stages.append(stage)
        self._predictions.append(prediction)
        fitting = MOST_BYTES // max(1, prediction.nbytes)
        if len(self._stages) > min(MOST_STAGES, max(LEAST_STAGES, fitting)):
            self._stages, self._predictions = self._stages[::2], self._predictions[::2]
            self._stride *= 2
        if self._stages[-1] == stage:
            self._last = None

    @property
    def stages(self) -> list[float]:
        """The kept stages, ascending."""
        return self._stages if self._last is None else [*self._stages, self._last[0]]

    @property
    def predictions(self) -> list[NDArray[np.float32]]:
        """Predictions of the validation rows at each kept stage."""
        return self._predictions if self._last is None else [*self._predictions, self._last[1]]

    @property
    def facts(self) -> dict[str, Any]:
        """The log without its predictions, as JSON values, for a checkpoint."""
        return {"stages": self.stages, "n_added": self._n_added, "stride": self._stride}

    def restore(self, facts: Mapping[str, Any], predictions: Sequence[NDArray[Any]]) -> None:
        """Restores the log of an interrupted fit from its ``facts`` and ``predictions``."""
        self._n_added, self._stride = facts["n_added"], facts["stride"]
        entries = [
            (float(stage), np.array(prediction, dtype=np.float32))
            for stage, prediction in zip(facts["stages"], predictions, strict=True)
        ]
        n_kept = -(-self._n_added // self._stride)
        self._stages = [stage for stage, _ in entries[:n_kept]]
        self._predictions = [prediction for _, prediction in entries[:n_kept]]
        self._last = entries[n_kept] if n_kept < len(entries) else None


def stage_steps(last: int, n_steps: int = MOST_STAGES) -> frozenset[int]:
    """Returns the rounds to log in a fit of at most ``last`` rounds, evenly spaced in logarithm.

    Example:
        >>> sorted(stage_steps(1000, n_steps=4))
        [1, 10, 100, 1000]
    """
    return frozenset(round(step) for step in np.geomspace(1, max(1, last), n_steps))


def enough_to_choose(y: NDArray[Any], is_classification: bool) -> bool:
    """Whether there are enough validation rows to choose a stage.

    It takes 20 rows, 5 of them not of the most frequent class. With fewer, a fit ends at the
    stage at which such fits usually end.

    Args:
        y: Class indices or values of the rows, ``(n_rows,)``.
        is_classification: Whether ``y`` holds class indices.

    Example:
        >>> enough_to_choose(np.zeros(30, dtype=int), is_classification=True)
        False
    """
    if len(y) < MIN_ROWS:
        return False
    return not is_classification or len(y) - int(np.bincount(y).max()) >= MIN_OTHERS


def stopping_metric(metric: Metric) -> Metric:
    """Returns the metric for early stopping: the run's, or log loss if that needs labels.

    Accuracy and similar metrics are too coarse to compare stages and prefer bad ones
    (arXiv 2602.22107).

    Example:
        >>> stopping_metric(mae).name
        'mae'
    """
    if metric.needs != "labels":
        return metric
    bounds = (0.0, math.inf)
    return Metric("log_loss", False, "probabilities", bounds, frozenset(Task), log_loss)


def log_loss(
    y: NDArray[Any], prediction: NDArray[Any], weight: NDArray[np.float64] | None = None
) -> float:
    """Returns the mean negative logarithm of the predicted probability of the true class.

    Args:
        y: Class indices, ``(n_rows,)``.
        prediction: Probabilities, ``(n_rows, n_classes)``.
        weight: Row weights, ``(n_rows,)``.
    """
    right = prediction[np.arange(len(y)), y].astype(np.float64)
    chosen = np.clip(right, LEAST_PROBABILITY, 1.0)
    return float(np.average(-np.log(chosen), weights=weight))
