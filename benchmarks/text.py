"""What text columns bring: families with and without them, beside scikit-learn's usual pipeline.

    python -m benchmarks.text --catalog tables/catalog.csv

Of the tables of a catalog (a CSV with the columns name, file, target and task) those with a text
column are taken. Rows are divided into five folds, again in each repeat. On each fold every family
is fitted with the first params of its portfolio (with ``--points 3``, the best of three counts),
once with all columns and once without the text columns. ``pipeline`` is TF-IDF of words and pairs
of words, scaled numbers and one-hot categories into a logistic or ridge regression, with
scikit-learn's defaults. The mean over repeats of the score of out-of-fold predictions is printed;
families stop early on the fold, as in a search.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data import Dataset, Table, load_dataset
from automl.data.split.choose import make_split_plan
from automl.data.split.split_plan import Split, SplitPlan
from automl.ensemble import SelectionOptions, aligned, choose_ensemble
from automl.ensemble.selection import Selection
from automl.metrics import get_metric
from automl.plugin import (
    TABULAR_KINDS,
    ColumnKind,
    ModelFamily,
    Params,
    ProblemInfo,
    Task,
    TrialContext,
)
from automl.registry import load_registry
from automl.trial.setup import TrialSetup, problem_info
from benchmarks.folds import encoded_fold
from benchmarks.scores import METRICS
from benchmarks.tables import read_catalog

__all__ = ["main", "measure"]

N_FOLDS = 5
WITHOUT_TEXT = TABULAR_KINDS - {ColumnKind.TEXT}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row a table and a column a system."""
    options = _options(arguments)
    print(f"| table | metric | rows | {' | '.join(_systems(options.families))} |")
    for entry in read_catalog(options.catalog, options.only):
        dataset = load_dataset(str(entry.file), target=entry.target, task=Task(entry.task))
        if not dataset.table.of_kind(ColumnKind.TEXT):
            continue
        metric = options.metric or METRICS[entry.task]
        scores = [
            measure(dataset, metric, options.families, options.points, options.rows, seed)
            for seed in range(options.repeats)
        ]
        means = {name: float(np.mean([s[name] for s in scores])) for name in scores[0]}
        spread = {name: float(np.std([s[name] for s in scores])) for name in scores[0]}
        n_rows = min(options.rows, len(dataset.y))
        cells = [f"{means[n]:.4f} ± {spread[n]:.4f}" for n in _systems(options.families)]
        print(f"| {entry.name} | {metric} | {n_rows} | {' | '.join(cells)} |", flush=True)


def measure(
    dataset: Dataset,
    metric_name: str,
    families: Sequence[str],
    n_points: int,
    max_rows: int,
    seed: int,
) -> dict[str, float]:
    """Scores of each system by name; that of the ensemble is on rows its selection did not see.

    Args:
        dataset: The table.
        metric_name: What is scored.
        families: Names of families.
        n_points: Points of each portfolio, of which the best counts.
        max_rows: Rows taken at most.
        seed: Of the rows, the folds and the fits.
    """
    metric = get_metric(metric_name, dataset.target.task, {})
    if len(dataset.y) > max_rows:
        dataset = _sampled(dataset, max_rows, seed)
    plan = make_split_plan(dataset, seed=seed, folds=N_FOLDS, repeats=1)
    pipeline = _out_of_fold(dataset, plan, lambda division: _pipeline(dataset, division))
    scores = {"pipeline": metric.score(dataset.y, pipeline, None)}
    setup, registry = TrialSetup("", metric_name, seed, N_FOLDS), load_registry((), ())
    for suffix, kinds in (("", TABULAR_KINDS), (" without", WITHOUT_TEXT)):
        members, names = [], []
        for name in families:
            family = registry.get(name)
            problem = problem_info(setup, dataset, metric, family)
            for params in family.portfolio(problem)[:n_points]:
                predict = partial(_fit_and_predict, dataset, family, params, problem, kinds, seed)
                members.append(_out_of_fold(dataset, plan, predict))
                names.append(name)
        for name in families:
            own = [m for m, n in zip(members, names, strict=True) if n == name]
            found = [metric.score(dataset.y, member, None) for member in own]
            scores[name + suffix] = max(found) if metric.greater_is_better else min(found)
        candidates = aligned(members, dataset.y, metric, families=names)
        chosen = choose_ensemble(candidates, SelectionOptions(seed=seed))
        scores[f"ensemble{suffix}"] = chosen.score if len(members) == 1 else _nested(chosen)
    return scores


def _nested(chosen: Selection) -> float:
    assert chosen.nested_score is not None  # there was more than one model to choose from
    return chosen.nested_score


def _out_of_fold(
    dataset: Dataset, plan: SplitPlan, predict: Callable[[Split], NDArray[Any]]
) -> NDArray[Any]:
    """Predictions of all rows, of each by what did not see it."""
    n_classes = dataset.target.n_classes
    out = np.zeros((len(dataset.y), n_classes) if n_classes else len(dataset.y))
    for division in plan.splits:
        out[division.valid] = predict(division)
    return out


def _systems(families: Sequence[str]) -> list[str]:
    names = [*families, "ensemble"]
    return ["pipeline", *(f"{name}{suffix}" for name in names for suffix in ("", " without"))]


def _sampled(dataset: Dataset, max_rows: int, seed: int) -> Dataset:
    rows = np.sort(np.random.default_rng(seed).choice(len(dataset.y), max_rows, replace=False))
    table = Table(dataset.table.data.take(rows), dataset.table.columns)
    return Dataset(table, dataset.target, dataset.y[rows])


def _fit_and_predict(
    dataset: Dataset,
    family: ModelFamily,
    params: Params,
    problem: ProblemInfo,
    kinds: frozenset[ColumnKind],
    seed: int,
    division: Split,
) -> NDArray[Any]:
    encoding = family.encoding(params, problem)
    fold, _ = encoded_fold(dataset, division, encoding, kinds, seed)
    model = family.fit(params, fold, TrialContext(problem, seed), lambda step, score: None)
    return model.predict(fold.valid if encoding.text == "raw" else fold.X_valid)


def _pipeline(dataset: Dataset, division: Split) -> NDArray[Any]:
    """Predictions of the validation rows by what a tutorial would do."""
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = dataset.table.data.to_pandas()
    steps: list[Any] = []
    numeric = []
    for column in dataset.table.used:
        if column.kind is ColumnKind.TEXT:
            frame[column.key] = frame[column.key].fillna("")
            steps.append((TfidfVectorizer(ngram_range=(1, 2)), column.key))
        elif column.kind is ColumnKind.CATEGORICAL:
            frame[column.key] = frame[column.key].astype(object)
            steps.append((OneHotEncoder(handle_unknown="ignore"), [column.key]))
        elif column.kind is not ColumnKind.DATETIME:
            numeric.append(column.key)
    steps.append((make_pipeline(SimpleImputer(), StandardScaler()), numeric))
    last = LogisticRegression(max_iter=1000) if dataset.target.n_classes else Ridge()
    model = make_pipeline(make_column_transformer(*steps), last)
    model.fit(frame.iloc[division.train], dataset.y[division.train])
    predict = model.predict_proba if dataset.target.n_classes else model.predict
    return np.asarray(predict(frame.iloc[division.valid]))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.text",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME")
    parser.add_argument("--families", nargs="+", default=("linear", "lightgbm", "forest"))
    parser.add_argument("--metric", default="", help="in place of that of the task")
    parser.add_argument("--points", type=int, default=1, help="of the portfolio of each family")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--rows", type=int, default=4_000, help="taken of a table at most")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
