"""Reads and writes trial records: ``trials/<family>-<n>/trial.json``, the truth about a trial."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from automl.errors import RunError, did_you_mean
from automl.store.files import read_json, write_json
from automl.store.run_dir import RunDir
from automl.trial.spec import FoldResult, TrialError, TrialRecord, TrialSpec, TrialState

__all__ = ["canonical_params", "find_record", "read_record", "read_records", "write_record"]

FILE_NAME = "trial.json"
MOST_REMOVALS = 20


def write_record(run: RunDir, record: TrialRecord) -> None:
    """Writes the record of a trial atomically, replacing an older one.

    A fit may be removing the folder of its own trial at this moment; it is created again.

    Raises:
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    path, value = run.trial(record.trial_id) / FILE_NAME, asdict(record)
    for _ in range(MOST_REMOVALS):
        with suppress(FileNotFoundError):
            write_json(path, value)
            return
    write_json(path, value)


def read_record(run: RunDir, trial_id: str) -> TrialRecord:
    """Reads the record of one trial.

    Raises:
        RunError: It is missing or damaged; the text names the file.
    """
    path = run.trial(trial_id) / FILE_NAME
    value = read_json(path)
    try:
        return _from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error!r}") from None


def find_record(run: RunDir, trial_id: str) -> TrialRecord:
    """Reads the record of a trial that the user named.

    Raises:
        RunError: There is no such trial (the text has the closest names), or its record is damaged.
    """
    known = sorted(path.parent.name for path in run.trials.glob(f"*/{FILE_NAME}"))
    if trial_id not in known:
        near = did_you_mean(trial_id, known) or "; see `automl leaderboard` for all trials"
        raise RunError(f"{run.path} has no trial {trial_id!r}{near}")
    return read_record(run, trial_id)


def read_records(run: RunDir) -> list[TrialRecord]:
    """Reads all records of a run, in the order of proposal.

    Raises:
        RunError: One is damaged.
    """
    folders = sorted(p.parent.name for p in run.trials.glob(f"*/{FILE_NAME}"))
    return sorted((read_record(run, name) for name in folders), key=lambda r: r.index)


def _from_json(value: dict[str, Any]) -> TrialRecord:
    folds = tuple(FoldResult(**{**fold, "steps": _steps(fold["steps"])}) for fold in value["folds"])
    low_high = value.get("interval")
    value = {name: item for name, item in value.items() if name != "notes"}  # of earlier versions
    # Earlier versions kept the spread of the folds under ``score_se``, and no interval.
    score_se = value["score_se"] if "interval" in value else None
    return TrialRecord(
        **{
            **value,
            "spec": TrialSpec(**value["spec"]),
            "state": TrialState(value["state"]),
            "folds": folds,
            "score_se": score_se,
            "interval": None if low_high is None else (float(low_high[0]), float(low_high[1])),
            "error": TrialError(**value["error"]) if value["error"] else None,
            "cut_steps": _steps(value.get("cut_steps", ())),  # earlier versions kept none
            "stages": tuple(map(float, value.get("stages", ()))),
        }
    )


def _steps(values: Iterable[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    return tuple((int(step), float(score)) for step, score in values)


def canonical_params(params: dict[str, Any]) -> str:
    """Params as JSON with sorted keys: equal text means equal params."""
    return json.dumps(params, sort_keys=True, allow_nan=False)
