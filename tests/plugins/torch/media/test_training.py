"""The loop: one cycle of the rate, the best weights, and an end in time."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from automl.plugin import StageLog
from automl.testing import RMSE
from automl_plugins.torch.core.checkpoint import Checkpoint
from automl_plugins.torch.core.validation import EpochLog, stage_grid
from automl_plugins.torch.media.adamw import Group, Optimiser
from automl_plugins.torch.media.training import OneCycleConfig, train_net


def over(net, lr=0.1):
    return Optimiser([Group(list(net.parameters()), lr, 0.01)])


def options(**changes):
    values = {
        "n_epochs": 6,
        "batch_size": 8,
        "patience": 10,
        "end": math.inf,
        "clip_norm": 1.0,
        "stop_at": None,
    }
    return OneCycleConfig(**{**values, **changes})


def run(losses, **changes):
    """Trains a net of one weight; returns the weight after each epoch, and that it ends with."""
    torch.manual_seed(0)
    net = nn.Linear(1, 1, bias=False)
    seen = []

    def evaluate(epoch, progress):
        assert not net.training
        seen.append(float(net.weight.detach()))
        return losses[epoch - 1]

    optimiser = over(net)
    train_net(
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
    seen, end = run([3, 2, 2, 2, 2, 2], patience=3)
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

    train_net(
        net,
        over(net),
        20,
        loss,
        lambda epoch, progress: 0.0,
        options(n_epochs=2),
        torch.Generator().manual_seed(0),
    )
    for epoch in (0, 1):
        batches = [rows for number, rows in seen if number == epoch]
        assert [len(rows) for rows in batches] == [8, 8]
        assert len({row for rows in batches for row in rows}) == 16


def test_the_last_epoch_is_logged_before_the_best_weights_come_back():
    torch.manual_seed(0)
    net, log, seen = nn.Linear(1, 1, bias=False), StageLog(RMSE), []
    epochs = EpochLog(log, stage_grid(100, 2))

    def evaluate(epoch, progress):
        seen.append(float(net.weight.detach()))
        epochs.add(progress, lambda: net.weight.detach().numpy())
        return float(epoch)

    train_net(
        net,
        over(net),
        20,
        lambda rows, epoch: net(torch.ones(len(rows), 1)).mean(),
        evaluate,
        options(n_epochs=100, patience=4),
        torch.Generator().manual_seed(0),
        epochs,
    )
    assert log.stages == pytest.approx([0.01, 0.05])
    assert [float(p[0, 0]) for p in log.predictions] == [seen[0], seen[4]]
    assert float(net.weight.detach()) == seen[0]


class Crowded(nn.Linear):
    """A net on a GPU without room for more than so many rows."""

    def __init__(self, most_rows):
        super().__init__(1, 1, bias=False)
        self.most_rows, self.sizes = most_rows, []

    def forward(self, x):
        self.sizes.append(len(x))
        if len(x) > self.most_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


def test_a_batch_that_does_not_fit_goes_through_in_parts_with_the_same_outcome():
    ends = []
    for most_rows in (100, 3):
        torch.manual_seed(0)
        net, x = Crowded(most_rows), torch.arange(20.0)[:, None] / 20
        train_net(
            net,
            over(net),
            20,
            lambda rows, epoch, net=net, x=x: (net(x[rows]) - x[rows]).square().mean(),
            lambda epoch, progress: -float(epoch),
            options(n_epochs=3),
            torch.Generator().manual_seed(0),
        )
        ends.append(net.weight.detach())
    assert net.sizes[:3] == [8, 4, 2]
    torch.testing.assert_close(ends[0], ends[1])


def test_a_training_that_was_cut_goes_on_to_the_same_end_with_the_same_log(tmp_path):
    x = torch.arange(20.0)[:, None] / 20

    def trained(cut=None, checkpoint=None):
        torch.manual_seed(0)
        log = StageLog(RMSE)
        epochs = EpochLog(log, stage_grid(8, 3))
        net = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 1))
        seen = []

        def evaluate(epoch, progress):
            if epoch == cut:
                raise KeyboardInterrupt
            seen.append(float((net(x) - x).square().mean().detach()))
            epochs.add(progress, lambda: net(x).detach().numpy())
            return seen[-1]

        train_net(
            net,
            over(net, 0.05),
            20,
            lambda rows, epoch: (net(x[rows]) - x[rows]).square().mean(),
            evaluate,
            options(n_epochs=8),
            torch.Generator().manual_seed(0),
            epochs,
            checkpoint,
        )
        return seen, net.state_dict(), log

    whole, end, log = trained()
    checkpoint = Checkpoint(tmp_path / "x.safetensors", every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        trained(5, checkpoint)
    rest, again, same = trained(None, checkpoint)
    assert rest == whole[4:]
    assert same.stages == log.stages == [0.125, 0.5, 1.0]
    np.testing.assert_array_equal(np.stack(same.predictions), np.stack(log.predictions))
    assert all(torch.equal(again[name], tensor) for name, tensor in end.items())
