"""The values a family is given: the shape of the problem, encoded folds, its slot."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automl.plugin.metric import Metric
from automl.plugin.rows import Images, Matrix, Rows, Sequences, Texts
from automl.plugin.task import Task

__all__ = ["Features", "Fold", "Resources", "Shape", "TrialContext", "View"]


@dataclass(frozen=True, slots=True)
class View:
    """How a family wants the columns of a table encoded. Every fitted step is fitted in the fold.

    Attributes:
        numeric: ``raw`` keeps values and NaN; ``standard`` imputes the median, adds an indicator
            of missing values where there are any, and scales to mean 0 and standard deviation 1;
            ``quantile`` does the same with a quantile-normal transform in place of the scaling.
            Booleans and the parts of datetimes are numeric. ``drop`` leaves all these out.
        categorical: ``codes`` gives one column of integer codes (0 is missing, unseen or rare);
            ``onehot`` one column per category, with out-of-fold target encoding above
            ``max_onehot`` categories; ``target`` out-of-fold target encoding for all;
            ``drop`` leaves them out.
        text: ``svd`` gives a few dense columns: components of the TF-IDF matrix of words and
            runs of characters, out-of-fold scores of the target, length, number of words, and
            shares of digits, capitals and signs; ``tfidf`` the matrix itself (only with
            ``sparse``); ``raw`` leaves text out of the matrix and shows the texts as they are,
            beside it; ``drop`` leaves it out.
        max_onehot: The most categories a column may have to be one-hot encoded.
        sparse: Whether the family takes a CSR matrix. It gets one only where it saves memory.
        generated: New columns, after all others; without ``sparse``. ``arithmetic`` combines pairs
            of numeric columns; ``target`` adds out-of-fold target encoding of single categories,
            ``interactions`` that of pairs of them; ``groups`` compares numbers with the mean of
            their group. Only what explains more than the columns alone is kept.
    """

    numeric: Literal["raw", "standard", "quantile", "drop"] = "raw"
    categorical: Literal["codes", "onehot", "target", "drop"] = "codes"
    text: Literal["svd", "tfidf", "raw", "drop"] = "svd"
    max_onehot: int = 64
    sparse: bool = False
    generated: tuple[Literal["arithmetic", "target", "interactions", "groups"], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no column is encoded: the matrix has one column, which is 0 in all rows.

        A fit with such a view can but describe the target. It is made in the process of the
        search, before any other, and nothing limits it.
        """
        modes = {self.numeric, self.categorical, self.text}
        return modes == {"drop"} and not self.generated

    def uses_target(self, shape: Shape) -> bool:
        """Whether targets of the training rows are in the encoded rows, for such columns.

        They are there out of fold, but what the target of one row gave to the others is in what
        a model learns of them: a prediction of that row by trees that have not seen it knows it.
        """
        many = any(n > self.max_onehot for n in shape.n_categories)
        return bool(
            self.generated
            or (self.text == "svd" and shape.n_text)
            or (self.categorical == "target" and shape.n_categorical)
            or (self.categorical == "onehot" and many)
        )


@dataclass(frozen=True, slots=True)
class Features:
    """What the columns of an encoded matrix are.

    Attributes:
        names: One name per column of the matrix, unique and safe (``c0``, ``c1_hour``, ...);
            never text from the data.
        categorical: Indices of the columns that hold category codes.
        cardinalities: For each of those, the number of codes (codes are ``0 .. n - 1``).
        sources: For each column of the matrix the column of the table that it is made of, by its
            key in ``Shape.columns``; "" where it is made of several, or of none.
    """

    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()
    cardinalities: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fold:
    """One train/validation division, encoded in the view the family asked for.

    Arrays may be read-only and memory-mapped: copy before writing.

    Attributes:
        X_train, X_valid: Encoded rows, ``(n_rows, n_features)``. For an out-of-bag family that
            sees all rows at once, ``X_valid`` has no rows.
        y_train, y_valid: Class indices (int64) or values (float64), ``(n_rows,)``.
        weight_train, weight_valid: Row weights (float64, above 0) or None. A row of weight 2
            counts as the row twice.
        features: What the columns are.
        index: Number of the fold in the split plan, from 0.
        memo: Kept in this worker between trials on the same fold and view: a place for what is
            costly to build from the data alone, such as a binned data set. May be emptied.
        shared: A folder for the same, as files that fits in all workers find; None where there is
            none. Others may write the same file: write under a temporary name and rename it.
        shared_by_folds: Likewise, one for all folds and views: for what is made of single rows by
            something that learns from none, such as embeddings of texts by a given model.
        images_train, images_valid: One for each column of images, if the family takes that kind.
        sequences_train, sequences_valid: One for each column of sequences, likewise.
        texts_train, texts_valid: One for each column of texts, if the view shows them ``raw``.
    """

    X_train: Matrix
    y_train: NDArray[Any]
    weight_train: NDArray[np.float64] | None
    X_valid: Matrix
    y_valid: NDArray[Any]
    weight_valid: NDArray[np.float64] | None
    features: Features
    index: int = 0
    memo: MutableMapping[Hashable, Any] = field(default_factory=dict)
    shared: Path | None = None
    shared_by_folds: Path | None = None
    images_train: tuple[Images, ...] = ()
    images_valid: tuple[Images, ...] = ()
    sequences_train: tuple[Sequences, ...] = ()
    sequences_valid: tuple[Sequences, ...] = ()
    texts_train: tuple[Texts, ...] = ()
    texts_valid: tuple[Texts, ...] = ()

    @property
    def train(self) -> Rows:
        """The training rows with all that they hold."""
        return Rows(self.X_train, self.images_train, self.sequences_train, self.texts_train)

    @property
    def valid(self) -> Rows:
        """The validation rows with all that they hold."""
        return Rows(self.X_valid, self.images_valid, self.sequences_valid, self.texts_valid)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of the problem before any fit: enough to choose a search space.

    Attributes:
        task: What is predicted.
        metric: What the run is judged by.
        n_rows: Rows that can be learnt from.
        n_numeric, n_categorical, n_text: Columns by kind (booleans and datetimes are numeric).
        n_categories: Number of distinct values of each categorical column.
        n_classes: Number of classes; 0 for regression.
        n_folds: Fits that one complete trial takes.
        n_cpus: CPU cores of the run.
        n_gpus: GPUs of the run.
        time_s: Wall-clock budget of the run in seconds; None without one.
        settings: The family's settings: what the user gave under ``model.<family>``, and the
            defaults of the others.
        quantiles: Levels to predict, ascending; empty unless the task is to predict quantiles.
        images: ``(height, width, channels)`` of each column of images.
        sequences: ``(n_channels, longest)`` of each column of sequences, the latter in steps.
        text_bytes: Mean length of each column of texts, as UTF-8.
        columns: Key in ``Features.sources`` by the name of a column in the user's table, for the
            columns that the family is shown and that have a name of their own.
    """

    task: Task
    metric: Metric
    n_rows: int
    n_numeric: int
    n_categorical: int = 0
    n_text: int = 0
    n_categories: tuple[int, ...] = ()
    n_classes: int = 0
    n_folds: int = 5
    n_cpus: int = 1
    n_gpus: int = 0
    time_s: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    quantiles: tuple[float, ...] = ()
    images: tuple[tuple[int, int, int], ...] = ()
    sequences: tuple[tuple[int, int], ...] = ()
    text_bytes: tuple[float, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_columns(self) -> int:
        """All columns, before encoding."""
        n_encoded = self.n_numeric + self.n_categorical + self.n_text
        return n_encoded + len(self.images) + len(self.sequences)


@dataclass(frozen=True, slots=True)
class Resources:
    """What one fit takes: an estimate, by which fits are placed until some of them were measured.

    Attributes:
        n_cpus: Threads.
        ram_gib: Resident memory above what the worker already has, in GiB.
        n_gpus: Share of a GPU: 0 for none, 0.25 for a quarter, 1 for a whole one. Never more
            than one.
        vram_gib: GPU memory in GiB.
    """

    n_cpus: int = 1
    ram_gib: float = 0.5
    n_gpus: float = 0.0
    vram_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class TrialContext:
    """The slot a fit runs in.

    Attributes:
        shape: The problem.
        seed: For every random choice of the fit; differs by run, trial and fold.
        n_threads: Threads the fit may use.
        device: ``cpu``, or the torch name of the leased GPU (``cuda:0``: the worker sees only
            its own).
        time_limit_s: Seconds this fit should take at most, as a fair share of the budget: adapt
            learning rates and sizes to it. None without a time budget.
        deadline: What ``clock`` says when the fit must be over; later the worker is killed and the
            fit lost. Boosters and nets stop by themselves before it. None without one.
        scratch: A folder for this fit, which need not be there yet. What a fit leaves in it is
            found by the next attempt when its worker is lost, also in a resumed search; it is
            gone when the fit is over. None where nothing is to be kept.
        stages: In a fit of all rows, where it should end: a stage for each log of the folds'
            models (see ``StageLog``), as their validation rows tell. Empty where they have none.
        clock: Gives the seconds by which a fit limits its time: ``time.monotonic``, or a counter
            where a test counts the work of a fit.
    """

    shape: Shape
    seed: int
    n_threads: int = 1
    device: str = "cpu"
    time_limit_s: float | None = None
    deadline: float | None = None
    scratch: Path | None = None
    stages: tuple[float, ...] = ()
    clock: Callable[[], float] = time.monotonic

    @property
    def task(self) -> Task:
        """What is predicted."""
        return self.shape.task

    @property
    def metric(self) -> Metric:
        """What the run is judged by: early stopping and reports use it."""
        return self.shape.metric

    @property
    def settings(self) -> Mapping[str, Any]:
        """The family's settings, those of the user and the defaults of the others."""
        return self.shape.settings

    @property
    def time_left_s(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else self.deadline - self.clock()
