from __future__ import annotations

import numpy as np
import pytest

from automl.plugin import Task
from automl.plugin.prediction import check_prediction


def test_a_sound_prediction_comes_back_as_float64() -> None:
    checked = check_prediction(np.full((3, 2), 0.5, dtype=np.float32), 3, Task.BINARY, 2)
    assert checked.dtype == np.float64
    assert check_prediction([1, 2], 2, Task.REGRESSION, 0).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        (np.ones(3), r"shape \(3,\), expected \(3, 2\)"),
        (np.array([[0.5, np.nan]] * 3), "3 NaN or infinite"),
        ([["a", "b"]] * 3, "not an array of numbers"),
    ],
)
def test_what_is_wrong_with_a_prediction_is_said(prediction: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_prediction(prediction, 3, Task.BINARY, 2)
