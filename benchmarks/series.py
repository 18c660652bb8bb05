"""A series of runs: every system on every table, in turns, each run kept as soon as it is over."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.machine import cores_for, describe_machine, git_version
from benchmarks.process import Outcome, run_watched
from benchmarks.results import (
    append_result,
    has_failed,
    key_of,
    latest,
    read_results,
    was_disturbed,
)
from benchmarks.scores import METRICS, score
from benchmarks.systems import System
from benchmarks.tables import Entry, kept_parts

__all__ = ["REASONS", "Series", "run_series"]

REASONS = {"disturbed": was_disturbed, "failed": has_failed}
"""Why a run may be repeated."""

KILL_FACTOR = 3.0
KILL_SLACK_S = 60.0
"""A run may take three budgets, and a minute to start and to predict."""


@dataclass(frozen=True, slots=True)
class Series:
    """What is run.

    Attributes:
        entries: All tables of the catalog; who goes first depends on the place in it.
        tables: Names of those that are run; all when empty.
        systems: In the order of the first table.
        seeds: Of the division of the rows and of the systems.
        time_s: Budget of a run.
        n_cores: Cores of a run.
        results: File to append to.
        retry: Kinds of runs to repeat, of ``REASONS``.
        folder: For divided tables and logs; that of the results by default.
    """

    entries: Sequence[Entry]
    tables: Sequence[str]
    systems: Sequence[System]
    seeds: Sequence[int]
    time_s: float
    n_cores: int
    results: Path
    retry: Sequence[str] = ()
    folder: Path | None = None

    def turns(self) -> Iterator[tuple[Entry, int, System]]:
        """Every run; from table to table another system goes first."""
        systems = list(self.systems)
        for seed in self.seeds:
            for place, entry in enumerate(self.entries):
                if self.tables and entry.name not in self.tables:
                    continue
                first = (place + seed) % len(systems)
                for system in systems[first:] + systems[:first]:
                    yield entry, seed, system


def run_series(series: Series) -> None:
    """Runs what is not done yet, and says on the standard error how it went."""
    done = latest(read_results(series.results))
    cores, machine = cores_for(series.n_cores), describe_machine()
    for entry, seed, system in series.turns():
        header: dict[str, Any] = {
            "table": entry.name,
            "seed": seed,
            "time_s": series.time_s,
            "cores": series.n_cores,
            "system": system.id,
        }
        old = done.get(key_of(header))
        if old is not None and not any(REASONS[reason](old) for reason in series.retry):
            continue
        started, git = datetime.now(UTC).isoformat(timespec="seconds"), git_version(system.tree)
        header |= {"started": started, "git": git}
        header |= {"load_before": os.getloadavg()[0], "machine": machine}
        result = header | _measure(series, entry, seed, system, cores)
        append_result(series.results, result)
        said = result["error"].splitlines()[-1:] or [f"{result['metric']} {result['score']:.6g}"]
        print(f"{entry.name} {seed} {system.id}: {said[0]}", file=sys.stderr, flush=True)


def _measure(
    series: Series, entry: Entry, seed: int, system: System, cores: Sequence[int]
) -> dict[str, Any]:
    """Runs one system on one table."""
    folder = series.folder or series.results.parent
    train, test, questions = kept_parts(entry, seed, folder / "tables")
    name = re.sub(r"[^\w.=]+", "-", f"{entry.name}-{seed}-{series.time_s:g}s-{system.id}")
    log = folder / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    metric = METRICS[entry.task]
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        out = Path(scratch) / "out"
        out.mkdir()
        arguments = ["--train", str(train), "--test", str(questions), "--target", entry.target]
        arguments += ["--task", entry.task, "--metric", metric, "--time", f"{series.time_s:g}"]
        arguments += ["--cores", str(len(cores)), "--seed", str(seed), "--out", str(out)]
        watched = run_watched(
            system.command(arguments),
            log,
            KILL_FACTOR * series.time_s + KILL_SLACK_S,
            cores=cores,
            env=system.environment(len(cores), Path(scratch)),
            folder=out,
        )
        told = out / "outcome.json"
        outcome = json.loads(told.read_text("utf-8")) if told.exists() else {}
        value, error = None, _failure(watched, outcome)
        if not error:
            try:
                value = _score(entry, test, out / "predictions.csv")
            except (ValueError, KeyError) as wrong:
                error = f"unusable predictions: {wrong}"
    return {"metric": metric, "task": entry.task, "score": value, "error": error} | _costs(
        watched, outcome, series.time_s
    )


def _failure(watched: Outcome, outcome: dict[str, Any]) -> str:
    """Why there is no prediction; "" where there is one."""
    if watched.timed_out:
        stage = "predicting" if "fitted_at" in outcome else "fitting"
        return f"killed after {watched.wall_s:.0f} s while {stage}"
    return watched.error or f"exit status {watched.status}" if watched.status else ""


def _score(entry: Entry, test: Path, predictions: Path) -> float:
    """The score of a prediction.

    Raises:
        ValueError: Rows are missing, or a value is not finite.
        KeyError: A column is missing.
    """
    truth = pd.read_csv(test, dtype=str, keep_default_na=False)[entry.target].tolist()
    predicted = pd.read_csv(predictions)
    if len(predicted) != len(truth):
        raise ValueError(f"{len(predicted)} for {len(truth)} rows")
    if not np.isfinite(predicted.to_numpy(float)).all():
        raise ValueError("some are not finite")
    return score(entry.task, truth, predicted)


def _costs(watched: Outcome, outcome: dict[str, Any], time_s: float) -> dict[str, Any]:
    """What a run took. Seconds of stages count from the start of its process."""

    def since_start(stage: str) -> float | None:
        at = outcome.get(stage)
        return None if at is None else at - watched.started_at

    fit_s, predict_s = since_start("fitted_at"), outcome.get("predict_s")
    return {
        "ready_s": since_start("began_at"),
        "first_model_s": since_start("first_model_at"),
        "fit_s": fit_s,
        "overshoot_s": (watched.wall_s if fit_s is None else fit_s) - time_s,
        "predict_s": float(np.median(predict_s)) if predict_s else None,
        "predict_all_s": predict_s,
        "wall_s": watched.wall_s,
        "peak_gib": watched.peak_gib,
        "others_cores": watched.others_cores,
        "version": outcome.get("version", ""),
        "packages": outcome.get("packages", {}),
        "detail": outcome.get("detail", ""),
    }
