import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from automl.data import ReadOptions, fingerprint, load_dataset, open_dataset, save_dataset
from automl.data.columns.media import images_of, sequences_of, store_images
from automl.data.describe.leaks import leak_warnings
from automl.data.folds.encoder_store import EncoderStore
from automl.data.split.choose import make_split_plan
from automl.data.table import Table
from automl.errors import DataError
from automl.plugin import TABULAR_KINDS, ColumnKind, Encoding

ALL = frozenset(ColumnKind)
IMAGES, SEQUENCES = frozenset({ColumnKind.IMAGE}), frozenset({ColumnKind.SEQUENCE})
N_ROWS = 60


@pytest.fixture
def source(tmp_path):
    """A number, an image and a series a row."""
    rng = np.random.default_rng(0)
    for i in range(N_ROWS):
        pixels = rng.integers(256, size=(4, 5, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    frame = pd.DataFrame(
        {
            "image": [str(tmp_path / f"{i}.png") for i in range(N_ROWS)],
            "series": [rng.normal(size=1 + i % 4).tolist() for i in range(N_ROWS)],
            "number": rng.normal(size=N_ROWS),
            "y": rng.integers(2, size=N_ROWS),
        }
    )
    return frame


@pytest.fixture
def dataset(source):
    return load_dataset(source, target="y")


def test_a_saved_table_is_mapped_with_all_it_holds(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "data")
    opened = open_dataset(tmp_path / "data")
    assert fingerprint(opened) == fingerprint(dataset)
    assert opened.table.columns == dataset.table.columns
    for before, after in ((dataset, opened), (opened, dataset)):
        (a,), (b,) = images_of(before.table, ALL), images_of(after.table, ALL)
        np.testing.assert_array_equal(a.read(), b.read())
        (c,), (d,) = sequences_of(before.table, ALL), sequences_of(after.table, ALL)
        np.testing.assert_array_equal(c.padded(), d.padded())
    assert not images_of(opened.table, ALL)[0].pixels.flags.writeable


@pytest.mark.parametrize("name", ["image", "series"])
def test_another_image_or_step_is_another_table(source, dataset, name):
    changed = source.copy()
    changed.at[0, name] = changed.at[1, name]
    assert fingerprint(load_dataset(changed, target="y")) != fingerprint(dataset)


def test_parts_of_a_table_hold_the_same_rows(dataset):
    table = dataset.table
    for data, rows in (
        (table.data.slice(7, 5), np.arange(7, 12)),
        (table.data.take([9, 3]), np.array([9, 3])),
    ):
        part = Table(data, table.columns)
        (found,), (known,) = images_of(part, ALL), images_of(table, ALL, rows)
        np.testing.assert_array_equal(found.read(), known.read())
        (series,), (known_series,) = sequences_of(part, ALL), sequences_of(table, ALL, rows)
        np.testing.assert_array_equal(series.padded(), known_series.padded())


@pytest.mark.parametrize(
    ("kinds", "n_images", "n_sequences", "names"),
    [
        (TABULAR_KINDS, 0, 0, ("c2",)),
        (IMAGES, 1, 0, ("constant",)),
        (SEQUENCES, 0, 1, ("constant",)),
        (ALL, 1, 1, ("c2",)),
    ],
)
def test_a_fold_shows_a_family_its_kinds_and_no_other(
    dataset, tmp_path, kinds, n_images, n_sequences, names
):
    plan = make_split_plan(dataset, seed=0, folds=3)
    fold, _ = EncoderStore(tmp_path, 0, plan.digest).fold(dataset, plan, 1, Encoding(), kinds)
    assert fold.features.names == names
    for rows, numbers in (
        (fold.train, plan.splits[1].train),
        (fold.valid, plan.splits[1].valid),
    ):
        assert (len(rows.images), len(rows.sequences)) == (n_images, n_sequences)
        assert len(rows) == len(numbers)
        for images in rows.images:
            (known,) = images_of(dataset.table, IMAGES, numbers)
            np.testing.assert_array_equal(images.read(), known.read())
        for sequences in rows.sequences:
            (series,) = sequences_of(dataset.table, SEQUENCES, numbers)
            np.testing.assert_array_equal(sequences.padded(), series.padded())


def test_copies_of_images_and_series_are_told(source):
    copied = source.drop(columns="number").iloc[[*range(50), *range(10)]]
    (said,) = leak_warnings(load_dataset(copied, target="y"), exchangeable=True)
    assert "10 rows equal an earlier one" in said
    assert not list(leak_warnings(load_dataset(source, target="y"), exchangeable=True))


def test_a_column_of_one_image_tells_nothing(source):
    column = load_dataset(source.assign(image=source["image"][0]), target="y").table.columns[0]
    assert column.left_out.startswith("constant")


def test_a_kind_that_does_not_fit_is_refused(source):
    from automl.errors import DataError

    with pytest.raises(DataError, match="its values are not lists of numbers"):
        load_dataset(source, target="y", options=ReadOptions(kinds={"number": "sequence"}))


def test_older_schemas_have_no_shapes(dataset, tmp_path):
    plain = replace(
        dataset, table=Table(dataset.table.data.select(["c2"]), dataset.table.columns[2:])
    )
    save_dataset(plain, tmp_path)
    path = tmp_path / "schema.json"
    schema = json.loads(path.read_text())
    for column in schema["columns"]:
        del column["shape"], column["channels"]
    path.write_text(json.dumps(schema))
    assert open_dataset(tmp_path).table.columns == plain.table.columns


def test_of_new_rows_a_broken_image_counts_as_missing_and_is_named(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((4, 4), 200, np.uint8)).save(tmp_path / name)
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:50])
    paths = pa.chunked_array([["a.png", "cut.png", "b.png", "gone.png", None]])
    with pytest.raises(DataError, match=r"gone\.png"):
        store_images(paths, tmp_path, 4)
    with pytest.warns(UserWarning, match=r"2 images count as missing: .*cut\.png.*gone\.png"):
        stored = store_images(paths, tmp_path, 4, (4, 4, 1))
    pixels = np.frombuffer(b"".join(stored.values.to_pylist()), np.uint8).reshape(5, -1)
    assert list(pixels.max(axis=1)) == [200, 0, 200, 0, 0]
    assert stored.n_missing == 3


def test_new_rows_without_any_image_that_can_be_read_are_refused(tmp_path):
    paths = pa.chunked_array([["gone.png", "lost.png"]])
    with pytest.raises(DataError, match=r"no image can be read: there is no file .*gone\.png"):
        store_images(paths, tmp_path, 4, (4, 4, 1))
