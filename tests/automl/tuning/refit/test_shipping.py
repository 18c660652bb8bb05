"""What ships, by numbers."""

import pytest

from automl.config.schema import LimitsConfig
from automl.trial.inference_cost import InferenceCost
from automl.tuning.refit.shipping import EQUAL, Expected, choose_shipped

FREE = LimitsConfig()


def expected(variance, n_folds=5, **more):
    """An ensemble with an error of 1, of which a model takes 10 ms and 2 MB."""
    one = InferenceCost(10.0, 2.0)
    parts = {"folds": one.times(n_folds), "refit": one, "seed": one, **more}
    return Expected(loss=1.0, variance=variance, n_folds=n_folds, **parts)


@pytest.mark.parametrize("variance", [0.0, 0.005, 0.03])
def test_where_both_are_equal_within_noise_one_refit_ships_for_it_is_faster(variance):
    shipped = choose_shipped(expected(variance), FREE)
    assert shipped.n_seeds == 1
    assert shipped.reason.startswith("one refit on all rows ships: it is expected to lower the sq")
    assert "the mean of the folds' models by" in shipped.reason
    assert shipped.reason.endswith("it predicts faster") is (variance > 0.02)


def test_where_models_vary_several_seeds_ship_and_without_time_for_them_the_folds():
    varying = expected(0.06)
    assert choose_shipped(varying, FREE).n_seeds == 2
    assert choose_shipped(varying, FREE, max_seeds=1).n_seeds == 0
    assert "one refit on all rows by" in choose_shipped(varying, FREE, max_seeds=1).reason


def test_more_folds_leave_less_for_the_data_to_bring():
    assert choose_shipped(expected(0.035, n_folds=5), FREE).n_seeds == 1
    assert choose_shipped(expected(0.035, n_folds=10), FREE).n_seeds == 2


def test_what_rows_are_known_to_bring_counts_in_place_of_a_rule():
    assert choose_shipped(expected(0.06, data_gain=0.05), FREE, max_seeds=1).n_seeds == 1
    assert choose_shipped(expected(0.035, data_gain=0.0), FREE, max_seeds=1).n_seeds == 0


def test_limits_come_first():
    varying = expected(0.3)
    assert choose_shipped(varying, FREE).n_seeds == 0
    assert choose_shipped(varying, LimitsConfig(predict_ms=35.0)).n_seeds == 3
    assert choose_shipped(varying, LimitsConfig(size_mb=4.0)).n_seeds == 2
    too_tight = choose_shipped(varying, LimitsConfig(predict_ms=5.0))
    assert (too_tight.n_seeds, "nothing is within the limits" in too_tight.reason) == (1, True)


def test_a_mean_of_models_gains_what_one_varies_by():
    one = expected(0.1)
    assert one.gain(0) == pytest.approx(0.1 * (1 - 1 / 5))
    assert one.gain(1) < one.gain(2) < one.gain(3) < one.gain(0)
    assert expected(0.0).gain(1) > expected(0.0).gain(0) == 0.0
    assert (
        choose_shipped(
            Expected(0.0, 0.0, 5, InferenceCost(5), InferenceCost(1), InferenceCost(1)), FREE
        ).n_seeds
        == 1
    )


def test_a_difference_just_beyond_noise_decides():
    # With known data gain the folds win by variance * 0.8 - data_gain.
    for beyond, n_seeds in ((-1e-6, 1), (1e-6, 0)):
        case = expected((EQUAL + beyond + 0.006) / 0.8, data_gain=0.006)
        assert choose_shipped(case, FREE, max_seeds=1).n_seeds == n_seeds
