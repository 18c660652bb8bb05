"""Compares ways to make one prediction of several models, on rows that nobody has seen.

    python -m benchmarks.ensembling make --catalog tables/catalog.csv --out runs/ensembling
    python -m benchmarks.ensembling compare --out runs/ensembling

``make`` divides each table of a catalog as ``benchmarks.catalog`` does, takes at most 2,500 rows to
learn from and 6,000 to test on, searches 16 trials without a limit of time, and keeps predictions
of every trial: out of fold, and of the test rows. What is there already is not made again.

``compare`` learns each way on the out-of-fold predictions and scores it on the test rows. Beside
it stands what comes of keeping a way only where it is better on out-of-fold rows that it did not
learn from, in five parts, which is what a search can do.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.candidates import Candidates, aligned
from automl.metrics import CATALOG
from automl.plugin.metric import Metric
from benchmarks.tables import Entry, read_catalog, write_parts
from benchmarks.ways import PLAIN, Way, ways_for

__all__ = ["Comparison", "compare", "keep_predictions", "main", "to_markdown"]

MOST_ROWS = {"train": 2_500, "test": 6_000}
PARTS = 5
METRICS = {
    "binary": ("roc_auc", "log_loss", "accuracy", "f1", "balanced_accuracy", "mcc"),
    "multiclass": ("log_loss", "accuracy", "balanced_accuracy", "f1_macro"),
    "regression": ("rmse", "mae"),
}
SETTINGS = ("search.keep_models=all", "search.folds=5", "pruner=none", "scheduler.cpus=1")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way beside plain greedy selection, on one table by one metric.

    Attributes:
        table, metric, way: Their names.
        change: Of the loss on test rows, as a share of the loss of plain selection; the loss of a
            metric that is to be high is its distance from 1.
        is_kept: Whether it is better out of fold, on rows that it did not learn from.
    """

    table: str
    metric: str
    way: str
    change: float
    is_kept: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes predictions, or compares ways on those that are there."""
    options = _options(arguments)
    if options.what == "make":
        for entry in read_catalog(options.catalog, options.only):
            keep_predictions(entry, options.seed, options.out / f"{entry.name}-{options.seed}")
        return
    found = [c for path in sorted(options.out.glob("*/predictions.npz")) for c in compare(path)]
    print(to_markdown(found))


def keep_predictions(entry: Entry, seed: int, folder: Path, trials: int = 16) -> Path:
    """Searches a table and writes ``predictions.npz``, if it is not there; returns its path."""
    path = folder / "predictions.npz"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    train, test = write_parts(entry, seed, folder)
    for name, file in (("train", train), ("test", test)):
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
        if len(rows) > MOST_ROWS[name]:
            rows.sample(MOST_ROWS[name], random_state=seed).to_csv(file, index=False)
    command = [sys.executable, "-m", "automl", "search", str(train), "--target", entry.target]
    command += ["--task", entry.task, "--seed", str(seed), "--trials", str(trials)]
    command += ["--out", str(folder / "run"), "-q", *SETTINGS]
    subprocess.run(command, check=True)
    np.savez(path, allow_pickle=False, task=entry.task, **_predictions(folder / "run", test))
    return path


def _predictions(folder: Path, test: Path) -> dict[str, NDArray[Any]]:
    """Out-of-fold and test predictions of all trials of a run, ``(n_models, n_rows, ...)``."""
    from automl import load_run
    from automl.data import load_labelled, open_dataset, read_schema
    from automl.data.split.choose import load_split_plan
    from automl.ensemble import read_oof
    from automl.store.run_dir import RunDir
    from automl.trial.records import read_record

    run = RunDir(folder)
    plan = load_split_plan(run.split)
    tested = load_run(folder).trial_predictions(str(test))
    oof = [
        read_oof(run, trial, [fold.fold for fold in read_record(run, trial).folds], plan)
        for trial in tested
    ]
    return {
        "families": np.array([trial.rpartition("-")[0] for trial in tested]),
        "oof": np.stack(oof).astype(np.float32),
        "test": np.stack(list(tested.values())).astype(np.float32),
        "y": open_dataset(run.data).y,
        "y_test": load_labelled(str(test), *read_schema(run.data)).y,
    }


def compare(path: Path) -> Iterable[Comparison]:
    """Compares the ways on the predictions of one table, by each metric of its task."""
    with np.load(path) as file:
        known = {name: file[name] for name in file.files}
    families = known["families"].tolist()
    able = [i for i, family in enumerate(families) if family != "baseline"]
    oof, test = ([known[name][i].astype(np.float64) for i in able] for name in ("oof", "test"))
    y_test, n_classes = known["y_test"], oof[0].shape[1] if oof[0].ndim == 2 else 0
    for name in METRICS[str(known["task"])]:
        metric = CATALOG[name]
        candidates = aligned(oof, known["y"], metric, families=[families[i] for i in able])
        ways = ways_for(metric, n_classes)
        losses = {w: _loss(metric, metric.score(y_test, ways[w](candidates)(test))) for w in ways}
        nested = {w: candidates.loss(_nested(candidates, ways[w])) for w in ways}
        for way in ways:
            if way != PLAIN:
                change = losses[way] / max(losses[PLAIN], 1e-9) - 1
                is_kept = nested[way] < nested[PLAIN]
                yield Comparison(path.parent.name, name, way, change, is_kept)


def _loss(metric: Metric, score: float) -> float:
    return 1 - score if metric.greater_is_better else score


def _nested(candidates: Candidates, way: Way) -> NDArray[np.float64]:
    """Predictions of each row by what was learned without its part of the rows."""
    order = np.random.default_rng(0).permutation(candidates.n_rows)
    if candidates.predictions[0].ndim == 2:
        order = order[np.argsort(candidates.y[order], kind="stable")]
    result = np.empty(candidates.predictions[0].shape)
    for part in range(PARTS):
        unseen, seen = np.sort(order[part::PARTS]), np.sort(np.delete(order, np.s_[part::PARTS]))
        combine = way(candidates.rows(seen))
        result[unseen] = combine(candidates.rows(unseen).predictions)
    return result


def to_markdown(found: Sequence[Comparison]) -> str:
    """One line for each metric and way: changes of the loss in percent, negative is better."""
    groups: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for one in found:
        groups[one.metric, one.way].append(one)
    lines = [
        "| metric | way | tables | mean change, % | better, worse | kept | mean where kept, % |",
        "|:--|:--|--:|--:|--:|--:|--:|",
    ]
    for (metric, way), group in sorted(groups.items()):
        changes = np.array([100 * one.change for one in group])
        kept = np.array([100 * one.change * one.is_kept for one in group])
        n_kept = sum(one.is_kept for one in group)
        better, worse = int((changes < -1e-9).sum()), int((changes > 1e-9).sum())
        lines.append(
            f"| {metric} | {way} | {len(group)} | {changes.mean():+.2f} | {better}, {worse} | "
            f"{n_kept} | {kept.mean():+.2f} |"
        )
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ensembling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="what", required=True)
    make = verbs.add_parser("make", help="search tables and keep predictions")
    make.add_argument("--catalog", type=Path, required=True)
    make.add_argument("--only", nargs="+", default=(), metavar="NAME")
    make.add_argument("--seed", type=int, default=0)
    for verb in (make, verbs.add_parser("compare", help="compare ways on kept predictions")):
        verb.add_argument("--out", type=Path, default=Path("runs/ensembling"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
