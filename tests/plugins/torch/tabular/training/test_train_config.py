"""Rates and decays of the weights of a net."""

import pytest
import torch

from automl_plugins.torch.tabular.training.train_config import TrainConfig, is_matrix

RECIPE = TrainConfig(lr=0.1, weight_decay=0.02, first_lr=0.5, scale_lr=6.0, embedding_lr=0.3)
MATRIX = torch.zeros(1, 16, 8)


@pytest.mark.parametrize(
    ("name", "by_inputs", "expected"),
    [
        ("factors.factor", True, (0.6, 0.0)),
        ("embedding.frequency", True, (0.03, 0.0)),
        ("body.activations.0.slope", True, (0.01, 0.0)),
        ("body.output.bias", True, (0.01, 0.0)),
        ("body.output.bias", False, (0.1, 0.0)),
        ("body.norms.1.factor", False, (0.1, 0.0)),
        ("body.hidden.1.input_factor", False, (0.1, 0.0)),
        ("body.hidden.1.weight", False, (0.1, 0.002)),
        ("body.hidden.1.weight", True, (0.1 / 4, 0.002)),
        ("body.hidden.0.weight", True, (0.05 / 4, 0.002)),
        ("categories.tables.3", True, (0.1, 0.002)),
    ],
)
def test_a_weight_learns_at_a_rate_by_its_part_in_the_net(name, by_inputs, expected):
    from dataclasses import replace

    found = replace(RECIPE, by_inputs=by_inputs).rate_and_decay(name, MATRIX)
    assert found == pytest.approx(expected)


def test_matrices_of_hidden_layers_are_those_that_muon_moves():
    assert is_matrix("body.hidden.2.weight")
    assert is_matrix("body.widening.0.weight")
    for name in ("body.output.weight", "body.hidden.2.bias", "embedding.weight", "factors.factor"):
        assert not is_matrix(name)
