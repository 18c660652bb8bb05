import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.data import ReadOptions, load_dataset, load_features, load_labelled
from automl.errors import DataError, MissingColumnError


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": rng.normal(size=30),
            "c": ["u", "v", "w"] * 10,
            "b": ["yes", "no"] * 15,
            "d": ["31/12/2020", "01/02/2021", "05/06/2021"] * 10,
            "same": 1,
            "y": ["p", "q", "r"] * 10,
        }
    )


def test_order_extra_columns_and_the_target_make_no_difference():
    known = load_dataset(frame()).table
    new = frame()[["y", "d", "c", "x", "b"]].assign(extra="z")
    assert load_features(new, known.columns).data.equals(known.data)
    assert load_features(frame().drop(columns=["y", "same"]), known.columns).data.equals(known.data)


def test_values_that_do_not_fit_become_missing_and_new_categories_stay():
    columns = load_dataset(frame()).table.columns
    new = pd.DataFrame(
        {
            "x": ["1.5", "oops", None],
            "c": ["new", None, 7],
            "b": ["maybe", True, "NO"],
            "d": ["05/06/2021", "soon", "2021-06-05"],
        }
    )
    data = load_features(new, columns).data.to_pydict()
    assert data["c0"] == [1.5, None, None]
    assert data["c1"] == ["new", None, "7"]
    assert data["c2"] == [None, 1.0, 0.0]
    assert [d and str(d)[:10] for d in data["c3"]] == ["2021-06-05", None, "2021-06-05"]


@pytest.mark.parametrize(
    ("known", "new", "read"),
    [
        ("{}.5 kg", ["12500 g", "3.5 kg", "7"], [None, 3.5, 7.0]),
        ("{}.5%", ["0.45", "45%"], [None, 45.0]),
        ("{}.5", ["45%", "45"], [None, 45.0]),
        ("{}.5", ["4.5 kg", "7 kg"], [4.5, 7.0]),
        ("{}.5", ["4,5", "5,25"], [4.5, 5.25]),
        ("${}.5", ["\u20ac4.5", "$4.5"], [None, 4.5]),
        ("{:02}:30", ["3600", "01:00"], [None, 3600.0]),
        ("{}.5", ["01:30", "1.5"], [None, 1.5]),
        ("{}.5k", ["1.5k", "500", "3M"], [1.5, None, None]),
        ("{}.50 CR", ["1.10 CR", "2.50 DR"], [1.1, -2.5]),
    ],
    ids=str,
)
def test_new_numbers_in_another_unit_are_misfits_and_in_another_notation_are_read(known, new, read):
    data = pd.DataFrame({"x": [known.format(i) for i in range(20)], "y": ["p", "q"] * 10})
    columns = load_dataset(data).table.columns
    table = load_features(pd.DataFrame({"x": new}), columns)
    assert table.data.to_pydict() == {"c0": read}
    assert sum(misfits.n for misfits in table.misfits) == read.count(None)


def test_all_missing_columns_are_named_at_once():
    columns = load_dataset(frame()).table.columns
    new = frame().drop(columns=["b"]).rename(columns={"x": "X", "c": "q"})
    with pytest.raises(MissingColumnError, match=r"3 columns 'x', 'c', 'b'.*did you mean 'X'"):
        load_features(new, columns)


def test_a_column_that_is_left_out_need_not_be_there():
    columns = load_dataset(frame()).table.columns
    assert load_features(frame().drop(columns="same"), columns).n_rows == 30


def test_repeated_names_are_matched_by_their_order():
    data = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=["a", "a", "a"])
    data["y"] = [0, 1] * 10
    table = load_dataset(data).table
    assert load_features(data, table.columns).data.equals(table.data)
    with pytest.raises(MissingColumnError, match=r"'a \(no\. 3\)'"):
        load_features(data.iloc[:, [0, 1, 3]], table.columns)


def test_numbers_as_categories_match_whatever_their_type():
    data = pd.DataFrame(
        {"k": ["1.0", "2.0", "3.0"] * 5, "x": np.arange(15) / 7, "y": [0, 1, 2] * 5}
    )
    columns = load_dataset(data, options=ReadOptions(kinds={"k": "categorical"})).table.columns
    for values in ([1, 2, 3], [1.0, 2.0, 3.0], ["1", "2.0", " 3 "]):
        new = pd.DataFrame({"k": values, "x": [0.0, 1.0, 2.0]})
        assert load_features(new, columns).data["c0"].to_pylist() == ["1", "2", "3"]


def test_dropped_columns_and_set_kinds_need_not_be_in_new_data():
    options = ReadOptions(drop=("same",), kinds={"c": "categorical"})
    columns = load_dataset(frame(), options=options).table.columns
    assert load_features(frame().drop(columns=["same"]), columns, options).n_rows == 30


def test_labels_of_a_held_out_table_are_class_indices():
    dataset = load_dataset(frame())
    held_out = frame().iloc[[2, 0, 1]].assign(y=["r", None, "q"])
    labelled = load_labelled(held_out, dataset.table.columns, dataset.target)
    assert labelled.y.tolist() == [2, 1]
    assert (labelled.table.n_rows, labelled.n_dropped) == (2, 1)


def test_weights_of_a_held_out_table_are_read_where_it_has_them():
    dataset = load_dataset(frame())
    columns, target = dataset.table.columns, dataset.target
    held_out = frame().iloc[:3].assign(w=[2.0, 0.0, 1.0])
    assert load_labelled(held_out, columns, target, weight="w").weight.tolist() == [2, 0, 1]
    assert load_labelled(frame(), columns, target, weight="w").weight is None
    assert load_labelled(held_out, columns, target).weight is None
    with pytest.raises(DataError, match="gives the weights, but row 2 has -1"):
        load_labelled(held_out.assign(w=[1, -1, 1]), columns, target, weight="w")


def test_labels_match_whatever_their_type():
    data = pd.DataFrame({"x": np.arange(20) / 7, "y": [0, 1] * 10})
    target = load_dataset(data).target
    columns = load_dataset(data).table.columns
    for labels in ([1.0, 0.0], ["1", "0"], ["1.0", " 0 "]):
        new = pd.DataFrame({"x": [0.0, 1.0], "y": labels})
        assert load_labelled(new, columns, target).y.tolist() == [1, 0]


def test_a_label_that_is_no_class_is_named_with_its_row():
    dataset = load_dataset(frame())
    held_out = frame().assign(y=[*frame().y[:-1], "P"])
    with pytest.raises(DataError, match=r"holds 'P' in row 30.*did you mean 'p'"):
        load_labelled(held_out, dataset.table.columns, dataset.target)
    with pytest.raises(DataError, match="has no column 'y'"):
        load_labelled(frame().drop(columns="y"), dataset.table.columns, dataset.target)


def test_values_of_a_held_out_regression_are_numbers():
    data = pd.DataFrame({"x": np.arange(20) / 7, "y": np.arange(20) / 3})
    dataset = load_dataset(data)
    assert (
        load_labelled(data, dataset.table.columns, dataset.target).y.tolist() == dataset.y.tolist()
    )
    with pytest.raises(DataError, match=r"not numeric \(for example 'z'\)"):
        load_labelled(data.assign(y="z"), dataset.table.columns, dataset.target)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=8), min_size=2, max_size=5), st.sampled_from([",", ";", "\t"]))
def test_any_column_names_survive_a_file(tmp_path_factory, names, delimiter):
    import csv

    names = [n.replace("\0", "").encode(errors="ignore").decode().strip("\ufeff") for n in names]
    path = tmp_path_factory.mktemp("names") / "data.csv"
    rng = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerow([*names, "the target"])
        writer.writerows([*rng.normal(size=len(names)), i % 2] for i in range(12))
    options = ReadOptions(delimiter=delimiter)
    dataset = load_dataset(path, target="the target", options=options)
    assert [c.name for c in dataset.table.columns] == names
    again = load_features(path, dataset.table.columns, options)
    assert again.data.equals(dataset.table.data)


def test_numbers_are_read_as_in_training_or_in_the_one_other_way_that_fits(tmp_path):
    values = [f"{i / 7:.2f}".replace(".", ",") for i in range(40)]
    known = load_dataset(pd.DataFrame({"x": values, "y": range(40)}), target="y").table.columns
    for texts in (["3,50", "1,25"], ["3.50", "1.25"], ["3,5", "1,25 "], [" 3.5", "1.25"]):
        found = load_features(pd.DataFrame({"x": texts}), known)
        assert found.data.column(0).to_pylist() == [3.5, 1.25]


def test_a_mark_that_may_be_either_is_that_of_training(tmp_path):
    values = [f"{i + 1000:,}" for i in range(40)]
    known = load_dataset(pd.DataFrame({"x": values, "y": range(40)}), target="y").table.columns
    found = load_features(pd.DataFrame({"x": ["1,234", "2,345"]}), known)
    assert found.data.column(0).to_pylist() == [1234.0, 2345.0]


def test_new_dates_tell_themselves_which_part_is_the_day():
    days = pd.date_range("2021-01-01", periods=60).strftime("%Y-%m-%d")
    known = load_dataset(pd.DataFrame({"x": days, "y": range(60)}), target="y").table.columns
    for texts in (["31/12/2021", "01/02/2021"], ["31.12.2021", "01.02.2021"]):
        found = load_features(pd.DataFrame({"x": texts}), known).data.column(0).to_pylist()
        assert [str(moment.date()) for moment in found] == ["2021-12-31", "2021-02-01"]
    found = load_features(pd.DataFrame({"x": ["12/31/2021", "01/02/2021"]}), known)
    assert str(found.data.column(0)[1].as_py().date()) == "2021-01-02"


def test_classes_true_and_false_are_met_by_zero_and_one():
    frame = pd.DataFrame({"x": range(40), "y": [True, False] * 20})
    data = load_dataset(frame, target="y")
    for labels in ([1, 0], ["1", "0"], ["TRUE", "false"], [1.0, 0.0]):
        new = pd.DataFrame({"x": [1, 2], "y": labels})
        assert load_labelled(new, data.table.columns, data.target).y.tolist() == [1, 0]


def test_names_are_the_same_however_their_accents_are_written():
    one, two = "caf\u00e9", "cafe\u0301"
    frame = pd.DataFrame({one: range(20), "y": range(20)})
    known = load_dataset(frame, target="y").table.columns
    found = load_features(pd.DataFrame({two: [1.0, 2.0]}), known)
    assert found.data.column(0).to_pylist() == [1.0, 2.0]
    assert (
        load_dataset(pd.DataFrame({two: range(20), "x": range(20)}), target=one).target.name == two
    )
