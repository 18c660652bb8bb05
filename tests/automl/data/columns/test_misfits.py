import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data import ReadOptions, describe_table, load_dataset, load_features, load_labelled
from automl.data.columns.misfits import misfit_text, warn_of_misfits
from automl.data.table import Misfits
from automl.errors import DataError, MisfitWarning
from automl.plugin.task import ColumnKind

WORDS = ["oslo", "rome", "bern"] * 10


def known():
    return load_dataset(
        pd.DataFrame(
            {
                "x": [i * 1.5 for i in range(30)],
                "flag": ["yes", "no"] * 15,
                "when": [f"2021-01-{1 + i:02d}" for i in range(30)],
                "city": WORDS,
                "y": [0, 1] * 15,
            }
        ),
        target="y",
    )


def misfits_of(**columns):
    good = {"x": 1.5, "flag": "yes", "when": "2021-01-05", "city": "oslo"}
    n_rows = max(len(values) for values in columns.values())
    new = {name: [value] * n_rows for name, value in good.items()} | columns
    return load_features(new, known().table.columns).misfits


def test_what_fits_no_reading_is_counted_with_examples_and_its_first_row():
    (found,) = misfits_of(x=["1.5", "12a", "oops", "12a", "1.2.3", "what"])
    assert found == Misfits("x", ColumnKind.NUMERIC, 5, 6, ("12a", "oops", "1.2.3"), 2)


def test_every_kind_of_column_that_loses_values_is_named():
    found = misfits_of(x=["a"], flag=["maybe"], when=["soon"])
    assert [(m.column, m.kind, m.n) for m in found] == [
        ("x", "numeric", 1),
        ("flag", "boolean", 1),
        ("when", "datetime", 1),
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"x": [None, "", " ", "NA", "n.a.", "-", "None"]},
        {"x": [1.0, float("nan")]},
        {"x": ["1,5", "2,5"], "when": ["25/03/2021", "26/03/2021"]},
        {"city": ["paris", "7", None]},
        {"flag": [True, False, None]},
        {"flag": [0, 1]},
        {"when": [None, "NaT"]},
    ],
)
def test_empty_cells_marks_other_readings_and_new_categories_are_no_misfits(columns):
    assert misfits_of(**columns) == ()


@pytest.mark.parametrize(
    ("column", "values", "example"),
    [
        ("x", [float("inf"), 1.0], "inf"),
        ("x", [[1.0], [2.0]], "[1.0]"),
        ("flag", [2, 1], "2"),
        ("when", [[1], [2]], "[1]"),
        ("x", pa.array(["12a", "1"]).dictionary_encode(), "12a"),
    ],
)
def test_values_of_types_that_do_not_fit_are_misfits_too(column, values, example):
    (found,) = misfits_of(**{column: values})
    assert (found.column, found.examples[0], found.first_row) == (column, example, 1)


def test_strict_reading_refuses_them_with_column_row_example_and_a_way_out():
    new = pd.DataFrame({"x": ["1", "12a"], "flag": "yes", "when": "2021-01-01", "city": "oslo"})
    columns = known().table.columns
    with pytest.raises(DataError) as caught:
        load_features(new, columns, ReadOptions(strict=True))
    for part in ("the data frame", "'x' (numeric)", "1 of 2 rows", "'12a'", "row 2", "Correct"):
        assert part in str(caught.value)
    assert load_features(new.head(1), columns, ReadOptions(strict=True)).n_rows == 1


def test_a_test_table_counts_them_by_the_rows_of_the_file():
    data = known()
    new = pd.DataFrame({"x": ["1", "2", "12a"], "flag": "yes", "when": "2021-01-01"})
    new = new.assign(city="oslo", y=["", "0", "1"])
    (found,) = load_labelled(new, data.table.columns, data.target).table.misfits
    assert (found.n, found.n_rows, found.first_row) == (1, 2, 3)
    with pytest.raises(DataError, match="row 3"):
        load_labelled(new, data.table.columns, data.target, ReadOptions(strict=True))


def some(n_columns):
    one = Misfits("x", ColumnKind.NUMERIC, 1, 1000, ("12a",), 7)
    return [replace(one, column=f"c{i}", n=i + 1) for i in range(n_columns)]


def test_many_columns_are_one_short_message_with_the_worst_first():
    text = misfit_text(some(400))
    assert "'c399' (numeric): 400 of 1,000 rows" in text
    assert text.endswith("; and 395 more columns")
    assert len(text) < 700


def test_long_values_names_and_control_characters_are_shown_safely():
    (found,) = misfits_of(x=["\x1b[31m" + "z" * 500])
    text = misfit_text([replace(found, column="n" * 5000)])
    assert len(text) < 300
    assert "\x1b" not in text


def test_one_warning_tells_of_all_columns_and_points_to_the_caller():
    with pytest.warns(MisfitWarning, match=r"data\.strict=True") as caught:
        warn_of_misfits(some(2))
    assert len(caught) == 1
    assert caught[0].message.counts == {"c0": 1, "c1": 2}
    assert caught[0].filename == __file__


def test_nothing_is_said_where_all_fits():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_misfits(())
    assert misfit_text(()) == ""


def messy():
    """Misfits in a column of numbers, one of dates, and the target."""
    days = [f"2021-01-{day:02}" for day in range(1, 29)] * 3
    frame = pd.DataFrame({"x": np.arange(84) * 1.5, "when": days, "z": np.arange(84.0)})
    frame = frame.assign(y=frame.x * 2).astype({"x": str, "y": str})
    frame.loc[[3, 5, 8, 9], "x"] = ["12a", "b", "c", "d"]
    frame.loc[4, "when"] = "soon"
    frame.loc[6, "z"] = np.inf
    frame.loc[7, "y"] = "oops"
    return frame


def test_a_strict_search_refuses_its_own_misfits_all_at_once_with_the_ways_out():
    with pytest.raises(DataError) as caught:
        load_dataset(messy(), target="y", options=ReadOptions(strict=True))
    for part in (
        "the data frame",
        "'x' (numeric): 4 of 83 rows, such as '12a' | 'b' | 'c'",
        "'when' (datetime): 1 of 83 rows, such as 'soon'",
        "'z' (numeric): 1 of 83 rows, such as 'inf'",
        "'y' (numeric): 1 of 84 rows, such as 'oops' (in row 8)",
        "Correct these cells",
        "data.missing=[TEXT]",
        "data.kinds={COLUMN: categorical}",
        "data.strict=False",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(("drop", "row"), [("x", 3), ("when", 4), ("z", 6)])
def test_a_strict_search_takes_data_whose_misfits_are_no_features(drop, row):
    one = messy().drop(index={3, 4, 5, 6, 7, 8, 9} - {row})
    options = ReadOptions(strict=True, drop=(drop,))
    assert load_dataset(one, target="y", options=options).table.n_rows == 78
    with pytest.raises(DataError, match=f"column '{drop}'.* 1 of 78 rows"):
        load_dataset(one, target="y", options=ReadOptions(strict=True))


def test_inspect_shows_what_a_strict_search_would_refuse():
    found = describe_table(messy(), ReadOptions(strict=True), "y")
    assert "'x' (numeric): 4 of 84 rows" in found.problem
    assert found.columns
    assert describe_table(messy(), ReadOptions(), "y").problem == ""


def test_a_strict_test_table_refuses_a_target_that_cannot_be_read():
    data = load_dataset(messy(), target="y")
    new = messy().iloc[10:30].reset_index(drop=True)
    new.loc[2, "y"] = "oops"
    assert len(load_labelled(new, data.table.columns, data.target).y) == 19
    with pytest.raises(DataError, match=r"'y' \(numeric\): 1 of 20 rows, such as 'oops'"):
        load_labelled(new, data.table.columns, data.target, ReadOptions(strict=True))
