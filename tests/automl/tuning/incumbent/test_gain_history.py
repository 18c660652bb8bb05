"""How much of the ensemble's way was made after a given time."""

import pytest

from automl.tuning.incumbent.gain_history import GainHistory


def test_a_gain_is_a_share_of_the_improvement_on_the_baseline():
    gains = GainHistory(prior_loss=1.0)
    for elapsed_s, loss in [(10.0, 0.6), (20.0, 0.5), (30.0, 0.4)]:
        gains.add(elapsed_s, loss)
    assert gains.gain_since(10.0) == pytest.approx(0.2 / 0.6)
    assert gains.gain_since(29.9) == pytest.approx(0.1 / 0.6)
    assert gains.gain_since(30.0) == 0.0


def test_before_the_first_ensemble_everything_is_a_gain():
    gains = GainHistory(prior_loss=1.0)
    assert gains.gain_since(5.0) == 1.0
    gains.add(10.0, 0.6)
    assert gains.gain_since(5.0) == 1.0


def test_an_ensemble_that_scores_worse_is_no_gain_and_no_loss():
    gains = GainHistory(prior_loss=1.0)
    for elapsed_s, loss in [(10.0, 0.5), (20.0, 0.7)]:
        gains.add(elapsed_s, loss)
    assert gains.gain_since(10.0) == 0.0


def test_nothing_is_gained_by_an_ensemble_that_is_no_better_than_the_baseline():
    gains = GainHistory(prior_loss=1.0)
    for elapsed_s, loss in [(10.0, 1.2), (20.0, 1.0)]:
        gains.add(elapsed_s, loss)
    assert gains.gain_since(10.0) == 0.0
