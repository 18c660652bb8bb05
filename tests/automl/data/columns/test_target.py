import numpy as np
import pandas as pd
import pytest

from automl.data import ReadOptions, load_dataset
from automl.errors import DataError
from automl.plugin.task import Task


def target_of(values, **options):
    data = pd.DataFrame({"x": np.random.default_rng(0).normal(size=len(values)), "t": values})
    dataset = load_dataset(data, target="t", **options)
    return dataset.target, dataset.y


@pytest.mark.parametrize("name", ["target", "Label", "CLASS", "y"])
def test_a_usual_name_is_the_target(name):
    data = pd.DataFrame({name: [0, 1] * 5, "last": np.arange(10) / 7})
    target = load_dataset(data).target
    assert target.name == name
    assert "target=NAME" in target.reason


def test_without_a_usual_name_it_is_the_last_column():
    data = pd.DataFrame({"a": np.arange(10) / 7, "b": [0, 1] * 5})
    assert load_dataset(data).target.name == "b"
    both = data.rename(columns={"a": "y"}).assign(label=1.5 * data.a, b=data.b)
    assert load_dataset(both).target.name == "label"


def test_an_unknown_target_is_refused_with_the_nearest():
    data = pd.DataFrame({"Price": [1.5, 2.5], "b": [0, 1]})
    with pytest.raises(DataError, match="did you mean 'Price'"):
        load_dataset(data, target="price")


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 30, "binary"),
        ([0.5, 1.5] * 30, "binary"),
        ([True, False] * 30, "binary"),
        (["a", "b", "c"] * 20, "multiclass"),
        ([1, 2, 3] * 20, "multiclass"),
        ([1.0, 2.0, None] * 20 + [3.0] * 9, "multiclass"),
        (list(range(3, 10)) * 100, "multiclass"),
        (list(range(1, 29)) * 100, "regression"),
        (list(range(60)), "regression"),
        ([0.1, 0.2, 0.3] * 20, "regression"),
    ],
)
def test_the_task_follows_from_the_values(values, task):
    target, _ = target_of(values)
    assert target.task == task


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([2, 10, 1] * 10, (1, 2, 10)),
        (["b", "a"] * 10, ("a", "b")),
        (["True", "False"] * 10, ("False", "True")),
        ([True, False] * 10, (False, True)),
        (["02", "01"] * 10, ("01", "02")),
        (["10", "9"] * 10, (9, 10)),
        (["1.50", "2"] * 10, ("1.50", "2")),
    ],
)
def test_classes_stand_as_in_the_data_and_sorted(values, classes):
    target, y = target_of(values)
    assert target.classes == classes
    assert [type(c) for c in target.classes] == [type(c) for c in classes]
    given = [str(v) for v in values]
    assert [str(classes[i]) for i in y] == given
    assert y.dtype == np.int64


def test_labels_are_trimmed():
    target, y = target_of([" yes", "yes", "no ", "no"] * 5)
    assert target.classes == ("no", "yes")
    assert y.tolist() == [1, 1, 0, 0] * 5


@pytest.mark.parametrize(
    "texts",
    [
        [f"{i + 1:,}.50" for i in range(995, 1015)],
        [f"${i}.50" for i in range(20)],
        [f"{i}%" for i in range(30)],
        [f"{i},5" for i in range(20)],
    ],
    ids=lambda texts: texts[-1],
)
def test_numbers_in_any_form_are_numbers_to_predict(texts):
    target, y = target_of(texts)
    assert target.task == "regression"
    assert np.diff(y) == pytest.approx(1.0)


def test_a_class_called_none_is_one_in_files_and_frames(tmp_path):
    rows = [("None", 1), ("Mild", 2), ("Severe", 3), ("NA", 4), ("?", 5), ("", 6)] * 5
    frame = pd.DataFrame(rows, columns=["y", "x"])
    frame.to_csv(tmp_path / "a.csv", index=False)
    for source in (frame, tmp_path / "a.csv"):
        found = load_dataset(source, target="y")
        assert found.target.classes == ("Mild", "None", "Severe")
        assert found.n_dropped == 15
        kept = load_dataset(
            source, target="y", options=ReadOptions(keep=("NA",), missing=("None",))
        )
        assert kept.target.classes == ("Mild", "NA", "Severe")


def test_a_few_cells_of_a_target_of_numbers_that_are_none_are_left_out_and_named():
    numbers = [f"{i}.5" for i in range(50)]
    frame = pd.DataFrame({"x": range(52), "y": [*numbers, "n/k", "<0.1"]})
    found = load_dataset(frame, target="y")
    assert (found.target.task, len(found.y), found.n_dropped) == ("regression", 50, 2)
    (note,) = found.notes
    assert note == (
        "2 rows are left out: the target 'y' is not a number there, such as 'n/k', '<0.1'"
    )


@pytest.mark.parametrize(
    "labels",
    [("$5", "$10", "$20"), ("45%", "50%", "1%"), ("1 room", "3 rooms", "2 rooms"), ("1 234", "12")],
    ids=str,
)
def test_labels_that_hold_numbers_in_other_forms_keep_their_spelling(labels):
    for task in (None, Task.BINARY if len(labels) == 2 else Task.MULTICLASS):
        target, y = target_of(labels * 20, task=task)
        assert set(target.classes) == set(labels)
        assert [target.classes[i] for i in y[: len(labels)]] == list(labels)


def test_a_few_numbers_and_a_word_are_labels():
    target, _ = target_of(["1", "2", "3"] * 30 + ["other"] * 2)
    assert target.classes == ("1", "2", "3", "other")


def test_labels_of_a_file_keep_their_spelling(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + "1,true\n2,false\n" * 5)
    assert load_dataset(tmp_path / "a.csv").target.classes == ("false", "true")


def test_the_task_can_be_set():
    assert target_of([1, 2, 3] * 20, task=Task.REGRESSION)[0].task == "regression"
    target, y = target_of([str(i / 2) for i in range(9)], task=Task.MULTICLASS)
    assert target.n_classes == 9
    assert target_of(["a1", "2,5"] * 3 + ["3"], task=None)[0].task == "multiclass"
    assert y.tolist() == list(range(9))


@pytest.mark.parametrize(
    ("values", "task", "said"),
    [
        (["a", "b"] * 10, "regression", "not numeric, such as 'a' in row 1"),
        (["1", "2", "x3"] * 10, "regression", "not numeric, such as 'x3' in row 3"),
        ([1, 2, 3] * 10, "binary", "3 different values"),
        ([1, 2] * 10, "multiclass", "task='binary'"),
        ([1.5, None, float("inf")] * 10, None, "infinite in row 3"),
        (["1.5", "2.5", "inf"] * 10, None, "infinite in row 3"),
        ([1] * 10, None, "same value 1"),
        ([None] * 9 + [1.0], None, "only one row"),
        ([None] * 10, None, "no row has a value"),
        ([f"text {i}" for i in range(300)], None, "do not look like classes"),
        (list(pd.date_range("2020-01-01", periods=9)), None, "cannot be predicted"),
    ],
)
def test_targets_that_cannot_be_learnt_are_refused(values, task, said):
    with pytest.raises(DataError, match=said):
        target_of(values, task=task and Task(task))


def test_rows_without_a_target_are_dropped_and_counted():
    data = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [0.5, None, 1.25, 7.5]})
    dataset = load_dataset(data)
    assert dataset.n_dropped == 1
    assert dataset.y.tolist() == [0.5, 1.25, 7.5]
    assert dataset.table.data["c0"].to_pylist() == [1.0, 3.0, 4.0]


def test_numbers_written_in_several_ways_are_one_class():
    target, y = target_of(["1", "1.0", "2", "2"] * 5)
    assert target.classes == (1, 2)
    assert y.tolist()[:4] == [0, 0, 1, 1]


def test_a_table_of_ids_and_constants_only_has_nothing_to_learn_from():
    data = pd.DataFrame({"a": [1] * 10, "b": [None] * 10, "y": [0, 1] * 5})
    with pytest.raises(DataError, match=r"'a' constant.*'b' empty"):
        load_dataset(data)
