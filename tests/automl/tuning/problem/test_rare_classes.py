import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.metrics import get_metric
from automl.tuning.problem.metric_check import rare_class_notes


def notes(labels, metric, weight=None):
    frame = pd.DataFrame({"x": np.arange(float(len(labels))), "y": labels})
    if weight is not None:
        frame["w"] = weight
    dataset = load_dataset(frame, target="y", weight=None if weight is None else "w")
    return list(rare_class_notes(dataset, get_metric(metric, dataset.target.task)))


def test_a_class_of_one_row_is_named():
    found = notes(["a"] * 10 + ["b"] * 10 + ["rare"], "log_loss")
    assert len(found) == 1
    assert "class 'rare'" in found[0]


def test_accuracy_is_questioned_where_a_class_is_rare():
    labels = ["no"] * 95 + ["yes"] * 5
    (note,) = notes(labels, "accuracy")
    assert "class 'yes' has 5.0%" in note
    assert "balanced_accuracy" in note
    assert notes(labels, "roc_auc") == []
    assert notes(["no"] * 80 + ["yes"] * 20, "accuracy") == []


def test_shares_are_of_the_weights():
    labels = ["no"] * 80 + ["yes"] * 20
    assert notes(labels, "accuracy", [10.0] * 80 + [1.0] * 20)
    assert not notes(["no"] * 95 + ["yes"] * 5, "accuracy", [1.0] * 95 + [10.0] * 5)


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_numbers_have_no_classes(metric):
    assert notes(np.linspace(0, 1, 30), metric) == []
