"""Rows of folds on a device, and which of them a member of a pack sees."""

import numpy as np
import pytest
import torch

from automl.plugin import Features, Fold
from automl_plugins.torch.tabular.training.fold_tensors import FoldTensors, PackTensors, fold_inputs


def rows(n, first, weight=None):
    numeric = torch.arange(first, first + n).float()[:, None]
    return FoldTensors(numeric, numeric.long(), numeric[:, 0] * 10, weight)


def test_each_member_sees_rows_of_its_own_fold():
    one, two = rows(3, 100), rows(4, 200)
    pack = PackTensors([two, one, two])
    index = torch.tensor([[0, 3], [2, 0], [1, 1]])
    numeric, codes = pack.inputs(index)
    assert numeric[..., 0].tolist() == [[200, 203], [102, 100], [201, 201]]
    assert torch.equal(codes, numeric.long())
    target, weight = pack.target(index)
    assert torch.equal(target, numeric[..., 0] * 10)
    assert weight is None


def test_a_fold_of_several_members_is_held_once():
    one = rows(3, 100)
    pack = PackTensors([one, one, one])
    one.numeric[0] = 7
    assert pack.inputs(torch.zeros(3, 1, dtype=torch.long))[0].flatten().tolist() == [7, 7, 7]


def test_those_that_are_kept_see_their_rows():
    pack = PackTensors([rows(3, 100), rows(4, 200)])
    pack.keep([1])
    assert pack.n_rows == [4]
    assert pack.inputs(torch.tensor([[3]]))[0].item() == 203


def test_rows_without_weights_weigh_one_beside_those_that_have_some():
    pack = PackTensors([rows(2, 0), rows(2, 0, torch.tensor([0.5, 1.5]))])
    assert pack.target(torch.tensor([[0, 1], [0, 1]]))[1].tolist() == [[1, 1], [0.5, 1.5]]


def test_all_rows_of_folds_of_unequal_length_repeat_the_last_of_the_short():
    pack = PackTensors([rows(2, 100), rows(4, 200)])
    assert pack.all_rows().tolist() == [[0, 1, 1, 1], [0, 1, 2, 3]]


@pytest.fixture
def fold():
    random = np.random.default_rng(0)
    X = np.column_stack([random.normal(size=40) * 100, random.integers(0, 9, 40)])
    y = np.arange(40.0)
    X = X.astype(np.float32)
    features = Features(("a", "b"), (1,), (5,))
    return Fold(X[:30], y[:30], None, X[30:], y[30:], None, features)


def test_numbers_are_scaled_by_the_training_rows_and_unknown_codes_are_missing(fold):
    inputs = fold_inputs(fold, torch.device("cpu"))
    assert float(inputs.centre) == pytest.approx(np.median(fold.X_train[:, 0]), rel=0.2)
    assert inputs.train.numeric.abs().max() < 3
    assert inputs.valid.codes.max() < 5
    known = fold.X_valid[:, 1] < 5
    assert inputs.valid.codes[:, 0].numpy()[known] == pytest.approx(fold.X_valid[known, 1])


def test_inputs_are_kept_for_the_next_fit_on_the_fold(fold):
    device = torch.device("cpu")
    assert fold_inputs(fold, device) is fold_inputs(fold, device)
