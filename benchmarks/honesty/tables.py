"""What honesty costs: two states of ours on the tables of a catalog, in turns."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.honesty.row import Verdict, mean_and_error
from benchmarks.machine import ROOT
from benchmarks.results import latest
from benchmarks.series import Series, run_series
from benchmarks.systems import System
from benchmarks.tables import read_catalog

__all__ = ["AFTER", "BEFORE", "RESULTS_FILE", "judge_tables", "loss_of", "run_tables"]

BEFORE, AFTER = "before", "after"
RESULTS_FILE = "tables.jsonl"
SCRATCH = ROOT / "runs" / "honesty"
SLOWER = 1.2
OVERSHOOT = (1.05, 5.0)
"""A run may take this share of its budget, and so many seconds more."""


def run_tables(
    catalog: Path,
    trees: Mapping[str, Path],
    results: Path,
    *,
    tables: Sequence[str] = (),
    seeds: Sequence[int] = (0, 1),
    time_s: float = 60.0,
    n_cores: int = 2,
    retry: Sequence[str] = (),
) -> None:
    """Runs the searches of each state that are not kept yet.

    Args:
        catalog: CSV with the columns name, file, target and task.
        trees: A checkout for each state; it is run with its own adapter.
        results: Folder of the results.
        tables: Names of those that are run; all when empty.
        seeds: Of the divisions and of the searches.
        time_s: Budget of a search.
        n_cores: Cores of a search.
        retry: Kinds of runs to repeat, as in ``benchmarks.compare``.
    """
    read_catalog(catalog, tables)  # refuses a name that it does not have
    systems = [
        System(state, tree / "benchmarks" / "peers" / "automl.py", Path(sys.executable), tree)
        for state, tree in trees.items()
    ]
    series = Series(
        entries=read_catalog(catalog),
        tables=tables,
        systems=systems,
        seeds=seeds,
        time_s=time_s,
        n_cores=n_cores,
        results=results / RESULTS_FILE,
        retry=retry,
        folder=SCRATCH,
    )
    run_series(series)


def loss_of(result: Mapping[str, Any]) -> float | None:
    """1 - AUC, log loss or RMSE; None of a run without a score."""
    score = result["score"]
    if score is None:
        return None
    return 1 - float(score) if result["metric"] == "roc_auc" else float(score)


def judge_tables(results: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """The change of the loss over tables and seeds, and what was taken over the budget."""
    runs = {(r["table"], r["seed"], r["system"]): r for r in latest(results).values()}
    keys = sorted({key[:2] for key in runs})
    changes, slower, failed = [], [], []
    for table, seed in keys:
        pair = [runs.get((table, seed, state)) for state in (BEFORE, AFTER)]
        if pair[0] is None or pair[1] is None:
            continue
        before, after = loss_of(pair[0]), loss_of(pair[1])
        if before is None or after is None:
            failed.append(f"{table} {seed}")
        elif before > 0 and after > 0:
            changes.append(float(np.log(after / before)))
        if pair[0].get("predict_s") and pair[1].get("predict_s"):
            slower.append(float(np.log(pair[1]["predict_s"] / pair[0]["predict_s"])))
    verdicts = []
    if failed:
        what, value = "searches without a score, in either state", ", ".join(failed)
        verdicts.append(Verdict(what, value, "none", False, len(failed), len(keys)))
    if changes:
        mean, error = mean_and_error(changes)
        is_met = mean <= (error if np.isfinite(error) else 0.0)
        what = "mean over tables and seeds of log(loss after / loss before)"
        n = len(changes)
        bar = "<= one standard error"
        value = f"{mean:+.4f} ± {error:.4f}"
        verdicts.append(Verdict(what, value, bar, is_met, n, len(keys)))
    if slower:
        ratio = float(np.exp(np.mean(slower)))
        what = "seconds to predict, after over before, geometric mean"
        is_met = ratio <= SLOWER
        verdicts.append(
            Verdict(what, f"{ratio:.2f}", f"<= {SLOWER}", is_met, len(slower), len(keys))
        )
    for state in dict.fromkeys(system for *_, system in runs):
        own = [run for (*_, system), run in runs.items() if system == state]
        over = [r["time_s"] + r["overshoot_s"] - OVERSHOOT[0] * r["time_s"] for r in own]
        what = f"{state}: seconds beyond {OVERSHOOT[0]:g} of the budget, the most"
        is_met = max(over) <= OVERSHOOT[1]
        bar = f"<= {OVERSHOOT[1]:g} s"
        verdicts.append(Verdict(what, f"{max(over):.1f} s", bar, is_met, len(own), len(keys)))
    return verdicts
