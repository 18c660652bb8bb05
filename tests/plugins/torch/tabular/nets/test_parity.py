"""Our layers with the weights of the packages tabm and rtdl_num_embeddings do what theirs do."""

import math

import pytest
import rtdl_num_embeddings
import tabm
import torch

from automl_plugins.torch.tabular.nets.backbones import TabM
from automl_plugins.torch.tabular.nets.embeddings import (
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    quantile_edges,
)

N_ROWS, N_FEATURES, WIDTH, K, N_OUTPUTS = 40, 3, 8, 5, 2


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def copy(parameter, value):
    """Gives a parameter of ours the values of theirs, and a gradient of its own."""
    with torch.no_grad():
        parameter.copy_(value.reshape(parameter.shape))


def assert_same(ours, theirs, pairs):
    """Compares outputs, and the gradients of pairs of a tensor of ours and one of theirs.

    Args:
        ours: Outputs.
        theirs: The same, of any shape.
        pairs: Tensors of ours and of theirs, and what turns a gradient of theirs into ours.
    """
    torch.testing.assert_close(ours.flatten(), theirs.flatten(), rtol=1e-5, atol=1e-5)
    cotangent = torch.randn_like(ours)
    ours.backward(cotangent)
    theirs.backward(cotangent.reshape(theirs.shape))
    for mine, other, turned in pairs:
        assert other.grad.abs().sum() > 0
        expected = turned(other.grad)
        torch.testing.assert_close(mine.grad.flatten(), expected.flatten(), rtol=1e-4, atol=1e-4)


def same(gradient):
    return gradient


@pytest.mark.parametrize("is_mini", [False, True])
def test_tabm_gives_the_outputs_and_gradients_of_the_package(is_mini):
    theirs = tabm.TabM.make(
        n_num_features=N_FEATURES,
        d_out=N_OUTPUTS,
        n_blocks=3,
        d_block=WIDTH,
        k=K,
        dropout=0.0,
        arch_type="tabm-mini" if is_mini else "tabm",
        start_scaling_init="normal",
    )
    ours = TabM(
        [1] * N_FEATURES, 3, WIDTH, "relu", N_OUTPUTS, k=K, is_mini=is_mini, is_embedded=True
    )
    linear = [block[0] for block in theirs.backbone.blocks]
    pairs = [(ours.output.weight, theirs.output.weight, same)]
    pairs.append((ours.output.bias, theirs.output.bias, same))
    if is_mini:
        pairs.append((ours.input_factor, theirs.backbone.affine.weight, same))
    else:
        for layer in linear:  # they begin as ones, which would not tell one factor from another
            torch.nn.init.normal_(layer.r)
            torch.nn.init.normal_(layer.s)
        pairs.append((ours.input_factor, linear[0].r, same))
    for i, (mine, other) in enumerate(zip(ours.hidden, linear, strict=True)):
        pairs += [(mine.weight, other.weight, torch.t), (mine.bias, other.bias, same)]
        if not is_mini:
            pairs.append((mine.output_factor, other.s, same))
            pairs += [(mine.input_factor, other.r, same)] if i else []
    for mine, other, turned in pairs:
        copy(mine, turned(other.detach()))
    assert {id(mine) for mine, _, _ in pairs} == {id(p) for p in ours.parameters()}
    x = torch.randn(N_ROWS, N_FEATURES)
    assert_same(ours(x[None], same), theirs(x), pairs)


def test_a_piecewise_linear_embedding_is_that_of_the_package_behind_the_value():
    """Within the edges: beyond them the package goes on in a straight line, and ours stays."""
    edges = quantile_edges(torch.randn(200, N_FEATURES), 6)
    low, high = edges[:, 0], edges[:, -1]
    x = low + (high - low) * torch.rand(N_ROWS, N_FEATURES)
    theirs = rtdl_num_embeddings.PiecewiseLinearEmbeddings(
        list(edges), WIDTH, activation=False, version="A"
    )
    ours = PiecewiseLinearEmbedding(edges, WIDTH + 1)
    pairs = [(ours.weight, theirs.linear.weight, same), (ours.bias, theirs.linear.bias, same)]
    for mine, other, _ in pairs:
        copy(mine, other.detach())
    ours_x, theirs_x = x[None].clone().requires_grad_(), x.clone().requires_grad_()
    out = ours(ours_x)
    assert torch.equal(out[0, :, :N_FEATURES], x)
    assert_same(out[0, :, N_FEATURES:], theirs(theirs_x), [*pairs, (ours_x, theirs_x, same)])


def test_a_periodic_embedding_is_that_of_the_package_with_the_phase_as_two_weights():
    """``w cos(a + b)`` is ``w cos(b) cos(a) - w sin(b) sin(a)``, with ``b`` a fixed phase."""
    n = 7
    ours = PeriodicEmbedding(N_FEATURES, WIDTH + 1, n, 0.5)
    theirs = rtdl_num_embeddings.PeriodicEmbeddings(
        N_FEATURES,
        WIDTH,
        n_frequencies=n,
        frequency_init_scale=0.5,
        activation=False,
        lite=False,
    )
    copy(ours.frequency, theirs.periodic.weight.detach())
    copy(ours.bias, theirs.linear.bias.detach())
    angle = 2 * math.pi * ours.phase[0].detach().unsqueeze(-1)
    weight = ours.weight[0].detach()
    copy(theirs.linear.weight, torch.cat([weight * angle.cos(), -weight * angle.sin()], dim=1))

    def of_both(gradient):
        """The gradient of our weight, which stands in both halves of theirs."""
        return gradient[:, :n] * angle.cos() - gradient[:, n:] * angle.sin()

    x = torch.randn(N_ROWS, N_FEATURES)
    ours_x, theirs_x = x[None].clone().requires_grad_(), x.clone().requires_grad_()
    out = ours(ours_x)
    assert torch.equal(out[0, :, :N_FEATURES].detach(), x)
    pairs = [
        (ours.frequency, theirs.periodic.weight, same),
        (ours.bias, theirs.linear.bias, same),
        (ours.weight, theirs.linear.weight, of_both),
        (ours_x, theirs_x, same),
    ]
    assert_same(out[0, :, N_FEATURES:], theirs(theirs_x), pairs)


def test_first_weights_are_drawn_within_the_bounds_of_the_package():
    theirs = tabm.LinearBatchEnsemble(16, 4_000, k=K, scaling_init="ones")
    ours = TabM([1] * 16, 1, 4_000, "relu", 1, k=K, is_mini=False, is_embedded=False)
    layer = ours.hidden[0]
    pairs = ((layer.weight, theirs.weight), (layer.bias, theirs.bias))
    for mine, other in pairs:
        mine, other = mine.detach(), other.detach()
        assert float(mine.abs().max()) == pytest.approx(float(other.abs().max()), rel=0.01)
        assert float(mine.std()) == pytest.approx(float(other.std()), rel=0.05)
    assert set(ours.input_factor.unique().tolist()) == {-1.0, 1.0}
