import pytest

from automl.config.schema import LimitsConfig
from automl.trial.inference_cost import InferenceCost
from automl.trial.spec import FoldResult, TrialSpec
from automl.tuning.incumbent.predictor_cost import PredictorCost
from automl.tuning.trials.trial import Trial


def trial(number, predict_ms):
    t = Trial(TrialSpec("a", number, {}), number, (0,), 0.0)
    t.results[0] = FoldResult(0, 0.5, 1.0, 0.1, model_mib=0.0, predict_ms=predict_ms)
    return t


def test_trials_that_break_a_limit_by_themselves_are_left_out():
    predictor_cost = PredictorCost(LimitsConfig(predict_ms=5.0))
    cheap, dear, dearer = trial(0, 4.0), trial(1, 6.0), trial(2, 9.0)
    assert predictor_cost.within_limits([dearer, cheap, dear]) == [cheap]
    assert predictor_cost.within_limits([dearer, dear]) == [dear]
    assert predictor_cost.max_excess([cheap, dear]) == pytest.approx(1.0)
    assert PredictorCost().within_limits([dearer, cheap]) == [dearer, cheap]


def test_what_was_measured_counts_and_others_are_as_much_slower():
    predictor_cost = PredictorCost(LimitsConfig(predict_ms=5.0))
    slow, fast, unseen = trial(0, 2.0), trial(1, 2.0), trial(2, 3.0)
    predictor_cost.correct([slow, fast], {"a-0": 7.0, "a-1": 1.0})
    assert predictor_cost.cost([slow]) == InferenceCost(7.0, 0.0)
    assert predictor_cost.cost([unseen]) == InferenceCost(6.0, 0.0)
    assert predictor_cost.shares(fast) == [0.2]
