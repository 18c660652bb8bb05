"""Families that learn step by step and report in between."""

from __future__ import annotations

from typing import ClassVar

from automl.plugin.family import ModelFamily

__all__ = ["IterativeFamily"]


class IterativeFamily(ModelFamily):
    """A family that calls ``report`` inside a fit, so that the pruner can stop it there.

    Attributes:
        fidelity: What a step of ``report`` counts, in the plural: ``rounds``, ``epochs``, ...

    Example:
        >>> for epoch in range(1, n_epochs + 1):                               # doctest: +SKIP
        ...     net.train_epoch(fold.X_train, fold.y_train)
        ...     prediction = net.predict(fold.X_valid)
        ...     score = context.metric.score(fold.y_valid, prediction, fold.weight_valid)
        ...     report(epoch, score)
    """

    fidelity: ClassVar[str]
