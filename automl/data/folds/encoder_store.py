"""Encoded folds on disk: each view of a fold is made once, and mapped into memory by all workers.

    views/<hash of view, kinds, seed and split plan>/fold-<k>/
        fold.json  encoder/  X_train.npy  X_valid.npy     (or X_train.{data,indices,indptr}.npy)
        shared/    what families keep there, made from the encoded rows
    views/shared/  what families keep there, made from single rows, whatever the fold

A fold's folder appears whole; the draft of a process that is killed is removed by the next writer.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.columns.media import images_of, sequences_of, texts_of
from automl.data.encode import Encoder, fit_encoder
from automl.data.encode.columns.column_encoder import FittedBlock
from automl.data.folds.matrices import damaged, open_matrix, save_matrix
from automl.data.split.split_plan import ALL_ROWS, Division, SplitPlan
from automl.data.table import Dataset
from automl.plugin.context import Features, Fold, View
from automl.plugin.task import ColumnKind
from automl.store.disk import writing
from automl.store.files import draft_folder, settle

try:
    import fcntl
except ImportError:  # no such locks on this platform: see _locked
    fcntl = None  # type: ignore[assignment]

__all__ = ["EncoderStore", "drop_matrices"]

META_FILE = "fold.json"
ENCODER_FOLDER = "encoder"
SHARED_FOLDER = "shared"
TEXTS = frozenset({ColumnKind.TEXT})


@dataclass(frozen=True, slots=True)
class EncoderStore:
    """The encoded folds of a run, and the encoders that were fitted in them.

    Attributes:
        views: Folder of the run's encoded folds.
        seed: Of the run.
        digest: Of the split plan.
    """

    views: Path
    seed: int
    digest: str

    def fold(
        self,
        dataset: Dataset,
        plan: SplitPlan,
        fold: int,
        view: View,
        kinds: frozenset[ColumnKind],
    ) -> tuple[Fold, float]:
        """Opens an encoded fold, after encoding it if no process has done so before.

        Args:
            dataset: The data of the run.
            plan: Its divisions.
            fold: Number of the division; ``ALL_ROWS`` or below for all rows.
            view: How the columns are encoded.
            kinds: Columns of other kinds are left out.

        Returns:
            The fold, its matrices mapped from disk and read-only, with an empty memo; and the
            seconds this call spent encoding, 0.0 when the fold was there.

        Raises:
            PluginError: The view contradicts itself.
            RunError: A file of the fold is damaged; it is named.
            StorageError: The disk is full, read-only or closed to us.
        """
        folder, seconds = self._folder(fold, view, kinds), 0.0
        encoding = _Encoding(dataset, _division(plan, fold), fold, view, kinds, folder)
        if not encoding.is_there:
            with _locked(folder):
                if not encoding.is_there:
                    started = time.perf_counter()
                    encoding.write(self.seed, self._fitted_texts(dataset, plan, fold, view, kinds))
                    seconds = time.perf_counter() - started
        by_folds = self.views / SHARED_FOLDER
        with writing(by_folds):
            by_folds.mkdir(exist_ok=True)
        return replace(encoding.open(), shared_by_folds=by_folds), seconds

    def encoder(self, fold: int, view: View, kinds: frozenset[ColumnKind]) -> Encoder:
        """Reads the encoder of an encoded fold.

        Raises:
            RunError: It is missing or damaged; the file is named.
        """
        return Encoder.load(self.encoder_folder(fold, view, kinds))

    def encoder_folder(self, fold: int, view: View, kinds: frozenset[ColumnKind]) -> Path:
        """Where the encoder of a fold lies once the fold is encoded."""
        return self._folder(fold, view, kinds) / ENCODER_FOLDER

    def _folder(self, fold: int, view: View, kinds: frozenset[ColumnKind]) -> Path:
        what = {
            "view": asdict(view),
            "kinds": sorted(kinds),
            "seed": self.seed,
            "plan": self.digest,
        }
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
        return self.views / digest / ("fold-all" if fold <= ALL_ROWS else f"fold-{fold}")

    def _fitted_texts(
        self,
        dataset: Dataset,
        plan: SplitPlan,
        fold: int,
        view: View,
        kinds: frozenset[ColumnKind],
    ) -> dict[str, FittedBlock] | None:
        """The text columns as a view of texts alone has them: costly, and alike in many views.

        None where the view has none, or is that view.
        """
        of_texts = View(text=view.text, sparse=view.sparse)
        has_texts = bool(dataset.table.of_kind(*(kinds & TEXTS))) and view.text in ("svd", "tfidf")
        if not has_texts or (view == of_texts and kinds == TEXTS):
            return None
        known, _ = self.fold(dataset, plan, fold, of_texts, TEXTS)
        return self.encoder(fold, of_texts, TEXTS).fitted_blocks(known.X_train)


def drop_matrices(views: Path) -> None:
    """Deletes encoded matrices and what was made of rows; encoders stay for the predictor."""
    for meta in views.glob(f"*/fold-*/{META_FILE}"):
        meta.unlink()  # first: without it the fold counts as not encoded
        for matrix in meta.parent.glob("X_*.npy"):
            matrix.unlink()
        shutil.rmtree(meta.parent / SHARED_FOLDER, ignore_errors=True)
    shutil.rmtree(views / SHARED_FOLDER, ignore_errors=True)


def _division(plan: SplitPlan, fold: int) -> Division:
    if fold <= ALL_ROWS:
        rows = np.arange(plan.n_rows) if plan.newest is None else plan.newest
        return Division(rows, np.empty(0, dtype=np.int64))
    return plan.divisions[fold]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process in at a time; the system frees the lock of a process that is killed.

    Where there are no such locks, several may come in: each writes a draft of its own, and the
    first to settle it wins.
    """
    if fcntl is None:
        yield
        return
    path = folder.with_suffix(".lock")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class _Encoding:
    """A view of a fold, and the folder that it is encoded in."""

    dataset: Dataset
    division: Division
    fold: int
    view: View
    kinds: frozenset[ColumnKind]
    folder: Path

    @property
    def is_there(self) -> bool:
        return (self.folder / META_FILE).is_file()

    def write(self, seed: int, texts: Mapping[str, FittedBlock] | None) -> None:
        """Encodes the fold into a draft and settles it."""
        with draft_folder(self.folder, alone=fcntl is not None) as draft:
            self._encode(seed, texts, draft)
            if not self.is_there:  # else another process was first, and wrote the same
                settle(draft, self.folder)

    def _encode(self, seed: int, texts: Mapping[str, FittedBlock] | None, draft: Path) -> None:
        """Writes encoder, matrices and what they are; one matrix is in memory at a time."""
        dataset, division = self.dataset, self.division
        fold_seed = int(np.random.SeedSequence([seed, self.fold + 1]).generate_state(1)[0])
        encoder, matrix = fit_encoder(
            dataset.table,
            division.train,
            dataset.y,
            task=dataset.target.task,
            n_classes=dataset.target.n_classes,
            view=self.view,
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
        """Maps the matrices of the fold, and takes the rows that belong to them."""
        folder, kinds, meta = self.folder, self.kinds, _read_meta(self.folder / META_FILE)
        features = Features(**{name: tuple(value) for name, value in meta["features"].items()})
        if not features.sources:  # encoded before they were written: the encoder has them
            features = Encoder.load(folder / ENCODER_FOLDER).features
        width, is_sparse = len(features.names), meta["is_sparse"]
        table, y, weight = self.dataset.table, self.dataset.y, self.dataset.weight
        train, valid = self.division.train, self.division.valid
        return Fold(
            X_train=open_matrix(folder, "X_train", (len(train), width), is_sparse),
            y_train=_read_only(y[train]),
            weight_train=None if weight is None else _read_only(weight[train]),
            X_valid=open_matrix(folder, "X_valid", (len(valid), width), is_sparse),
            y_valid=_read_only(y[valid]),
            weight_valid=None if weight is None else _read_only(weight[valid]),
            features=features,
            index=self.fold,
            shared=folder / SHARED_FOLDER,
            images_train=images_of(table, kinds, train),
            images_valid=images_of(table, kinds, valid),
            sequences_train=sequences_of(table, kinds, train),
            sequences_valid=sequences_of(table, kinds, valid),
            texts_train=texts_of(table, kinds, self.view, train),
            texts_valid=texts_of(table, kinds, self.view, valid),
        )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A worker keeps folds between trials: what one writes, another would read."""
    array.flags.writeable = False
    return array


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None
    return meta
