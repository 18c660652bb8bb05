"""Schedules end at nothing, and the plan fits the clock."""

import pytest

from automl_plugins.torch.core.schedule import SCHEDULES, StepBudget


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def run(pace, clock, step_s, evaluation_s):
    """Steps and evaluates until the pace is over; returns the number of steps."""
    steps = 0
    while not pace.is_over:
        for _ in range(pace.steps_per_epoch):
            clock.now += step_s
            pace.step_done()
            steps += 1
            if pace.is_over:
                break
        clock.now += evaluation_s
        pace.evaluation_done()
    return steps


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"constant"}))
def test_a_schedule_stays_between_0_and_1_and_ends_at_0(name):
    values = [SCHEDULES[name](i / 100) for i in range(101)]
    assert min(values) >= 0.0
    assert max(values) == pytest.approx(1.0, abs=0.01)
    assert values[-1] == pytest.approx(0.0, abs=1e-9)


def test_coslog4_has_four_cycles():
    values = [SCHEDULES["coslog4"](i / 10_000) for i in range(10_001)]
    peaks = [i for i in range(1, 10_000) if values[i - 1] < values[i] >= values[i + 1]]
    assert len(peaks) == 4


def test_without_a_clock_every_step_is_made():
    clock = FakeClock()
    assert run(StepBudget(100, 10, None, clock), clock, 1.0, 1.0) == 100


def test_with_time_enough_the_plan_never_changes():
    clock = FakeClock()
    pace = StepBudget(100, 10, 1000.0, clock)
    assert run(pace, clock, 1.0, 1.0) == 100
    assert pace.n_steps == 100


@pytest.mark.parametrize(("step_s", "evaluation_s"), [(0.1, 0.0), (0.1, 0.5), (1.0, 3.0)])
def test_with_little_time_the_plan_shrinks_and_the_time_is_kept_and_used(step_s, evaluation_s):
    clock = FakeClock()
    pace = StepBudget(100_000, 20, 60.0, clock)
    steps = run(pace, clock, step_s, evaluation_s)
    assert clock.now <= 60.0
    assert clock.now >= 50.0
    assert steps < 1000


def test_progress_reaches_1_when_the_time_ends():
    clock = FakeClock()
    pace = StepBudget(100_000, 20, 60.0, clock)
    run(pace, clock, 0.1, 0.5)
    assert pace.progress > 0.95


def test_a_plan_that_shrank_in_a_slow_moment_grows_again():
    clock = FakeClock()
    pace = StepBudget(1000, 10, 100.0, clock)
    for _ in range(10):  # as if another process took the core
        clock.now += 1.0
        pace.step_done()
    slow_plan = pace.n_steps
    for _ in range(30):
        for _ in range(10):
            clock.now += 0.01
            pace.step_done()
        pace.evaluation_done()
    assert slow_plan < 200
    assert pace.n_steps == 1000


def test_time_that_is_up_ends_an_epoch_in_the_middle():
    clock = FakeClock()
    pace = StepBudget(1000, 500, 10.0, clock)
    assert run(pace, clock, 1.0, 0.0) <= 10


def test_steps_that_become_faster_are_timed_anew():
    clock = FakeClock()
    pace = StepBudget(1000, 10, 100.0, clock)
    for _ in range(50):
        clock.now += 1.0
        pace.step_done()
    assert pace.n_steps < 110
    pace.work_changed()
    for _ in range(6):
        clock.now += 0.01
        pace.step_done()
    assert pace.n_steps == 1000


def test_one_cycle_goes_up_once_and_down_again():
    values = [SCHEDULES["one_cycle"](i / 100) for i in range(101)]
    top = values.index(max(values))
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top:] == sorted(values[top:], reverse=True)
