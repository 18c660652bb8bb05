"""Notes for the user on classes with few rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from automl.data.raw_table import format_names
from automl.data.table import Dataset
from automl.plugin.metric import Metric
from automl.surface import named

__all__ = ["rare_class_notes"]

RARE_SHARE = 0.1
BLIND = frozenset({"accuracy", "f1_micro"})
"""Metrics by which a model that never predicts a rare class looks good."""


def rare_class_notes(dataset: Dataset, metric: Metric) -> Iterator[str]:
    """Notes on classes too small to train and score on, and on a metric that ignores them."""
    classes = dataset.target.classes
    if not classes:
        return
    alone = np.flatnonzero(np.bincount(dataset.y, minlength=len(classes)) == 1)
    if len(alone):
        names = format_names([str(classes[k]) for k in alone])
        yield (f"only one row has the class {names}: a model scored on it has not trained on it")
    weights = np.bincount(dataset.y, dataset.weight, minlength=len(classes))
    share = float(weights.min() / weights.sum())
    if metric.name in BLIND and share < RARE_SHARE:
        rare = classes[int(weights.argmin())]
        yield (
            f"class {str(rare)!r} has {share:.1%} of the rows, which hardly affect {metric.name}: "
            f"{named('metric', 'balanced_accuracy')}, f1_macro or mcc counts all classes"
        )
