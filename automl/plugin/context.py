"""Inputs of a family: the problem, encoded folds, and the slot of a fit."""

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

__all__ = ["Encoding", "Features", "Fold", "ProblemInfo", "Resources", "TrialContext"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a table's columns that a family asks for. It is fitted on training rows.

    Attributes:
        numeric: ``raw`` keeps values and NaN; ``standard`` imputes the median, adds an indicator
            of missing values if there are any, and scales to mean 0 and standard deviation 1;
            ``quantile`` does the same with a quantile-normal transform instead of scaling.
            Booleans and the parts of datetimes are numeric. ``drop`` omits all of these.
        categorical: ``codes`` gives one column of integer codes (0 is missing, unseen or rare);
            ``onehot`` one column per category, with out-of-fold target encoding above
            ``max_onehot`` categories; ``target`` out-of-fold target encoding for all;
            ``drop`` omits them.
        text: ``svd`` gives a few dense columns: components of the TF-IDF matrix of words and
            character n-grams, out-of-fold predictions of the target, length, number of words, and
            shares of digits, capitals and signs; ``tfidf`` the matrix itself (only with
            ``sparse``); ``raw`` passes the texts unchanged beside the matrix; ``drop`` omits
            them.
        max_onehot: Largest number of categories of a one-hot encoded column.
        sparse: Whether the family accepts a CSR matrix. It gets one only if that saves memory.
        generated: Generated columns, placed last; not with ``sparse``. ``arithmetic`` combines
            pairs of numeric columns; ``target`` adds out-of-fold target encodings of categorical
            columns, ``interactions`` of pairs of them; ``groups`` compares numbers with the mean
            of their group. Only columns that explain more than their sources are kept.

    Example:
        >>> encoding = Encoding(numeric="standard", categorical="onehot", text="drop")
        >>> encoding.uses_target(problem)
        False
    """

    numeric: Literal["raw", "standard", "quantile", "drop"] = "raw"
    categorical: Literal["codes", "onehot", "target", "drop"] = "codes"
    text: Literal["svd", "tfidf", "raw", "drop"] = "svd"
    max_onehot: int = 64
    sparse: bool = False
    generated: tuple[Literal["arithmetic", "target", "interactions", "groups"], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no column is encoded: the matrix has one column of zeros.

        A fit with this encoding can use the target alone. It runs in the process of the search,
        before all others and without limits.
        """
        modes = {self.numeric, self.categorical, self.text}
        return modes == {"drop"} and not self.generated

    def uses_target(self, problem: ProblemInfo) -> bool:
        """Whether the encoded training rows contain information about their targets.

        The encoding is out of fold, but the target of a row enters the encoded values of other
        rows. Out-of-bag predictions would leak: the trees that did not train on the row trained
        on those.
        """
        many = any(n > self.max_onehot for n in problem.n_categories)
        return bool(
            self.generated
            or (self.text == "svd" and problem.n_text)
            or (self.categorical == "target" and problem.n_categorical)
            or (self.categorical == "onehot" and many)
        )


@dataclass(frozen=True, slots=True)
class Features:
    """The columns of an encoded matrix.

    Attributes:
        names: Unique name of each column of the matrix (``c0``, ``c1_hour``, ...); never text
            from the data.
        categorical: Indices of the columns that hold category codes.
        cardinalities: Number of codes of each of them (codes are ``0 .. n - 1``).
        sources: For each column of the matrix, the table column that it comes from, by its key in
            ``ProblemInfo.columns``; "" if it comes from several or none.

    Example:
        >>> features = Features(("c0", "c1"), categorical=(1,), cardinalities=(4,))
        >>> [features.names[column] for column in features.categorical]
        ['c1']
    """

    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()
    cardinalities: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold, in the encoding that the family asked for.

    Arrays may be read-only and memory-mapped: copy before writing.

    Attributes:
        X_train, X_valid: Encoded rows, ``(n_rows, n_features)``. ``X_valid`` is empty in a fit of
            all rows.
        y_train, y_valid: Class indices (int64) or values (float64), ``(n_rows,)``.
        weight_train, weight_valid: Row weights (float64, above 0) or None. A row of weight 2
            counts as two rows.
        features: Columns of the matrices.
        index: Number of the fold in the split plan, from 0.
        memo: Cache in this worker, kept between trials with the same fold and encoding, for
            results that depend on the data alone, such as a binned data set. May be emptied.
        fold_cache_dir: Folder for the same results as files, shared by all workers; None without
            one. Others may write the same file: write to a temporary name, then rename.
        run_cache_dir: Folder shared by all folds and encodings, for row-wise features that need
            no fitting, such as pretrained embeddings; None without one.
        images_train, images_valid: One per image column, if the family takes images.
        sequences_train, sequences_valid: One per sequence column, if it takes sequences.
        texts_train, texts_valid: One per text column, if the encoding of text is ``raw``.

    Example:
        >>> X, y = np.eye(3, dtype=np.float32), np.arange(3.0)
        >>> features = Features(("c0", "c1", "c2"))
        >>> fold = Fold(X[:2], y[:2], None, X[2:], y[2:], None, features)
        >>> len(fold.train), len(fold.valid)
        (2, 1)
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
    fold_cache_dir: Path | None = None
    run_cache_dir: Path | None = None
    images_train: tuple[Images, ...] = ()
    images_valid: tuple[Images, ...] = ()
    sequences_train: tuple[Sequences, ...] = ()
    sequences_valid: tuple[Sequences, ...] = ()
    texts_train: tuple[Texts, ...] = ()
    texts_valid: tuple[Texts, ...] = ()

    @property
    def train(self) -> Rows:
        """The training rows with their images, sequences and texts."""
        return Rows(self.X_train, self.images_train, self.sequences_train, self.texts_train)

    @property
    def valid(self) -> Rows:
        """The validation rows with their images, sequences and texts."""
        return Rows(self.X_valid, self.images_valid, self.sequences_valid, self.texts_valid)


@dataclass(frozen=True, slots=True)
class ProblemInfo:
    """The problem as known before the first fit, from which a family chooses its search space.

    Attributes:
        task: Task of the run.
        metric: Metric of the run.
        n_rows: Rows with a target.
        n_numeric, n_categorical, n_text: Columns by kind (booleans and datetimes are numeric).
        n_categories: Number of distinct values of each categorical column.
        n_classes: Number of classes; 0 for regression.
        n_folds: Fits of a complete trial.
        n_cpus: CPU cores of the run.
        n_gpus: GPUs of the run.
        time_s: Wall-clock budget of the run in seconds; None without one.
        settings: Settings of the family: the user's under ``model.<family>``, defaults for the
            others.
        quantiles: Levels to predict, ascending; empty unless the task is to predict quantiles.
        images: ``(height, width, channels)`` of each image column.
        sequences: ``(n_channels, length of the longest in steps)`` of each sequence column.
        text_bytes: Mean length of each text column in bytes of UTF-8.
        columns: Key in ``Features.sources`` by column name in the user's table, for the named
            columns that the family sees.

    Example:
        >>> ProblemInfo(Task.REGRESSION, mae, n_rows=1000, n_numeric=12, n_text=1).n_columns
        13
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
        """Number of columns before encoding."""
        n_encoded = self.n_numeric + self.n_categorical + self.n_text
        return n_encoded + len(self.images) + len(self.sequences)


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources of one fit: an estimate that the search uses until it has measured some fits.

    Attributes:
        n_cpus: Threads.
        ram_gib: Resident memory in GiB, beyond that of the idle worker.
        n_gpus: Share of a GPU: 0 for none, 0.25 for a quarter, 1 for a whole one. Never more
            than one.
        vram_gib: GPU memory in GiB.

    Example:
        >>> resources = Resources(n_cpus=4, ram_gib=2.0, n_gpus=0.25, vram_gib=3.0)
    """

    n_cpus: int = 1
    ram_gib: float = 0.5
    n_gpus: float = 0.0
    vram_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class TrialContext:
    """The problem, the slot and the time limits of a fit.

    Attributes:
        problem: The problem.
        seed: Seed for all random choices of the fit; differs by run, trial and fold.
        n_threads: Number of threads that the fit may use.
        device: ``cpu``, or the torch name of the leased GPU (``cuda:0``: the worker sees only
            its own).
        time_limit_s: Seconds that this fit should take at most, a fair share of the budget: adapt
            learning rates and sizes to it. None without a time budget.
        deadline: Value of ``clock`` at which the fit must have returned; after it the worker is
            killed and the fit is lost. Boosters and nets stop before it. None without one.
        scratch_dir: Folder for checkpoints of this fit; it may not exist yet. If the worker is
            lost, the next attempt finds its files, also in a resumed search. Deleted after the
            fit. None if nothing is to be kept.
        stages: In a fit of all rows, the stage at which it should end, chosen on the validation
            rows of the folds: one per log of their models (see ``StageLog``), or none.
        clock: Returns seconds, for the time limits of a fit: ``time.monotonic``, or a counter in
            tests that count the work of a fit.

    Example:
        >>> TrialContext(problem, seed=0, n_threads=4, time_limit_s=60.0).time_left_s
        inf
    """

    problem: ProblemInfo
    seed: int
    n_threads: int = 1
    device: str = "cpu"
    time_limit_s: float | None = None
    deadline: float | None = None
    scratch_dir: Path | None = None
    stages: tuple[float, ...] = ()
    clock: Callable[[], float] = time.monotonic

    @property
    def task(self) -> Task:
        """Task of the run."""
        return self.problem.task

    @property
    def metric(self) -> Metric:
        """Metric of the run, used by early stopping and reports."""
        return self.problem.metric

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the family: the user's, and defaults for the others."""
        return self.problem.settings

    @property
    def time_left_s(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else self.deadline - self.clock()
