from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from automl.plugin import Features, RefitIncomplete, Task
from automl.testing import synthetic_table
from automl_plugins.common.boosting import (
    MAX_LEARNING_RATE,
    MORE_ROUNDS,
    REFIT_FASTER,
    PlannedRounds,
    RoundBudget,
    evaluation_interval,
    native_categories,
    patience,
    rate_is_fixed,
    refit_rounds,
)


def test_patience_falls_with_rows_and_with_the_learning_rate() -> None:
    assert patience(5_000, 0.01)(0) == 300
    assert patience(100_000, 0.01)(0) == 30
    assert patience(5_000, 0.04)(0) == 150
    assert patience(10**9, 0.1)(0) == 20


def test_patience_grows_with_the_best_round() -> None:
    assert patience(5_000, 0.01)(1_000) == pytest.approx(320)


def slot(settings: Any = None) -> Any:
    return replace(synthetic_table(Task.REGRESSION), settings=settings or {}).context()


def test_all_rows_are_boosted_in_fewer_and_larger_steps() -> None:
    rounds, rate = refit_rounds([900, 1_100], [0.02, 0.04], slot())
    assert rate == pytest.approx(REFIT_FASTER * 0.03)
    assert rounds == round(MORE_ROUNDS * 1_000 / REFIT_FASTER)


@pytest.mark.parametrize(("rate", "factor"), [(0.1, 1.5), (0.15, 1.0), (0.3, 1.0)])
def test_steps_over_all_rows_are_no_larger_than_any_and_no_smaller_than_in_the_folds(
    rate: float, factor: float
) -> None:
    rounds, faster = refit_rounds([300], [rate], slot())
    assert faster == pytest.approx(factor * rate)
    assert rounds == round(MORE_ROUNDS * 300 / factor)
    assert refit_rounds([1], [0.02], slot())[0] == 1


class FakeClock:
    """A fit that took ``elapsed_s`` of ``limit_s`` so far."""

    has_limit = True

    def __init__(self, limit_s: float) -> None:
        self.limit_s, self.elapsed_s = limit_s, 0.0

    def left_s(self, reserve_s: float = 0.0) -> float:
        return self.limit_s - self.elapsed_s - reserve_s


@pytest.mark.parametrize(
    ("limit_s", "expected"),
    [(1000.0, []), (120.0, [pytest.approx(0.0427, rel=0.05)]), (21.0, [MAX_LEARNING_RATE])],
)
def test_the_learning_rate_rises_once_when_the_rounds_do_not_fit(
    limit_s: float, expected: list[Any]
) -> None:
    # 600 rounds of 0.4 s: 240 s.
    clock = FakeClock(limit_s)
    pace = RoundBudget(0.02, 600, clock, predict_s=0.0, keeps_rate=False)  # type: ignore[arg-type]
    rates = []
    for round_ in range(1, 60):
        clock.elapsed_s += 0.4
        rate = pace.faster_rate(round_)
        rates += [] if rate is None else [rate]
    assert rates == expected


def test_boosting_ends_before_the_time_does() -> None:
    clock = FakeClock(10.0)
    pace = RoundBudget(0.02, 600, clock, predict_s=0.01, keeps_rate=False)  # type: ignore[arg-type]
    for round_ in range(1, 100):
        clock.elapsed_s += 0.4
        if pace.is_over(round_):
            break
    assert 8.0 < clock.elapsed_s <= 10.0 - 0.01 * round_


def test_large_data_is_evaluated_less_often_per_metric_second() -> None:
    assert evaluation_interval(2_000, 20, 500, 1) < evaluation_interval(40_000, 5, 400_000, 1)
    assert 1 <= evaluation_interval(10, 1, 10, 1) <= evaluation_interval(10, 1, 10**9, 1) == 25


def test_columns_with_more_categories_than_bins_are_not_split_as_sets() -> None:
    features = Features(("c0", "c1", "c2"), categorical=(0, 2), cardinalities=(255, 256))

    assert native_categories(features, max_bin=255) == [0]


def boost(planned: int, clock: FakeClock, first_s: float, round_s: float) -> int:
    """Rounds that a refit makes before its check, which may raise."""
    rounds = PlannedRounds(planned, clock)  # type: ignore[arg-type]
    for round_ in range(1, planned + 1):
        clock.elapsed_s += first_s if round_ == 1 else round_s
        if rounds.is_over(round_):
            break
    rounds.check()
    return round_


@pytest.mark.parametrize("binning_s", [0.0, 50.0])
def test_neither_binning_nor_the_first_round_counts_as_the_time_of_a_round(
    binning_s: float,
) -> None:
    clock = FakeClock(70.0)
    clock.elapsed_s = binning_s
    assert boost(100, clock, first_s=12.0, round_s=0.05) == 100


def test_a_refit_that_the_clock_stops_before_90_percent_of_its_rounds_is_rejected() -> None:
    with pytest.raises(RefitIncomplete, match=r"stopped its refit after \d of 100 rounds"):
        boost(100, FakeClock(10.0), first_s=1.0, round_s=1.0)
    assert 90 <= boost(100, FakeClock(96.0), first_s=1.0, round_s=1.0) < 100


def test_a_refit_without_time_stops_after_one_round() -> None:
    with pytest.raises(RefitIncomplete, match="after 1 of 2 rounds"):
        boost(2, FakeClock(1.0), first_s=2.0, round_s=0.1)
    assert boost(1, FakeClock(1.0), first_s=2.0, round_s=0.1) == 1


def test_a_learning_rate_that_the_user_has_fixed_is_kept() -> None:
    fixed = slot({"fixed": {"learning_rate": 0.02}})
    assert rate_is_fixed(fixed)
    assert not rate_is_fixed(slot({"fixed": {"max_depth": 3}}))
    assert refit_rounds([900, 1_100], [0.02, 0.02], fixed) == (1_100, 0.02)
    clock = FakeClock(21.0)
    pace = RoundBudget(0.02, 600, clock, predict_s=0.0, keeps_rate=True)  # type: ignore[arg-type]
    clock.elapsed_s += 4.0
    assert pace.faster_rate(10) is None


def test_all_rows_are_boosted_to_the_stage_at_which_the_folds_are_best() -> None:
    rounds, rate = refit_rounds([900], [0.02], replace(slot(), stages=(6.0,)))
    assert rounds == round(MORE_ROUNDS * 6.0 / rate)
