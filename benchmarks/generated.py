"""What generated columns are worth: one family's default with and without them, in outer folds.

    python -m benchmarks.generated CATALOG.csv [--only TABLE ...] [--ways A ACTG ...]

Of the training rows of each fold a fifth decides when to stop; the other rows of the table, which
no fit saw, are scored. For each table and way of generating: the loss as a ratio to the one without
new columns (mean of the folds), how many folds are better and worse, the same ratio where the
predictions of both are averaged, seconds of encoding, and the seconds of fitting as a ratio. The
way ``seed`` is another seed and nothing else: what differs by chance. Seconds are of the CPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data import load_dataset
from automl.data.split.choose import make_split_plan
from automl.data.split.split_plan import Split
from automl.data.split.splitters import strata_of, stratified_labels
from automl.data.table import Dataset
from automl.metrics import default_metric
from automl.plugin import Encoding, Fold, Matrix, Metric, ModelFamily, Task, TrialContext
from automl.registry import load_registry
from automl.trial.setup import TrialSetup, problem_info
from benchmarks.folds import encoded_fold
from benchmarks.tables import Entry, read_catalog

__all__ = ["main"]

WAYS: Mapping[str, Encoding] = {
    "plain": Encoding(),
    "seed": Encoding(),
    "A": Encoding(generated=("arithmetic",)),
    "T": Encoding(generated=("target",)),
    "C": Encoding(generated=("interactions",)),
    "G": Encoding(generated=("groups",)),
    "AG": Encoding(generated=("arithmetic", "groups")),
    "ACTG": Encoding(generated=("arithmetic", "target", "interactions", "groups")),
}
N_PARTS = 5
"""Of so many parts of the training rows one decides when to stop."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way came to in one fold.

    Attributes:
        width: Columns of the matrix.
        prediction: Of the scored rows.
        loss: Distance of the score from the best there is.
        encode_s, fit_s: CPU seconds.
    """

    width: int
    prediction: NDArray[Any]
    loss: float
    encode_s: float
    fit_s: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a Markdown table, line by line, and the means over all tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generated",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--family", default="lightgbm")
    parser.add_argument("--rows", type=int, default=10_000, help="a sample of larger tables")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args(arguments)
    family = load_registry().get(options.family)
    for module in family.preload:  # its import is no part of a fit
        import_module(module)
    ways = {"plain": WAYS["plain"], **{way: WAYS[way] for way in options.ways}}
    print("| table | metric | way | columns | loss | better : worse | averaged | encode s | fit |")
    print("|---|---|---|---|---|---|---|---|---|")
    ratios: dict[str, list[NDArray[np.float64]]] = {way: [] for way in ways}
    for entry in read_catalog(options.catalog, options.only):
        dataset = _sampled(_load(entry), options.rows)
        metric = default_metric(dataset.target.task)
        folds = _folds(dataset, metric, family, ways, options.folds)
        for way in ways:
            line, mean = _compared(folds, way)
            ratios[way].append(mean)
            print(f"| {entry.name} | {metric.name} | {way} | {line} |", flush=True)
    for way, means in ratios.items():
        loss, averaged, fit = np.exp(np.mean(np.log(means), axis=0))
        print(f"| all | | {way} | | {loss:.4f} | | {averaged:.4f} | | {fit:.2f} |")


def _compared(
    folds: Sequence[tuple[Mapping[str, Outcome], Mapping[str, float]]], way: str
) -> tuple[str, NDArray[np.float64]]:
    """A line of the table; and the ratios of losses, losses when averaged, and seconds."""
    plain = np.array([max(outcomes["plain"].loss, 1e-9) for outcomes, _ in folds])
    losses = np.array([max(outcomes[way].loss, 1e-9) for outcomes, _ in folds])
    averaged = np.array([max(blended[way], 1e-9) for _, blended in folds])
    mine = [outcomes[way] for outcomes, _ in folds]
    fit_s = np.sum([o.fit_s for o in mine]) / np.sum([o["plain"].fit_s for o, _ in folds])
    encode_s = np.mean([o.encode_s for o in mine])
    loss, blend = losses.sum() / plain.sum(), averaged.sum() / plain.sum()
    score = f"{loss:.4f} | {(losses < plain).sum()} : {(losses > plain).sum()} | {blend:.4f}"
    line = f"{mine[0].width} | {score} | {encode_s:.2f} | {fit_s:.2f}"
    return line, np.array([loss, blend, fit_s])


def _folds(
    dataset: Dataset,
    metric: Metric,
    family: ModelFamily,
    ways: Mapping[str, Encoding],
    n_folds: int,
) -> list[tuple[dict[str, Outcome], dict[str, float]]]:
    """For each fold the outcomes by way, and the losses when averaged with the plain one."""
    setup = TrialSetup(run="", metric=metric.name, seed=0, n_folds=n_folds)
    problem = problem_info(setup, dataset, metric, family)
    done = []
    for division in make_split_plan(dataset, seed=0, folds=n_folds, repeats=1).splits:
        outcomes: dict[str, Outcome] = {}
        # Ways that come to the same columns come to the same model.
        fitted: dict[tuple[bool, tuple[str, ...]], tuple[NDArray[Any], float]] = {}
        y = dataset.y[division.valid]
        for way, view in ways.items():
            started = time.process_time()
            fold, X = _encoded(dataset, division, view, family)
            encode_s = time.process_time() - started
            key = way == "seed", fold.features.names
            if key not in fitted:
                fitted[key] = _fitted(family, fold, TrialContext(problem, seed=int(key[0])), X)
            prediction, fit_s = fitted[key]
            loss = _loss(metric, y, prediction)
            outcomes[way] = Outcome(X.shape[1], prediction, loss, encode_s, fit_s)
        plain = outcomes["plain"].prediction
        blended = {w: _loss(metric, y, (o.prediction + plain) / 2) for w, o in outcomes.items()}
        done.append((outcomes, blended))
    return done


def _fitted(
    family: ModelFamily, fold: Fold, context: TrialContext, X: Matrix
) -> tuple[NDArray[Any], float]:
    """The prediction of ``X``, and the seconds of fitting."""
    params = family.portfolio(context.problem)[0]
    started = time.process_time()
    model = family.fit(params, fold, context, lambda step, score: None)
    return model.predict(X), time.process_time() - started


def _encoded(
    dataset: Dataset, division: Split, encoding: Encoding, family: ModelFamily
) -> tuple[Fold, Matrix]:
    """Rows to fit and to stop on, and those that are scored."""
    y, target = dataset.y, dataset.target
    strata = strata_of(y[division.train], target.task.is_classification, N_PARTS)
    part = stratified_labels(strata, N_PARTS, np.random.default_rng(0))
    train, stop = division.train[part > 0], division.train[part == 0]
    fold, encoder = encoded_fold(dataset, Split(train, stop), encoding, family.kinds)
    return fold, encoder.transform(dataset.table, division.valid)


def _loss(metric: Metric, y: NDArray[Any], prediction: NDArray[Any]) -> float:
    score, best = metric.score(y, prediction), metric.bounds[metric.greater_is_better]
    return abs(best - score)


def _load(entry: Entry) -> Dataset:
    return load_dataset(str(entry.file), target=entry.target, task=Task(entry.task))


def _sampled(dataset: Dataset, n_rows: int) -> Dataset:
    """The same columns of some rows."""
    if len(dataset.y) <= n_rows:
        return dataset
    rows = np.sort(np.random.default_rng(0).choice(len(dataset.y), n_rows, replace=False))
    table = replace(dataset.table, data=dataset.table.data.take(rows))
    return replace(dataset, table=table, y=dataset.y[rows])


if __name__ == "__main__":
    main()
