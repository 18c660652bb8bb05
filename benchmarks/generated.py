"""What generated columns are worth: one family's default with and without them, in folds.

    python -m benchmarks.generated CATALOG.csv [--only TABLE ...] [--ways plain A ...]

For each table and way: the mean validation score in the metric that a search would choose, how many
folds are better and worse than without new columns, and the seconds of encoding and of fitting.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from automl.data import load_dataset
from automl.data.encode import fit_encoder
from automl.data.split import make_split_plan
from automl.data.split_plan import Division
from automl.data.table import Dataset
from automl.metrics import default_metric
from automl.plugin import Fold, ModelFamily, Task, TrialContext, View
from automl.trial.setup import TrialSetup, family_shape
from automl_plugins.lightgbm import LightGBM
from benchmarks.tables import Entry, read_catalog

WAYS: Mapping[str, View] = {
    "plain": View(),
    "A": View(generated=("arithmetic",)),
    "T": View(generated=("target",)),
    "C": View(generated=("interactions",)),
    "CT": View(generated=("target", "interactions")),
    "CT, no codes": View(categorical="target", generated=("interactions",)),
    "G": View(generated=("groups",)),
    "ACT": View(generated=("arithmetic", "target", "interactions")),
    "ACTG": View(generated=("arithmetic", "target", "interactions", "groups")),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a Markdown table, line by line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generated",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--rows", type=int, default=10_000, help="a sample of larger tables")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args(arguments)
    print("| table | metric | way | columns | score | better : worse | encode s | fit s |")
    print("|---|---|---|---|---|---|---|---|")
    for entry in read_catalog(options.catalog, options.only):
        dataset = _sampled(_load(entry), options.rows)
        metric = default_metric(dataset.target.task)
        sign = 1 if metric.greater_is_better else -1
        plain: list[float] = []
        for way in options.ways:
            width, scores, encode_s, fit_s = _measured(dataset, WAYS[way], options.folds)
            plain = plain or scores
            gains = sign * (np.array(scores) - plain)
            print(
                f"| {entry.name} | {metric.name} | {way} | {width} | {np.mean(scores):.5g}"
                f" | {(gains > 0).sum()} : {(gains < 0).sum()} | {encode_s:.2f} | {fit_s:.2f} |",
                flush=True,
            )


def _measured(dataset: Dataset, view: View, n_folds: int) -> tuple[int, list[float], float, float]:
    """Columns of the first fold, scores by fold, and seconds of encoding and of fitting."""
    family = LightGBM()
    metric = default_metric(dataset.target.task)
    setup = TrialSetup(run="", metric=metric.name, seed=0, n_folds=n_folds)
    shape = family_shape(setup, dataset, metric, family)
    width, scores, encode_s, fit_s = 0, [], 0.0, 0.0
    for division in make_split_plan(dataset, seed=0, folds=n_folds, repeats=1).divisions:
        started = time.perf_counter()
        fold = _encoded(dataset, division, view, family)
        encoded = time.perf_counter()
        context = TrialContext(shape, seed=0)
        model = family.fit(family.portfolio(shape)[0], fold, context, lambda step, score: None)
        encode_s, fit_s = encode_s + encoded - started, fit_s + time.perf_counter() - encoded
        scores.append(float(metric.score(fold.y_valid, model.predict(fold.X_valid), None)))
        width = width or len(fold.features.names)
    return width, scores, encode_s, fit_s


def _encoded(dataset: Dataset, division: Division, view: View, family: ModelFamily) -> Fold:
    encoder, X_train = fit_encoder(
        dataset.table,
        division.train,
        dataset.y,
        task=dataset.target.task,
        n_classes=dataset.target.n_classes,
        view=view,
        kinds=family.kinds,
        seed=0,
    )
    X_valid = encoder.transform(dataset.table, division.valid)
    y = dataset.y
    return Fold(
        X_train, y[division.train], None, X_valid, y[division.valid], None, encoder.features
    )


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
