"""Every path in a run directory, and how a file gets there whole."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from automl.errors import RunError

__all__ = ["RunDir", "read_json", "write_json", "write_whole"]


@dataclass(frozen=True, slots=True)
class RunDir:
    """The layout of one run on disk. Holds a path and nothing else."""

    path: Path

    @property
    def manifest(self) -> Path:
        """Versions, hashes, schema, seeds and the fingerprint of the data."""
        return self.path / "manifest.json"

    @property
    def config(self) -> Path:
        """The composed configuration."""
        return self.path / "config.yaml"

    @property
    def log(self) -> Path:
        """One JSON object a line for everything that happened."""
        return self.path / "log.jsonl"

    @property
    def data(self) -> Path:
        """The table, target and weights that workers map into memory."""
        return self.path / "data"

    @property
    def views(self) -> Path:
        """Encoded folds and their fitted encoders."""
        return self.path / "views"

    @property
    def split(self) -> Path:
        """The split plan."""
        return self.path / "split"

    @property
    def study(self) -> Path:
        """The SQLite file of Optuna's storage."""
        return self.path / "study.db"

    @property
    def trials(self) -> Path:
        """One directory a trial."""
        return self.path / "trials"

    @property
    def ensemble(self) -> Path:
        """Members and weights of the predictor."""
        return self.path / "ensemble"

    @property
    def leaderboard(self) -> Path:
        """The leaderboard as CSV."""
        return self.path / "leaderboard.csv"

    @property
    def lock(self) -> Path:
        """Locked by the process that searches; its id is inside."""
        return self.path / "lock"

    def trial(self, trial_id: str) -> Path:
        """Directory of one trial, such as ``lightgbm-3``."""
        return self.trials / trial_id

    def fold(self, trial_id: str, fold: int) -> Path:
        """Directory of one fitted fold of a trial: model and validation predictions."""
        return self.trial(trial_id) / f"fold-{fold}"

    def model(self, trial_id: str, fold: int) -> Path:
        """Directory of the model of one fitted fold, written by its family."""
        return self.fold(trial_id, fold) / "model"

    def oof(self, trial_id: str, fold: int) -> Path:
        """Predictions of the rows that the model of one fold did not see."""
        return self.fold(trial_id, fold) / "oof.npy"

    def check(self) -> RunDir:
        """Returns itself.

        Raises:
            RunError: The directory is not there, or holds no run.
        """
        if not self.path.is_dir():
            raise RunError(f"there is no run at {self.path}: no such directory")
        if not self.manifest.is_file() and self.lock.is_file():
            raise RunError(
                f"{self.path} is no run yet: the search was killed before it had begun: start it "
                "again by the command it was started with"
            )
        if not self.manifest.is_file():
            raise RunError(f"{self.path} is not a run: it has no {self.manifest.name}")
        return self


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file so that it is there whole or not at all: temporary name, fsync, rename.

    Args:
        path: The file; its directory must exist.
        write: Called with the open binary file.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Writes JSON whole; NaN and infinity are refused, lone surrogates are written as escapes."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, lambda file: file.write(text.encode(errors="backslashreplace")))


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        RunError: The file is not there or does not hold JSON; it is named.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run is not complete") from None
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from None
