"""Categories as codes and one-hot columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from automl.data.encode.columns import categories
from automl.data.encode.columns.categories import CategoryIndex, fit_categories
from automl.data.numbers import NumberForm
from automl.data.table import Table
from automl.plugin import Encoding

COLOURS = ["red", "blue", "red", None, "green", "blue", "red"]


def test_codes_go_from_frequent_to_rare_and_0_is_missing_or_unseen(table, fit):
    encoder, X = fit(table(("numeric", range(7)), ("categorical", COLOURS)))
    assert X[:, 1].tolist() == [1, 2, 1, 0, 3, 2, 1]
    assert encoder.features.categorical == (1,)
    assert encoder.features.cardinalities == (4,)
    new = table(("numeric", range(3)), ("categorical", ["violet", "green", None]))
    assert encoder.transform(new)[:, 1].tolist() == [0, 3, 0]


def test_equal_counts_are_ordered_by_name(table, fit):
    _, X = fit(table(("categorical", ["b", "a", "c", "a", "c", "b"])))
    assert X[:, 0].tolist() == [2, 1, 3, 1, 3, 2]


def test_categories_are_matched_by_text_whatever_the_dictionary(table, fit):
    encoder, X = fit(table(("categorical", COLOURS)))
    dictionary = pa.array(["green", "unused", "blue", "red", None, "red"])
    indices = pa.array([5, 2, 3, 4, 0, 2, 3], type=pa.int32())
    other = pa.DictionaryArray.from_arrays(indices, dictionary)
    chunked = pa.chunked_array([other.slice(0, 3), other.slice(3)])
    columns = table(("categorical", COLOURS)).columns
    again = encoder.transform(Table(pa.table({"c0": chunked}), columns))
    np.testing.assert_array_equal(again, X)
    plain = Table(pa.table({"c0": pa.array(COLOURS)}), columns)
    np.testing.assert_array_equal(encoder.transform(plain), X)


def test_categories_beyond_the_limit_are_rare(monkeypatch):
    monkeypatch.setattr(categories, "MAX_CATEGORIES", 2)
    values = pa.array(["a", "b", "b", "c", "c", "d"])
    index = fit_categories(values)
    assert index == CategoryIndex.of(("b", "c"))
    assert index.codes(values).tolist() == [3, 1, 1, 2, 2, 3]


def test_onehot_gives_each_category_a_column_and_drops_none(table, fit):
    encoder, X = fit(table(("categorical", COLOURS)), Encoding(categorical="onehot"))
    assert encoder.features.names == ("c0_cat0", "c0_cat1", "c0_cat2", "c0_is_missing")
    assert encoder.features.categorical == ()
    assert X.argmax(axis=1).tolist() == [0, 1, 0, 3, 2, 1, 0]
    assert (X.sum(axis=1) == 1).all()


def test_onehot_of_an_unseen_category_is_all_zero(table, fit):
    encoding = Encoding(categorical="onehot")
    encoder, _ = fit(table(("categorical", COLOURS)), encoding)
    assert encoder.transform(table(("categorical", ["violet"]))).tolist() == [[0, 0, 0, 0]]
    encoder, _ = fit(table(("categorical", ["a", "b", "a"])), encoding)
    assert encoder.transform(table(("categorical", [None]))).tolist() == [[0, 0]]


def test_sparse_onehot_equals_dense(table, fit):
    rng = np.random.default_rng(0)
    values = [None if v == 0 else f"v{v}" for v in rng.integers(0, 40, 200)]
    data = table(("categorical", values), ("numeric", rng.normal(size=200)))
    dense, X = fit(data, Encoding(categorical="onehot"))
    sparse, S = fit(data, Encoding(categorical="onehot", sparse=True))
    assert type(S).__name__ == "csr_matrix"
    assert S.dtype == np.float32
    np.testing.assert_array_equal(S.toarray(), X)
    np.testing.assert_array_equal(sparse.transform(data).toarray(), dense.transform(data))


@pytest.mark.parametrize("categorical", ["codes", "onehot", "target", "drop"])
def test_a_category_that_never_changes_is_dropped(table, fit, categorical):
    data = table(("categorical", ["a"] * 4), ("categorical", [None] * 4), ("numeric", range(4)))
    encoder, _ = fit(data, Encoding(categorical=categorical))
    assert encoder.features.names == ("c2",)


def test_codes_of_identifiers_keep_the_order_of_the_numbers_and_others_go_by_frequency(table, fit):
    values = ["10", "9", "9", "200", "200", "200"]
    names = table(("categorical", values))
    numbers = replace(names, columns=(replace(names.columns[0], form=NumberForm()),))
    assert fit(names)[1][:, 0].tolist() == [3, 2, 2, 1, 1, 1]
    assert fit(numbers)[1][:, 0].tolist() == [2, 1, 1, 3, 3, 3]
