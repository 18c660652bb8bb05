from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.data import ReadOptions, load_dataset, load_features, load_labelled
from automl.data.columns.media import sequences_of
from automl.errors import DataError, MissingColumnError
from automl.plugin import ColumnKind, Task

LONG = ReadOptions(series_id="id", step="t")
SEQUENCES = {ColumnKind.SEQUENCE}


def long_frame(lengths=(3, 2, 4, 1)):
    """Series of some lengths, with two channels, a number and a text of each, and its class."""
    rows = [
        {
            "id": f"s{i}",
            "t": t,
            "x": 10.0 * i + t,
            "z": -t,
            "age": i,
            "site": "ab"[i % 2],
            "y": i % 2,
        }
        for i, length in enumerate(lengths)
        for t in range(length)
    ]
    return pd.DataFrame(rows)


def read(frame, options=LONG, **more):
    return load_dataset(frame, target="y", options=options, **more)


def steps_of(table):
    (sequences,) = sequences_of(table, SEQUENCES)
    return [sequences[[i]].steps() for i in range(len(sequences))]


def test_a_series_is_a_row():
    dataset = read(long_frame())
    assert dataset.y.tolist() == [0, 1, 0, 1]
    assert {c.name: c.kind for c in dataset.table.columns} == {
        "series": ColumnKind.SEQUENCE,
        "age": ColumnKind.NUMERIC,
        "site": ColumnKind.CATEGORICAL,
    }
    series = dataset.table.columns[0]
    assert (series.shape, series.channels) == ((2, 4), ("x", "z"))
    assert [s.tolist() for s in steps_of(dataset.table)][:2] == [
        [[0, 0], [1, -1], [2, -2]],
        [[10, 0], [11, -1]],
    ]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_does_not_matter_where_there_are_steps(seed):
    frame = long_frame()
    mixed = frame.sample(frac=1, random_state=seed)
    shuffled = read(mixed).table
    names = load_features(mixed, shuffled.columns, LONG).row_names[1].to_pylist()
    found = dict(zip(names, steps_of(shuffled), strict=True))
    for name, steps in zip(["s0", "s1", "s2", "s3"], steps_of(read(frame).table), strict=True):
        np.testing.assert_array_equal(found[name], steps)


def test_without_steps_rows_are_in_order():
    options = ReadOptions(series_id="id", drop=("t",))
    assert steps_of(read(long_frame(), options).table)[0][:, 0].tolist() == [0, 1, 2]


def test_a_value_in_one_row_is_that_of_the_series():
    frame = long_frame()
    frame["y"] = [0, None, None, None, 1, 0, None, None, None, 1]
    assert read(frame).y.tolist() == [0, 1, 0, 1]


def test_missing_values_are_no_numbers():
    frame = long_frame()
    frame.loc[1, "x"] = None
    np.testing.assert_array_equal(steps_of(read(frame).table)[0][:, 0], [0, np.nan, 2])


def test_texts_that_change_within_a_series_are_left_out_by_name():
    frame = long_frame()
    frame["note"] = [f"n{i}" for i in range(len(frame))]
    columns = {c.name: c for c in read(frame).table.columns}
    assert columns["note"].left_out.startswith("values of type")


def test_channels_can_be_chosen():
    options = ReadOptions(series_id="id", step="t", channels=("z",))
    (series, *_) = read(long_frame(), options).table.columns
    assert series.channels == ("z",)


def test_other_tables_have_the_same_channels_in_the_same_order():
    columns = read(long_frame()).table.columns
    new = long_frame()[["z", "site", "t", "x", "age", "id"]].iloc[:3]
    table = load_features(new, columns, LONG)
    assert [s.tolist() for s in steps_of(table)] == [[[0, 0], [1, -1], [2, -2]]]
    with pytest.raises(MissingColumnError, match="lacks 'x': channels of the series"):
        load_features(new.drop(columns="x"), columns, LONG)


def test_rows_to_be_scored_need_one_target_a_series():
    dataset = read(long_frame())
    found = load_labelled(long_frame(), dataset.table.columns, dataset.target, LONG)
    assert found.y.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"t": 0}, LONG, "series 's0' has the step 0 twice, the second time in row 2"),
        ({"id": None}, LONG, "gives the id of the series, but 10 rows have no"),
        ({}, ReadOptions(series_id="nr"), "has no column 'nr' for series_id"),
        ({}, ReadOptions(step="t"), "step needs series_id"),
        ({}, ReadOptions(series_id="id", wide=("x",)), "contradict each other"),
        ({"x": 1, "z": 1}, LONG, "no column of numbers changes within a series"),
        ({"y": range(10)}, LONG, "the target 'y' changes within a series"),
    ],
)
def test_what_does_not_fit_is_named(change, options, said):
    with pytest.raises(DataError, match=said):
        read(long_frame().assign(**change), options)


def wide_frame():
    rng = np.random.default_rng(0)
    values = {f"{c}{t}": rng.normal(size=6) for c in "ab" for t in range(4)}
    return pd.DataFrame({**values, "age": range(6), "y": [0, 1] * 3})


def test_wide_columns_are_steps_and_stay_columns():
    frame = wide_frame()
    dataset = read(frame, ReadOptions(wide=("b", "a")))
    series = dataset.table.columns[0]
    assert (series.kind, series.channels) == (ColumnKind.SEQUENCE, ("b", "a"))
    np.testing.assert_allclose(
        steps_of(dataset.table)[2], frame.loc[2, ["b0", "a0", "b1", "a1", "b2", "a2", "b3", "a3"]]
        .to_numpy(dtype=np.float32).reshape(4, 2)
    )  # fmt: skip
    assert {"a0", "b3", "age"} <= {c.name for c in dataset.table.used}


def test_steps_are_in_the_order_of_their_numbers():
    frame = pd.DataFrame({f"t{i}": [i, -i] * 3 for i in (10, 2, 1)} | {"y": [0, 1] * 3})
    assert steps_of(read(frame, ReadOptions(wide=("t",))).table)[0][:, 0].tolist() == [1, 2, 10]


def test_wide_series_end_with_their_last_value():
    frame = wide_frame()
    frame.loc[0, ["a3", "b3", "a1"]] = None
    frame.loc[1, [c for c in frame if c[0] in "ab" and len(c) == 2]] = None
    steps = steps_of(read(frame, ReadOptions(wide=("a", "b"))).table)
    assert [len(s) for s in steps] == [3, 1, 4, 4, 4, 4]
    assert np.isnan(steps[0][:, 0]).tolist() == [False, True, False]
    assert np.isnan(steps[1]).all()


@pytest.mark.parametrize(
    ("wide", "said"),
    [
        (("q",), "has no columns q0, q1, ... for wide='q'"),
        (("a", "c"), "has no columns c0"),
    ],
)
def test_prefixes_without_columns_are_named(wide, said):
    with pytest.raises(DataError, match=said):
        read(wide_frame(), ReadOptions(wide=wide))


def test_channels_must_have_the_same_steps():
    with pytest.raises(DataError, match="only one of them has 3"):
        read(wide_frame().drop(columns="b3"), ReadOptions(wide=("a", "b")))


def test_lists_of_numbers_in_a_frame_are_series():
    frame = pd.DataFrame(
        {"s": [[1.0, 2.0], [3], [], None, [5, 6, 7], [1]], "y": [0.5, 1, 2, 3, 4, 9]}
    )
    dataset = read(frame, ReadOptions())
    (column,) = dataset.table.columns
    assert (column.kind, column.shape) == (ColumnKind.SEQUENCE, (1, 3))
    assert (dataset.target.task, column.missing_share) == (Task.REGRESSION, 2 / 6)
    assert [len(s) for s in steps_of(dataset.table)] == [2, 1, 1, 1, 3, 1]


def labels_file(path, ids=("s2", "s0", "s3", "s1", "s9"), **columns):
    columns = columns or {"y": [f"c{i[1:]}" for i in ids]}
    pd.DataFrame({"id": ids, **columns}).to_csv(path, index=False)
    return str(path)


def test_targets_of_series_come_from_a_table_of_their_own(tmp_path):
    labels = labels_file(tmp_path / "labels.csv")
    dataset = read(long_frame().drop(columns="y"), replace(LONG, series_table=labels))
    assert [dataset.target.classes[k] for k in dataset.y] == ["c0", "c1", "c2", "c3"]
    assert {c.name for c in dataset.table.columns} == {"series", "age", "site"}


def test_a_series_of_which_the_table_says_nothing_has_no_target(tmp_path):
    labels = labels_file(tmp_path / "labels.csv", ("s0", "s3", "s1"))
    dataset = read(long_frame().drop(columns="y"), replace(LONG, series_table=labels))
    assert (len(dataset.y), dataset.n_dropped) == (3, 1)


@pytest.mark.parametrize(
    ("ids", "columns", "options", "message"),
    [
        (("s0", "s0"), {}, LONG, "has the series 's0' twice"),
        (("a", "b"), {}, LONG, "has none of the series .* .first: 's0'.; its own first is 'a'"),
        (("s0", "s1"), {"y": [0, 1], "age": [1, 2]}, LONG, "both have a column 'age'"),
        (("s0", "s1"), {}, ReadOptions(series_id="t"), "has no column 't' for series_id"),
        (("s0", "s1"), {}, ReadOptions(), "data.series_table needs series_id"),
    ],
)
def test_a_table_of_series_that_does_not_fit_is_refused(tmp_path, ids, columns, options, message):
    labels = labels_file(tmp_path / "labels.csv", ids, **columns)
    with pytest.raises(DataError, match=message):
        read(long_frame().drop(columns="y"), replace(options, series_table=labels))
