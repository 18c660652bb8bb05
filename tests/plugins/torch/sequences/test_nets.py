"""Nets of sequences: padding, masks, gradients, shapes, files."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from automl.plugin import Rows, Sequences
from automl_plugins.torch.core.threads import torch_threads
from automl_plugins.torch.media.fitted_net import MediaModel, load, predict_rows, save
from automl_plugins.torch.sequences import inception_net as _inception
from automl_plugins.torch.sequences import rnn_net as _rnn
from automl_plugins.torch.sequences.inception_net import InceptionNet, InceptionSpec, MaskedNorm
from automl_plugins.torch.sequences.inputs import (
    SequenceInput,
    SeriesSpec,
    masked_maximum,
    masked_mean,
    padded_inputs,
    series_specs,
)
from automl_plugins.torch.sequences.rnn_net import RecurrentNet, RnnSpec

LENGTHS = (3, 9, 1, 6, 4)


def rows_of(lengths=LENGTHS, n_channels=2, missing=0.0, columns=1):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(sum(lengths), n_channels)).astype(np.float32)
    values[rng.random(values.shape) < missing] = np.nan
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    series = Sequences(values, offsets, np.arange(len(lengths)))
    return Rows(np.zeros((len(lengths), 1), dtype=np.float32), (), (series,) * columns)


def recurrent(rows, most_steps=512, **changes):
    values = {
        "cell": "gru",
        "width": 5,
        "n_layers": 2,
        "both_ways": True,
        "dropout": 0.0,
        "noise": 0.0,
    }
    series = series_specs(rows.sequences, most_steps)
    return RecurrentNet(RnnSpec(series=series, n_outputs=3, **{**values, **changes}))


def inception(rows, most_steps=4096, **changes):
    values = {"n_blocks": 6, "width": 4, "kernel": 9, "dropout": 0.0, "noise": 0.0}
    series = series_specs(rows.sequences, most_steps)
    return InceptionNet(InceptionSpec(series=series, n_outputs=3, **{**values, **changes}))


NETS = {
    "gru": recurrent,
    "lstm": lambda rows, **more: recurrent(rows, cell="lstm", **more),
    "one way": lambda rows, **more: recurrent(rows, both_ways=False, n_layers=1, **more),
    "inception": inception,
    "three blocks": lambda rows, **more: inception(rows, n_blocks=3, **more),
}
each_net = pytest.mark.parametrize("make", NETS.values(), ids=NETS)


def trained(net, rows):
    """A net whose norms have seen data, ready to predict."""
    torch.manual_seed(0)
    net.prepare(rows.sequences)
    net.train()
    with torch.no_grad():
        net(*net.inputs_of(rows))
    return net.eval()


@each_net
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_padding_does_not_change_an_output(make, missing):
    rows = rows_of(missing=missing)
    net = trained(make(rows), rows)
    with torch.inference_mode():
        together = net(*padded_inputs(rows, torch.device("cpu")))
        for i in range(len(rows)):
            values, length = padded_inputs(rows[[i]], torch.device("cpu"))
            torch.testing.assert_close(net(values, length)[0], together[i])
            further = torch.nn.functional.pad(values, (0, 0, 0, 20), value=float("nan"))
            torch.testing.assert_close(net(further, length)[0], together[i])


@each_net
def test_padding_does_not_change_an_output_of_thinned_sequences(make):
    rows = rows_of(lengths=(30, 7, 19, 1))
    net = trained(make(rows, most_steps=8), rows)
    assert net.spec.series[0].stride == 4
    with torch.inference_mode():
        together = net(*padded_inputs(rows, torch.device("cpu")))
        for i in range(len(rows)):
            alone = net(*padded_inputs(rows[[i]], torch.device("cpu")))
            torch.testing.assert_close(alone[0], together[i])


@each_net
def test_what_comes_after_the_end_is_not_looked_at(make):
    rows = rows_of()
    net = trained(make(rows), rows)
    values, lengths = padded_inputs(rows, torch.device("cpu"))
    filled = torch.where(values.isnan(), torch.full_like(values, 1e3), values)
    with torch.inference_mode():
        torch.testing.assert_close(net(filled, lengths), net(values, lengths))


@each_net
def test_gradients_reach_every_weight(make):
    rows = rows_of(missing=0.2, columns=2)
    net = make(rows).train()
    net(*net.inputs_of(rows)).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@each_net
def test_gradients_do_not_flow_from_what_is_not_there(make):
    rows = rows_of()
    net = make(rows).train()
    values, lengths = padded_inputs(rows, torch.device("cpu"))
    inputs = torch.where(values.isnan(), torch.zeros_like(values), values).requires_grad_()
    net(inputs, lengths).square().sum().backward()
    assert (inputs.grad[values.isnan()] == 0).all()
    assert (inputs.grad[~values.isnan()] != 0).any()


@each_net
def test_a_saved_net_is_built_again(make, tmp_path):
    rows = rows_of(missing=0.2)
    net = trained(make(rows), rows)
    save(MediaModel(net, None), tmp_path)
    module = _rnn if isinstance(net, RecurrentNet) else _inception
    again = load(tmp_path, module.build)
    assert asdict(again.net.spec) == asdict(net.spec)
    with torch_threads(1):  # the last bits of a product depend on their number
        expected = predict_rows(net.outputs, rows, None)
    np.testing.assert_array_equal(again.predict(rows), expected)


def test_steps_are_scaled_by_those_that_are_there():
    rows = rows_of(missing=0.3)
    (sequences,) = rows.sequences
    front = SequenceInput(SeriesSpec(2, marks=True, stride=1))
    front.prepare(sequences)
    steps, mask = front.eval()(*padded_inputs(rows, torch.device("cpu")))
    assert mask[..., 0].sum(dim=1).tolist() == list(LENGTHS)
    is_marked = steps[..., 2:] == 1
    known = (mask > 0) & ~is_marked
    assert is_marked.sum() == np.isnan(sequences.steps()).sum()
    for channel in range(2):
        values = steps[..., channel][known[..., channel]]
        torch.testing.assert_close(values.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
        torch.testing.assert_close(values.std(correction=0), torch.tensor(1.0), atol=1e-5, rtol=0)
    assert (steps[..., :2][~known] == 0).all()


def test_means_and_maxima_are_over_what_is_there():
    steps = torch.tensor([[[1.0], [3.0], [99.0]], [[-5.0], [99.0], [99.0]]])
    mask = torch.tensor([[[1.0], [1.0], [0.0]], [[1.0], [0.0], [0.0]]])
    assert masked_mean(steps, mask)[:, 0].tolist() == [2.0, -5.0]
    assert masked_maximum(steps, mask)[:, 0].tolist() == [3.0, -5.0]


def test_a_norm_of_whole_sequences_is_batch_normalisation():
    maps = torch.randn(6, 4, 10)
    ours, theirs = MaskedNorm(4), torch.nn.BatchNorm1d(4)
    there = torch.ones(6, 1, 10)
    torch.testing.assert_close(ours.train()(maps, there), theirs.train()(maps))


def test_noise_is_for_training_alone():
    rows = rows_of()
    front = SequenceInput(SeriesSpec(2, marks=False, stride=1), noise=0.5)
    inputs = padded_inputs(rows, torch.device("cpu"))
    torch.manual_seed(0)
    noisy, mask = front.train()(*inputs)
    plain, _ = front.eval()(*inputs)
    assert (noisy != plain).any()
    torch.testing.assert_close(noisy * (1 - mask), plain * (1 - mask))
