"""Fits a linear model on embeddings of texts and the other columns."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    Fold,
    Matrix,
    Params,
    Report,
    Rows,
    StageLog,
    Texts,
    TrialContext,
    check_refit,
)
from automl_plugins.common.fitting import load_arrays, save_arrays
from automl_plugins.linear.model import LinearModel
from automl_plugins.linear.training import fit_linear, refit_linear
from automl_plugins.torch.core.threads import torch_threads
from automl_plugins.torch.text.sentence_encoder import EmbeddingCache, SentenceModel, open_encoder
from automl_plugins.torch.text.sentence_folder import fingerprint

__all__ = [
    "FOLDER_VARIABLE",
    "Scaling",
    "SentencesModel",
    "Source",
    "fit_sentences",
    "load_sentences",
    "refit_sentences",
    "save_sentences",
]

FOLDER_VARIABLE = "AUTOML_SENTENCES_MODEL"
"""Environment variable with the folder of the embedding model, if it was moved."""

_CONSTANT = 1e-6  # of the largest values: smaller variation is rounding

Vectors = NDArray[np.float32]


@dataclass(slots=True)
class Source:
    """Source of embeddings.

    Attributes:
        folder: Folder of the embedding model.
        digest: Fingerprint of the model.
        kept: Embeddings cached by the fits of a run; None outside of a run.
    """

    folder: Path
    digest: str
    kept: EmbeddingCache | None = None
    _encoder: SentenceModel | None = None

    @property
    def encoder(self) -> SentenceModel:
        """The embedding model, loaded on first use.

        Raises:
            ValueError: The model is missing from the folder.
        """
        if self._encoder is None:
            self._encoder = open_encoder(self.folder, self.digest)
        return self._encoder

    def vectors(self, texts: Texts) -> Vectors:
        """Embeddings of the texts of some rows, ``(n_rows, width)``.

        NaN for rows of the run that no fit had the time to embed.
        """
        known = None if self.kept is None else self.kept.read(texts)
        return self.encoder.embed(texts) if known is None else known[0]

    def prepare(self, fold: Fold, context: TrialContext) -> float:
        """Embeds texts that no fit of the run has embedded yet, while time allows.

        Returns:
            Milliseconds to embed 1,000 new rows; 0 outside of a run.
        """
        if self.kept is None:
            return 0.0
        total_ms = 0.0
        for train, valid in zip(fold.texts_train, fold.texts_valid, strict=True):
            both = replace(train, index=np.concatenate((train.index, valid.index)))
            found = self.kept.read(both)
            if found is None or np.isnan(found[0]).any():
                with self.encoder.on(context.device):
                    self.kept.add(both, self.encoder, context)
                found = self.kept.read(both)
            assert found is not None  # at least one chunk exists
            total_ms += 1e6 * found[1]
        return total_ms


@dataclass(frozen=True, slots=True)
class Scaling:
    """Scales the embeddings of a column to mean 0 and total variance 1.

    Attributes:
        by_length: True to first divide each embedding by its length.
        mean, factor: Features are ``(vectors - mean) * factor``, ``(width,)`` each.
    """

    by_length: bool
    mean: Vectors
    factor: Vectors

    @classmethod
    def fitted(
        cls, vectors: Vectors, weight: NDArray[np.float64] | None, by_length: bool
    ) -> Scaling:
        """Fits the scaling: one factor for all values with ``by_length``, else one for each.

        Rows of NaN are ignored; if there are no others, all features are 0.
        """
        known = ~np.isnan(vectors).any(axis=1)
        if not known.any():
            nothing = np.zeros(vectors.shape[1], dtype=np.float32)
            return cls(by_length, nothing, nothing)
        vectors = _of_length_1(vectors[known]) if by_length else vectors[known]
        weight = None if weight is None else weight[known]
        mean = np.average(vectors, axis=0, weights=weight)
        variance = np.average((vectors - mean) ** 2, axis=0, weights=weight)
        varies = variance > _CONSTANT**2 * float((mean**2 + variance).max())
        scale = np.full(len(mean), variance.sum()) if by_length else len(mean) * variance
        factor = np.where(varies, 1.0 / np.sqrt(np.where(varies, scale, 1.0)), 0.0)
        return cls(by_length, mean.astype(np.float32), factor.astype(np.float32))

    def features(self, vectors: Vectors) -> Vectors:
        """Scaled embeddings, ``(n_rows, width)``; unknown ones are 0."""
        vectors = _of_length_1(vectors) if self.by_length else vectors
        features = (vectors - self.mean) * self.factor
        return np.asarray(np.nan_to_num(features, nan=0.0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SentencesModel:
    """A linear model on embeddings and the other columns.

    Attributes:
        source: Source of the embeddings.
        scalings: Scaling of each text column.
        head: The linear model.
        extra_predict_ms: Milliseconds to embed 1,000 rows that are not in the run's cache.
    """

    source: Source
    scalings: tuple[Scaling, ...]
    head: LinearModel
    extra_predict_ms: float = 0.0

    def predict(self, X: Rows) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles."""
        return self.head.predict(_features(X, self.source, self.scalings))

    @property
    def stages(self) -> tuple[StageLog, ...]:
        """The stage logs of the linear model; empty if it did not stop early."""
        return self.head.stages


def fit_sentences(
    folder: Path, params: Params, fold: Fold, context: TrialContext, report: Report
) -> SentencesModel:
    """Embeds the texts, unless another fit of the run did, and fits the linear model.

    Texts that time does not allow to embed count as unknown; later fits embed them.

    Args:
        folder: Folder of the embedding model.
        params: Params of the family's search space.
        fold: Training and validation rows.
        context: Context of the fit.
        report: Called with scores if there are too many rows for the exact solver.

    Raises:
        ValueError: The folder has no model that may be loaded.
        TrialPruned: Raised by ``report``.
    """
    with torch_threads(context.n_threads):
        source, scalings, joined, extra_predict_ms = _joined(folder, params, fold, context)
    head = fit_linear(params["C"], 0.0, joined, context, report)
    return SentencesModel(source, scalings, head, extra_predict_ms)


def refit_sentences(
    folder: Path, params: Params, fold: Fold, context: TrialContext
) -> SentencesModel:
    """Fits all rows by the exact solver.

    Raises:
        CannotRefit: Gradient descent would be needed, which needs validation rows.
        RefitIncomplete: There is too little time to embed the texts, or for the exact solver.
    """
    with torch_threads(context.n_threads):
        source, scalings, joined, extra_predict_ms = _joined(folder, params, fold, context)
        for texts in fold.texts_train:
            n_unknown = int(np.isnan(source.vectors(texts)).any(axis=1).sum())
            check_refit(len(texts) - n_unknown, len(texts), "embedded texts")
    head = refit_linear(params["C"], 0.0, joined, context)
    return SentencesModel(source, scalings, head, extra_predict_ms)


def save_sentences(model: SentencesModel, path: Path) -> None:
    """Writes the coefficients, and path and fingerprint of the embedding model, not the model."""
    arrays = {f"head.{name}": value for name, value in model.head.state().items()}
    for i, scaling in enumerate(model.scalings):
        arrays |= {f"{i}.mean": scaling.mean, f"{i}.factor": scaling.factor}
    save_arrays(path, **arrays)
    value = {
        "model": str(model.source.folder),
        "fingerprint": model.source.digest,
        "by_length": [scaling.by_length for scaling in model.scalings],
    }
    (path / "sentences.json").write_text(json.dumps(value), encoding="utf-8")


def load_sentences(path: Path) -> SentencesModel:
    """Reads the model written by ``save_sentences``, and loads the embedding model.

    Raises:
        ValueError: The embedding model is missing or has changed.
    """
    value, arrays = json.loads((path / "sentences.json").read_bytes()), load_arrays(path)
    folder = Path(os.environ.get(FOLDER_VARIABLE) or value["model"])
    try:
        encoder = open_encoder(folder, value["fingerprint"])
    except ValueError as error:
        raise ValueError(
            f"{error}. If the folder was moved, set the environment variable {FOLDER_VARIABLE} to "
            "its new path"
        ) from None
    scalings = tuple(
        Scaling(by_length, arrays[f"{i}.mean"], arrays[f"{i}.factor"])
        for i, by_length in enumerate(value["by_length"])
    )
    state = {k.removeprefix("head."): v for k, v in arrays.items() if k.startswith("head.")}
    source = Source(folder, value["fingerprint"], None, encoder)
    return SentencesModel(source, scalings, LinearModel.from_state(state))


def _joined(
    folder: Path, params: Params, fold: Fold, context: TrialContext
) -> tuple[Source, tuple[Scaling, ...], Fold, float]:
    """The fold with embeddings among its features, and their source and scalings."""
    digest, shared = fingerprint(folder), fold.run_cache_dir
    source = Source(folder, digest, None if shared is None else EmbeddingCache(shared, digest))
    extra_predict_ms = source.prepare(fold, context)
    scalings = tuple(
        Scaling.fitted(source.vectors(texts), fold.weight_train, params["scaling"] == "length")
        for texts in fold.texts_train
    )
    joined = replace(
        fold,
        X_train=_features(fold.train, source, scalings),
        X_valid=_features(fold.valid, source, scalings),
        texts_train=(),
        texts_valid=(),
    )
    return source, scalings, joined, extra_predict_ms


def _features(rows: Rows, source: Source, scalings: tuple[Scaling, ...]) -> Matrix:
    """The encoded columns and the scaled embeddings, concatenated."""
    if not len(rows):
        width = rows.X.shape[1] + sum(len(scaling.mean) for scaling in scalings)
        return np.zeros((0, width), dtype=np.float32)
    columns = zip(rows.texts, scalings, strict=True)
    parts = [scaling.features(source.vectors(texts)) for texts, scaling in columns]
    return np.concatenate([np.asarray(rows), *parts], axis=1)


def _of_length_1(vectors: Vectors) -> Vectors:
    """Divides each embedding by its length; zero vectors are unchanged."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float32)
