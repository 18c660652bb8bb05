import pytest

from benchmarks.overhead import trial_cost_ms


@pytest.mark.slow
def test_what_a_trial_of_the_family_that_does_nothing_costs_is_measured():
    assert trial_cost_ms(16, 2, "random") > 0
