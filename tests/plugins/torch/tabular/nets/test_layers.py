"""Layers with members along their first axis: each does what it would do alone."""

import pytest
import torch

from automl_plugins.torch.tabular.nets.layers import (
    Dropout,
    EnsembleHead,
    EnsembleLinear,
    LayerNorm,
    Linear,
    ParametricActivation,
)


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def stacked(layers):
    """The first layer with the weights of all of them."""
    first = layers[0]
    for name, parameter in first.named_parameters():
        parameter.data = torch.cat([dict(layer.named_parameters())[name] for layer in layers])
    return first


def test_stacked_linear_layers_do_what_each_does():
    layers = [Linear(5, 3) for _ in range(4)]
    x = torch.randn(4, 7, 5)
    expected = [x[i] @ layer.weight[0] + layer.bias[0] for i, layer in enumerate(layers)]
    assert torch.allclose(stacked(layers)(x), torch.stack(expected), atol=1e-6)


def test_nets_that_share_a_matrix_are_nets_with_scaled_matrices():
    """BatchEnsemble, equation 1: net j multiplies by the matrix times an outer product."""
    layer = EnsembleLinear(5, 3, k=2, scales_inputs=True)
    torch.nn.init.normal_(layer.input_factor)
    torch.nn.init.normal_(layer.output_factor)
    x = torch.randn(1, 7, 2, 5)
    out = layer(x)
    for j in range(2):
        matrix = layer.weight[0] * torch.outer(
            layer.input_factor[0, 0, j], layer.output_factor[0, 0, j]
        )
        expected = x[0, :, j] @ matrix + layer.bias[0, 0, j]
        assert torch.allclose(out[0, :, j], expected, atol=1e-6)


def test_each_net_within_a_net_has_outputs_of_its_own():
    head = EnsembleHead(5, 3, k=2)
    x = torch.randn(1, 7, 2, 5)
    for j in range(2):
        expected = x[0, :, j] @ head.weight[0, j] + head.bias[0, 0, j]
        assert torch.allclose(head(x)[0, :, j], expected, atol=1e-6)


def test_a_norm_makes_the_units_of_a_row_vary_by_one():
    out = LayerNorm(64)(10 + 3 * torch.randn(2, 5, 64))
    assert torch.allclose(out.mean(-1), torch.zeros(2, 5), atol=1e-5)
    assert torch.allclose(out.std(-1, correction=0), torch.ones(2, 5), atol=1e-3)


def test_a_unit_may_turn_from_its_activation_to_the_identity():
    x = torch.randn(1, 6, 3)
    layer = ParametricActivation("relu", 3)
    assert torch.equal(layer(x), torch.relu(x))
    layer.slope.data.zero_()
    assert torch.equal(layer(x), x)


def dropout(shares, seeds):
    layer = Dropout(max(shares), 0)
    layer.share, layer.seed = torch.tensor(shares), torch.tensor(seeds)
    return layer


def test_dropout_drops_the_share_of_each_member_and_keeps_the_mean():
    out = dropout([0.25, 0.0, 0.5], [1, 2, 3])(torch.ones(3, 501, 333))
    assert (out == 0).float().mean((1, 2)).tolist() == pytest.approx([0.25, 0.0, 0.5], abs=0.01)
    assert out.mean((1, 2)).tolist() == pytest.approx([1.0] * 3, abs=0.01)
    assert torch.equal(out[1], torch.ones(501, 333))


def test_dropout_rests_in_evaluation():
    layer, x = dropout([0.5], [1]).eval(), torch.ones(1, 5, 5)
    assert torch.equal(layer(x), x)


def test_what_a_member_drops_depends_on_its_seed_alone():
    x = torch.ones(2, 40, 8)
    both, alone = dropout([0.5, 0.5], [1, 2]), dropout([0.5], [2])
    for _ in range(3):
        assert torch.equal(both(x)[1], alone(x[:1])[0])


def test_masks_differ_from_call_to_call_and_hang_together_with_nothing():
    layer = dropout([0.5, 0.5], [1, 2])
    draws = torch.cat([(layer(torch.ones(2, 100, 100)) > 0).float().flatten(1) for _ in range(2)])
    assert torch.corrcoef(draws).fill_diagonal_(0).abs().max() < 0.04
    shifted = torch.corrcoef(torch.stack([draws[0, :-8], draws[0, 8:]]))[0, 1]
    assert abs(float(shifted)) < 0.04
