"""What a search says of the columns it has read."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.config.read_options import read_options
from automl.config.schema import SearchConfig
from automl.data import ReadOptions, fingerprint, load_dataset
from automl.tuning.problem.notes import notes_of


@pytest.fixture
def visits():
    """Users and shops by number, each with an effect of its own."""
    rng = np.random.default_rng(0)
    users, shops = rng.integers(0, 90, (2, 3_000))
    y = rng.normal(0, 1, 90)[users] + rng.normal(0, 1, 90)[shops] + rng.normal(0, 1, 3_000)
    x = rng.normal(0, 1, 3_000)
    return pd.DataFrame({"userId": users, "shop": shops, "x": x, "y": y})


def test_numbers_that_became_categories_are_named_with_the_ways_out(visits):
    (note,) = notes_of(load_dataset(visits, target="y"))
    assert "'userId', 'shop' are categories" in note
    assert "data.kinds={userId: numeric}" in note
    assert "group='userId'" in note


def test_one_column_gets_words_of_its_own_and_none_gets_none(visits):
    (note,) = notes_of(load_dataset(visits.drop(columns="shop"), target="y"))
    assert note.startswith("column 'userId' is a category")
    assert notes_of(load_dataset(visits[["x", "y"]], target="y")) == []


def test_a_run_is_read_again_with_its_own_identifiers(visits):
    then = load_dataset(visits, target="y")
    columns = tuple(c if c.name != "shop" else replace(c, form=None) for c in then.table.columns)
    older = replace(then, table=replace(then.table, columns=columns))
    again = load_dataset(visits, target="y", options=read_options(SearchConfig(), then))
    assert fingerprint(again) == fingerprint(then)
    kinds = {
        c.name: c.kind.value
        for c in load_dataset(
            visits, target="y", options=read_options(SearchConfig(), older)
        ).table.columns
    }
    assert kinds == {"userId": "categorical", "shop": "numeric", "x": "numeric"}


def test_lost_dates_and_truth_values_are_named():
    days = [*pd.date_range("2021-01-31", periods=59, freq="5D").strftime("%Y-%m-%d"), "soon"]
    answers = [["yes", "no"][i % 2] for i in range(58)] + ["perhaps", "no idea"]
    frame = pd.DataFrame({"day": days, "ok": answers, "y": [0, 1] * 30})
    options = ReadOptions(kinds={"ok": "boolean"})
    assert notes_of(load_dataset(frame, target="y", options=options)) == [
        "column 'day': 1 value is not a date and counts as missing, such as 'soon'",
        "column 'ok': 2 values are not true or false and count as missing, such as 'perhaps', "
        "'no idea'",
    ]
