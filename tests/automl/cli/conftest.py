from __future__ import annotations

from pathlib import Path

import pytest

from automl.events import (
    EnsembleUpdated,
    Event,
    FamilyCounts,
    Note,
    Progress,
    SearchFinished,
    SearchStarted,
    TrialFinished,
    TrialStarted,
)
from automl.leaderboard import Leaderboard, LeaderboardRow, read_board
from automl.store.files import write_json
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import FoldResult, TrialError, TrialRecord, TrialSpec, TrialState

NOTE = "column 'id\x1b[31m' left out"


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    """A run with a complete, a failed and a running trial."""
    run = RunDir(tmp_path / "a run")
    run.path.mkdir()
    metric = {"name": "roc_auc", "greater_is_better": True}
    write_json(run.manifest, {"metric": metric, "task": "binary", "target": "y"})
    fold = FoldResult(0, 0.9, 1.5, 0.1)
    spec = TrialSpec("svm", 0, {"kernel": "rbf"})
    complete = TrialRecord(
        spec, 0, TrialState.COMPLETE, (fold,), 0.9, 0.005, interval=(0.888, 0.908)
    )
    write_record(run, complete)
    error = TrialError("memory", "needed 3 GiB")
    failed = TrialRecord(TrialSpec("mlp", 0, {}), 1, TrialState.FAILED, error=error)
    write_record(run, failed)
    write_record(run, TrialRecord(TrialSpec("knn", 0, {}), 2, TrialState.RUNNING))
    return run


@pytest.fixture
def board(run_dir: RunDir) -> Leaderboard:
    return read_board(run_dir)


@pytest.fixture
def many_failures() -> Leaderboard:
    rows = tuple(
        LeaderboardRow(None, "mlp", f"mlp-{i}", "failed", error=f"crash: cause {i % 5}")
        for i in range(12)
    )
    return Leaderboard("rmse", False, "regression", "y", rows)


@pytest.fixture
def events() -> list[Event]:
    """One short search."""
    counts = {"svm": FamilyCounts(complete=1, best_score=0.9), "mlp": FamilyCounts(failed=2)}
    crash = ("mlp", "failed", None, None, 0.5, "memory", "needed 3 GiB")
    return [
        Note(NOTE),
        SearchStarted(
            run="runs/first",
            n_rows=1000,
            n_columns=7,
            target="[red]y",
            task="binary",
            metric="roc_auc",
            target_reason="guessed: the last column; override with --target",
            families=("svm", "mlp"),
            split="5 folds",
            n_cpus=2,
            n_gpus=0,
            time_s=60.0,
            trials=None,
        ),
        TrialStarted("svm-0", "svm", 1.0),
        Progress(1.5, 58.5, "searching", {"svm": FamilyCounts(running=1)}, ("svm-0/fold-0",)),
        TrialFinished("svm-0", "svm", "complete", 0.9, 0.01, 1.5, "", "", 2.0),
        EnsembleUpdated(0.91, {"svm-0": 1.0}, 2.1),
        Progress(2.2, 57.8, "searching", counts, ("mlp-0/fold-0",), "svm-0", 0.9, 0.91),
        TrialFinished("mlp-0", *crash, 3.0),
        TrialFinished("mlp-1", *crash, 4.0),
        TrialFinished("svm-1", "svm", "pruned", None, None, 0.2, "pruned", "losing", 5.0),
        Progress(70.0, 0.0, "finishing", counts, (), "svm-0", 0.9, 0.91),
        SearchFinished("runs/first", "time", 1, 1, 2, (("memory", 2),), 0.91, {"svm-0": 1}, 71.0),
    ]
