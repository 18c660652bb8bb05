"""A linear model of embeddings of texts and of the other columns."""

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
from automl_plugins.torch.core.threads import threads
from automl_plugins.torch.text.sentence_encoder import Encoder, KeptVectors, open_encoder
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
"""Environment variable that names the folder of the encoder, where it has been moved."""

_CONSTANT = 1e-6  # of the largest values: what varies less is rounding

Vectors = NDArray[np.float32]


@dataclass(slots=True)
class Source:
    """Where embeddings come from.

    Attributes:
        folder: Of the model that embeds.
        digest: Its fingerprint.
        kept: What the fits of a run keep; None outside of a run.
    """

    folder: Path
    digest: str
    kept: KeptVectors | None = None
    _encoder: Encoder | None = None

    @property
    def encoder(self) -> Encoder:
        """The model that embeds, loaded when it is first asked for.

        Raises:
            ValueError: It is not in the folder any more.
        """
        if self._encoder is None:
            self._encoder = open_encoder(self.folder, self.digest)
        return self._encoder

    def vectors(self, texts: Texts) -> Vectors:
        """Embeddings of the texts of some rows, ``(n_rows, width)``.

        NaN in rows of the run for which no fit had the time.
        """
        known = None if self.kept is None else self.kept.read(texts)
        return self.encoder.embed(texts) if known is None else known[0]

    def prepare(self, fold: Fold, context: TrialContext) -> float:
        """Embeds what no fit of the run has embedded yet, as far as there is time.

        Returns:
            Milliseconds in which 1,000 new rows are embedded; 0 outside of a run.
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
            assert found is not None  # at least one chunk is there
            total_ms += 1e6 * found[1]
        return total_ms


@dataclass(frozen=True, slots=True)
class Scaling:
    """Brings embeddings of a column to mean 0 and a variance of all values together of 1.

    Attributes:
        by_length: Whether each embedding is first brought to length 1.
        mean, factor: The features are ``(vectors - mean) * factor``, ``(width,)`` each.
    """

    by_length: bool
    mean: Vectors
    factor: Vectors

    @classmethod
    def fitted(
        cls, vectors: Vectors, weight: NDArray[np.float64] | None, by_length: bool
    ) -> Scaling:
        """By length all values keep their shares of the variance, else all get the same.

        Rows of NaN do not count; where there are no others, nothing is made of embeddings.
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
        """Scaled embeddings, ``(n_rows, width)``; those that are not known are as the mean."""
        vectors = _of_length_1(vectors) if self.by_length else vectors
        features = (vectors - self.mean) * self.factor
        return np.asarray(np.nan_to_num(features, nan=0.0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SentencesModel:
    """Coefficients of embeddings and of the other columns.

    Attributes:
        source: Of the embeddings.
        scalings: Of each column of texts.
        head: The linear model.
        new_rows_ms: Milliseconds in which 1,000 rows that are not of the run are embedded.
    """

    source: Source
    scalings: tuple[Scaling, ...]
    head: LinearModel
    new_rows_ms: float = 0.0

    def predict(self, X: Rows) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles."""
        return self.head.predict(_features(X, self.source, self.scalings))

    @property
    def stages(self) -> tuple[StageLog, ...]:
        """The log of the linear model, where its fit stopped early; else none."""
        return self.head.stages


def fit_sentences(
    folder: Path, params: Params, fold: Fold, context: TrialContext, report: Report
) -> SentencesModel:
    """Embeds the texts, unless another fit of the run did, and fits the linear model.

    Texts that there is no time for count as unknown: the fits that follow embed them.

    Args:
        folder: Of the model that embeds.
        params: A point of the family's search space.
        fold: Its rows.
        context: The slot.
        report: Told scores where there are too many rows to solve exactly.

    Raises:
        ValueError: The folder holds no model that may be loaded.
        TrialPruned: As raised by ``report``.
    """
    with threads(context.n_threads):
        source, scalings, joined, new_rows_ms = _joined(folder, params, fold, context)
    head = fit_linear(params["C"], 0.0, joined, context, report)
    return SentencesModel(source, scalings, head, new_rows_ms)


def refit_sentences(
    folder: Path, params: Params, fold: Fold, context: TrialContext
) -> SentencesModel:
    """Fits all rows.

    Raises:
        CannotRefit: That takes validation rows to stop by.
        RefitIncomplete: There is no time to embed the texts, or to solve exactly.
    """
    with threads(context.n_threads):
        source, scalings, joined, new_rows_ms = _joined(folder, params, fold, context)
        for texts in fold.texts_train:
            n_unknown = int(np.isnan(source.vectors(texts)).any(axis=1).sum())
            check_refit(len(texts) - n_unknown, len(texts), "embedded texts")
    head = refit_linear(params["C"], 0.0, joined, context)
    return SentencesModel(source, scalings, head, new_rows_ms)


def save_sentences(model: SentencesModel, path: Path) -> None:
    """Writes the coefficients, and what the model that embeds is known by: not that itself."""
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
    """Reads what ``save_sentences`` wrote, and loads the model that embeds.

    Raises:
        ValueError: That is not where it was, or it is another one.
    """
    value, arrays = json.loads((path / "sentences.json").read_bytes()), load_arrays(path)
    folder = Path(os.environ.get(FOLDER_VARIABLE) or value["model"])
    try:
        encoder = open_encoder(folder, value["fingerprint"])
    except ValueError as error:
        raise ValueError(
            f"{error}; where the folder was moved, the environment variable {FOLDER_VARIABLE} can "
            "name it"
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
    """The fold with embeddings among its features, and how they were made."""
    digest, shared = fingerprint(folder), fold.shared_by_folds
    source = Source(folder, digest, None if shared is None else KeptVectors(shared, digest))
    new_rows_ms = source.prepare(fold, context)
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
    return source, scalings, joined, new_rows_ms


def _features(rows: Rows, source: Source, scalings: tuple[Scaling, ...]) -> Matrix:
    """The encoded columns and the scaled embeddings side by side."""
    if not len(rows):
        width = rows.X.shape[1] + sum(len(scaling.mean) for scaling in scalings)
        return np.zeros((0, width), dtype=np.float32)
    columns = zip(rows.texts, scalings, strict=True)
    parts = [scaling.features(source.vectors(texts)) for texts, scaling in columns]
    return np.concatenate([np.asarray(rows), *parts], axis=1)


def _of_length_1(vectors: Vectors) -> Vectors:
    """Each embedding divided by its length; those without one stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float32)
