"""The loop: one cycle of the rate, the best weights, and an end in time."""

import pytest
import torch
from torch import nn

from automl_plugins.torch.media._training import CycleOptions, Plan, train

STEP_S, EVALUATION_S = 1.0, 2.0


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def steps_of(plan, clock, step_s=STEP_S):
    """Runs a plan to its end; returns the rates of its steps."""
    rates = []
    while not plan.is_over:
        for _ in range(plan.steps_per_epoch):
            rates.append(plan.rate)
            clock.now += step_s
            plan.step_done()
            if plan.is_over:
                break
        clock.now += EVALUATION_S
        plan.evaluation_done()
    return rates


def test_the_rate_goes_up_once_and_down_to_nothing():
    clock = Clock()
    rates = steps_of(Plan(100, 10, None, clock), clock)
    assert len(rates) == 100
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(1.0)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 0.02


def test_time_enough_changes_nothing():
    clocks = Clock(), Clock()
    free = steps_of(Plan(60, 10, None, clocks[0]), clocks[0])
    assert steps_of(Plan(60, 10, 1_000.0, clocks[1]), clocks[1]) == free


@pytest.mark.parametrize("step_s", [0.5, 3.0])
def test_with_little_time_the_cycle_is_shorter_and_still_whole(step_s):
    clock = Clock()
    rates = steps_of(Plan(1_000, 10, 100.0, clock), clock, step_s)
    assert clock.now <= 100.0 + step_s + EVALUATION_S
    assert clock.now > 60.0
    assert rates[-1] < 0.1


def options(**changes):
    values = {"n_epochs": 6, "batch_size": 8, "patience": 10, "clip_norm": 1.0, "stop_at": None}
    return CycleOptions(**{**values, **changes})


def run(losses, **changes):
    """Trains a net of one weight; returns the weight after each epoch, and that it ends with."""
    torch.manual_seed(0)
    net = nn.Linear(1, 1, bias=False)
    seen = []

    def evaluate(epoch):
        assert not net.training
        seen.append(float(net.weight.detach()))
        return losses[epoch - 1]

    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    train(
        net,
        optimiser,
        20,
        lambda rows, epoch: net(torch.ones(len(rows), 1)).mean(),
        evaluate,
        options(**changes),
        torch.Generator().manual_seed(0),
    )
    return seen, float(net.weight.detach())


def test_the_best_epoch_is_kept_and_of_equal_ones_the_last():
    seen, end = run([3, 1, 2, 1, 2, 2])
    assert len(seen) == 6
    assert end == seen[3]


def test_it_stops_when_nothing_gets_better():
    seen, end = run([3, 2, 2, 2, 2, 2], patience=2)
    assert len(seen) == 5
    assert end == seen[4]


def test_a_loss_that_is_no_number_does_not_win():
    seen, end = run([float("nan"), 2, float("nan")], n_epochs=3)
    assert end == seen[1]


def test_every_row_is_seen_before_one_is_seen_again():
    seen = []
    net = nn.Linear(1, 1)

    def loss(rows, epoch):
        seen.append((epoch, rows.tolist()))
        return net(torch.ones(1, 1)).sum()

    train(
        net,
        torch.optim.SGD(net.parameters(), lr=0.1),
        20,
        loss,
        lambda epoch: 0.0,
        options(n_epochs=2),
        torch.Generator().manual_seed(0),
    )
    for epoch in (0, 1):
        batches = [rows for number, rows in seen if number == epoch]
        assert [len(rows) for rows in batches] == [8, 8]
        assert len({row for rows in batches for row in rows}) == 16
