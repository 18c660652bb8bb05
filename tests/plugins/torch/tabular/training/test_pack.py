"""Packs: nets put together, asked together, and taken apart again."""

from dataclasses import replace

import pytest
import torch

from automl_plugins.torch.tabular.training.pack import Pack, one_net


def weights_of(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_a_pack_answers_as_its_nets_do(inputs, spec, make_net):
    expected = [make_net(spec, seed).eval()(*inputs) for seed in range(3)]
    pack = Pack([make_net(spec, seed) for seed in range(3)])
    both = [x.expand(3, *x.shape[1:]) for x in inputs]
    assert torch.allclose(pack.net.eval()(*both), torch.cat(expected), atol=1e-4)


def test_its_weights_are_those_that_the_nets_see(inputs, kinds, make_net):
    pack = Pack([make_net(kinds["mlp"], seed) for seed in range(2)])
    pack.weights.zero_()
    assert all(not p.any() for p in pack.net.parameters())


def test_gradients_are_those_of_each_net(inputs, spec, make_net):
    pack = Pack([make_net(spec, seed) for seed in range(2)])
    both = [x.expand(2, *x.shape[1:]) for x in inputs]
    found = pack.gradient(pack.net(*both).pow(2).sum())
    for seed in range(2):
        net = make_net(spec, seed)
        net(*inputs).pow(2).sum().backward()
        expected = torch.cat([p.grad.flatten() for p in net.parameters()])
        assert torch.allclose(found[seed], expected, rtol=1e-3, atol=1e-3)


def test_those_that_are_kept_answer_as_before(inputs, spec, make_net):
    pack = Pack([make_net(spec, seed, dropout=0.1 * seed) for seed in range(4)])
    pack.keep([3, 1])
    assert pack.n_members == 2
    assert pack.net.dropout.share.tolist() == pytest.approx([0.3, 0.1])
    both = [x.expand(2, *x.shape[1:]) for x in inputs]
    out = pack.net.eval()(*both)
    for place, seed in enumerate((3, 1)):
        expected = make_net(spec, seed).eval()(*inputs)
        assert torch.allclose(out[place], expected[0], atol=1e-4)


def test_a_member_is_a_net_by_itself_with_the_weights_it_is_given(inputs, spec, make_net):
    pack = Pack([make_net(spec, seed) for seed in range(2)])
    net = pack.member(1, pack.weights[1])
    original = make_net(spec, 1).eval()
    assert torch.equal(net(*inputs), original(*inputs))
    pack.weights.zero_()  # it does not look at the pack any more
    assert torch.equal(net(*inputs), original(*inputs))
    assert not net.training
    assert torch.equal(weights_of(net), weights_of(original))


def test_other_weights_may_stand_in_for_a_while(inputs, kinds, make_net):
    pack = Pack([make_net(kinds["mlp"])])
    pack.net.eval()
    before = pack.net(*inputs)
    with pack.with_weights(torch.zeros_like(pack.weights)):
        assert not pack.net(*inputs).any()
    assert torch.equal(pack.net(*inputs), before)


def test_nets_of_other_shapes_are_refused(kinds, make_net):
    with pytest.raises(ValueError, match="same spec"):
        Pack([make_net(kinds["mlp"]), make_net(replace(kinds["mlp"], width=8))])


def test_weights_of_another_net_are_refused_by_name(kinds, make_net):
    tensors = make_net(kinds["mlp"]).state_dict()
    with pytest.raises(
        ValueError, match=r"body.hidden.0.bias is \(1, 1, 16\), expected \(1, 1, 8\)"
    ):
        one_net(replace(kinds["mlp"], width=8), tensors)
