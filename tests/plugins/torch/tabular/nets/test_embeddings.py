"""Shapes, and what each embedding keeps of a number or a code."""

import pytest
import torch

from automl_plugins.torch.tabular.nets.embeddings import (
    CategoryEncoding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    quantile_edges,
    robust_centre_and_factor,
    scaled,
)


@pytest.fixture
def numbers():
    return torch.randn(200, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [1.0, 100.0, 0.01]
    )


def embeddings(numbers):
    return [
        PeriodicEmbedding(3, 4, 16, 0.1),
        PiecewiseLinearEmbedding(quantile_edges(numbers, 8), 4),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_each_number_becomes_its_value_and_so_many_outputs(numbers, which):
    embedding = embeddings(numbers)[which]
    out = embedding(numbers[None])
    assert out.shape == (1, 200, 12)
    assert out.shape[2] == embedding.n_outputs
    assert torch.equal(out[0, :, :3], numbers)


@pytest.mark.parametrize("which", [0, 1])
def test_each_member_of_a_pack_embeds_by_its_own_weights(numbers, which):
    first, second = embeddings(numbers)[which], embeddings(2 * numbers + 1)[which]
    x = torch.stack([numbers, numbers.flip(0)])
    expected = [first(x[:1]), second(x[1:])]
    for name, tensor in first.state_dict(keep_vars=True).items():
        tensor.data = torch.cat([tensor.data, second.state_dict()[name]])
    assert torch.allclose(first(x), torch.cat(expected), atol=1e-6)


@pytest.mark.parametrize("which", [0, 1])
def test_gradients_reach_every_weight(numbers, which):
    embedding = embeddings(numbers)[which]
    embedding((numbers / numbers.std(0))[None]).pow(2).sum().backward()
    for name, parameter in embedding.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_features_do_not_mix(numbers):
    for embedding in embeddings(numbers):
        changed = numbers.clone()
        changed[:, 1] += 1.0
        before = embedding(numbers[None])[0, :, 3:].view(200, 3, 3)
        after = embedding(changed[None])[0, :, 3:].view(200, 3, 3)
        assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])


def test_robust_scale_gives_every_column_the_same_spread_and_clips(numbers):
    scale = robust_centre_and_factor(numbers)
    out = scaled(numbers, *scale)
    quartiles = out.quantile(torch.tensor([0.25, 0.75]), dim=0)
    assert torch.allclose(quartiles[1] - quartiles[0], torch.ones(3), atol=0.1)
    assert scaled(torch.full((1, 3), 1e6), *scale).abs().max() <= 3.0 + 1e-5


def test_a_constant_column_becomes_zero_and_a_rare_flag_keeps_its_values():
    x = torch.zeros(100, 2)
    x[:, 0] = 7.0
    x[:5, 1] = 1.0
    out = scaled(x, *robust_centre_and_factor(x))
    assert torch.equal(out[:, 0], torch.zeros(100))
    assert float(out[0, 1]) > 1.0
    assert float(out[50, 1]) == 0.0


def test_piecewise_of_a_column_with_few_values_is_finite():
    x = (torch.arange(100) % 2).float().unsqueeze(1)
    embedding = PiecewiseLinearEmbedding(quantile_edges(x, 16), 4)
    out = embedding(torch.tensor([[[0.0], [1.0], [-5.0], [9.0]]]))[0]
    assert torch.isfinite(out).all()
    assert not torch.allclose(out[0, 1:], out[1, 1:])


def test_quantile_edges_rise_from_the_least_to_the_greatest(numbers):
    edges = quantile_edges(numbers, 8)
    assert edges.shape == (3, 9)
    assert (edges.diff(dim=1) >= 0).all()
    assert torch.equal(edges[:, 0], numbers.amin(0))
    assert torch.equal(edges[:, -1], numbers.amax(0))


def test_few_categories_are_one_hot_with_the_unseen_at_zero_and_many_are_learnt():
    encoding = CategoryEncoding((3, 50), max_onehot=9, width=8)
    assert encoding.n_outputs == 2 + 8
    out = encoding(torch.tensor([[[0, 7], [1, 7], [2, 8]]]))[0]
    assert out[:, :2].tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    assert torch.equal(out[0, 2:], out[1, 2:])
    assert not torch.equal(out[1, 2:], out[2, 2:])
    assert [p.shape for p in encoding.parameters()] == [(1, 50, 8)]


def test_members_have_vectors_of_their_own_for_a_category():
    first, second = (CategoryEncoding((50,), max_onehot=9, width=8) for _ in range(2))
    codes = torch.arange(6).view(2, 3, 1)
    expected = torch.cat([first(codes[:1]), second(codes[1:])])
    first.tables["0"].data = torch.cat([first.tables["0"], second.tables["0"]]).detach()
    assert torch.equal(first(codes), expected)
