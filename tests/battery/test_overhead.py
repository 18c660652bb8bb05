"""What a search costs beside the fits. Small N leaves room for a machine that does other things."""

import pytest

from benchmarks.overhead import busy_share, trial_cost_ms

pytestmark = pytest.mark.slow


def test_slots_spend_their_time_inside_fit_and_predict(size, figure):
    share, n_fits = busy_share(size(10, 60), fit_s=0.2)
    figure(f"{share:.1%} of the slots' time inside fit and predict, {n_fits} fits of 0.2 s")
    assert share >= size(50, 95) / 100


def test_a_trial_costs_milliseconds(size, figure):
    n_trials = size(40, 200)
    cost_ms = trial_cost_ms(n_trials, 1, "random")
    figure(f"{cost_ms:.1f} ms each of {n_trials} trials of one fit that does nothing")
    assert cost_ms <= size(150, 10)
