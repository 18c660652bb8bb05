import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from automl.data.split.choose import ALL_ROWS, Split, SplitPlan
from automl.ensemble import read_oof
from automl.ensemble.oof import as_probabilities
from automl.errors import RunError
from automl.store.run_dir import RunDir


def plan_of(n_rows, *valid):
    rows = np.arange(n_rows)
    divisions = tuple(Split(np.setdiff1d(rows, v), np.array(v)) for v in valid)
    return SplitPlan("plain", divisions, "", n_rows)


def save(run, fold, prediction):
    run.fold("m-0", fold).mkdir(parents=True)
    np.save(run.fold("m-0", fold) / "oof.npy", np.asarray(prediction, dtype=np.float32))


def test_each_row_gets_the_prediction_of_the_fold_that_validated_it(tmp_path):
    run, plan = RunDir(tmp_path), plan_of(5, [1, 3], [0, 2, 4])
    save(run, 0, [10, 30])
    save(run, 1, [0, 20, 40])
    assert read_oof(run, "m-0", [0, 1], plan).tolist() == [0, 10, 20, 30, 40]


def test_repeats_are_averaged_and_rows_of_unfinished_folds_are_nan(tmp_path):
    run, plan = RunDir(tmp_path), plan_of(4, [0, 1], [2, 3], [0, 2], [1, 3])
    save(run, 0, [1, 2])
    save(run, 2, [3, 9])
    np.testing.assert_array_equal(read_oof(run, "m-0", (0, 2), plan), [2, 2, 9, np.nan])


def test_out_of_bag_predictions_stand_for_all_rows_that_have_one(tmp_path):
    run, plan = RunDir(tmp_path), plan_of(3, [0], [1, 2])
    save(run, ALL_ROWS, [[0.25, 0.75], [np.nan, np.nan], [2, 2]])
    oof = read_oof(run, "m-0", (ALL_ROWS,), plan)
    np.testing.assert_array_equal(oof, [[0.25, 0.75], [np.nan, np.nan], [0.5, 0.5]])
    assert oof.dtype == np.float64


def test_what_is_missing_or_wrong_is_named(tmp_path):
    run, plan = RunDir(tmp_path), plan_of(4, [0, 1], [2, 3])
    with pytest.raises(RunError, match=r"fold-0.oof\.npy is missing"):
        read_oof(run, "m-0", (0,), plan)
    save(run, 0, [1, 2, 3])
    with pytest.raises(RunError, match="3 predictions, but fold 0 of the split plan has 2 rows"):
        read_oof(run, "m-0", (0,), plan)
    (run.fold("m-0", 0) / "oof.npy").write_bytes(b"no array")
    with pytest.raises(RunError, match=r"oof\.npy is damaged"):
        read_oof(run, "m-0", (0,), plan)
    with pytest.raises(RunError, match=r"trial m-0 of .* has no finished fold"):
        read_oof(run, "m-0", (), plan)


@given(arrays(np.float64, (4, 3), elements=st.floats(-1, 1e6, allow_subnormal=False)))
def test_probabilities_are_not_negative_and_sum_to_one(prediction):
    p = as_probabilities(prediction)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_a_row_without_a_positive_value_is_even():
    assert as_probabilities(np.array([[0.0, -1.0], [1.0, 3.0]])).tolist() == [
        [0.5, 0.5],
        [0.25, 0.75],
    ]
