"""What is done when the GPU is full, shown on the CPU by a net that refuses large batches."""

from dataclasses import replace

import pytest
import torch

from automl_plugins.torch.core.losses import squared_error
from automl_plugins.torch.core.micro_batching import MAX_PARTS, MicroBatching
from automl_plugins.torch.tabular.training.fold_tensors import FoldTensors, PackTensors
from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.pack_training import PackOptions, train_pack
from automl_plugins.torch.tabular.training.packed_net import PackedNet
from automl_plugins.torch.tabular.training.train_config import TrainConfig

FULL = torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 3, generator=generator)
    weight = torch.rand(500, generator=generator) + 0.5
    codes = torch.empty(500, 0, dtype=torch.int64)
    return FoldTensors(x, codes, x.sum(-1) ** 2, weight / weight.mean())


@pytest.fixture
def fit(rows, kinds, make_net):
    """Trains on a device with room for so many rows of a member at a time."""

    def run(room=10**9, raises=FULL, n_members=1, clip_norm=None, **options):
        spec = replace(kinds["mlp"], n_numeric=3, cardinalities=(), n_outputs=1, embedding="none")
        inputs = rows.numeric[None], rows.codes[None]
        pack = Pack([make_net(spec, seed, rows=inputs) for seed in range(n_members)])
        sizes, forward = [], pack.net.forward

        def limited(numeric, codes):
            if pack.net.training:
                sizes.append(numeric.shape[1])
                if numeric.shape[1] > room:
                    raise raises
            return forward(numeric, codes)

        pack.net.forward = limited
        config = TrainConfig(lr=0.001, clip_norm=clip_norm)
        members = [
            PackedNet(config, lambda epoch, progress, output: -epoch, s) for s in range(n_members)
        ]
        parts = [rows] * n_members
        options = PackOptions(**{"n_epochs": 2, "batch_size": 90, **options})
        train_pack(pack, members, PackTensors(parts), PackTensors(parts), squared_error, options)
        learnt = [p.detach().flatten() for m in members for p in m.net.parameters()]
        return sizes, torch.cat(learnt)

    return run


@pytest.mark.parametrize(("room", "sizes"), [(45, [90, 45, 45]), (23, [90, 45, 23, 23, 23, 21])])
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_parts_of_a_batch_make_the_step_of_the_batch(fit, room, sizes, clip_norm):
    _, whole = fit(clip_norm=clip_norm)
    seen, parted = fit(room, clip_norm=clip_norm)
    assert seen[: len(sizes)] == sizes
    assert max(seen[len(sizes) :]) <= room  # it is known from then on
    assert torch.allclose(whole, parted, atol=1e-4)


def test_parts_are_not_just_steps_of_their_own(fit):
    _, whole = fit()
    assert not torch.allclose(whole, fit(batch_size=45)[1], atol=1e-3)


def test_a_net_with_room_takes_the_batch_whole(fit):
    assert set(fit()[0]) == {90}


def test_a_pack_of_nets_is_divided_along_its_rows(fit):
    _, whole = fit(n_members=3)
    sizes, parted = fit(45, n_members=3)
    assert set(sizes) == {90, 45}
    assert torch.allclose(whole, parted, atol=1e-4)


def test_what_does_not_fit_in_quarters_is_out_of_memory(fit):
    with pytest.raises(torch.OutOfMemoryError):
        fit(5)
    assert MAX_PARTS == 4


def test_other_errors_pass_at_once(fit):
    with pytest.raises(RuntimeError, match="shapes"):
        fit(45, raises=RuntimeError("the shapes do not match"))


def test_a_library_below_torch_that_cannot_allocate_is_out_of_memory_too(fit):
    sizes, _ = fit(45, raises=RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"))
    assert set(sizes) == {90, 45}


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
    assert MicroBatching().run(attempt) == 2
    assert held[1] is True


def test_predictions_in_parts_are_the_predictions(kinds, make_net, inputs, monkeypatch):
    from automl_plugins.torch.tabular.training import fitted_net as _model

    monkeypatch.setattr(_model, "BATCH_ROWS", 150)  # 50 rows of 3 nets
    net = make_net(kinds["tabm"]).eval()
    X = torch.cat([x[0].float() for x in inputs], dim=1).numpy()
    model = _model.TabularModel(net, torch.zeros(4), torch.ones(4), (4, 5), 6, None)
    whole, forward, sizes = model.predict(X), net.forward, []

    def limited(numeric, codes):
        sizes.append(numeric.shape[1])
        if numeric.shape[1] > 16:
            raise FULL
        return forward(numeric, codes)

    net.forward = limited
    assert model.predict(X) == pytest.approx(whole, abs=1e-6)
    assert sizes == [50, 25, 12, 12, 12, 12, 2]
