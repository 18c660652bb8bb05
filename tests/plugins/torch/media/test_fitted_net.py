"""Predictions of fitted nets for images, series and texts."""

import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from automl_plugins.common.fitting import predict_threads
from automl_plugins.torch.core.outputs import OutputScale
from automl_plugins.torch.core.threads import torch_threads
from automl_plugins.torch.media.fitted_net import MediaModel, MediaNet, load, save

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Spec:
    n_inputs: int


class Sums(MediaNet):
    """Adds numbers up; records how each batch is computed."""

    def __init__(self, spec, at_once=1):
        super().__init__()
        self.spec = spec
        self.layer = nn.Linear(spec.n_inputs, 2)
        self.begun, self.seen = threading.Barrier(at_once), []

    def inputs_of(self, rows):
        return (torch.from_numpy(rows),)

    def forward(self, x):
        if len(self.seen) < self.begun.parties:
            self.seen.append((len(x), torch.get_num_threads(), torch.is_inference_mode_enabled()))
            self.begun.wait(PATIENCE_S)
        return self.layer(x)


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


def test_as_many_batches_are_predicted_at_a_time_as_there_are_threads(rows):
    net = Sums(Spec(3), at_once=3).eval()
    with torch_threads(2):
        found = MediaModel(net, None, n_threads=3).predict(rows)
        assert torch.get_num_threads() == 2  # as the caller had it
    assert found.shape == (300, 2)
    assert not net.begun.broken
    assert {(n_threads, inference) for _, n_threads, inference in net.seen} == {(1, True)}
    assert max(n_rows for n_rows, _, _ in net.seen) * 3 <= len(rows)


@pytest.mark.parametrize("scale", [None, OutputScale(1.0, 2.0, -9.0, 9.0, False)], ids=str)
def test_predictions_do_not_depend_on_the_number_of_threads(rows, scale):
    model = MediaModel(Sums(Spec(3)).eval(), scale)
    one, four = (replace(model, n_threads=n).predict(rows) for n in (1, 4))
    np.testing.assert_array_equal(one, four)


def test_no_rows_give_no_predictions(rows):
    assert MediaModel(Sums(Spec(3)).eval(), None, n_threads=4).predict(rows[:0]).shape == (0, 2)


def test_a_loaded_model_predicts_with_all_allowed_threads(rows, tmp_path):
    model = MediaModel(Sums(Spec(3)).eval(), None)
    save(model, tmp_path)
    again = load(tmp_path, lambda values: Sums(Spec(**values)))
    assert again.n_threads == predict_threads()
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
