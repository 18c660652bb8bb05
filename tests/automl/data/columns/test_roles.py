import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.errors import DataError


def frame(**columns):
    base = {"x": np.random.default_rng(0).normal(size=8), "y": [0, 1] * 4}
    return pd.DataFrame(base | columns)


def test_groups_folds_and_weights_are_read_and_are_no_features():
    data = frame(g=list("aabbccdd"), f=[3, 3, 1, 1, 2, 2, 1, 1], w=[0.5, 0.5, 2, 1, 1, 1, 1, 1])
    dataset = load_dataset(data, target="y", group="g", folds_column="f", weight="w")
    assert dataset.group.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert dataset.fold.tolist() == [2, 2, 0, 0, 1, 1, 0, 0]
    assert dataset.weight.tolist() == [0.5, 0.5, 2, 1, 1, 1, 1, 1]
    assert [c.name for c in dataset.table.used] == ["x"]
    assert "groups" in dataset.table.columns[1].left_out


def test_weights_are_scaled_to_mean_one():
    weight = load_dataset(frame(w=[2.0] * 4 + [6.0] * 4), target="y", weight="w").weight
    assert weight.tolist() == [0.5] * 4 + [1.5] * 4


def test_time_ranks_the_rows_and_stays_a_feature():
    days = ["2020-01-03", "2020-01-01", "2020-01-02", "2020-01-01"] * 2
    dataset = load_dataset(frame(t=days), target="y", time_column="t")
    assert dataset.time.tolist() == [2, 0, 1, 0] * 2
    assert [c.name for c in dataset.table.used] == ["x", "t"]


@pytest.mark.parametrize("name", ["day", "row_id"])
def test_a_time_that_numbers_the_rows_stays_a_feature(name):
    data = pd.DataFrame({name: np.arange(80), "x": np.arange(80) % 7, "y": [0, 1] * 40})
    without = load_dataset(data, target="y")
    assert without.table.columns[0].left_out.startswith("id-like")
    dataset = load_dataset(data, target="y", time_column=name)
    assert [c.name for c in dataset.table.used] == [name, "x"]


def test_numbers_and_names_can_be_folds():
    assert load_dataset(frame(f=list("abababab")), target="y", folds_column="f").fold.max() == 1
    folds = load_dataset(frame(f=["10", "9"] * 4), target="y", folds_column="f").fold
    assert folds.tolist() == [1, 0] * 4


@pytest.mark.parametrize(
    ("option", "values", "said"),
    [
        ("weight", [1, 2, -1, 1, 1, 1, 1, 1], "row 3 has -1"),
        ("weight", list("abcdabcd"), "row 1 has 'a'"),
        ("weight", [0] * 8, "all of them are 0"),
        ("weight", [1, None, 1, 1, 1, 1, 1, 1], "first row 2"),
        ("weight", [1, np.inf, 1, 1, 1, 1, 1, 1], "row 2"),
        ("group", ["a"] * 8, "only one group"),
        ("group", ["a", None] * 4, "4 rows have no value"),
        ("folds_column", [1] * 8, "only one fold"),
        ("folds_column", list(range(8)), "8 folds for 8 rows"),
        ("time_column", list("abcdabcd"), "neither dates nor numbers"),
        ("time_column", [1, None] * 4, "4 rows have no value"),
    ],
)
def test_steering_columns_are_checked(option, values, said):
    with pytest.raises(DataError, match=said):
        load_dataset(frame(s=values), target="y", **{option: "s"})


def test_row_numbers_in_messages_count_rows_of_the_source():
    data = frame(w=[1, 1, 1, 1, 1, 1, 1, -1])
    data["y"] = [None, *data.y[1:]]
    with pytest.raises(DataError, match="row 8 has -1"):
        load_dataset(data, target="y", weight="w")


def test_rows_of_weight_zero_are_left_out_with_their_class_and_the_rest_has_mean_one():
    data = frame(w=[0, 2, 2, 4, 2, 2, 4, 0])
    dataset = load_dataset(data, target="y", weight="w")
    assert dataset.n_zero_weight == 2
    assert len(dataset.y) == dataset.table.n_rows == 6
    assert dataset.weight.mean() == pytest.approx(1.0)
    assert dataset.weight.min() > 0
    data["y"] = ["rare", *["a", "b"] * 3, "rare"]
    assert load_dataset(data, target="y", weight="w").target.classes == ("a", "b")


def test_row_numbers_stay_those_of_the_source_when_rows_are_left_out_twice():
    data = frame(w=[1, 0, 1, 1, 1, 1, 1, 1], t=[1, 2, 3, 4, 5, 6, 7, None])
    data["y"] = [None, *data.y[1:]]
    with pytest.raises(DataError, match="first row 8"):
        load_dataset(data, target="y", weight="w", time_column="t")


def test_the_unit_of_weights_does_not_matter():
    weight = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    one, other = (
        load_dataset(frame(w=factor * weight), target="y", weight="w").weight
        for factor in (1.0, 1e300)
    )
    np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("option", ["weight", "group", "folds_column", "time_column"])
def test_unknown_names_are_refused_with_the_nearest(option):
    with pytest.raises(DataError, match="did you mean 'w8'"):
        load_dataset(frame(w8=[1.0] * 8), target="y", **{option: "W8"})


def test_the_target_cannot_give_the_groups():
    with pytest.raises(DataError, match="is the target"):
        load_dataset(frame(), target="y", group="y")


def test_rows_of_fold_minus_one_belong_to_no_fold():
    given = frame(f=[-1, 3, 3, -1, 7, 7, 3, -1])
    folds = load_dataset(given, target="y", folds_column="f").fold
    assert folds.tolist() == [-1, 0, 0, -1, 1, 1, 0, -1]
    text = load_dataset(frame(f=["0", "-1"] * 4), target="y", folds_column="f").fold
    assert text.tolist() == [0, -1] * 4
    below = load_dataset(frame(f=[-2, -1, 0, 0] * 2), target="y", folds_column="f").fold
    assert below.tolist() == [0, -1, 1, 1] * 2


def test_a_column_of_folds_that_validates_no_row_is_refused():
    with pytest.raises(DataError, match="-1 in every row: no row is validated"):
        load_dataset(frame(f=[-1] * 8), target="y", folds_column="f")
