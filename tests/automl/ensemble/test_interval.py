import numpy as np
import pytest

from automl.ensemble.interval import interval, standard_error


def test_the_error_of_a_mean_is_the_one_of_the_textbook():
    values = np.random.default_rng(0).normal(size=400)
    error = standard_error(lambda rows: values[rows].mean(), 400)
    assert error == pytest.approx(values.std() / 20, rel=0.15)


def test_of_many_rows_a_part_is_drawn_and_the_error_scaled():
    values = np.random.default_rng(0).normal(size=40_000)
    drawn = []

    def mean(rows):
        drawn.append(len(rows))
        return values[rows].mean()

    assert standard_error(mean, 40_000) == pytest.approx(values.std() / 200, rel=0.15)
    assert max(drawn) == 10_000


def test_rows_of_a_group_are_drawn_together():
    group = np.repeat(np.arange(40), 25)
    values = np.random.default_rng(0).normal(size=40)[group]
    alone = standard_error(lambda rows: values[rows].mean(), 1000)
    together = standard_error(lambda rows: values[rows].mean(), 1000, group)
    assert together == pytest.approx(5 * alone, rel=0.3)


def test_a_few_rows_or_groups_tell_no_error():
    assert standard_error(lambda rows: 0.0, 9) is None
    assert standard_error(lambda rows: 0.0, 100, np.arange(100) % 9) is None


def test_a_score_that_is_never_a_number_has_no_error():
    assert standard_error(lambda rows: float("nan"), 100) is None


def test_the_interval_stays_inside_the_bounds_of_the_metric():
    assert interval(0.5, 0.1) == pytest.approx((0.304, 0.696))
    assert interval(0.99, 0.1, (0.0, 1.0)) == pytest.approx((0.794, 1.0))


@pytest.mark.parametrize("n_rows", [100, 1000])
def test_nineteen_of_twenty_intervals_hold_the_truth(n_rows):
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(100):
        right = rng.random(n_rows) < 0.8
        error = standard_error(lambda rows, r=right: r[rows].mean(), n_rows, seed=seed)
        low, high = interval(right.mean(), error)
        held += low <= 0.8 <= high
    assert 88 <= held <= 99
