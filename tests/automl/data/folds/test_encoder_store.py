"""Encoded folds on disk: made once, shared, and never half there."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from automl.data.encode import fit
from automl.data.encode.text.text_encoder import fit_text
from automl.data.folds import encoder_store as cache
from automl.data.folds.encoder_store import (
    EncoderStore,
    drop_matrices,
)
from automl.data.split.choose import ALL_ROWS, make_split_plan
from automl.data.table import Column, Dataset, Table, Target
from automl.errors import RunError, StorageError
from automl.plugin import ColumnKind, Encoding, Task

KINDS = frozenset(ColumnKind)
SPARSE = Encoding("standard", "onehot", sparse=True)


def make_dataset(n_rows=60):
    rng = np.random.default_rng(0)
    categories = pa.array([f"v{v}" for v in rng.integers(0, 20, n_rows)]).dictionary_encode()
    data = pa.table({"c0": rng.normal(size=n_rows), "c1": categories})
    columns = (
        Column("c0", "a", 0, ColumnKind.NUMERIC, "by hand"),
        Column("c1", "b", 0, ColumnKind.CATEGORICAL, "by hand"),
    )
    y = np.arange(n_rows) % 2
    weight = np.linspace(0.5, 1.5, n_rows)
    return Dataset(Table(data, columns), Target("y", Task.BINARY, (0, 1)), y, weight)


@pytest.fixture
def data():
    return make_dataset()


@pytest.fixture
def plan(data):
    return make_split_plan(data, seed=0, folds=3)


def store(views, plan, seed=0):
    return EncoderStore(views, seed, plan.digest)


def dense(matrix):
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


@pytest.mark.parametrize("numeric", ["raw", "drop"])
def test_columns_that_a_view_drops_are_not_even_read(data, plan, tmp_path, monkeypatch, numeric):
    read = []

    def values_of(table, key, rows):
        read.append(key)
        return real(table, key, rows)

    real = fit.values_of
    monkeypatch.setattr(fit, "values_of", values_of)
    encoding = Encoding(numeric=numeric, categorical="drop", text="drop")
    fold, _ = store(tmp_path, plan).fold(data, plan, 0, encoding, KINDS)
    assert read == ([] if numeric == "drop" else ["c0"])
    assert encoding.is_empty == (numeric == "drop")
    assert fold.X_train.shape == (40, 1)
    encoder = store(tmp_path, plan).encoder(0, encoding, KINDS)
    assert encoder.transform(data.table).shape == (60, 1)
    assert (encoder.transform(data.table) == 0).all() == (numeric == "drop")


@pytest.mark.parametrize("view", [Encoding(), SPARSE])
def test_a_fold_is_encoded_once_and_then_mapped(data, plan, tmp_path, view):
    first, seconds = store(tmp_path, plan).fold(data, plan, 1, view, KINDS)
    again, no_seconds = store(tmp_path, plan).fold(data, plan, 1, view, KINDS)
    assert seconds > 0
    assert no_seconds == 0.0
    assert isinstance(first.X_train, np.ndarray) is not view.sparse
    for name in ("X_train", "X_valid"):
        np.testing.assert_array_equal(dense(getattr(first, name)), dense(getattr(again, name)))
    values = first.X_train if isinstance(first.X_train, np.ndarray) else first.X_train.data
    assert values.dtype == np.float32
    assert not values.flags.writeable
    assert first.features == again.features
    assert first.memo == {}
    assert first.memo is not again.memo


def test_rows_targets_and_weights_belong_together(data, plan, tmp_path):
    fold, _ = store(tmp_path, plan).fold(data, plan, 2, Encoding(), KINDS)
    division = plan.splits[2]
    c0 = data.table.data["c0"].to_numpy().astype(np.float32)
    np.testing.assert_array_equal(fold.X_train[:, 0], c0[division.train])
    np.testing.assert_array_equal(fold.X_valid[:, 0], c0[division.valid])
    np.testing.assert_array_equal(fold.y_train, data.y[division.train])
    np.testing.assert_array_equal(fold.y_valid, data.y[division.valid])
    np.testing.assert_array_equal(fold.weight_train, data.weight[division.train])
    np.testing.assert_array_equal(fold.weight_valid, data.weight[division.valid])
    assert fold.index == 2
    bare, _ = store(tmp_path, plan).fold(replace(data, weight=None), plan, 2, Encoding(), KINDS)
    assert bare.weight_train is None
    assert bare.weight_valid is None


@pytest.mark.parametrize("view", [Encoding(), SPARSE])
def test_all_rows_have_an_empty_validation_part(data, plan, tmp_path, view):
    fold, _ = store(tmp_path, plan).fold(data, plan, ALL_ROWS, view, KINDS)
    assert fold.X_train.shape[0] == len(data.y)
    assert fold.X_valid.shape == (0, fold.X_train.shape[1])
    assert len(fold.y_valid) == 0
    np.testing.assert_array_equal(fold.y_train, data.y)
    assert fold.index == ALL_ROWS


def test_views_kinds_seeds_and_folds_do_not_mix(data, plan, tmp_path):
    numeric = frozenset({ColumnKind.NUMERIC})
    asked = [
        (0, Encoding(), KINDS, 0),
        (1, Encoding(), KINDS, 0),
        (ALL_ROWS, Encoding(), KINDS, 0),
        (0, Encoding("standard"), KINDS, 0),
        (0, Encoding(), numeric, 0),
        (0, Encoding(), KINDS, 1),
    ]
    folders = set()
    for fold, view, kinds, seed in asked:
        encoders = store(tmp_path, plan, seed)
        assert encoders.fold(data, plan, fold, view, kinds)[1] > 0
        folders.add(encoders.encoder_folder(fold, view, kinds))
    assert len(folders) == len(asked)
    assert all(folder.is_dir() for folder in folders)


def test_a_fold_keeps_its_folder_from_version_to_version(tmp_path):
    """Else no run on disk would find its encoders."""
    first = EncoderStore(tmp_path, 5, "plan")
    numeric = frozenset({ColumnKind.NUMERIC})
    folder = first.encoder_folder(0, Encoding(), numeric)
    assert folder == tmp_path / "1b4fe66010616cdc" / "fold-0" / "encoder"
    folder = EncoderStore(tmp_path, 0, "d").encoder_folder(ALL_ROWS - 1, SPARSE, KINDS)
    assert folder == tmp_path / "4846f7eb1c3225b7" / "fold-all" / "encoder"


def test_a_fold_that_was_encoded_without_sources_has_them(data, plan, tmp_path):
    first, _ = store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
    (meta,) = tmp_path.glob(f"*/fold-0/{cache.META_FILE}")
    told = json.loads(meta.read_text(encoding="utf-8"))
    del told["features"]["sources"]
    meta.write_text(json.dumps(told), encoding="utf-8")
    again, _ = store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
    assert again.features == first.features
    assert again.features.sources == ("c0", "c1")


@pytest.mark.parametrize("view", [Encoding(), SPARSE])
def test_the_encoder_of_a_fold_encodes_as_the_fold_was(data, plan, tmp_path, view):
    fold, _ = store(tmp_path, plan).fold(data, plan, 0, view, KINDS)
    encoder = store(tmp_path, plan).encoder(0, view, KINDS)
    X = encoder.transform(data.table, plan.splits[0].valid)
    np.testing.assert_array_equal(dense(X), dense(fold.X_valid))
    with pytest.raises(RunError, match="is missing"):
        store(tmp_path, plan).encoder(1, view, KINDS)


def test_folds_and_views_have_a_folder_in_common(data, plan, tmp_path):
    folds = [
        store(tmp_path, plan).fold(data, plan, fold, encoding, KINDS)[0]
        for fold, encoding in ((0, Encoding()), (1, Encoding()), (1, SPARSE))
    ]
    assert len({fold.fold_cache_dir for fold in folds}) == 3
    (folder,) = {fold.run_cache_dir for fold in folds}
    assert folder.is_dir()


def test_dropped_matrices_are_made_again_and_encoders_stay(data, plan, tmp_path):
    before, _ = store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
    kept = np.array(before.X_train)
    (before.fold_cache_dir / "binned").write_bytes(b"made of the matrices")
    (before.run_cache_dir / "binned").write_bytes(b"made of single rows")
    drop_matrices(tmp_path)
    assert not list(tmp_path.rglob("X_*.npy"))
    assert not list(tmp_path.rglob("binned"))
    store(tmp_path, plan).encoder(0, Encoding(), KINDS)
    after, seconds = store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
    assert seconds > 0
    np.testing.assert_array_equal(after.X_train, kept)


def test_a_failed_writer_leaves_nothing(data, plan, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(cache, "_save_matrix", full_disk)
        with pytest.raises(StorageError, match="fold-0 cannot be written: no space"):
            store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
    assert {p.suffix for p in tmp_path.glob("*/*")} == {".lock"}
    assert store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)[1] > 0


@pytest.mark.parametrize("name", ["X_train.npy", "X_valid.npy", "fold.json"])
def test_a_damaged_file_is_named(data, plan, tmp_path, name):
    store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
    path = store(tmp_path, plan).encoder_folder(0, Encoding(), KINDS).parent / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunError, match=name):
        store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)


def _encode_and_tell(views, queue):
    data = make_dataset()
    plan = make_split_plan(data, seed=0, folds=3)
    queue.put(store(views, plan).fold(data, plan, 0, Encoding(), KINDS)[1])


def _encode_for_ever(views, started):
    def hang(*_):
        started.set()
        time.sleep(600)

    cache._save_matrix = hang  # in the child alone
    data = make_dataset()
    plan = make_split_plan(data, seed=0, folds=3)
    store(views, plan).fold(data, plan, 0, Encoding(), KINDS)


needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs processes by fork"
)
# Libraries keep threads of their own; the children here use none of them.
fork_beside_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@needs_fork
@fork_beside_threads
def test_of_several_processes_one_encodes(tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=_encode_and_tell, args=(tmp_path, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    seconds = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sum(s > 0 for s in seconds) == 1
    assert len(list(tmp_path.glob("*/fold-0"))) == 1


@needs_fork
@fork_beside_threads
def test_a_killed_writer_leaves_neither_its_lock_nor_half_a_fold(data, plan, tmp_path):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=_encode_for_ever, args=(tmp_path, started))
    process.start()
    assert started.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    (left,) = tmp_path.glob("*/.fold-0.*")
    fold, seconds = store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
    assert seconds > 0
    assert len(fold.y_train) == len(plan.splits[0].train)
    assert not left.exists()


def test_without_file_locks_the_first_to_finish_wins(data, plan, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "fcntl", None)
    encode, inner = cache.fit_encoder, []

    def encode_twice(*args, **options):
        """Another process comes in and finishes while this one encodes."""
        if not inner:
            inner.append(True)
            with monkeypatch.context() as patch:
                patch.setattr("os.getpid", lambda: 0)
                store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
        return encode(*args, **options)

    monkeypatch.setattr(cache, "fit_encoder", encode_twice)
    fold, _ = store(tmp_path, plan).fold(data, plan, 0, Encoding(), KINDS)
    assert len(fold.y_train) == len(plan.splits[0].train)
    assert [p.name for p in tmp_path.glob("*/*")] == ["fold-0"]


def test_texts_are_fitted_once_for_views_that_differ_in_other_things(tmp_path, monkeypatch):
    words = np.random.default_rng(0).choice(["red", "green", "blue", "tea", "milk"], (60, 4))
    table = pa.table({"c0": np.arange(60.0), "c1": [" ".join(row) for row in words]})
    columns = (
        Column("c0", "a", 0, ColumnKind.NUMERIC, "by hand"),
        Column("c1", "b", 0, ColumnKind.TEXT, "by hand"),
    )
    data = Dataset(Table(table, columns), Target("y", Task.BINARY, (0, 1)), np.arange(60) % 2)
    plan = make_split_plan(data, seed=0, folds=3)
    fitted = []
    monkeypatch.setattr(
        fit, "fit_text", lambda key, *rest: fitted.append(key) or fit_text(key, *rest)
    )
    for numeric in ("raw", "standard", "quantile"):
        fold, _ = store(tmp_path, plan).fold(data, plan, 0, Encoding(numeric), KINDS)
        assert any("score" in name for name in fold.features.names)
    assert fitted == ["c1"]


def test_raw_texts_are_shown_beside_the_matrix_and_only_if_asked_for(tmp_path):
    notes = [*(f"number {i}" for i in range(59)), None]
    table = pa.table({"c0": np.arange(60.0), "c1": notes})
    columns = (
        Column("c0", "a", 0, ColumnKind.NUMERIC, "by hand"),
        Column("c1", "b", 0, ColumnKind.TEXT, "by hand"),
    )
    data = Dataset(Table(table, columns), Target("y", Task.BINARY, (0, 1)), np.arange(60) % 2)
    plan = make_split_plan(data, seed=0, folds=3)
    fold, _ = store(tmp_path, plan).fold(data, plan, 0, Encoding(text="raw"), KINDS)
    assert fold.features.names == ("c0",)
    division = plan.splits[0]
    for rows, numbers in ((fold.train, division.train), (fold.valid, division.valid)):
        assert [texts.read() for texts in rows.texts] == [[notes[i] or "" for i in numbers]]
    for encoding, kinds in ((Encoding(), KINDS), (Encoding(text="raw"), KINDS - {ColumnKind.TEXT})):
        fold, _ = store(tmp_path, plan).fold(data, plan, 0, encoding, kinds)
        assert fold.train.texts == fold.valid.texts == ()
