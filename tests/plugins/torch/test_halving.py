"""What is done when the GPU is full, shown on the CPU by a net that refuses large batches."""

import pytest
import torch
from torch import nn

from automl_plugins.torch._halving import MAX_PARTS, Parts
from automl_plugins.torch._loop import LoopOptions, Rows, train


class Small(nn.Module):
    """A net on a device with room for so many rows at a time."""

    def __init__(self, room=10**9, raises=None):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        self.room, self.sizes = room, []
        self.raises = raises or torch.OutOfMemoryError("CUDA out of memory.")

    def forward(self, x):
        self.sizes.append(x.shape[-2])
        if x.shape[-2] > self.room:
            raise self.raises
        return self.layers(x)


def loss(output, target, weight):
    errors = (output[..., 0] - target) ** 2
    return errors.mean() if weight is None else (errors * weight).mean()


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 3, generator=generator)
    weight = torch.rand(500, generator=generator) + 0.5
    return Rows((x,), x.sum(-1) ** 2, weight / weight.mean())


def fit(net, rows, **options):
    options = LoopOptions(**{"n_epochs": 6, "batch_size": 90, "schedule": "cosine", **options})
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05)
    generator = torch.Generator().manual_seed(1)
    return train(net, optimiser, rows, loss, lambda epoch: -epoch, options, generator)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize(("room", "sizes"), [(45, [90, 45, 45]), (23, [90, 45, 23, 23, 23, 21])])
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_parts_of_a_batch_make_the_step_of_the_batch(rows, room, sizes, clip_norm):
    whole, parted = Small(), Small(room)
    outcomes = [fit(net, rows, clip_norm=clip_norm) for net in (whole, parted)]
    assert parted.sizes[: len(sizes)] == sizes
    assert max(parted.sizes[len(sizes) :]) <= room  # it is known from then on
    assert outcomes[0] == outcomes[1]
    assert torch.allclose(weights(whole), weights(parted), atol=1e-6)
    assert not torch.allclose(weights(whole), weights(Small()), atol=1e-2)


def test_one_gradient_is_that_of_the_batch_to_rounding(rows):
    """After one step without momentum the weights differ from the first ones by the gradient."""
    nets = [Small(), Small(125)]
    for net in nets:
        fit(net, rows, n_epochs=1, batch_size=500, schedule="flat_cos")
    start = weights(Small())
    full, parted = (weights(net) - start for net in nets)
    assert float(full.norm()) > 0.01
    assert float((full - parted).norm() / full.norm()) < 1e-5


def test_a_net_with_room_takes_the_batch_whole(rows):
    net = Small()
    fit(net, rows)
    assert set(net.sizes) == {90}


def test_a_pack_of_nets_is_divided_along_its_rows(rows):
    def batches(n_rows, size, generator):
        yield torch.randint(n_rows, (4, size), generator=generator)

    nets = [Small(), Small(45)]
    for net in nets:
        optimiser = torch.optim.SGD(net.parameters(), lr=0.05)
        generator = torch.Generator().manual_seed(1)
        options = LoopOptions(n_epochs=2, batch_size=90)
        train(net, optimiser, rows, loss, lambda epoch: -epoch, options, generator, batches)
    assert set(nets[1].sizes) == {90, 45}
    assert torch.allclose(weights(nets[0]), weights(nets[1]), atol=1e-6)


def test_what_does_not_fit_in_quarters_is_out_of_memory(rows):
    net = Small(5)
    with pytest.raises(torch.OutOfMemoryError):
        fit(net, rows)
    assert net.sizes == [90, 45, 23]
    assert MAX_PARTS == 4


def test_other_errors_pass_at_once(rows):
    net = Small(45, raises=RuntimeError("the shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        fit(net, rows)
    assert net.sizes == [90]


def test_a_library_below_torch_that_cannot_allocate_is_out_of_memory_too(rows):
    net = Small(45, raises=RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"))
    fit(net, rows)
    assert set(net.sizes) == {90, 45}


def test_nothing_of_the_failed_attempt_is_held_when_the_cache_is_emptied(monkeypatch):
    """The traceback of an error keeps the tensors of its frames alive."""
    import weakref

    held = []

    def attempt(n_parts):
        big = torch.ones(10)
        held.append(weakref.ref(big))
        if n_parts == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return n_parts

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: held.append(held[0]() is None))
    assert Parts().run(attempt) == 2
    assert held[1] is True


def test_predictions_in_parts_are_the_predictions(monkeypatch):
    from automl_plugins.torch import _model

    monkeypatch.setattr(_model, "_BATCH_ROWS", 64)
    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    scale = _model.OutputScale(0.0, 1.0, -10.0, 10.0)
    nets = [Small(), Small(16)]
    whole, parted = (_model.predict_net(net, (x,), scale) for net in nets)
    assert nets[1].sizes[:3] == [64, 32, 16]
    assert max(nets[1].sizes[3:]) == 16
    assert whole == pytest.approx(parted, abs=1e-6)
