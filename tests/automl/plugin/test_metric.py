from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from automl.metrics import get_metric
from automl.plugin import Metric, NoScoreError, Task, pinball_losses
from automl.testing import LOG_LOSS


def test_a_quantile_costs_its_share_of_the_distance_above_and_the_rest_below() -> None:
    y, quantiles = np.array([3.0, 0.0]), np.array([[1.0, 2.0], [1.0, 2.0]])
    above, below = (0.1 * 2 + 0.5 * 1) / 2, (0.9 * 1 + 0.5 * 2) / 2
    assert pinball_losses(y, quantiles, (0.1, 0.5)) == pytest.approx([above, below])
    assert pinball_losses(y, quantiles[:, 0], (0.1,)) == pytest.approx([0.2, 0.9])


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


def test_a_fold_counts_by_the_weight_of_its_rows() -> None:
    area = get_metric("roc_auc", Task.BINARY)
    y, fold = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    prediction = proba([0.1, 0.9, 0.9, 0.1])  # right in fold 0, wrong in fold 1
    weight = np.array([3.0, 3.0, 1.0, 1.0])
    assert area.score_folds(y, prediction, fold, weight) == pytest.approx(0.75)
    times = weight.astype(int)
    repeated = [np.repeat(part, times, axis=0) for part in (y, prediction, fold)]
    assert area.score_folds(*repeated) == pytest.approx(0.75)


def test_what_a_metric_raises_or_gives_that_is_no_number_is_the_reason_of_no_score() -> None:
    def fails(y, prediction, weight=None):
        raise NoScoreError("too few rows")

    y, p = np.array([0, 1]), proba([0.1, 0.9])
    assert replace(LOG_LOSS, function=fails).evaluate(y, p)[1] == "too few rows"
    infinite = replace(LOG_LOSS, function=lambda *_: float("inf"))
    assert infinite.evaluate(y, p)[1] == f"{LOG_LOSS.name} of these predictions is inf"
    assert np.isnan(infinite.score(y, p))
    assert not LOG_LOSS.is_better(float("nan"), than=1.0)


def test_a_metric_that_ranks_has_no_value_for_equal_targets_even_if_it_does_not_say_so() -> None:
    ranking = replace(LOG_LOSS, is_ranking=True)
    assert "same target" in ranking.undefined_reason(np.array([1, 1]))
    assert not LOG_LOSS.undefined_reason(np.array([1, 1]))
