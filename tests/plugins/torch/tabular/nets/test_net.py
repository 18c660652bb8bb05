"""Nets of all kinds: shapes, what they start from, and that all of them can learn."""

from dataclasses import replace

import pytest
import torch

from automl_plugins.torch.tabular.nets.backbones import Mlp
from automl_plugins.torch.tabular.nets.net import NetInit, TabularNet


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def made(spec, inputs, **start):
    return TabularNet(spec, NetInit(inputs[0][0], inputs[1][0], **start))


@pytest.mark.parametrize("embedding", ["periodic", "piecewise", "none"])
def test_rows_in_logits_out(inputs, spec, embedding):
    net = made(replace(spec, embedding=embedding), inputs)
    assert net(*inputs).shape == ((1, 50, 3, 5) if spec.k > 1 else (1, 50, 5))


def test_only_numbers_or_only_categories_will_do(inputs, spec):
    numeric, codes = inputs
    numbers = numeric, codes[..., :0]
    assert torch.isfinite(made(replace(spec, cardinalities=()), numbers)(*numbers)).all()
    categories = numeric[..., :0], codes
    assert torch.isfinite(made(replace(spec, n_numeric=0), categories)(*categories)).all()


@pytest.mark.parametrize("kind", ["mlp", "realmlp"])
def test_plain_layers_start_from_the_same_answer_for_all(inputs, kinds, kind):
    assert torch.equal(made(kinds[kind], inputs)(*inputs), torch.zeros(1, 50, 5))


def test_gradients_reach_every_weight(inputs, spec, make_net):
    net = make_net(spec)
    net(*inputs).pow(2).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_net_without_a_start_has_the_same_tensors(inputs, spec):
    shapes = {n: t.shape for n, t in made(spec, inputs, dropout=0.5).state_dict().items()}
    assert {n: t.shape for n, t in TabularNet(spec).state_dict().items()} == shapes


def test_layers_that_start_from_data_vary_by_one_with_their_kinks_among_the_rows(inputs, kinds):
    net = made(kinds["realmlp"], inputs)
    layer = net.body.hidden[0]
    values = net.inputs(*inputs) @ layer.weight
    assert torch.allclose(values.std(1, correction=0), torch.ones(1, 16), atol=1e-4)
    kinks = -layer.bias
    assert ((kinks > values.amin(1)) & (kinks < values.amax(1))).all()


def test_constant_inputs_start_with_finite_weights(inputs, kinds):
    constant = torch.ones_like(inputs[0]), torch.ones_like(inputs[1])
    net = made(kinds["realmlp"], constant)
    assert all(torch.isfinite(p).all() for p in net.parameters())


def test_nets_within_a_net_start_with_one_scale_for_the_inputs_of_a_feature(inputs, kinds):
    factor = made(kinds["tabm"], inputs).body.input_factor[0, 0]
    per_number = factor[:, :16].view(3, 4, 4)
    assert torch.equal(per_number, per_number[..., :1].expand_as(per_number))
    assert len(factor[:, 0].unique()) == 3
    signs = made(replace(kinds["tabm"], embedding="none"), inputs).body.input_factor
    assert set(signs.unique().tolist()) == {-1.0, 1.0}


def test_nets_within_a_net_answer_differently(inputs, kinds):
    out = made(kinds["tabm"], inputs)(*inputs)
    assert not torch.allclose(out[:, :, 0], out[:, :, 1], atol=1e-3)


def test_rows_do_not_mix(inputs, spec, make_net):
    numeric, codes = inputs
    net = make_net(spec).eval()
    whole, part = net(numeric, codes), net(numeric[:, :7], codes[:, :7])
    assert torch.allclose(whole[:, :7], part, atol=1e-4)


def test_of_many_rows_some_are_enough_to_start_from(kinds, monkeypatch):
    spec, seen = kinds["realmlp"], []
    monkeypatch.setattr(Mlp, "start_from", lambda self, x: seen.append(x.shape[1]))
    numeric = torch.randn(10_000, spec.n_numeric)
    TabularNet(
        spec, NetInit(numeric, torch.zeros(10_000, len(spec.cardinalities), dtype=torch.long))
    )
    assert seen == [2_500]
