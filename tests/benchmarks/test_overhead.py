import pytest

from benchmarks.overhead import trial_cost_ms


@pytest.mark.slow
def test_a_trial_of_the_family_that_does_nothing_costs_some_milliseconds():
    assert 0.1 < trial_cost_ms(16, 2, "random") < 5_000
