"""Steps of packs against those of torch, and what Muon makes of a gradient."""

import pytest
import torch

from automl_plugins.torch.tabular.training.optimizer import PackOptimiser, orthogonal
from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.train_config import TrainConfig

ONE = torch.ones(2, 1)


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def test_each_member_is_moved_as_by_the_adamw_of_torch(kinds, make_net, random):
    recipes = [
        TrainConfig(lr=0.01, weight_decay=0.1, second_moment=0.95),
        TrainConfig(lr=0.001, embedding_lr=0.3, by_inputs=True),
    ]
    nets = [make_net(kinds["mlp"], seed) for seed in range(2)]
    pack = Pack([make_net(kinds["mlp"], seed) for seed in range(2)])
    ours = PackOptimiser(pack, recipes, uses_muon=False)
    theirs = []
    for net, recipe in zip(nets, recipes, strict=True):
        groups = []
        for name, parameter in net.named_parameters():
            rate, decay = recipe.rate_and_decay(name, parameter)
            groups.append({"params": [parameter], "lr": rate, "weight_decay": decay / rate})
        theirs.append(torch.optim.AdamW(groups, betas=(0.9, recipe.second_moment)))
    for _ in range(4):
        gradient = torch.randn(pack.weights.shape, generator=random)
        for net, optimiser, row in zip(nets, theirs, gradient, strict=True):
            parts = row.split([p.numel() for p in net.parameters()])
            for parameter, part in zip(net.parameters(), parts, strict=True):
                parameter.grad = part.view_as(parameter).clone()
            optimiser.step()
        ours.step(gradient, ONE, ONE)
    for net, row in zip(nets, pack.weights, strict=True):
        expected = torch.cat([p.detach().flatten() for p in net.parameters()])
        assert torch.allclose(row, expected, atol=1e-5)


@pytest.mark.parametrize("uses_muon", [False, True])
def test_a_member_is_moved_alike_whatever_the_others_are(kinds, make_net, random, uses_muon):
    recipes = [TrainConfig(lr=0.5, clip_norm=1.0), TrainConfig(lr=0.01, weight_decay=0.1)]
    both = Pack([make_net(kinds["mlp"], seed) for seed in range(2)])
    alone = Pack([make_net(kinds["mlp"], 1)])
    optimisers = [
        PackOptimiser(both, recipes, uses_muon=uses_muon),
        PackOptimiser(alone, recipes[1:], uses_muon=uses_muon),
    ]
    for _ in range(3):
        gradient = torch.randn(both.weights.shape, generator=random)
        optimisers[1].step(gradient[1:].clone(), ONE[:1], ONE[:1])
        optimisers[0].step(gradient, ONE, ONE)
    assert torch.allclose(both.weights[1], alone.weights[0], atol=1e-5)


def test_those_that_are_kept_go_on_with_their_moments(kinds, make_net, random):
    recipes = [TrainConfig(lr=0.1 * (i + 1)) for i in range(2)]
    whole, cut = (Pack([make_net(kinds["mlp"], s) for s in range(2)]) for _ in range(2))
    optimisers = [PackOptimiser(pack, recipes, uses_muon=False) for pack in (whole, cut)]
    first, second = torch.randn(2, *whole.weights.shape, generator=random)
    for optimiser in optimisers:
        optimiser.step(first.clone(), ONE, ONE)
    cut.keep([1])
    optimisers[1].keep([1])
    optimisers[0].step(second.clone(), ONE, ONE)
    optimisers[1].step(second[1:].clone(), ONE[:1], ONE[:1])
    assert torch.allclose(cut.weights[0], whole.weights[1], atol=1e-6)


def test_a_gradient_is_clipped_to_the_norm_of_its_member(kinds, make_net, random):
    """Adam does not see the size of a gradient, but for how it changes."""
    recipes = [TrainConfig(lr=0.1, clip_norm=1.0), TrainConfig(lr=0.1)]
    pack = Pack([make_net(kinds["mlp"], 0) for _ in range(2)])
    optimiser = PackOptimiser(pack, recipes, uses_muon=False)
    direction = torch.randn(1, pack.weights.shape[1], generator=random)
    direction /= direction.norm()
    for size in (1.0, 1000.0):
        gradient = size * direction.repeat(2, 1)
        optimiser.step(gradient, ONE, ONE)
        assert gradient.norm(dim=1).tolist() == pytest.approx([1.0, size], rel=1e-3)
    assert not torch.allclose(pack.weights[0], pack.weights[1], atol=1e-3)


def test_factors_of_rate_and_decay_are_the_members_own(kinds, make_net):
    pack = Pack([make_net(kinds["mlp"], 0) for _ in range(2)])
    start = pack.weights.clone()
    optimiser = PackOptimiser(pack, [TrainConfig(lr=0.1, weight_decay=0.5)] * 2, uses_muon=False)
    gradient = torch.zeros_like(start)
    optimiser.step(gradient, torch.tensor([[1.0], [0.5]]), torch.tensor([[1.0], [0.0]]))
    begin, end, _ = pack.places["body.hidden.1.weight"]
    assert torch.allclose(pack.weights[0, begin:end], 0.95 * start[0, begin:end], atol=1e-6)
    assert torch.equal(pack.weights[1], start[1])


@pytest.mark.parametrize("shape", [(2, 20, 12), (1, 12, 20), (3, 16, 16)])
def test_an_orthogonal_matrix_keeps_the_directions_and_forgets_the_sizes(random, shape):
    matrices = torch.randn(shape, generator=random) * 100
    sizes = torch.linalg.svdvals(orthogonal(matrices))
    assert ((sizes > 0.5) & (sizes < 1.35)).all()
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    assert (
        torch.nn.functional.cosine_similarity(
            orthogonal(matrices).flatten(1), (u @ vh).flatten(1)
        ).min()
        > 0.97
    )


def test_muon_moves_matrices_as_far_as_adam_does(kinds, make_net, random):
    moved = []
    for uses_muon in (False, True):
        pack = Pack([make_net(kinds["mlp"], 0)])
        start = pack.weights.clone()
        optimiser = PackOptimiser(pack, [TrainConfig(lr=0.01)], uses_muon=uses_muon)
        optimiser.step(torch.randn(start.shape, generator=random), ONE[:1], ONE[:1])
        begin, end, _ = pack.places["body.hidden.1.weight"]
        moved.append(float((pack.weights - start)[0, begin:end].square().mean().sqrt()))
    # A first step of Adam is as long as its rate; later ones are about a fifth of it.
    assert moved[0] == pytest.approx(0.01, rel=1e-3)
    assert moved[1] == pytest.approx(0.002, rel=0.3)
