"""Small real and synthetic tables with encoding, for testing families."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.metrics import CATALOG
from automl.plugin import (
    TABULAR_KINDS,
    ColumnKind,
    Encoding,
    Features,
    Fold,
    Images,
    Metric,
    ModelFamily,
    ProblemInfo,
    Sequences,
    Task,
    Texts,
    TrialContext,
)
from automl.plugin.configurable import default_settings
from automl.testing.media_tables import images_from, sequences_from, texts_from

__all__ = [
    "LOG_LOSS",
    "PINBALL",
    "RMSE",
    "TestTable",
    "mixed_table",
    "real_table",
    "synthetic_table",
]

LEVELS = (0.1, 0.5, 0.9)
"""Quantile levels of the test tables."""

CATEGORIES = 4
"""Number of codes of the categorical column of a synthetic table; 0 is a missing value."""


LOG_LOSS, RMSE = CATALOG["log_loss"], CATALOG["rmse"]
PINBALL = replace(CATALOG["pinball"], quantiles=LEVELS)


@dataclass(frozen=True)
class TestTable:
    """Rows of a task before encoding.

    Families that take images, sequences or raw texts get the same numbers in that form, beside the
    encoded columns or, if they take no others, instead.

    Attributes:
        task: The task.
        numeric: ``(n_rows, n_numeric)``; may hold NaN.
        codes: Codes ``0 .. CATEGORIES - 1``, ``(n_rows, n_categorical)``.
        y: Class indices or values, ``(n_rows,)``.
        n_classes: Number of classes; 0 for regression.
        settings: Settings of the family.
        kinds: Column kinds that the family takes.
        raw_texts: Whether its encoding of text is ``raw``.
        family: Family with defaults for other settings, if any.

    Example:
        >>> table = real_table(Task.REGRESSION)
        >>> fold = table.fold(Encoding())
        >>> model = MyFamily().fit({}, fold, table.context(), RecordingReport())
        >>> model.predict(fold.X_valid).shape == fold.y_valid.shape
        True
    """

    __test__ = False  # not collected by pytest

    task: Task
    numeric: NDArray[np.float64]
    codes: NDArray[np.int64]
    y: NDArray[Any]
    n_classes: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    kinds: frozenset[ColumnKind] = TABULAR_KINDS
    raw_texts: bool = False
    family: ModelFamily | None = None

    @property
    def is_encoded(self) -> bool:
        """Whether the family takes encoded columns."""
        return bool(self.kinds & TABULAR_KINDS)

    @property
    def images(self) -> tuple[NDArray[np.uint8], ...]:
        """The rows as images, if the family takes images."""
        return (images_from(self._columns),) if ColumnKind.IMAGE in self.kinds else ()

    @property
    def sequences(self) -> tuple[tuple[NDArray[np.float32], NDArray[np.int64]], ...]:
        """The rows as sequences, if the family takes sequences."""
        return (sequences_from(self._columns),) if ColumnKind.SEQUENCE in self.kinds else ()

    @property
    def texts(self) -> tuple[list[str], ...]:
        """The rows as texts, if the family takes raw texts."""
        return (texts_from(self._columns),) if self.raw_texts else ()

    @property
    def _columns(self) -> NDArray[np.float64]:
        return np.concatenate((self.numeric, self.codes), axis=1)

    @property
    def metric(self) -> Metric:
        """Log loss, root mean squared error, or pinball loss."""
        if self.task is Task.QUANTILE:
            return PINBALL
        return LOG_LOSS if self.task.is_classification else RMSE

    @property
    def n_outputs(self) -> int:
        """Columns of a prediction (classes or levels); 0 for a 1-D prediction."""
        return self.n_classes or len(self.metric.quantiles)

    def problem(self) -> ProblemInfo:
        """Returns the problem as families see it."""
        defaults = {} if self.family is None else default_settings(self.family)
        return ProblemInfo(
            task=self.task,
            metric=self.metric,
            n_rows=len(self.y),
            n_numeric=self.is_encoded * self.numeric.shape[1],
            n_categorical=self.is_encoded * self.codes.shape[1],
            n_text=len(self.texts),
            n_categories=(CATEGORIES,) * self.is_encoded * self.codes.shape[1],
            n_classes=self.n_classes,
            settings={**defaults, **self.settings},
            quantiles=self.metric.quantiles,
            images=tuple((p.shape[1], p.shape[2], p.shape[3]) for p in self.images),
            sequences=tuple(
                (steps.shape[1], int(np.diff(offsets).max())) for steps, offsets in self.sequences
            ),
            text_bytes=tuple(float(np.mean([len(t) for t in texts])) for texts in self.texts),
            columns={f"c{i}": f"c{i}" for i in range(self.is_encoded * self._columns.shape[1])},
        )

    def context(self, seed: int = 0, **slot: Any) -> TrialContext:
        """Returns a context with one CPU thread and no time limit, changed by ``slot``."""
        return TrialContext(self.problem(), seed, **slot)

    def encode(self, encoding: Encoding, sparse: bool = False) -> tuple[Any, Features]:
        """Encodes the rows.

        Args:
            encoding: The encoding. Statistics are taken from all rows, as nothing is scored.
            sparse: Whether to return a CSR matrix.
        """
        if encoding.is_empty or not self.is_encoded:
            return np.zeros((len(self.y), 1), dtype=np.float32), Features(("constant",))
        blocks: list[NDArray[Any]] = [_scaled(self.numeric, encoding)]
        categorical: tuple[int, ...] = ()
        if encoding.categorical == "codes":
            first, n = blocks[0].shape[1], self.codes.shape[1]
            categorical = tuple(range(first, first + n))
            blocks.append(self.codes)
        elif encoding.categorical == "onehot":
            blocks += [column[:, np.newaxis] == np.arange(CATEGORIES) for column in self.codes.T]
        elif encoding.categorical == "target":
            blocks.append((self.codes - self.codes.mean(axis=0)) / CATEGORIES)
        X: Any = np.ascontiguousarray(np.concatenate(blocks, axis=1), dtype=np.float32)
        names = tuple(f"c{i}" for i in range(X.shape[1]))
        features = Features(names, categorical, (CATEGORIES,) * len(categorical), names)
        if sparse:
            from scipy.sparse import csr_matrix

            X = csr_matrix(X)
        return X, features

    def fold(
        self,
        encoding: Encoding,
        valid: NDArray[np.bool_] | None = None,
        weight: NDArray[np.float64] | None = None,
        sparse: bool = False,
        times: NDArray[np.int64] | None = None,
    ) -> Fold:
        """Returns a fold in which every fourth row, or those of ``valid``, are for validation.

        Args:
            encoding: The encoding.
            valid: Validation rows; all False for a fit of all rows.
            weight: Row weights.
            sparse: Whether to use CSR matrices.
            times: Number of copies of each row; None for one.
        """
        X, features = self.encode(encoding, sparse)
        mask = np.arange(len(self.y)) % 4 == 3 if valid is None else valid
        counts = np.ones(len(self.y), dtype=np.int64) if times is None else times
        train, mask = (np.repeat(rows, counts[rows]) for rows in map(np.flatnonzero, (~mask, mask)))
        pixels, series = self.images, self.sequences
        texts = [pa.array(column, pa.string()) for column in self.texts]
        for array in (*pixels, *(part for pair in series for part in pair)):
            array.flags.writeable = False
        return Fold(
            X_train=X[train],
            y_train=self.y[train],
            weight_train=None if weight is None else weight[train],
            X_valid=X[mask],
            y_valid=self.y[mask],
            weight_valid=None if weight is None else weight[mask],
            features=features,
            images_train=tuple(Images(images, train) for images in pixels),
            images_valid=tuple(Images(images, mask) for images in pixels),
            sequences_train=tuple(Sequences(*pair, train) for pair in series),
            sequences_valid=tuple(Sequences(*pair, mask) for pair in series),
            texts_train=tuple(Texts(column, train) for column in texts),
            texts_valid=tuple(Texts(column, mask) for column in texts),
        )


def real_table(task: Task, n_rows: int = 300, **extra: Any) -> TestTable:
    """Returns rows of a data set of scikit-learn: breast cancer, iris or diabetes.

    Example:
        >>> table = real_table(Task.BINARY, n_rows=100)
        >>> table.numeric.shape, table.n_classes
        ((100, 30), 2)
    """
    name = {Task.BINARY: "breast_cancer", Task.MULTICLASS: "iris"}.get(task, "diabetes")
    X, y = _data_set(name)
    rows = np.random.default_rng(0).permutation(len(y))[:n_rows]
    n_classes = int(y.max()) + 1 if task.is_classification else 0
    y = y.astype(np.int64 if task.is_classification else np.float64)
    none = np.empty((len(rows), 0), dtype=np.int64)
    return TestTable(task, X[rows], none, y[rows], n_classes, **extra)


@functools.cache  # the files are texts
def _data_set(name: str) -> tuple[NDArray[np.float64], NDArray[Any]]:
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X, y


def synthetic_table(task: Task, n_rows: int = 240, **extra: Any) -> TestTable:
    """Returns three numeric columns, one constant and one with NaN, and one of category codes.

    The target depends on the first numeric column and on the category.

    Example:
        >>> problem = synthetic_table(Task.MULTICLASS).problem()
        >>> problem.n_numeric, problem.n_categorical, problem.n_classes
        (3, 1, 4)
    """
    rng = np.random.default_rng(7)
    numeric = rng.normal(size=(n_rows, 3))
    numeric[:, 1] = 5.0
    numeric[rng.random(n_rows) < 0.2, 2] = np.nan
    codes = rng.integers(CATEGORIES, size=(n_rows, 1))
    signal = numeric[:, 0] + (codes[:, 0] == 2) * 2.0 + 0.3 * rng.normal(size=n_rows)
    if not task.is_classification:
        return TestTable(task, numeric, codes, signal, 0, **extra)
    n_classes = 2 if task is Task.BINARY else 4
    cuts = np.quantile(signal, np.arange(1, n_classes) / n_classes)
    return TestTable(task, numeric, codes, np.digitize(signal, cuts), n_classes, **extra)


def mixed_table(task: Task, n_rows: int = 320, **extra: Any) -> TestTable:
    """Returns two alternating populations that no column distinguishes.

    Odd rows have the higher half of the classes, or values that are higher by 4.

    Example:
        >>> table = mixed_table(Task.BINARY)
        >>> fold = table.fold(Encoding(), weight=np.where(table.y == 1, 3.0, 1.0))
        >>> fold.y_train[:4].tolist(), fold.weight_train[:4].tolist()
        ([0, 1, 0, 0], [1.0, 3.0, 1.0, 1.0])
    """
    rng = np.random.default_rng(11)
    numeric, high = rng.normal(size=(n_rows, 3)), np.arange(n_rows) % 2
    none = np.empty((n_rows, 0), dtype=np.int64)
    if not task.is_classification:
        return TestTable(task, numeric, none, rng.normal(size=n_rows) + 4.0 * high, 0, **extra)
    half = 1 if task is Task.BINARY else 2
    return TestTable(
        task, numeric, none, half * high + rng.integers(half, size=n_rows), 2 * half, **extra
    )


def _scaled(numeric: NDArray[np.float64], encoding: Encoding) -> NDArray[np.float64]:
    if encoding.numeric in ("raw", "drop"):
        return numeric if encoding.numeric == "raw" else numeric[:, :0]
    filled = np.where(np.isnan(numeric), np.nanmedian(numeric, axis=0), numeric)
    if encoding.numeric == "quantile":
        from scipy.stats import norm, rankdata

        shares = rankdata(filled, axis=0) / (len(filled) + 1)
        return np.asarray(norm.ppf(shares))
    deviation = filled.std(axis=0)
    return np.asarray((filled - filled.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0))
