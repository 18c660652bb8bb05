from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from automl.store.files import write_json
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import FoldResult, TrialError, TrialRecord, TrialSpec, TrialState

MakeRun = Callable[..., RunDir]


def record(
    trial: str,
    index: int,
    state: str = "complete",
    score: float | None = None,
    folds: Sequence[float | None] = (),
    fit_s: float = 1.0,
    predict_ms: float = 0.0,
    error: TrialError | None = None,
    **params: Any,
) -> TrialRecord:
    family, _, number = trial.rpartition("-")
    results = tuple(
        FoldResult(i, s, fit_s, 0.01, model_mib=1.0, predict_ms=predict_ms)
        for i, s in enumerate(folds)
    )
    return TrialRecord(
        spec=TrialSpec(family, int(number), params),
        index=index,
        state=TrialState(state),
        folds=results,
        score=score,
        score_se=None if score is None else 0.005,
        interval=None if score is None else (score - 0.012, score + 0.008),
        error=error,
    )


@pytest.fixture
def make_record() -> Callable[..., TrialRecord]:
    return record


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run directory with records, and an ensemble where weights are given."""

    def make(
        *records: TrialRecord,
        weights: dict[str, float] | None = None,
        greater_is_better: bool = True,
        metric: str = "roc_auc",
        target: str = "y",
        name: str = "run",
        objectives: Sequence[str] = ("score",),
        limits: dict[str, float] | None = None,
    ) -> RunDir:
        run = RunDir(tmp_path / name)
        run.path.mkdir()
        value = {"name": metric, "greater_is_better": greater_is_better}
        goals = {"objectives": list(objectives), "limits": limits or {}}
        write_json(run.manifest, {"metric": value, "task": "binary", "target": target, **goals})
        for one in records:
            write_record(run, one)
        if weights is not None:
            run.ensemble.mkdir()
            members = [
                {"trial": t, "family": t.rpartition("-")[0], "weight": w, "folds": [0]}
                for t, w in weights.items()
            ]
            ensemble = {"members": members, "score": 0.95, "score_se": None, "metric": metric}
            write_json(run.ensemble / "ensemble.json", ensemble)
        return run

    return make


@pytest.fixture
def mixed_run(make_run: MakeRun) -> RunDir:
    """Trials in every state, with text from libraries and data that a terminal must not obey."""
    crash = TrialError("memory", "needed 3.2 GiB, 1.1 GiB were free")
    nasty = TrialError("exception", "ValueError: \x1b[31mbad\x1b[0m | [red]x\nsecond line")
    return make_run(
        record("lightgbm-0", 0, score=0.8, folds=(0.79, 0.81), note="[bold]a|b"),
        record("svm-0", 1, score=0.9, folds=(0.9, 0.9), C=1.0, kernel="rbf"),
        record("lightgbm-1", 2, "pruned", folds=(0.5,), error=TrialError("pruned", "losing")),
        record("mlp-0", 3, "failed", error=crash),
        record("mlp-1", 4, "failed", error=crash),
        record("mlp-2", 5, "failed", error=nasty),
        record("forest-0", 6, "running", folds=(0.7,)),
        weights={"svm-0": 0.75, "lightgbm-0": 0.25},
    )
