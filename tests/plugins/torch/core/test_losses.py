"""Losses: one for each member, as torch's own would be."""

import pytest
import torch
from torch.nn import functional

from automl_plugins.torch.core.losses import cross_entropy, pinball, squared_error

NONE = torch.zeros(2)


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def test_cross_entropy_is_that_of_torch_for_each_member_with_its_own_smoothing(random):
    output = torch.randn(2, 9, 4, generator=random)
    target = torch.randint(4, (2, 9), generator=random)
    loss = cross_entropy(output, target, None, torch.tensor([0.0, 0.1]))
    expected = [
        functional.cross_entropy(output[i], target[i], label_smoothing=s)
        for i, s in enumerate((0.0, 0.1))
    ]
    assert torch.allclose(loss, torch.stack(expected), atol=1e-6)


def test_each_net_within_a_net_is_to_be_right_by_itself(random):
    """The mean of the losses, and not the loss of the mean."""
    output = torch.randn(2, 9, 3, 4, generator=random)
    target = torch.randint(4, (2, 9), generator=random)
    each = [cross_entropy(output[:, :, j], target, None, NONE) for j in range(3)]
    assert torch.allclose(cross_entropy(output, target, None, NONE), sum(each) / 3, atol=1e-6)
    values = torch.randn(2, 9, generator=random)
    each = [squared_error(output[:, :, j, :1], values, None, NONE) for j in range(3)]
    found = squared_error(output[..., :1], values, None, NONE)
    assert torch.allclose(found, sum(each) / 3, atol=1e-6)


def test_pinball_weighs_errors_above_and_below(random):
    output, target = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[2.0]])
    loss = pinball((0.1, 0.9))
    assert loss(output, target, None, NONE[:1]).item() == pytest.approx((0.2 + 1.8) / 2)
    assert loss(output, -target, None, NONE[:1]).item() == pytest.approx((1.8 + 0.2) / 2)


def test_a_row_of_weight_two_counts_twice(random):
    output, target = torch.randn(1, 3, 1, generator=random), torch.randn(1, 3, generator=random)
    weight = torch.tensor([[2.0, 1.0, 0.0]]) * 3 / 3
    rows = torch.tensor([0, 0, 1])
    weighted = squared_error(output, target, weight, NONE[:1])
    repeated = squared_error(output[:, rows], target[:, rows], None, NONE[:1])
    assert torch.allclose(weighted, repeated)


def test_gradients_of_cross_entropy_are_right(random):
    output = torch.randn(2, 3, 2, 4, generator=random, dtype=torch.float64).requires_grad_()
    target = torch.randint(4, (2, 3), generator=random)

    def loss(x):
        smoothing = torch.tensor([0.0, 0.1], dtype=x.dtype)
        log_share = x.log_softmax(-1)
        truth = target[..., None].expand(2, 3, 2)[..., None]
        right = log_share.gather(-1, truth)[..., 0]
        return -torch.lerp(right, log_share.mean(-1), smoothing.view(2, 1, 1)).mean((1, 2)).sum()

    (expected,) = torch.autograd.grad(loss(output), output)
    found = cross_entropy(output, target, None, torch.tensor([0.0, 0.1])).sum()
    assert torch.allclose(torch.autograd.grad(found, output)[0], expected, atol=1e-6)
