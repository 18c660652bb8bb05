import math

import pytest

from automl.tuning.budget.budget import KILL_FACTOR, KILL_SLACK_S, Budget


@pytest.fixture
def budget():
    """budget(elapsed_s, **options): a budget of which so many seconds are used."""

    def make(elapsed_s=0.0, **options):
        return Budget(started=1000.0, clock=lambda: 1000.0 + elapsed_s, **options)

    return make


def test_time_left_counts_down_and_may_be_overdrawn(budget):
    assert budget(20.0, time_s=60.0).time_left_s == 40.0
    assert budget(70.0, time_s=60.0).time_left_s == -10.0


def test_without_a_limit_there_is_always_time(budget):
    unlimited = budget(1e6, trials=10)
    assert unlimited.time_left_s is None
    assert unlimited.reserve_s is None
    assert unlimited.search_left_s(100.0) == math.inf
    assert unlimited.fair_share_s(4, 5) is None
    assert unlimited.kill_after_s(None) is None


def test_a_share_of_the_time_is_kept_for_finishing(budget):
    assert budget(0.0, time_s=50.0, reserve_share=0.04).search_left_s() == pytest.approx(48.0)
    assert budget(0.0, time_s=60.0, reserve_share=0.04).reserve_s == pytest.approx(2.4)


def test_of_longer_budgets_the_share_is_less(budget):
    assert budget(0.0, time_s=240.0, reserve_share=0.04).reserve_s == pytest.approx(4.8)
    assert budget(0.0, time_s=6000.0, reserve_share=0.04).search_left_s() == pytest.approx(5976.0)


def test_at_least_a_second_is_kept_and_less_of_short_budgets(budget):
    assert budget(0.0, time_s=20.0, reserve_share=0.01).search_left_s() == pytest.approx(19.0)
    assert budget(0.0, time_s=10.0, reserve_share=0.01).search_left_s() == pytest.approx(9.5)


def test_guessed_times_shrink_in_short_budgets_alone(budget):
    assert budget(0.0, time_s=5.0).haste == pytest.approx(0.25)
    assert budget(0.0, time_s=60.0).haste == 1.0
    assert budget(0.0, trials=3).haste == 1.0


def test_a_slow_last_ensemble_gets_more_but_never_above_a_quarter(budget):
    assert budget(0.0, time_s=100.0).search_left_s(finish_s=10.0) == pytest.approx(85.0)
    assert budget(0.0, time_s=100.0).search_left_s(finish_s=500.0) == pytest.approx(75.0)


def test_a_budget_of_a_second_leaves_time_to_search(budget):
    assert budget(0.0, time_s=1.0).search_left_s() == pytest.approx(0.95)


def test_a_model_may_take_15_percent_of_a_minute_over_its_folds(budget):
    assert budget(0.0, time_s=60.0).fair_share_s(n_slots=1, n_folds=5) == pytest.approx(1.8)


def test_more_slots_and_fewer_folds_give_a_fit_more_time(budget):
    b = budget(0.0, time_s=600.0)
    assert b.fair_share_s(4, 5) == pytest.approx(4 * b.fair_share_s(1, 5))
    assert b.fair_share_s(1, 1) == pytest.approx(5 * b.fair_share_s(1, 5))


def test_longer_budgets_give_longer_fits_but_not_in_proportion(budget):
    minute, hour = (budget(0.0, time_s=t).fair_share_s(1, 1) for t in (60.0, 3600.0))
    assert minute < hour < 60 * minute


def test_with_many_cores_a_fit_still_takes_a_part_of_the_time_alone(budget):
    assert budget(0.0, time_s=60.0).fair_share_s(n_slots=16, n_folds=5) == pytest.approx(18.0)
    assert budget(0.0, time_s=60.0).fair_share_s(n_slots=256, n_folds=1) == pytest.approx(18.0)
    assert budget(0.0, time_s=60.0).fair_share_s(n_slots=2, n_folds=1) == pytest.approx(18.0)


def test_a_fit_is_killed_after_three_shares_and_some_slack(budget):
    limit = budget(0.0, time_s=3600.0).kill_after_s(5.0)
    assert limit == KILL_FACTOR * 5.0 + KILL_SLACK_S


def test_in_a_short_run_a_fit_is_killed_after_half_of_it(budget):
    assert budget(0.0, time_s=6.0).kill_after_s(2.0) == 3.0


def test_the_timeout_of_the_user_replaces_the_derived_one(budget):
    assert budget(0.0, time_s=3600.0, fit_timeout_s=200.0).kill_after_s(5.0) == 200.0
    assert budget(0.0, fit_timeout_s=2.0).kill_after_s(None) == 2.0


def test_encoding_may_take_ten_times_the_longest_so_far_and_no_less_than_a_fit(budget):
    assert budget(0.0, time_s=60.0).encode_limit_s(20.0, 7.0) == 70.0
    assert budget(0.0, time_s=60.0).encode_limit_s(20.0, 0.1) == 20.0


def test_the_first_encodings_may_take_all_the_time_there_is(budget):
    assert budget(0.0, time_s=60.0).encode_limit_s(20.0, 0.0) is None
    assert budget(0.0, fit_timeout_s=20.0).encode_limit_s(20.0, 0.0) == 200.0
    assert budget(0.0, trials=3).encode_limit_s(None, 7.0) is None


def test_a_search_without_a_predictor_gets_a_last_chance_beyond_the_budget(budget):
    late = budget(60.0, time_s=60.0)
    assert late.search_left_s() < 0
    assert late.last_chance_s == pytest.approx(6.0)
    assert budget(0.0, trials=3).last_chance_s == math.inf


def test_trials_repeat_where_the_run_began_with_a_number_of_them():
    assert Budget(0.0, trials=5).is_deterministic
    assert not Budget(0.0, time_s=60.0).is_deterministic
    assert not Budget(0.0, trials=5, began_by_time=True).is_deterministic
