"""The net: shapes, dropout, and the groups of its weights."""

from dataclasses import replace

import pytest
import torch

from automl_plugins.torch._nets import FastDropout, NetSpec, TabularNet, learning_groups

SPEC = NetSpec(
    n_numeric=4,
    cardinalities=(3, 40),
    n_outputs=5,
    n_layers=2,
    width=16,
    activation="silu",
    dropout=0.2,
    embedding="periodic",
    embedding_width=4,
    n_frequencies=8,
    sigma=0.1,
    max_onehot=9,
    category_width=8,
)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(50, 4, generator=generator),
        torch.stack([torch.arange(50) % 3, torch.arange(50) % 40], dim=1),
    )


@pytest.mark.parametrize("embedding", ["periodic", "piecewise", "none"])
@pytest.mark.parametrize("activation", ["selu", "silu", "mish", "relu"])
def test_rows_in_logits_out(inputs, embedding, activation):
    net = TabularNet(replace(SPEC, embedding=embedding, activation=activation), inputs[0])
    assert net(*inputs).shape == (50, 5)


def test_only_numbers_or_only_categories_will_do(inputs):
    numbers = TabularNet(replace(SPEC, cardinalities=()), inputs[0])
    assert numbers(inputs[0], inputs[1][:, :0]).shape == (50, 5)
    codes = TabularNet(replace(SPEC, n_numeric=0))
    assert codes(inputs[0][:, :0], inputs[1]).shape == (50, 5)


def test_it_starts_from_the_same_answer_for_all(inputs):
    assert torch.equal(TabularNet(SPEC, inputs[0])(*inputs), torch.zeros(50, 5))


def test_gradients_reach_every_trainable_weight_after_a_step(inputs):
    torch.manual_seed(0)
    net = TabularNet(SPEC, inputs[0])
    torch.nn.init.normal_(net.output.weight)  # from zero nothing would pass through it yet
    net(*inputs).pow(2).sum().backward()
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_dropout_drops_its_share_keeps_the_mean_and_rests_in_evaluation():
    torch.manual_seed(0)
    dropout = FastDropout(0.25)
    x = torch.ones(1001, 333)
    out = dropout(x)
    assert float((out == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(out.mean()) == pytest.approx(1.0, abs=0.01)
    dropout.eval()
    assert torch.equal(dropout(x), x)


def test_every_trainable_weight_is_in_one_group_with_its_own_rate(inputs):
    net = TabularNet(SPEC, inputs[0])
    groups = learning_groups(net, lr=0.1, weight_decay=0.02, scale_lr=6.0, embedding_lr=0.5)
    grouped = [id(p) for g in groups for p in g["params"]]
    assert sorted(grouped) == sorted(id(p) for p in net.parameters() if p.requires_grad)
    rate = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    assert rate[id(net.factors.factor)] == (pytest.approx(0.6), 0.0)
    assert rate[id(net.embedding.frequency)] == (pytest.approx(0.05), 0.0)
    assert rate[id(net.output.bias)] == (pytest.approx(0.01), 0.0)
    weight_rate, decay = rate[id(net.output.weight)]
    assert weight_rate == pytest.approx(0.1 / 16**0.5)
    assert weight_rate * decay == pytest.approx(0.1 * 0.02)
