"""The blocks of all columns as arrays."""

import numpy as np
import pytest

from automl.data.encode import TableEncoder
from automl.data.encode.column_blocks import Blocks
from automl.data.encode.table_encoder import ENCODER_FILE
from automl.errors import RunError
from automl.plugin import Encoding
from automl.store.array_file import read_array_file, write_array_file

VIEWS = [
    Encoding(),
    Encoding("standard", "onehot", max_onehot=3),
    Encoding("quantile", "target"),
    Encoding("raw", "onehot", "tfidf", sparse=True),
    Encoding("standard", "drop", "drop"),
]


def wide(table, n_columns, n_rows=30):
    rng = np.random.default_rng(n_columns)
    numbers = [("numeric", rng.normal(size=n_rows).tolist()) for _ in range(n_columns)]
    levels = [("categorical", rng.choice(["a", "b"], n_rows).tolist()) for _ in range(n_columns)]
    return table(*numbers, *levels)


@pytest.mark.parametrize("view", VIEWS)
def test_more_columns_take_longer_arrays_and_not_more_of_them(table, fit, tmp_path, view):
    for n_columns in (3, 40):
        fit(wide(table, n_columns), view)[0].save(tmp_path / str(n_columns))
    (few, few_arrays), (many, many_arrays) = (
        read_array_file(tmp_path / str(n) / ENCODER_FILE) for n in (3, 40)
    )
    assert few == many
    assert few_arrays.keys() == many_arrays.keys()
    n_numbers = len(few_arrays["numbers.mode"])
    assert len(many_arrays["numbers.mode"]) == (40 if n_numbers else 0)


@pytest.mark.parametrize("mode", ["raw", "standard", "quantile"])
def test_nothing_is_copied_to_make_a_block_or_to_encode_few_rows(table, fit, mode):
    encoder, _ = fit(wide(table, 3), Encoding(mode, "target"))
    numbers = encoder.blocks.numbers
    assert encoder.number_rows.numbers is numbers
    if mode != "raw":
        own = numbers.levels if mode == "quantile" else numbers.shift
        assert np.shares_memory(encoder.blocks[1].encoder.levels, own)
    tables = encoder.blocks.categories.tables
    assert np.shares_memory(encoder.blocks[4].table, tables)


def test_columns_without_ties_share_their_scores(table, fit):
    encoder, _ = fit(wide(table, 10), Encoding("quantile"))
    numbers = encoder.blocks.numbers
    assert len(numbers.levels) == 10 * len(numbers.scores)


def test_blocks_are_iterated_and_indexed_in_the_order_of_the_columns(table, fit, mixed):
    blocks = fit(table(*mixed(0)))[0].blocks
    assert [block.key for block in blocks] == [f"c{i}" for i in range(6)]
    assert [len(block.names) for block in blocks] == blocks.widths.tolist()
    assert len(Blocks.of(())) == 0
    with pytest.raises(IndexError):
        blocks[6]


@pytest.mark.parametrize("view", [Encoding("quantile", "target"), Encoding("standard", "onehot")])
def test_arrays_that_do_not_fit_each_other_are_refused(table, fit, tmp_path, view, mixed):
    fit(table(*mixed(0)), view)[0].save(tmp_path)
    value, arrays = read_array_file(tmp_path / ENCODER_FILE)
    shorter = {name: array[:-1] for name, array in arrays.items() if len(array)}
    unknown = {
        name: np.full_like(arrays[name], 77)
        for name in ("kind", "numbers.mode", "categories.form", "dates.part", "keys.starts")
    }
    damaged = [(name, array) for name, array in (*shorter.items(), *unknown.items())]
    for name, array in damaged:
        if not name.startswith("text"):
            write_array_file(tmp_path / ENCODER_FILE, value, arrays | {name: array})
            with pytest.raises(RunError, match=f"{ENCODER_FILE} is damaged"):
                TableEncoder.load(tmp_path)
