from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from automl.metrics import get_metric
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


def proba(p: list[float]) -> np.ndarray:
    return np.column_stack((1 - np.array(p), p))


def test_a_metric_that_ranks_compares_the_rows_of_a_fold() -> None:
    area = get_metric("roc_auc", Task.BINARY)
    y, fold = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    prediction = proba([0.1, 0.2, 0.8, 0.9])  # the model of fold 1 is surer of class 1
    assert area.score(y, prediction) == pytest.approx(0.75)
    assert area.score_folds(y, prediction, fold) == pytest.approx(1.0)
    assert area.score_folds(y, prediction, None) == pytest.approx(0.75)


def test_a_larger_fold_counts_more_and_one_without_a_score_not_at_all() -> None:
    area = get_metric("roc_auc", Task.BINARY)
    y = np.array([0, 1, 0, 1, 0, 1, 1, 1])
    prediction = proba([0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.5, 0.5])
    fold = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    assert area.score_folds(y, prediction, fold) == pytest.approx(4 / 6)
    one_class = np.array([2] * 6 + [0] * 2)
    assert area.score_folds(y, prediction, one_class) == area.score(y[:6], prediction[:6])
    alone = np.arange(8)  # no fold has both classes
    assert area.score_folds(y, prediction, alone) == area.score(y, prediction)


def test_other_metrics_score_all_rows_together() -> None:
    y, fold = np.array([0, 1, 0, 1]), np.array([0, 0, 0, 1])
    prediction = proba([0.1, 0.2, 0.8, 0.9])
    assert LOG_LOSS.score_folds(y, prediction, fold) == LOG_LOSS.score(y, prediction)
