from __future__ import annotations

from typing import Any

import pytest

from automl_plugins._boosting import MAX_LEARNING_RATE, Pace, patience


def test_patience_falls_with_rows_and_with_the_learning_rate() -> None:
    assert patience(5_000, 0.01)(0) == 300
    assert patience(100_000, 0.01)(0) == 30
    assert patience(5_000, 0.04)(0) == 150
    assert patience(10**9, 0.1)(0) == 20


def test_patience_grows_with_the_best_round() -> None:
    assert patience(5_000, 0.01)(1_000) == pytest.approx(320)


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
    pace = Pace(0.02, 600, clock, predict_s=0.0)  # type: ignore[arg-type]
    rates = []
    for round_ in range(1, 60):
        clock.elapsed_s += 0.4
        rate = pace.faster_rate(round_)
        rates += [] if rate is None else [rate]
    assert rates == expected


def test_boosting_ends_before_the_time_does() -> None:
    clock = FakeClock(10.0)
    pace = Pace(0.02, 600, clock, predict_s=0.01)  # type: ignore[arg-type]
    for round_ in range(1, 100):
        clock.elapsed_s += 0.4
        if pace.is_over(round_):
            break
    assert 8.0 < clock.elapsed_s <= 10.0 - 0.01 * round_
