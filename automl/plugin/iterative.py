"""Base class of families that report during a fit, so that it can be pruned."""

from __future__ import annotations

from typing import ClassVar

from automl.plugin.family import ModelFamily

__all__ = ["IterativeFamily"]


class IterativeFamily(ModelFamily):
    """A family that calls ``report`` during a fit, so that the pruner can stop it.

    Attributes:
        fidelity: Unit of the steps of ``report``, in the plural: ``rounds``, ``epochs``, ...

    Example:
        >>> class Nets(IterativeFamily):
        ...     name, fidelity = "nets", "epochs"
        ...     def fit(self, params, fold, context, report):
        ...         net = make_net(params)
        ...         for epoch in range(1, params["epochs"] + 1):
        ...             net.train_epoch(fold.X_train, fold.y_train)
        ...             prediction = net.predict(fold.X_valid)
        ...             report(epoch, context.metric.score(fold.y_valid, prediction))
        ...         return net
    """

    fidelity: ClassVar[str]
