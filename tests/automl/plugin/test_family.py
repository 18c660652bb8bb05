from __future__ import annotations

import numpy as np
import pytest

from automl.plugin import ModelFamily, PackMember, Task, TrialPruned
from automl.plugin.prediction import check_prediction
from automl.testing.tables import made_table


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


class Packing(ModelFamily):
    """Fits a number, three of which may be trained together."""

    name = "packing"
    packed = frozenset({"rate"})

    def search_space(self, suggest, shape):
        return {}

    def pack_size(self, params, shape):
        return 3

    def fit(self, params, fold, context, report):
        report(1, 0.5)
        return (params["rate"], fold, context.seed)

    def save(self, model, path):
        raise NotImplementedError

    def load(self, path):
        raise NotImplementedError


class Alone(Packing):
    """The same without packs."""

    packed = frozenset()


def choices(*pairs):
    return [{"rate": rate, "depth": depth} for rate, depth in pairs]


def test_params_that_differ_in_what_is_packed_go_together_up_to_a_size() -> None:
    params = choices((1, 7), (2, 7), (1, 8), (3, 7), (4, 7))
    assert Packing().pack(params, made_table(Task.BINARY).shape()) == [[0, 1, 3], [4], [2]]


def test_a_family_without_packs_has_each_alone() -> None:
    assert Alone().pack(choices((1, 7), (2, 7)), made_table(Task.BINARY).shape()) == [[0], [1]]


def test_without_a_program_of_its_own_a_pack_is_fitted_one_after_another() -> None:
    table = made_table(Task.BINARY)
    fold = table.fold(Packing().view({}, table.shape()))

    def prune(step: int, score: float) -> None:
        raise TrialPruned

    reports = (lambda step, score: None, prune)
    members = [PackMember(choices((i, 7))[0], fold, 10 + i, r) for i, r in enumerate(reports)]
    first, second = Packing().fit_pack(members, table.context(seed=5))
    assert first == (0, fold, 10)
    assert isinstance(second, TrialPruned)
