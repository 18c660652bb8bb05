"""Embeds texts with a model from a local folder, and caches the embeddings for other fits."""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.plugin import Texts, TrialContext
from automl_plugins.torch.text.sentence_folder import fingerprint, problem_with

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["EmbeddingCache", "SentenceModel", "open_encoder"]

RECENT_BYTES = 512 * 2**20
LEAST_CHUNK = 32  # texts: half a second of a core for a small transformer
MOST_CHUNKS = 512  # per column; each is a file
_MARGIN = 2.0  # a chunk takes at most this multiple of the slowest one so far
_RESERVE_S = 2.0  # for work after the embedding

Vectors = NDArray[np.float32]


class SentenceModel:
    """A loaded model with its latest embeddings.

    The models of an ensemble embed the same texts one after another.

    Args:
        model: Model of sentence-transformers.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model
        self._recent: OrderedDict[str, Vectors] = OrderedDict()

    def embed(self, texts: Texts) -> Vectors:
        """Embeddings ``(n_rows, width)`` of the texts of some rows; equal texts are read once."""
        distinct, codes = _distinct(texts.values.take(texts.index))
        key = _digest(distinct)
        vectors = self._recent.pop(key, None)
        if vectors is None:
            vectors = self.embed_texts(distinct.to_pylist())
        self._recent[key] = vectors
        while sum(kept.nbytes for kept in self._recent.values()) > RECENT_BYTES:
            self._recent.popitem(last=False)
        return vectors[codes]

    def embed_texts(self, texts: list[str]) -> Vectors:
        """Embeddings ``(n_texts, width)``."""
        return np.asarray(self._model.encode(texts, show_progress_bar=False), dtype=np.float32)

    @contextmanager
    def on(self, device: str) -> Iterator[None]:
        """Moves the model to a device temporarily; no weights stay there."""
        self._model.to(device)
        try:
            yield
        finally:
            self._model.to("cpu")


def open_encoder(folder: Path, expected: str) -> SentenceModel:
    """Loads the model of a folder, once per process, without downloads or code of the folder.

    Args:
        folder: Folder of the model.
        expected: Fingerprint of the model.

    Raises:
        ValueError: The folder is missing, has no model that may be loaded, or has a different
            fingerprint.
    """
    problem = problem_with(folder)
    if problem is not None:
        raise ValueError(problem)
    found = fingerprint(folder)
    if found != expected:
        raise ValueError(
            f"{folder} holds another model (fingerprint {found}) than in training "
            f"({expected}): its weights, vocabulary or settings differ"
        )
    return _load(folder, found)


@lru_cache(maxsize=1)
def _load(folder: Path, digest: str) -> SentenceModel:
    """Loads the model; the digest is part of the cache key, so a changed model is loaded again."""
    from sentence_transformers import SentenceTransformer

    with _without_progress():
        model = SentenceTransformer(
            str(folder),
            device="cpu",
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True, "dtype": "float32"},
        )
    return SentenceModel(model)


@contextmanager
def _without_progress() -> Iterator[None]:
    """Suppresses the progress bar for loading weights."""
    from transformers.utils import logging

    was_drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_drawn:
            logging.enable_progress_bar()


class EmbeddingCache:
    """Embeddings of whole columns in a folder shared by all fits of a run.

    The distinct texts of a column are divided into chunks, one file each. Each fit makes missing
    chunks in its own order, so that concurrent fits share the work, and chunks made before a fit
    is ended are kept.

    Args:
        folder: Folder of the run.
        digest: Fingerprint of the model.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder, self._digest = folder, digest

    def add(self, texts: Texts, encoder: SentenceModel, context: TrialContext) -> None:
        """Embeds missing chunks with texts of some rows.

        At least one chunk, and more while time allows; later fits make the others.
        """
        place = self._place(texts)
        place.folder.mkdir(exist_ok=True)
        missing = [number for number in place.chunks.tolist() if not place.file(number).exists()]
        slowest_s = 0.0
        for number in np.random.default_rng(context.seed).permutation(missing).tolist():
            if place.file(number).exists():  # made by another fit meanwhile
                continue
            if slowest_s and context.time_left_s < _MARGIN * slowest_s + _RESERVE_S:
                return
            started = time.perf_counter()
            part = place.distinct.slice(number * place.size, place.size).to_pylist()
            vectors = encoder.embed_texts(part)
            seconds = time.perf_counter() - started
            _write(place.file(number), vectors, seconds / len(part))
            slowest_s = max(slowest_s, seconds)

    def read(self, texts: Texts) -> tuple[Vectors, float] | None:
        """Embeddings ``(n_rows, width)`` of the texts of some rows, and the seconds per text.

        Rows of missing chunks are NaN; returns None if all are missing.
        """
        place = self._place(texts)
        parts, seconds = {}, []
        for number in place.chunks.tolist():
            if not place.file(number).exists():
                continue
            with np.load(place.file(number), allow_pickle=False) as found:
                parts[number] = found["vectors"]
                seconds.append(float(found["seconds"]))
        if not parts:
            return None
        width = next(iter(parts.values())).shape[1]
        vectors = np.full((len(texts), width), np.nan, dtype=np.float32)
        chunk, inside = np.divmod(place.codes, place.size)
        for number, part in parts.items():
            rows = np.flatnonzero(chunk == number)
            vectors[rows] = part[inside[rows]]
        return vectors, float(np.mean(seconds))

    def _place(self, texts: Texts) -> _Place:
        distinct, codes = _distinct(texts.values)
        own, size = codes[texts.index], max(LEAST_CHUNK, -(-len(distinct) // MOST_CHUNKS))
        folder = self._folder / f"sentences-{self._digest}-{_digest(distinct)}"
        return _Place(folder, distinct, own, size, np.unique(own // size))


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Location of the embeddings of some rows.

    Attributes:
        folder: Folder of the column.
        distinct: Distinct texts of the column.
        codes: Number of the distinct text of each row.
        size: Distinct texts per chunk.
        chunks: Numbers of the chunks with texts of the rows, ascending.
    """

    folder: Path
    distinct: pa.Array
    codes: NDArray[np.int64]
    size: int
    chunks: NDArray[np.int64]

    def file(self, chunk: int) -> Path:
        """File of a chunk, by its number."""
        return self.folder / f"{chunk}.npz"


def _distinct(values: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """Distinct texts in the order of their first rows, and the number of each row's text."""
    coded = pc.fill_null(values, "").dictionary_encode()
    return coded.dictionary, coded.indices.to_numpy().astype(np.int64)


def _digest(texts: pa.Array) -> str:
    content = pa.record_batch([texts], names=["texts"]).serialize()
    return hashlib.sha256(content).hexdigest()[:16]


def _write(file: Path, vectors: Vectors, seconds: float) -> None:
    """Writes a chunk atomically; concurrent writers write equal files."""
    draft = file.with_suffix(f".{os.getpid()}.draft")
    with draft.open("wb") as opened:
        np.savez(opened, allow_pickle=False, vectors=vectors, seconds=np.array(seconds))
    draft.replace(file)
