"""Searches every table of a catalog, next to LightGBM with its defaults.

    python -m benchmarks.catalog --catalog tables/catalog.csv --time 60

The catalog is a CSV with the columns name, file (relative to it), target and task. Each table is
divided once, three parts to learn from and one to test on. One after the other, ``automl search``
runs as a command of its own, ``automl predict`` predicts the test rows, and both are scored here.
Results are appended to a file of JSON lines; what is in it already is not run again.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.floor import predict_floor
from benchmarks.process import Outcome, run_watched
from benchmarks.report import append_result, key_of, overshoot_s, read_results, to_markdown
from benchmarks.scores import METRICS, is_win, score
from benchmarks.tables import Entry, read_catalog, write_parts

__all__ = ["main", "measure"]

KILL_FACTOR = 3.0
KILL_SLACK_S = 120.0
PREDICT_LIMIT_S = 900.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is not done yet, and prints the table."""
    options = _options(arguments)
    entries = read_catalog(options.catalog, options.only)
    results = {key_of(r): r for r in read_results(options.results)}
    wanted = [(entry, (entry.name, options.seed, options.time)) for entry in entries]
    for entry, key in wanted:
        if key in results:
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = measure(entry, options.time, options.seed, Path(folder), options.overrides)
        append_result(options.results, result)
        results[key] = result
        ours, floor = result["score"], result["floor"]
        print(f"{entry.name}: {ours} (floor {floor})", file=sys.stderr, flush=True)
    print(to_markdown([results[key] for _, key in wanted]))


def measure(
    entry: Entry, time_s: float, seed: int, folder: Path, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Searches one table and scores the search and the floor on rows neither has seen."""
    train, test = write_parts(entry, seed, folder)
    run, predictions = folder / "run", folder / "predictions.csv"
    metric = METRICS[entry.task]
    command = [sys.executable, "-m", "automl", "search", str(train), "--target", entry.target]
    command += ["--task", entry.task, "--metric", metric, "--time", f"{time_s:g}"]
    command += ["--seed", str(seed), "--out", str(run), "-q", *overrides]
    search = run_watched(command, folder / "search.log", KILL_FACTOR * time_s + KILL_SLACK_S)
    predict: Outcome | None = None
    if search.status == 0:
        command = [sys.executable, "-m", "automl", "predict", str(run), str(test)]
        command += ["--out", str(predictions)]
        command += [] if entry.task == "regression" else ["--proba"]
        predict = run_watched(command, folder / "predict.log", PREDICT_LIMIT_S)
    truth = pd.read_csv(test, dtype=str, keep_default_na=False)[entry.target].tolist()
    ours = None
    if predict is not None and predict.status == 0:
        ours = score(entry.task, truth, pd.read_csv(predictions))
    floor = score(entry.task, truth, predict_floor(entry, train, test, seed))
    failed = search if predict is None else predict
    return {
        "name": entry.name,
        "seed": seed,
        "time_s": time_s,
        "metric": metric,
        "score": ours,
        "floor": floor,
        "win": is_win(entry.task, ours, floor),
        "wall_s": search.wall_s,
        "overshoot_s": overshoot_s(search.wall_s, time_s),
        "peak_gib": search.peak_gib,
        "trials": _trials(run / "leaderboard.csv"),
        "predict_s": None if predict is None else predict.wall_s,
        "error": "" if ours is not None else failed.error,
    }


def _trials(leaderboard: Path) -> dict[str, int]:
    """Number of trials by state."""
    if not leaderboard.exists():
        return {}
    with leaderboard.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return dict(Counter(row["state"] for row in rows if row["family"] != "ensemble"))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.catalog",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--time", type=float, default=60.0, help="seconds for each table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME")
    parser.add_argument("--results", type=Path, default=Path("runs/benchmark.jsonl"))
    parser.add_argument(
        "--overrides", nargs="+", default=(), metavar="KEY=VALUE", help="settings of the search"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
