from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from automl.plugin import Metric, Task
from automl.testing import LOG_LOSS


def test_the_direction_decides_what_is_better() -> None:
    up = replace(LOG_LOSS, greater_is_better=True)
    assert LOG_LOSS.is_better(0.1, than=0.2)
    assert up.is_better(0.2, than=0.1)
    assert up.loss(0.2) == -0.2
    assert not LOG_LOSS.is_better(0.1, than=0.1)


def test_a_metric_of_labels_is_given_the_most_probable_class() -> None:
    accuracy = Metric(
        "accuracy",
        True,
        "labels",
        (0.0, 1.0),
        frozenset({Task.BINARY}),
        lambda y, prediction, weight: float(np.average(y == prediction, weights=weight)),
    )
    y, probabilities = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]])
    assert accuracy.score(y, probabilities) == pytest.approx(2 / 3)
    assert accuracy.score(y, probabilities, np.array([1.0, 1.0, 0.0])) == 1.0
