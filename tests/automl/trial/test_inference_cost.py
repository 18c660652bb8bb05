import pytest

from automl.config.schema import LimitsConfig
from automl.trial.inference_cost import InferenceCost, cost_of
from automl.trial.spec import FoldResult


def test_fold_models_that_predict_together_add_up():
    folds = [FoldResult(f, 0.5, 1.0, 0.1, model_mib=1.0, predict_ms=4.0) for f in range(3)]
    assert cost_of(folds) == InferenceCost(12.0, pytest.approx(3 * 1.048576))
    assert cost_of([]) == InferenceCost()


def test_where_the_newest_model_predicts_alone_it_costs_what_that_of_the_last_fold_does():
    folds = [FoldResult(f, 0.5, 1.0, 0.1, predict_ms=4.0 + f) for f in (2, 0, 1)]
    assert cost_of(folds, newest_alone=True) == InferenceCost(6.0)
    assert cost_of([], newest_alone=True) == InferenceCost()


def test_only_limits_that_are_set_have_a_share():
    cost = InferenceCost(predict_ms=6.0, size_mb=2.0)
    assert cost.shares(LimitsConfig()) == {}
    assert cost.shares(LimitsConfig(predict_ms=4.0)) == {"predict_ms": 1.5}
    assert cost.excess_by_limit(LimitsConfig(4.0, 8.0)) == {"predict_ms": 0.5, "size_mb": -0.75}


def test_the_excess_is_that_of_the_limit_broken_most_and_nothing_below():
    cost = InferenceCost(predict_ms=6.0, size_mb=2.0)
    assert cost.max_excess(LimitsConfig(4.0, 1.0)) == 1.0
    assert cost.max_excess(LimitsConfig(6.0, 2.0)) == 0.0
    assert cost.max_excess(LimitsConfig()) == 0.0
