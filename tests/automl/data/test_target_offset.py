import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset, open_dataset, save_dataset
from automl.data.target_offset import FAR, less_offset, target_offset
from automl.plugin import Task
from automl.store.files import read_json


def values(middle, spread=1.0, n=101):
    return middle + spread * np.random.default_rng(0).normal(size=n)


@pytest.mark.parametrize("middle", [1e9, -1e9, 1.7e12])
def test_the_offset_is_one_of_the_targets_in_their_middle(middle):
    y = values(middle)
    assert target_offset(y) == np.median(y)
    assert target_offset(y[:100]) in y


def test_targets_as_near_as_single_precision_can_tell_have_none():
    y = values(0.0)
    y = y / y.std()
    y -= np.median(y)
    assert target_offset(y + 0.99 * FAR) == 0.0
    assert target_offset(y + 1.01 * FAR) != 0.0
    assert target_offset(y - 1.01 * FAR) != 0.0


def test_equal_targets_have_none():
    assert target_offset(np.full(10, 1e9)) == 0.0


def test_what_is_taken_off_comes_back_to_the_last_bit():
    y = values(1e9, 0.01)
    frame = pd.DataFrame({"x": values(0.0), "y": y})
    dataset = load_dataset(frame, target="y")
    shown = less_offset(dataset)
    assert dataset.y.tolist() == y.tolist()
    assert np.abs(shown.y).max() < 0.1
    assert (shown.y + dataset.target.offset).tolist() == y.tolist()


def test_a_target_without_an_offset_is_shown_as_it_is():
    dataset = load_dataset(pd.DataFrame({"x": values(0.0), "y": values(5.0)}), target="y")
    assert less_offset(dataset) is dataset


def test_classes_have_none_however_large_their_labels(tmp_path):
    labels = np.where(np.arange(60) % 2, 1_000_000_000, 1_000_000_001)
    dataset = load_dataset(pd.DataFrame({"x": values(0.0, n=60), "y": labels}), target="y")
    assert (dataset.target.task, dataset.target.offset) == (Task.BINARY, 0.0)


def test_a_saved_data_set_keeps_its_offset_and_one_without_says_nothing(tmp_path):
    for name, middle in (("far", 1e9), ("near", 0.0)):
        frame = pd.DataFrame({"x": values(0.0), "y": values(middle)})
        dataset = load_dataset(frame, target="y")
        save_dataset(dataset, tmp_path / name)
        assert open_dataset(tmp_path / name).target == dataset.target
        written = read_json(tmp_path / name / "schema.json")["target"]
        assert ("offset" in written) == (name == "far")
