import pytest

from automl.config.schema import LimitsConfig
from automl.trial.inference_cost import Cost
from automl.trial.spec import FoldResult, TrialSpec
from automl.tuning.incumbent.predictor_cost import Forecast
from automl.tuning.trials.trial import Trial


def trial(number, predict_ms):
    t = Trial(TrialSpec("a", number, {}), number, (0,), 0.0)
    t.results[0] = FoldResult(0, 0.5, 1.0, 0.1, model_mib=0.0, predict_ms=predict_ms)
    return t


def test_trials_that_break_a_limit_by_themselves_are_left_out():
    forecast = Forecast(LimitsConfig(predict_ms=5.0))
    cheap, dear, dearer = trial(0, 4.0), trial(1, 6.0), trial(2, 9.0)
    assert forecast.keeping([dearer, cheap, dear]) == [cheap]
    assert forecast.keeping([dearer, dear]) == [dear]
    assert forecast.excess([cheap, dear]) == pytest.approx(1.0)
    assert Forecast().keeping([dearer, cheap]) == [dearer, cheap]


def test_what_was_measured_counts_and_others_are_as_much_slower():
    forecast = Forecast(LimitsConfig(predict_ms=5.0))
    slow, fast, unseen = trial(0, 2.0), trial(1, 2.0), trial(2, 3.0)
    forecast.correct([slow, fast], {"a-0": 7.0, "a-1": 1.0})
    assert forecast.cost([slow]) == Cost(7.0, 0.0)
    assert forecast.cost([unseen]) == Cost(6.0, 0.0)
    assert forecast.shares(fast) == [0.2]
