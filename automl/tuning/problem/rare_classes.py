"""What a person should know where some classes have few rows."""

from __future__ import annotations

import numpy as np

from automl.data.raw_table import listed
from automl.data.table import Dataset
from automl.plugin.metric import Metric
from automl.surface import named

__all__ = ["rare_class_notes"]

RARE_SHARE = 0.1
BLIND = frozenset({"accuracy", "f1_micro"})
"""Metrics by which a model that never predicts a rare class looks good."""


def rare_class_notes(dataset: Dataset, metric: Metric) -> list[str]:
    """Notes on classes that cannot be learnt and scored, and on a metric that overlooks them."""
    classes = dataset.target.classes
    if not classes:
        return []
    notes = []
    alone = np.flatnonzero(np.bincount(dataset.y, minlength=len(classes)) == 1)
    if len(alone):
        names = listed([str(classes[k]) for k in alone])
        notes.append(
            f"one row only has the class {names}: a model that is scored by it has not learnt it"
        )
    weights = np.bincount(dataset.y, dataset.weight, minlength=len(classes))
    share = float(weights.min() / weights.sum())
    if metric.name in BLIND and share < RARE_SHARE:
        rare = classes[int(weights.argmin())]
        notes.append(
            f"class {str(rare)!r} has {share:.1%} of the rows, which {metric.name} hardly sees: "
            f"{named('metric', 'balanced_accuracy')}, f1_macro or mcc counts all classes"
        )
    return notes
