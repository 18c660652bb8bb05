"""The encoder of a whole table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automl.data.encode import TableEncoder
from automl.data.table import Table
from automl.errors import MissingColumnError, RunError
from automl.plugin import ColumnKind, Encoding, Task

VIEWS = [
    Encoding(),
    Encoding("standard", "onehot", max_onehot=3),
    Encoding("quantile", "target"),
    Encoding("raw", "onehot", "tfidf", sparse=True),
    Encoding("standard", "drop", "drop"),
]


def dense(matrix):
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def assert_equal(a, b):
    assert type(a) is type(b)
    np.testing.assert_array_equal(dense(a), dense(b))


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_saved_encodes_bit_for_bit_alike(table, fit, tmp_path, view, mixed):
    encoder, X = fit(table(*mixed(0)), view)
    encoder.save(tmp_path / "encoder")
    loaded = TableEncoder.load(tmp_path / "encoder")
    assert loaded.features == encoder.features
    assert X.shape[1] == len(encoder.features.names) == len(set(encoder.features.names))
    new = table(*mixed(1))
    assert_equal(loaded.transform(new), encoder.transform(new))


@pytest.mark.parametrize("view", VIEWS)
def test_other_rows_leave_no_trace_in_the_encoder(table, fit, view, mixed):
    """The canary: features and target of rows outside the fold are changed beyond recognition."""
    rows = np.arange(0, 120, 2)
    y = np.arange(120) // 3 % 2
    first, other = mixed(0), mixed(7)
    changed = tuple(
        (kind, [a if i % 2 == 0 else b for i, (a, b) in enumerate(zip(mine, theirs, strict=True))])
        for (kind, mine), (_, theirs) in zip(first, other, strict=True)
    )
    changed[0][1][1] = 1e12
    changed[2][1][1] = "canary"
    changed[5][1][1] = "canary " * 50
    y_changed = np.where(np.arange(120) % 2 == 0, y, 1 - y)
    encoder, X = fit(table(*first), view, rows=rows, y=y)
    again, X_again = fit(table(*changed), view, rows=rows, y=y_changed)
    assert again.features == encoder.features
    assert_equal(X_again, X)
    new = table(*mixed(3))
    assert_equal(again.transform(new), encoder.transform(new))


@pytest.mark.parametrize("view", VIEWS)
def test_rows_are_encoded_alike_alone_and_together(table, fit, view, mixed):
    encoder, _ = fit(table(*mixed(0)), view)
    new = table(*mixed(1))
    rows = np.array([5, 3, 99])
    np.testing.assert_allclose(
        dense(encoder.transform(new, rows)), dense(encoder.transform(new))[rows], rtol=1e-6
    )
    assert encoder.transform(new, rows[:0]).shape == (0, len(encoder.features.names))


def test_the_seed_decides_and_nothing_else(table, fit, mixed):
    data, encoding = table(*mixed(0)), Encoding("standard", "target")
    _, a = fit(data, encoding, seed=1)
    _, b = fit(data, encoding, seed=1)
    _, c = fit(data, encoding, seed=2)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_only_the_kinds_a_family_takes_are_shown(table, fit, mixed):
    kinds = frozenset({ColumnKind.NUMERIC, ColumnKind.BOOLEAN})
    assert fit(table(*mixed(0)), kinds=kinds)[0].features.names == ("c0", "c1")


def test_without_any_column_there_is_a_constant(table, fit):
    encoder, X = fit(table(("text", ["a b", "c d"])), kinds=frozenset({ColumnKind.NUMERIC}))
    assert encoder.features.names == ("constant",)
    assert X.tolist() == [[0], [0]]
    assert encoder.transform(table(("text", ["e"]))).tolist() == [[0]]


def test_names_never_hold_text_of_the_data(table, fit):
    data = table(("categorical", ["=cmd()", "naïve", "{}"] * 4), ("text", ["secret word"] * 12))
    for view in VIEWS:
        names = fit(data, view)[0].features.names
        assert all(name.replace("_", "").isalnum() and name.isascii() for name in names)


@pytest.mark.parametrize("view", [*VIEWS, Encoding(generated=("target",))])
def test_each_column_of_the_matrix_has_the_column_that_it_is_made_of(table, fit, view, mixed):
    features = fit(table(*mixed(0)), view)[0].features
    assert len(features.sources) == len(features.names)
    for name, source in zip(features.names, features.sources, strict=True):
        assert name == source or name.startswith(f"{source}_")
    assert features.sources[0] == "c0"


def test_what_is_made_of_several_columns_has_no_source(table, fit):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400))
    data = table(("numeric", a.tolist()), ("numeric", b.tolist()))
    features = fit(data, Encoding(generated=("arithmetic",)), y=a * b, task=Task.REGRESSION)[
        0
    ].features
    assert features.sources[:2] == ("c0", "c1")
    assert len(features.sources) > 2
    assert set(features.sources[2:]) == {""}


def test_a_sparse_view_is_dense_where_that_is_smaller(table, fit):
    data = table(("numeric", range(20)), ("numeric", np.arange(20.0)[::-1]))
    assert isinstance(fit(data, Encoding(sparse=True))[1], np.ndarray)


def test_column_order_and_further_columns_do_not_matter(table, fit, mixed):
    data = table(*mixed(0))
    encoder, _ = fit(data)
    shuffled = data.data.select(["c5", "c3", "c1", "c0", "c4", "c2"])
    shuffled = shuffled.append_column("c9", pa.array(range(120)))
    assert_equal(encoder.transform(Table(shuffled, data.columns)), encoder.transform(data))


def test_a_column_that_is_not_there_is_named(table, fit, mixed):
    data = table(*mixed(0))
    encoder, _ = fit(data)
    with pytest.raises(MissingColumnError, match="c3"):
        encoder.transform(Table(data.data.drop_columns("c3"), data.columns))


def test_a_missing_or_torn_file_is_named(table, fit, tmp_path, mixed):
    fit(table(*mixed(0)))[0].save(tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=f"{path.name} is damaged"):
        TableEncoder.load(tmp_path)
    path.unlink()
    with pytest.raises(RunError, match=f"{path.name} is missing"):
        TableEncoder.load(tmp_path)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=False),
            st.none() | st.text(max_size=3),
            st.integers(0, 2),
        ),
        min_size=2,
        max_size=25,
    ),
    encoding=st.sampled_from(VIEWS),
)
def test_any_values_encode_to_the_announced_shape(table, fit, values, encoding):
    numbers, texts, y = zip(*values, strict=True)
    numbers = [None if v is None else float(v) for v in numbers]
    data = table(("numeric", [*numbers, 0.0]), ("categorical", [*texts, "end"]))
    rows = np.arange(len(y))
    encoder, X = fit(data, encoding, rows=rows, y=[*y, 0], task=Task.MULTICLASS, n_classes=3)
    assert X.shape == (len(y), len(encoder.features.names))
    assert not np.isinf(dense(X)).any()
    assert encoder.transform(data).shape == (len(y) + 1, len(encoder.features.names))
    if encoding.numeric != "raw":
        assert not np.isnan(dense(X)).any()


class WithoutNames:
    """Data of a table whose list of all names nobody may ask for: it takes long to make."""

    def __init__(self, data):
        self.schema, self.column, self.num_rows = data.schema, data.column, data.num_rows

    @property
    def column_names(self):
        raise AssertionError("all names were listed")


def test_no_column_is_looked_up_in_a_list_of_all_names(table, fit, mixed):
    full = table(*mixed(5))
    encoder, _ = fit(full, Encoding())
    bare = Table(WithoutNames(full.data), full.columns)
    assert_equal(encoder.transform(bare), encoder.transform(full))
