"""Few rows are encoded at once, to what the blocks give one by one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.data import load_dataset, load_features
from automl.data.encode import fit_encoder, table_encoder
from automl.data.encode.column_blocks import Blocks
from automl.data.encode.few_rows import DateRows, NumberRows
from automl.data.short_columns import FEW_ROWS, MANY_COLUMNS
from automl.data.table import Table
from automl.errors import MissingColumnError
from automl.plugin.context import Encoding
from automl.plugin.task import ColumnKind

KINDS = frozenset(
    {ColumnKind.NUMERIC, ColumnKind.BOOLEAN, ColumnKind.CATEGORICAL, ColumnKind.DATETIME}
)
N_COLUMNS, N_ROWS = MANY_COLUMNS + 3, 60
ODD = [np.nan, np.inf, 1e300, -1e39, 0.0, -0.0, 1e-300, 987_654_030.0]


@pytest.fixture(scope="module")
def dataset():
    """Numbers with gaps, few values, far from 0, constant but for a gap; categories and dates."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(N_ROWS, N_COLUMNS))).add_prefix("f")
    frame.loc[::7, ["f1", "f2"]] = np.nan
    frame["f3"] = rng.integers(0, 3, N_ROWS)
    frame["f4"] = 987_654_000.0 + np.arange(N_ROWS)
    frame["f5"] = np.where(np.arange(N_ROWS) % 3, 5.0, np.nan)
    frame["f6"] = np.arange(N_ROWS) % 2 == 0
    frame["town"] = rng.choice(["Rome", "Oslo"], N_ROWS)
    for number in range(MANY_COLUMNS):
        levels = rng.choice(list("abcdefg")[: 2 + number % 6], N_ROWS).astype(object)
        levels[: number % 3] = None
        frame[f"g{number}"] = levels
        hours = pd.to_timedelta(rng.integers(0, 20_000, N_ROWS), unit=["h", "D"][number % 2])
        frame[f"d{number}"] = pd.Timestamp("2001-01-31") + hours
        frame.loc[: number % 4, f"d{number}"] = None
    frame["y"] = rng.integers(0, 2, N_ROWS)
    return load_dataset(frame, target="y")


CATEGORICAL = {"raw": "codes", "standard": "onehot", "quantile": "target"}


def encoder_of(dataset, mode, kinds=KINDS, **view):
    shown = Encoding(numeric=mode, categorical=CATEGORICAL[mode], max_onehot=5, **view)
    encoder, _ = fit_encoder(
        dataset.table,
        np.arange(N_ROWS),
        dataset.y,
        task=dataset.target.task,
        n_classes=2,
        encoding=shown,
        kinds=kinds,
        seed=0,
    )
    return encoder


@pytest.mark.parametrize("mode", ["raw", "standard", "quantile"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_they_are_what_the_blocks_write_one_by_one(dataset, mode, data):
    encoder = encoder_of(dataset, mode)
    n_rows = data.draw(st.integers(1, FEW_ROWS))
    value = st.one_of(st.floats(-4, 4), st.sampled_from(ODD), st.floats(allow_nan=True))
    names = [c.name for c in dataset.table.columns]
    groups = [name for name in names if name.startswith("g")]
    level = st.sampled_from([*"abcdefg", "new", "", None])
    dates = [name for name in names if name.startswith("d")]
    date = st.sampled_from(["2001-02-28", "1969-12-31T23:59:59", "2400-02-29", None, "x"])
    new = pd.DataFrame(
        {name: data.draw(st.lists(value, min_size=n_rows, max_size=n_rows)) for name in names[:12]}
        | dict.fromkeys(names[12:], 0.5)
        | {"f6": True, "town": "Rome"}
        | {n: data.draw(st.lists(level, min_size=n_rows, max_size=n_rows)) for n in groups[:9]}
        | dict.fromkeys(groups[9:], "a")
        | {n: data.draw(st.lists(date, min_size=n_rows, max_size=n_rows)) for n in dates[:5]}
        | dict.fromkeys(dates[5:], "2011-01-01")
    )
    table = load_features(new, dataset.table.columns)
    at_once = encoder.transform(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("automl.data.encode.table_encoder.FEW_ROWS", 0)
        one_by_one = encoder.transform(table)
    np.testing.assert_array_equal(at_once, one_by_one)


@pytest.mark.parametrize("mode", ["raw", "standard", "quantile"])
def test_they_are_the_rows_of_a_large_table(dataset, mode):
    encoder = encoder_of(dataset, mode)
    whole = encoder.transform(dataset.table)
    rows = np.array([3, 0, 59])
    np.testing.assert_array_equal(encoder.transform(dataset.table, rows), whole[rows])


def test_numbers_categories_and_dates_are_not_written_block_by_block(dataset, monkeypatch):
    encoder = encoder_of(dataset, "standard")
    monkeypatch.setattr("automl.data.encode.columns.numeric.NumericColumnEncoder.write", None)
    monkeypatch.setattr("automl.data.encode.columns.categorical.OneHotEncoder.write", None)
    monkeypatch.setattr("automl.data.encode.columns.target.TargetEncoder.write", None)
    monkeypatch.setattr("automl.data.encode.columns.dates.DateEncoder.write", None)
    assert encoder.transform(dataset.table, np.array([1])).shape[0] == 1
    with pytest.raises(TypeError):
        encoder.transform(dataset.table)


def test_the_encoders_of_all_folds_read_the_columns_once(dataset, monkeypatch):
    few = Table(dataset.table.data.slice(0, 2), dataset.table.columns)
    encoders = [encoder_of(dataset, mode) for mode in ("standard", "quantile", "standard")]
    calls = []
    monkeypatch.setattr(
        table_encoder, "values_of", lambda *a, of=table_encoder.values_of: calls.append(a) or of(*a)
    )
    first, _, again = (encoder.transform(few) for encoder in encoders)
    np.testing.assert_array_equal(first, again)
    assert len(calls) == len(encoders[0].blocks)
    other = Table(dataset.table.data.slice(2, 2), dataset.table.columns)
    assert not np.array_equal(encoders[0].transform(other), first)


def test_few_rows_of_a_sparse_matrix_are_its_rows(dataset, monkeypatch):
    kinds = frozenset({ColumnKind.CATEGORICAL})
    encoder = encoder_of(dataset, "standard", kinds, sparse=True)
    whole, rows = encoder.transform(dataset.table), np.array([3, 0, 59])
    assert encoder.is_sparse
    monkeypatch.setattr("automl.data.encode.columns.categorical.OneHotEncoder.sparse", None)
    few = encoder.transform(dataset.table, rows)
    assert type(few) is type(whole)
    np.testing.assert_array_equal(few.toarray(), whole[rows].toarray())


def test_a_column_that_is_not_there_is_named(dataset):
    encoder, table = encoder_of(dataset, "raw"), dataset.table
    lacking = Table(table.data.slice(0, 1).drop_columns(["c7"]), table.columns)
    with pytest.raises(MissingColumnError, match="c7"):
        encoder.transform(lacking)


@pytest.mark.parametrize(
    "rows", [NumberRows.of_blocks, lambda blocks: DateRows.of_blocks(blocks).parts]
)
def test_an_encoder_without_numbers_or_dates_has_none_to_write(rows):
    assert len(rows(Blocks.of([])).numbers) == 0
