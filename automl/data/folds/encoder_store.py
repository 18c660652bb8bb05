"""Stores encoded folds on disk: each is encoded once, and mapped into memory by all workers.

    views/<hash of encoding, kinds, seed and split plan>/fold-<k>/
        fold.json  encoder/  X_train.npy  X_valid.npy     (or X_train.{data,indices,indptr}.npy)
        shared/    caches of families, computed from the encoded rows of this fold
    views/shared/  caches of families, computed from single rows and valid for all folds

A fold's folder is renamed into place once complete; the next writer removes the draft of a killed
process.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.columns.media import images_of, sequences_of, texts_of
from automl.data.encode import TableEncoder, fit_encoder
from automl.data.encode.columns.column_encoder import FittedColumn
from automl.data.split.split_plan import ALL_ROWS, Split, SplitPlan
from automl.data.table import Dataset
from automl.plugin.context import Encoding, Features, Fold
from automl.plugin.task import ColumnKind
from automl.store.disk import storage_errors
from automl.store.files import commit, staging_folder

try:
    import fcntl
except ImportError:  # no such locks on this platform: see _locked
    fcntl = None  # type: ignore[assignment]

from automl.errors import RunError
from automl.plugin.rows import Matrix
from automl.store.files import write_array

__all__ = ["EncoderStore", "drop_matrices", "save_matrix"]

META_FILE = "fold.json"
ENCODER_FOLDER = "encoder"
SHARED_FOLDER = "shared"
CSR_PARTS = ("data", "indices", "indptr")
TEXTS = frozenset({ColumnKind.TEXT})


@dataclass(frozen=True, slots=True)
class EncoderStore:
    """The encoded folds of a run, and their fitted encoders.

    Attributes:
        views: Folder of the run's encoded folds.
        seed: Seed of the run.
        digest: Digest of the split plan.
    """

    views: Path
    seed: int
    digest: str

    def fold(
        self,
        dataset: Dataset,
        plan: SplitPlan,
        fold: int,
        encoding_: Encoding,
        kinds: frozenset[ColumnKind],
    ) -> tuple[Fold, float]:
        """Opens an encoded fold, and encodes it first if no process has done so.

        Args:
            dataset: The data of the run.
            plan: Its split plan.
            fold: Number of the fold; ``ALL_ROWS`` or below for all rows.
            encoding_: The encoding.
            kinds: Column kinds to encode; others are left out.

        Returns:
            The fold, with read-only matrices mapped from disk and an empty memo; and the seconds
            that this call spent encoding, 0.0 if the fold was stored before.

        Raises:
            PluginError: The encoding contradicts itself.
            RunError: A file of the fold is damaged; the message names it.
            StorageError: The disk is full or read-only, or access is denied.
        """
        folder, seconds = self._folder(fold, encoding_, kinds), 0.0
        encoding = _Encoding(dataset, plan, fold, encoding_, kinds, folder)
        if not encoding.is_there:
            with _locked(folder):
                if not encoding.is_there:
                    started = time.perf_counter()
                    encoding.write(self.seed, self._fitted_texts(encoding))
                    seconds = time.perf_counter() - started
        by_folds = self.views / SHARED_FOLDER
        with storage_errors(by_folds):
            by_folds.mkdir(exist_ok=True)
        return replace(encoding.open(), run_cache_dir=by_folds), seconds

    def encoder(self, fold: int, encoding: Encoding, kinds: frozenset[ColumnKind]) -> TableEncoder:
        """Reads the encoder of an encoded fold.

        Raises:
            RunError: A file is missing or damaged; the message names it.
        """
        return TableEncoder.load(self.encoder_folder(fold, encoding, kinds))

    def encoder_folder(self, fold: int, encoding: Encoding, kinds: frozenset[ColumnKind]) -> Path:
        """Folder of a fold's encoder, which exists once the fold is encoded."""
        return self._folder(fold, encoding, kinds) / ENCODER_FOLDER

    def _folder(self, fold: int, encoding: Encoding, kinds: frozenset[ColumnKind]) -> Path:
        what = {
            "view": asdict(encoding),
            "kinds": sorted(kinds),
            "seed": self.seed,
            "plan": self.digest,
        }
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
        return self.views / digest / ("fold-all" if fold <= ALL_ROWS else f"fold-{fold}")

    def _fitted_texts(self, encoding: _Encoding) -> dict[str, FittedColumn] | None:
        """Fitted text columns, shared by all encodings with the same ``text``: they are costly.

        They come from a separate encoding of the text columns only. None if there are no text
        columns to encode, or if this is that encoding.
        """
        dataset, fold, view, kinds = encoding.dataset, encoding.fold, encoding.view, encoding.kinds
        of_texts = Encoding(text=view.text, sparse=view.sparse)
        is_encoded = view.text in ("svd", "tfidf") and dataset.table.of_kind(*(kinds & TEXTS))
        if not is_encoded or (view == of_texts and kinds == TEXTS):
            return None
        known, _ = self.fold(dataset, encoding.plan, fold, of_texts, TEXTS)
        return self.encoder(fold, of_texts, TEXTS).fitted_blocks(known.X_train)


def drop_matrices(views: Path) -> None:
    """Deletes encoded matrices and caches; encoders stay, because the predictor needs them."""
    for meta in views.glob(f"*/fold-*/{META_FILE}"):
        meta.unlink()  # first: without it the fold counts as not encoded
        for matrix in meta.parent.glob("X_*.npy"):
            matrix.unlink()
        shutil.rmtree(meta.parent / SHARED_FOLDER, ignore_errors=True)
    shutil.rmtree(views / SHARED_FOLDER, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Locks a folder for one process; the system releases the lock of a killed process.

    On platforms without such locks several processes may enter: each writes its own draft, and
    the first to rename it into place wins.
    """
    if fcntl is None:
        yield
        return
    path = folder.with_suffix(".lock")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class _Encoding:
    """One encoding of a fold, and its folder."""

    dataset: Dataset
    plan: SplitPlan
    fold: int
    view: Encoding
    kinds: frozenset[ColumnKind]
    folder: Path

    @property
    def division(self) -> Split:
        if self.fold > ALL_ROWS:
            return self.plan.splits[self.fold]
        rows = np.arange(self.plan.n_rows) if self.plan.newest is None else self.plan.newest
        return Split(rows, np.empty(0, dtype=np.int64))

    @property
    def is_there(self) -> bool:
        return (self.folder / META_FILE).is_file()

    def write(self, seed: int, texts: Mapping[str, FittedColumn] | None) -> None:
        """Encodes the fold into a draft and renames that into place."""
        with staging_folder(self.folder, alone=fcntl is not None) as draft:
            self._encode(seed, texts, draft)
            if not self.is_there:  # otherwise another process was first and wrote the same
                commit(draft, self.folder)

    def _encode(self, seed: int, texts: Mapping[str, FittedColumn] | None, draft: Path) -> None:
        """Writes encoder, matrices and metadata; one matrix is in memory at a time."""
        dataset, division = self.dataset, self.division
        fold_seed = int(np.random.SeedSequence([seed, self.fold + 1]).generate_state(1)[0])
        encoder, matrix = fit_encoder(
            dataset.table,
            division.train,
            dataset.y,
            task=dataset.target.task,
            n_classes=dataset.target.n_classes,
            encoding=self.view,
            kinds=self.kinds,
            seed=fold_seed,
            weight=dataset.weight,
            texts=texts,
        )
        encoder.save(draft / ENCODER_FOLDER)
        save_matrix(draft, "X_train", matrix)
        del matrix
        save_matrix(draft, "X_valid", encoder.transform(dataset.table, division.valid))
        (draft / SHARED_FOLDER).mkdir()
        meta = {"is_sparse": encoder.is_sparse, "features": asdict(encoder.features)}
        (draft / META_FILE).write_text(json.dumps(meta), encoding="utf-8")

    def open(self) -> Fold:
        """Maps the matrices of the fold, and adds the targets, weights and media of its rows."""
        folder, kinds, path = self.folder, self.kinds, self.folder / META_FILE
        meta = _read(path, lambda: json.loads(path.read_bytes()))
        features = Features(**{name: tuple(value) for name, value in meta["features"].items()})
        if not features.sources:  # an old run, which did not write them
            features = TableEncoder.load(folder / ENCODER_FOLDER).features
        width, is_sparse = len(features.names), meta["is_sparse"]
        table, y, weight = self.dataset.table, self.dataset.y, self.dataset.weight
        division = self.division
        train, valid = division.train, division.valid
        return Fold(
            X_train=_open_matrix(folder, "X_train", (len(train), width), is_sparse),
            y_train=_read_only(y[train]),
            weight_train=None if weight is None else _read_only(weight[train]),
            X_valid=_open_matrix(folder, "X_valid", (len(valid), width), is_sparse),
            y_valid=_read_only(y[valid]),
            weight_valid=None if weight is None else _read_only(weight[valid]),
            features=features,
            index=self.fold,
            fold_cache_dir=folder / SHARED_FOLDER,
            images_train=images_of(table, kinds, train),
            images_valid=images_of(table, kinds, valid),
            sequences_train=sequences_of(table, kinds, train),
            sequences_valid=sequences_of(table, kinds, valid),
            texts_train=texts_of(table, kinds, self.view, train),
            texts_valid=texts_of(table, kinds, self.view, valid),
        )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Makes an array read-only: a worker reuses folds, so one trial's change would reach others."""
    array.flags.writeable = False
    return array


def save_matrix(folder: Path, name: str, matrix: Matrix) -> None:
    """Writes ``<name>.npy``, or one file for each part of a CSR matrix."""
    parts = (
        {name: matrix}
        if isinstance(matrix, np.ndarray)
        else {f"{name}.{part}": getattr(matrix, part) for part in CSR_PARTS}
    )
    for part, array in parts.items():
        with (folder / f"{part}.npy").open("wb") as file:
            write_array(file, array)


def _open_matrix(folder: Path, name: str, shape: tuple[int, int], is_sparse: bool) -> Matrix:
    """Maps a matrix that ``save_matrix`` wrote.

    Raises:
        RunError: A file is missing or damaged; the message names it.
    """
    if not is_sparse:
        matrix = _open_array(folder / f"{name}.npy")
        if matrix.shape != shape:
            reason = ValueError(f"it has shape {matrix.shape}, expected {shape}")
            raise _damaged(folder / f"{name}.npy", reason)
        return matrix
    from scipy.sparse import csr_matrix

    parts = tuple(_open_array(folder / f"{name}.{part}.npy") for part in CSR_PARTS)
    try:
        return csr_matrix(parts, shape=shape, copy=False)
    except ValueError as error:
        raise _damaged(folder / f"{name}.indptr.npy", error) from None


def _open_array(path: Path) -> NDArray[Any]:
    """Maps an array, as a plain ndarray, since slices of a memmap would be memmaps too."""
    return np.asarray(_read(path, lambda: np.load(path, mmap_mode="r", allow_pickle=False)))


def _read(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> RunError:
    """Returns the error for a damaged file of an encoded fold."""
    return RunError(f"{path} is damaged: {error}; delete {path.parent}, and it is rebuilt")
