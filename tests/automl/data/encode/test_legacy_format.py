"""Encoders as an earlier version wrote them, with an object for each column."""

import json

import numpy as np
import pytest

from automl.data.encode import TableEncoder
from automl.data.encode.columns.categorical import OneHotEncoder, OrdinalEncoder
from automl.data.encode.columns.column_encoder import prefixed
from automl.data.encode.columns.dates import DateEncoder
from automl.data.encode.columns.numeric import NumericColumnEncoder
from automl.data.encode.table_encoder import TYPE_NAMES
from automl.errors import RunError
from automl.plugin import Encoding, Task

VIEWS = [
    Encoding(),
    Encoding("standard", "onehot", max_onehot=3),
    Encoding("quantile", "target"),
    Encoding("raw", "onehot", "tfidf", sparse=True),
    Encoding("standard", "drop", "drop"),
]
FILES = ["encoder.json", "encoder.npz"]


def assert_equal(a, b):
    assert type(a) is type(b)
    dense = [m if isinstance(m, np.ndarray) else m.toarray() for m in (a, b)]
    np.testing.assert_array_equal(*dense)


def described(block):
    """Type, JSON values and arrays of a block, as they were."""
    if isinstance(block, NumericColumnEncoder):
        return "numeric", *block.encoder.state()
    if isinstance(block, DateEncoder):
        states = {part: encoder.state() for part, encoder in block.parts.items()}
        arrays = {}
        for part, (_, own) in states.items():
            arrays |= prefixed(part, own)
        return "dates", {part: meta for part, (meta, _) in states.items()}, arrays
    if not hasattr(block, "index"):
        return "text", *block.state()
    meta = {"categories": block.index.categories}
    if isinstance(block, OrdinalEncoder):
        return "codes", meta, {}
    if isinstance(block, OneHotEncoder):
        return "onehot", meta | {"has_missing": block.has_missing}, {}
    return "target", meta, {"table": block.table}


def write_as_earlier(encoder, folder):
    folder.mkdir()
    arrays, blocks, generators = {}, [], []
    for i, block in enumerate(encoder.blocks):
        kind, meta, own = described(block)
        blocks.append({"type": kind, "key": block.key, "state": meta})
        arrays |= prefixed(str(i), own)
    for i, generator in enumerate(encoder.generators, start=len(blocks)):
        meta, own = generator.state()
        meta.pop("offsets", None)
        kind = TYPE_NAMES[type(generator)]
        generators.append({"type": kind, "keys": generator.keys, "state": meta})
        arrays |= prefixed(str(i), own)
    value = {"is_sparse": encoder.is_sparse, "blocks": blocks, "generators": generators}
    (folder / "encoder.json").write_text(json.dumps(value), encoding="utf-8")
    np.savez(folder / "encoder.npz", allow_pickle=False, **arrays)


@pytest.mark.parametrize("view", VIEWS)
def test_it_encodes_bit_for_bit_alike(table, fit, tmp_path, view, mixed):
    encoder, _ = fit(table(*mixed(0)), view)
    write_as_earlier(encoder, tmp_path / "encoder")
    loaded = TableEncoder.load(tmp_path / "encoder")
    assert loaded.features == encoder.features
    assert_equal(loaded.transform(table(*mixed(1))), encoder.transform(table(*mixed(1))))


def test_its_generators_make_the_same_columns(table, fit, tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400))
    data = table(("numeric", a.tolist()), ("numeric", b.tolist()))
    encoding = Encoding(generated=("arithmetic",))
    encoder, _ = fit(data, encoding, y=a * b, task=Task.REGRESSION)
    assert encoder.generators
    write_as_earlier(encoder, tmp_path / "encoder")
    assert_equal(TableEncoder.load(tmp_path / "encoder").transform(data), encoder.transform(data))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_torn_file_is_named(table, fit, tmp_path, name, mixed):
    folder = tmp_path / "encoder"
    write_as_earlier(fit(table(*mixed(0)))[0], folder)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=f"{name} is damaged"):
        TableEncoder.load(folder)
    if name == "encoder.npz":
        (folder / name).unlink()
        with pytest.raises(RunError, match=f"{name} is missing"):
            TableEncoder.load(folder)
