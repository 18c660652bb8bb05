import numpy as np
import pandas as pd
import pytest

from benchmarks.scores import class_columns, is_win, score


def test_regression_is_scored_by_the_root_of_the_mean_squared_error():
    prediction = pd.DataFrame({"prediction": [1.0, 2.0]})
    assert score("regression", ["1.0", "4"], prediction) == pytest.approx(np.sqrt(2.0))


def test_binary_is_scored_by_the_area_under_the_curve_of_the_later_label():
    prediction = pd.DataFrame({"yes": [0.9, 0.8, 0.1, 0.7], "no": [0.1, 0.2, 0.9, 0.3]})
    assert score("binary", ["yes", "yes", "no", "no"], prediction) == 1.0
    assert score("binary", ["no", "no", "yes", "yes"], prediction) == 0.0


def test_multiclass_is_scored_by_log_loss_whatever_the_order_of_the_columns():
    prediction = pd.DataFrame({"c": [0.1, 0.2], "a": [0.7, 0.3], "b": [0.2, 0.5]})
    expected = -(np.log(0.7) + np.log(0.5)) / 2
    assert score("multiclass", ["a", "b"], prediction) == pytest.approx(expected)


def test_a_label_without_a_column_costs_as_much_as_a_certain_error():
    prediction = pd.DataFrame({"a": [1.0], "b": [0.0]})
    assert score("multiclass", ["z"], prediction) == pytest.approx(-np.log(1e-15))
    assert score("multiclass", ["b"], prediction) == pytest.approx(-np.log(1e-15))


def test_numbers_that_are_written_differently_are_one_label():
    columns, codes = class_columns(["1.0", "0", "2"], ["0", "1"])
    assert columns == ["0", "1"]
    assert codes.tolist() == [1, 0, -1]


def test_a_win_is_strictly_better_in_the_direction_of_the_metric():
    assert is_win("binary", 0.9, 0.8)
    assert is_win("regression", 1.0, 2.0)
    assert not is_win("multiclass", 2.0, 2.0)
    assert not is_win("binary", None, 0.8)
