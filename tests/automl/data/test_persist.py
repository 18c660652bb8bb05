import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data import fingerprint, load_dataset, open_dataset, read_schema, save_dataset
from automl.errors import RunError


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            'strange "name", {=}\n😀': rng.normal(size=30),
            "c": ["u", None, "w"] * 10,
            "b": [True, False] * 15,
            "d": pd.date_range("2020-01-01", periods=30),
            "t": [f"row {i} is told in words" for i in range(30)],
            "g": list("abcde") * 6,
            "f": [0, 1, 2] * 10,
            "w": rng.random(30) + 0.5,
            "y": ["p", "q"] * 15,
        }
    )


def dataset():
    steering = {"group": "g", "folds_column": "f", "weight": "w", "time_column": "d"}
    return load_dataset(frame(), target="y", **steering)


def test_a_saved_dataset_comes_back_whole(tmp_path):
    saved = dataset()
    save_dataset(saved, tmp_path / "data")
    opened = open_dataset(tmp_path / "data")
    assert opened.table.data.equals(saved.table.data)
    assert opened.table.columns == saved.table.columns
    assert opened.target == saved.target
    for name in ("y", "weight", "group", "time", "fold"):
        assert np.array_equal(getattr(opened, name), getattr(saved, name))
    assert fingerprint(opened) == fingerprint(saved)
    assert read_schema(tmp_path / "data") == (saved.table.columns, saved.target)


@pytest.mark.parametrize("labels", [[0, 1], [True, False], ["a", "b"], [0.5, 1.5], ["01", "02"]])
def test_the_types_of_labels_come_back(tmp_path, labels):
    saved = load_dataset(pd.DataFrame({"x": np.arange(10) / 7, "y": labels * 5}))
    save_dataset(saved, tmp_path)
    classes = read_schema(tmp_path)[1].classes
    assert classes == saved.target.classes
    assert [type(c) for c in classes] == [type(c) for c in labels]


def test_an_opened_table_is_mapped_and_not_copied(tmp_path):
    n_rows = 200_000
    data = {"x": np.random.default_rng(0).normal(size=n_rows), "c": ["u", "v"] * (n_rows // 2)}
    save_dataset(load_dataset(data | {"y": np.arange(n_rows) % 2}), tmp_path)
    before = pa.total_allocated_bytes()
    opened = open_dataset(tmp_path)
    assert opened.table.data.nbytes > 2_000_000
    assert pa.total_allocated_bytes() - before < 50_000
    assert isinstance(opened.y, np.memmap)
    assert not opened.y.flags.writeable


def test_saving_again_leaves_no_old_arrays(tmp_path):
    save_dataset(dataset(), tmp_path)
    save_dataset(replace(dataset(), weight=None), tmp_path)
    assert open_dataset(tmp_path).weight is None


def test_the_fingerprint_follows_the_content_only():
    first = fingerprint(dataset())
    assert first == fingerprint(dataset())
    assert len(first) == 64
    table = dataset().table
    halves = pa.concat_tables([table.data.slice(0, 10), table.data.slice(10)])
    assert fingerprint(replace(dataset(), table=replace(table, data=halves))) == first
    changed = frame()
    changed.loc[3, "t"] = "another text stands in here"
    assert fingerprint(load_dataset(changed, target="y")) != fingerprint(
        load_dataset(frame(), target="y")
    )
    assert fingerprint(load_dataset(frame().rename(columns={"c": "k"}), target="y")) != fingerprint(
        load_dataset(frame(), target="y")
    )


@pytest.mark.parametrize("name", ["table.arrow", "schema.json", "y.npy"])
def test_a_missing_or_damaged_file_is_named(tmp_path, name):
    save_dataset(dataset(), tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(RunError, match=f"{name} is damaged"):
        open_dataset(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError, match=f"{name} is missing"):
        open_dataset(tmp_path)


def test_a_schema_that_does_not_fit_is_named(tmp_path):
    save_dataset(dataset(), tmp_path)
    (tmp_path / "schema.json").write_text(json.dumps({"columns": [{"kind": "odd"}]}))
    with pytest.raises(RunError, match=r"schema\.json is damaged"):
        read_schema(tmp_path)


def test_columns_are_written_as_their_dataclass_is_in_one_line(tmp_path):
    saved = load_dataset(pd.DataFrame({"x": ["$1.50", "$2"] * 20, "y": [0, 1] * 20}), target="y")
    save_dataset(saved, tmp_path)
    text = (tmp_path / "schema.json").read_text()
    assert "\n" not in text  # Python's encoder is slow where it indents
    assert saved.table.columns[0].form is not None
    written = json.loads(json.dumps([asdict(column) for column in saved.table.columns]))
    assert json.loads(text)["columns"] == written
