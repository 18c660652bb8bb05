"""The net of several parts: padding, gradients, files."""

from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest
import torch

from automl.plugin import Images, Rows, Sequences, Texts
from automl_plugins.torch.joint.branches import ImageSpec, StatesSpec, TableSpec
from automl_plugins.torch.joint.net import FusionNet, FusionSpec, build
from automl_plugins.torch.media.fitted_net import MediaModel, load, save
from automl_plugins.torch.sequences.inputs import series_specs
from automl_plugins.torch.text.branch import TextSpec, pieces_of

TEXTS = ["a good film", "bad", "", None, "a good film, a bad one"]


@pytest.fixture
def rows():
    """Five rows with numbers, two columns of texts, images, and series of unequal lengths."""
    rng = np.random.default_rng(0)
    n, index, offsets = len(TEXTS), np.arange(len(TEXTS)), np.array([0, 3, 4, 9, 11, 15])
    pixels = rng.integers(256, size=(n, 6, 5, 3)).astype(np.uint8)
    column = Texts(pa.array(TEXTS, pa.string()), index)
    return Rows(
        rng.normal(size=(n, 2)).astype(np.float32),
        (Images(pixels, index),),
        (Sequences(rng.normal(size=(15, 2)).astype(np.float32), offsets, index),),
        (column, column[::-1]),
    )


@pytest.fixture(params=[0, 4], ids=["linear", "hidden"])
def net(request, rows):
    torch.manual_seed(0)
    hashes = [pieces_of(texts, "bag") for texts in rows.texts]
    spec = FusionSpec(
        table=TableSpec(2, 4, 0.1),
        texts=tuple(TextSpec(len(known), "bag", 4, 0, 0.1) for known in hashes),
        images=(ImageSpec((6, 5, 3), 4),),
        sequences=tuple(StatesSpec(one, 3, 0.1) for one in series_specs(rows.sequences, 99)),
        n_outputs=2,
        head=request.param,
        dropout=0.1,
    )
    net = FusionNet(spec)
    net.prepare(rows, hashes)
    return net


def test_rows_side_by_side_do_not_change_each_other(net, rows):
    net.eval()
    columns = net.read(rows)
    assert len(columns) == len(rows)
    with torch.inference_mode():
        together = net.outputs(columns, True)
        for i in range(len(rows)):
            torch.testing.assert_close(net.outputs(columns[[i]], True)[0], together[i])
            torch.testing.assert_close(net.outputs(net.read(rows[[i]]), True)[0], together[i])


def test_gradients_reach_every_weight_of_every_part(net, rows):
    net.train()
    net(*net.inputs_of(net.read(rows))).sin().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_every_part_counts(net, rows):
    net.eval()
    columns = net.read(rows)
    with torch.inference_mode():
        inputs = net.inputs_of(columns)
        others = net.inputs_of(columns[[1, 2, 3, 4, 0]])
        before = net(*inputs)
        for i in range(len(inputs)):
            changed = [*inputs[:i], others[i], *inputs[i + 1 :]]
            assert (net(*changed) - before).abs().max() > 1e-4


def test_a_saved_net_is_built_again(net, rows, tmp_path):
    fitted = MediaModel(net.eval(), None)
    save(fitted, tmp_path)
    loaded = load(tmp_path, build)
    assert asdict(loaded.net.spec) == asdict(net.spec)
    np.testing.assert_array_equal(loaded.predict(rows), fitted.predict(rows))
