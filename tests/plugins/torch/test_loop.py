"""The training loop, on nets small enough to know the answer."""

import time

import pytest
import torch
from torch import nn

from automl.plugin import TrialPruned
from automl_plugins.torch._loop import LoopOptions, Rows, index_batches, train


def mean_squared_error(output, target, weight):
    errors = (output[..., 0] - target) ** 2
    return errors.mean() if weight is None else (errors * weight).mean()


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 3, generator=generator)
    return Rows((x,), x @ torch.tensor([1.0, -2.0, 0.5]))


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 1)


def fit(net, rows, evaluate=None, lr=0.1, batches=index_batches, **options):
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(1)

    def own_loss(epoch):
        with torch.inference_mode():
            return float(mean_squared_error(net(*rows.inputs), rows.target, None))

    options = LoopOptions(**{"n_epochs": 20, "batch_size": 64, "schedule": "cosine", **options})
    return train(
        net, optimiser, rows, mean_squared_error, evaluate or own_loss, options, generator, batches
    )


def test_batches_are_a_permutation_without_the_rest():
    generator = torch.Generator().manual_seed(0)
    batches = list(index_batches(100, 30, generator))
    assert [len(b) for b in batches] == [30, 30, 30]
    assert len(torch.cat(batches).unique()) == 90


def test_fewer_rows_than_a_batch_are_one_batch():
    (batch,) = index_batches(5, 64, torch.Generator().manual_seed(0))
    assert batch.sort().values.tolist() == [0, 1, 2, 3, 4]


def test_it_learns(rows):
    net = linear()
    outcome = fit(net, rows)
    assert outcome.best_loss < 1e-3
    assert outcome.n_steps == 20 * 8


def test_the_same_seed_gives_the_same_weights(rows):
    nets = linear(), linear()
    for net in nets:
        fit(net, rows)
    assert torch.equal(nets[0].weight, nets[1].weight)


def test_the_weights_of_the_best_epoch_are_kept(rows):
    net = linear()
    seen = {}

    def evaluate(epoch):
        seen[epoch] = net.weight.detach().clone()
        return abs(epoch - 4)

    outcome = fit(net, rows, evaluate, n_epochs=8)
    assert outcome.best_epoch == 4
    assert torch.equal(net.weight, seen[4])
    assert not torch.equal(net.weight, seen[8])
    assert not net.training


def test_training_stops_when_patience_is_over(rows):
    outcome = fit(linear(), rows, lambda epoch: abs(epoch - 3), patience=5)
    assert (outcome.best_epoch, outcome.n_epochs) == (3, 8)


def test_of_equal_epochs_the_last_is_kept_but_does_not_renew_patience(rows):
    outcome = fit(linear(), rows, lambda epoch: 1.0, patience=5)
    assert (outcome.best_epoch, outcome.n_epochs) == (6, 6)


def test_a_loss_that_is_no_number_does_not_end_in_no_weights(rows):
    outcome = fit(linear(), rows, lambda epoch: float("nan"), n_epochs=2)
    assert outcome.best_epoch == 1


def test_the_learning_rate_follows_the_schedule(rows):
    net = linear()
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.1)
    rates = []

    def evaluate(epoch):
        rates.append(optimiser.param_groups[0]["lr"])
        return 0.0

    options = LoopOptions(n_epochs=10, batch_size=64, schedule="flat_cos")
    generator = torch.Generator().manual_seed(0)
    train(net, optimiser, rows, mean_squared_error, evaluate, options, generator)
    assert rates[:4] == [0.1] * 4
    assert rates[-1] < 0.001


def test_clipping_keeps_steps_of_plain_descent_short(rows):
    far = Rows(rows.inputs, rows.target * 1e6)
    net = linear()
    start = net.weight.detach().clone()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    options = LoopOptions(n_epochs=1, batch_size=512, schedule="flat_cos", clip_norm=1.0)
    generator = torch.Generator().manual_seed(0)
    train(net, optimiser, far, mean_squared_error, lambda epoch: 0.0, options, generator)
    assert 0 < float((net.weight.detach() - start).norm()) <= 0.1001


def test_row_weights_decide_what_is_learnt():
    x = torch.ones(64, 3)
    target = torch.cat([torch.zeros(32), torch.ones(32)])
    weight = torch.cat([torch.full((32,), 0.2), torch.full((32,), 1.8)])
    net = linear()
    fit(net, Rows((x,), target, weight), lambda epoch: -epoch, n_epochs=300, batch_size=64)
    assert float(net(x[:1]).detach()) == pytest.approx(0.9, abs=0.02)


def test_what_evaluate_raises_passes(rows):
    def evaluate(epoch):
        if epoch == 3:
            raise TrialPruned

    def score(epoch):
        evaluate(epoch)
        return 1.0

    with pytest.raises(TrialPruned):
        fit(linear(), rows, score)


def test_the_clock_ends_training_and_leaves_a_usable_net(rows):
    started = time.monotonic()
    outcome = fit(linear(), rows, n_epochs=1_000_000, stop_at=started + 0.5)
    assert time.monotonic() - started < 0.8
    assert outcome.n_steps > 20
    assert outcome.best_loss < 0.1


def test_time_that_is_up_at_the_start_still_gives_one_evaluation(rows):
    outcome = fit(linear(), rows, stop_at=time.monotonic() - 1.0)
    assert outcome.n_epochs == 1


class Pack(nn.Module):
    """Linear models with stacked weights: (n_members, batch, 3) to (n_members, batch, 1)."""

    def __init__(self, n_members):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_members, 3, 1))

    def forward(self, x):
        return torch.matmul(x, self.weight)


def own_batches(n_rows, batch_size, generator):
    """Batches for four members, each in its own order: (4, batch_size)."""
    orders = [list(index_batches(n_rows, batch_size, generator)) for _ in range(4)]
    for parts in zip(*orders, strict=True):
        yield torch.stack(parts)


def test_a_pack_with_stacked_weights_and_batches_of_its_own_trains_in_the_same_loop(rows):
    pack = Pack(4)
    outcome = fit(pack, rows, lambda epoch: -epoch, n_epochs=40, batches=own_batches)
    assert outcome.n_steps == 40 * 8
    expected = torch.tensor([1.0, -2.0, 0.5]).expand(4, 3)
    assert torch.allclose(pack.weight[..., 0], expected, atol=0.02)
    assert not torch.equal(pack.weight[0], pack.weight[1])
