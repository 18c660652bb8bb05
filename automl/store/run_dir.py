"""Defines every path in a run directory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from automl.errors import RunError

__all__ = ["RunDir", "new_run_path"]

RUNS = Path("runs")
SCRATCH = ".fold-{fold}.scratch"


def new_run_path(data_path: str | None) -> Path:
    """Returns an unused path under ``runs``, named by the time and the data.

    Args:
        data_path: Path or URL of the data; None for a table in memory.
    """
    stem = Path(data_path.partition("?")[0]).name.split(".")[0] if data_path else ""
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)[:40] or "search"
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    path, count = RUNS / f"{now}-{safe}", 1
    while path.exists():
        count += 1
        path = RUNS / f"{now}-{safe}-{count}"
    return path


@dataclass(frozen=True, slots=True)
class _Inside:
    """An attribute of a run directory: the path of this name in it."""

    name: str

    def __get__(self, run: RunDir, _: type[RunDir]) -> Path:
        return run.path / self.name


@dataclass(frozen=True, slots=True)
class RunDir:
    """The layout of one run on disk, given its path."""

    path: Path

    manifest = _Inside("manifest.json")
    """Versions, hashes, schema, seeds and the fingerprint of the data."""
    config = _Inside("config.yaml")
    """The composed configuration."""
    log = _Inside("log.jsonl")
    """The events of the run, one JSON object per line."""
    data = _Inside("data")
    """Table, target and weights, which workers map into memory."""
    encodings = _Inside("views")
    """Encoded folds and their fitted encoders."""
    split = _Inside("split")
    """The split plan."""
    studies = _Inside("studies.journal")
    """The trials as Optuna studies, in the format of Optuna's journals."""
    trials = _Inside("trials")
    """One directory per trial."""
    ensemble = _Inside("ensemble")
    """Members and weights of the predictor."""
    leaderboard = _Inside("leaderboard.csv")
    """The leaderboard as CSV."""
    lock = _Inside("lock")
    """File locked by the process of the search; holds its process id."""

    def trial(self, trial_id: str) -> Path:
        """Directory of one trial, such as ``lightgbm-3``."""
        return self.trials / trial_id

    def fold(self, trial_id: str, fold: int) -> Path:
        """Directory of one fitted fold of a trial: model and validation predictions."""
        return self.trial(trial_id) / f"fold-{fold}"

    def scratch(self, trial_id: str, fold: int) -> Path:
        """Directory of an unfinished fit, kept for another attempt."""
        return self.trial(trial_id) / SCRATCH.format(fold=fold)

    @property
    def scratches(self) -> list[Path]:
        """Directories of all unfinished fits."""
        return list(self.trials.glob("*/" + SCRATCH.format(fold="*")))

    def model(self, trial_id: str, fold: int) -> Path:
        """Directory of the model of one fitted fold, written by its family."""
        return self.fold(trial_id, fold) / "model"

    def oof(self, trial_id: str, fold: int) -> Path:
        """Out-of-fold predictions of one fold."""
        return self.fold(trial_id, fold) / "oof.npy"

    def settled(self, trial_id: str, fold: int) -> Path:
        """Out-of-fold predictions at the stage chosen by settling; replace ``oof`` if present."""
        return self.fold(trial_id, fold) / "settled.npy"

    def known(self, trial_id: str, fold: int) -> Path:
        """Predictions by one fold's model of a set of rows that is the same for all folds."""
        return self.fold(trial_id, fold) / "known.npy"

    def compared(self, trial_id: str, fold: int) -> Path:
        """Predictions of some rows by the fold models and by a refit, to compare both."""
        return self.fold(trial_id, fold) / "compared.npy"

    def check(self) -> RunDir:
        """Returns itself.

        Raises:
            RunError: The directory does not exist, or does not hold a run.
        """
        if self.manifest.is_file():
            return self
        if not self.path.is_dir():
            raise RunError(f"there is no run at {self.path}: no such directory")
        if not self.lock.is_file():
            raise RunError(f"{self.path} is not a run: it has no {self.manifest.name}")
        if self._is_held():
            raise RunError(
                f"the search in {self.path} is still starting: try again in a few seconds"
            )
        raise RunError(
            f"{self.path} is not a run yet: its search was killed before it began. Start it "
            "again with the same command"
        )

    def _is_held(self) -> bool:
        """Whether a search holds the lock; one that starts meanwhile retries."""
        try:
            import fcntl

            with self.lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except (ImportError, OSError):  # no such locks on this platform, or no such file
            return False
        return False
