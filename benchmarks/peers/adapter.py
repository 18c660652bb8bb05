"""What all adapters share: arguments, tables, times, and the files that come out.

An adapter is a script that ends with ``run(ItsPeer)``. It is started with the interpreter of the
system's own environment, imports nothing of ours but this package, and writes into ``--out``:

- ``predictions.csv``: one column a class named by its label, or the column ``prediction``;
- ``outcome.json``: when which stage ended, and what else the system reveals. It is written anew
  after each stage, so that a run that is killed tells how far it came.

Times of stages are of ``time.monotonic``, which counts from the start of the machine and so is the
same for the process that watches.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import os
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

__all__ = ["FirstRecord", "FramePeer", "Job", "Peer", "run"]

N_PREDICTIONS = 3
PATIENCE_S = 30.0
LIBRARIES = ("catboost", "lightgbm", "numpy", "pandas", "scikit-learn", "torch", "xgboost")
# no network, screen or GPU is needed by any of them
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True)
class Job:
    """What a system has to do.

    Attributes:
        train: CSV to learn from.
        test: CSV to predict, without the target.
        target: Name of the column to predict.
        task: ``binary``, ``multiclass`` or ``regression``.
        metric: ``roc_auc``, ``log_loss`` or ``rmse``: what it will be scored by.
        time_s: Budget, handed over as it is.
        cores: Number of cores that it may use.
        seed: Of what it draws.
        variant: A preset or setting of the system; "" for its usual one.
        out: Folder to write to, and to work in.
    """

    train: Path
    test: Path
    target: str
    task: str
    metric: str
    time_s: float
    cores: int
    seed: int
    variant: str
    out: Path

    @property
    def is_classification(self) -> bool:
        """Whether classes are to be predicted."""
        return self.task != "regression"


class Peer(ABC):
    """One system on one job. The stages are called in the order of the methods.

    Attributes:
        distribution: Whose version is recorded.
        first_model_at: ``time.monotonic()`` when the first model was there, where it is known.
        detail: What was trained, in words or figures.
    """

    distribution: ClassVar[str]

    def __init__(self, job: Job) -> None:
        self.job = job
        self.first_model_at: float | None = None
        self.detail: Any = ""

    @abstractmethod
    def prepare(self) -> None:
        """Imports the system and reads what it wants to have read."""

    @abstractmethod
    def fit(self) -> None:
        """Learns, in the seconds of the job."""

    def load(self) -> None:  # noqa: B027 - most have their models in memory already
        """Brings the models into memory where they are on disk."""

    @abstractmethod
    def predict(self) -> pd.DataFrame:
        """Predicts the test rows."""

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """Ends what was started."""


class FramePeer(Peer):
    """A peer that takes pandas frames. Classes are the numbers of the sorted labels.

    Attributes:
        X, y: To learn from.
        X_test: To predict.
        labels: Of the classes, as texts; empty for regression.
    """

    def prepare(self) -> None:
        """Reads both tables as pandas does by default."""
        job = self.job
        types = {job.target: str} if job.is_classification else None
        self.X = pd.read_csv(job.train, dtype=types, low_memory=False)
        self.X_test = pd.read_csv(job.test, low_memory=False)
        self.y = self.X.pop(job.target)
        for name in self.X.columns:  # one part may have no text among its values by chance
            if _is_text(self.X[name]) != _is_text(self.X_test[name]):
                for part in (self.X, self.X_test):
                    part[name] = part[name].astype(str).where(part[name].notna())
        self.labels: list[str] = []
        if job.is_classification:
            self.labels = sorted(self.y.unique())
            self.y = self.y.map({label: i for i, label in enumerate(self.labels)}).astype(int)

    def named(self, values: Any) -> pd.DataFrame:
        """A prediction as it is written.

        Args:
            values: Probabilities ``(n_rows, n_classes)``, or of the second class ``(n_rows,)``
                where there are two; or values ``(n_rows,)``.
        """
        values = np.asarray(values, dtype=np.float64)
        if not self.labels:
            return pd.DataFrame({"prediction": values.ravel()})
        if values.ndim == 1:
            values = np.column_stack([1.0 - values, values])
        return pd.DataFrame(values, columns=self.labels)

    def number_columns(self) -> None:
        """Numbers the columns, for systems that stumble over brackets and the like in names."""
        names = {name: f"x{number}" for number, name in enumerate(self.X)}
        self.X, self.X_test = self.X.rename(columns=names), self.X_test.rename(columns=names)

    def text_columns(self) -> list[str]:
        """Columns that hold neither numbers nor booleans."""
        return [name for name in self.X.columns if _is_text(self.X[name])]


def _is_text(column: pd.Series) -> bool:
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column))


class FirstRecord(logging.Handler):
    """Notes when the first log record came whose message has a text in it."""

    def __init__(self, text: str) -> None:
        super().__init__(logging.DEBUG)
        self.text = text
        self.at: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Looks at a record."""
        if self.at is None and self.text in record.getMessage():
            self.at = time.monotonic()


def run(kind: type[Peer]) -> None:
    """Does the job that the command line describes.

    Raises:
        Exception: Whatever the system raises; the watching process reads it from the log.
    """
    job = _job()
    os.environ.update(ENVIRONMENT)
    outcome: dict[str, Any] = {}

    def note(**values: Any) -> None:
        outcome.update(values)
        draft = job.out / "outcome.draft"
        draft.write_text(json.dumps(outcome), encoding="utf-8")
        draft.replace(job.out / "outcome.json")

    peer = kind(job)
    try:
        peer.prepare()
        note(began_at=time.monotonic(), version=_version(kind.distribution), packages=_packages())
        peer.fit()
        fitted_at = time.monotonic()
        peer.load()
        note(
            fitted_at=fitted_at,
            first_model_at=peer.first_model_at,
            detail=peer.detail if isinstance(peer.detail, dict) else str(peer.detail)[:400],
        )
        prediction, seconds = _timed_predictions(peer)
        prediction.to_csv(job.out / "predictions.csv", index=False)
        note(predict_s=seconds)
    finally:
        peer.close()


def _timed_predictions(peer: Peer) -> tuple[pd.DataFrame, list[float]]:
    """The prediction, and the seconds of each of some; slow ones are not repeated."""
    seconds: list[float] = []
    while len(seconds) < N_PREDICTIONS and sum(seconds) < PATIENCE_S:
        started = time.perf_counter()
        prediction = peer.predict()
        seconds.append(time.perf_counter() - started)
    return prediction, seconds


def _job() -> Job:
    parser = argparse.ArgumentParser(description="Fits a system and predicts with it.")
    for name in ("train", "test", "out"):
        parser.add_argument(f"--{name}", type=lambda text: Path(text).resolve(), required=True)
    for name in ("target", "task", "metric"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--time", type=float, required=True, dest="time_s")
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--variant", default="")
    return Job(**vars(parser.parse_args()))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # run from a working copy
        return ""


def _packages() -> dict[str, str]:
    versions = {name: _version(name) for name in LIBRARIES}
    return {name: version for name, version in versions.items() if version}
