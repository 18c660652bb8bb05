import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.plugin import Task
from automl.tuning.problem.constant_baseline import baseline_prediction


def prior(labels, weight, **options):
    frame = pd.DataFrame({"x": np.arange(len(labels)) / 3, "y": labels, "w": weight})
    return baseline_prediction(load_dataset(frame, target="y", weight="w", **options))


def test_shares_of_classes_are_weighted():
    assert prior(["a", "b", "a", "b"], [1, 3, 1, 3]).tolist() == pytest.approx([0.25, 0.75])


def test_the_mean_is_weighted():
    assert prior([0.5, 1.5, 2.5], [1, 1, 2]) == pytest.approx(1.75)


def test_quantiles_have_a_place_for_each_level():
    found = prior([0.5, 1.5, 2.5], [1, 1, 1], task=Task.QUANTILE, quantiles=(0.5, 0.0001))
    assert found == pytest.approx([0.5, 1.5], abs=1e-3)
