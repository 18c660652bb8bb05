"""What each family is worth on the tables of a catalog: alone, and beside the others.

    python -m benchmarks.families --catalog tables/catalog.csv --families lightgbm linear ebm

A quarter of each table is kept apart. On the folds of the rest each family fits the first entries
of its portfolio, one thread a fit, each within ``--fit-s`` seconds; the mean of its folds predicts
the rows apart. Ensembles are selected on out-of-fold predictions, of all families and of all but
one: how much the error of the latter falls with that family is its gain. Results are appended to
a file of JSON lines; a table that is in it with the same settings is not run again.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import append_result, read_results
from benchmarks.tables import Entry, divide, read_catalog

__all__ = ["Fitted", "error", "gains", "main", "measure"]

KILL_FACTOR = 1.5
"""The deadline of a fit, in its seconds."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """One entry of a family's portfolio, fitted on all folds.

    Attributes:
        family: Name of the family.
        out_of_fold: Predictions of the rows that were learnt from, by models that had not.
        test: Predictions of the rows apart.
        seconds: CPU time of all fits: neighbours on the machine do not count.
        predict_s: CPU time of predicting the rows apart, encoded already.
    """

    family: str
    out_of_fold: NDArray[np.float64]
    test: NDArray[np.float64]
    seconds: float
    predict_s: float


@dataclass(frozen=True, slots=True)
class Problem:
    """A table, divided, and how long fits may take.

    Attributes:
        dataset: The table.
        metric: What counts.
        train: Numbers of the rows to learn from.
        test: Numbers of the rows apart.
        seed: Of folds and fits.
        n_folds: Of the rows to learn from.
        fit_s: Seconds for one fit.
    """

    dataset: Any
    metric: Any
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    seed: int
    n_folds: int
    fit_s: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is not done yet, and prints the table."""
    options = _options(arguments)
    settings = {name: getattr(options, name) for name in ("seed", "folds", "fit_s", "configs")}
    settings["families"] = sorted(options.families)
    results = [r for r in read_results(options.results) if r["settings"] == settings]
    entries = read_catalog(options.catalog, options.only)
    for entry in entries:
        if any(result["name"] == entry.name for result in results):
            continue
        for row in measure(entry, modules=options.modules, **settings):
            result = {"name": entry.name, "settings": settings, **row}
            append_result(options.results, result)
            results.append(result)
            print(result, file=sys.stderr, flush=True)
    print(to_markdown([r for r in results if r["name"] in {entry.name for entry in entries}]))


def measure(
    entry: Entry,
    *,
    families: Sequence[str],
    seed: int,
    folds: int,
    fit_s: float,
    configs: int,
    modules: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Measures families on one table.

    Args:
        entry: The table.
        families: Their names.
        seed: Of divisions and fits.
        folds: Of the rows that are learnt from.
        fit_s: Seconds for one fit.
        configs: Entries of each portfolio.
        modules: Plugins beside the installed ones.

    Returns:
        For each family the error and the seconds of its first entry, and the gain of all.
    """
    from automl.data.load import load_dataset
    from automl.metrics import default_metric
    from automl.plugin.task import Task
    from automl.registry import load_registry

    task = Task(entry.task)
    dataset = load_dataset(entry.file, target=entry.target, task=task)
    labels = dataset.y.astype(str).tolist()
    train, test = divide(labels, task.is_classification, seed, entry.name)
    problem = Problem(dataset, default_metric(task), train, test, seed, folds, fit_s)
    registry = load_registry(modules)
    fitted: list[Fitted] = []
    for name in families:
        family = registry.get(name)
        for module in family.preload:  # no part of a fit: a search does it once
            importlib.import_module(module)
        fitted += _fit_family(family, problem, configs)
    y_train, y_test = dataset.y[train], dataset.y[test]
    gained = gains(fitted, y_train, y_test, problem.metric)
    first = {one.family: one for one in reversed(fitted)}
    return [
        {
            "family": name,
            "metric": problem.metric.name,
            "error": error(problem.metric, y_test, first[name].test),
            "seconds": first[name].seconds,
            "predict_s": first[name].predict_s,
            **gained[name],
        }
        for name in families
    ]


def gains(
    fitted: Sequence[Fitted], y_train: NDArray[Any], y_test: NDArray[Any], metric: Any
) -> dict[str, dict[str, float]]:
    """By family: errors of the ensembles of all and of all others, and the share that is gained."""
    names = list(dict.fromkeys(one.family for one in fitted))
    everybody = _ensemble_error(fitted, y_train, y_test, metric)
    found = {}
    for name in names:
        others = [one for one in fitted if one.family != name]
        without = _ensemble_error(others, y_train, y_test, metric) if others else float("nan")
        gain = 1 - everybody / without if without else 0.0  # nothing is left to gain
        found[name] = {"with": everybody, "without": without, "gain": gain}
    return found


def error(metric: Any, y: NDArray[Any], prediction: NDArray[np.float64]) -> float:
    """What is left to the best score there is: 1 - AUC, and a loss as it is."""
    score = float(metric.score(y, prediction))
    return metric.bounds[1] - score if metric.greater_is_better else score


def to_markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """A table of all results, and one line a family with its median gain."""
    columns = ("name", "family", "metric", "error", "seconds", "predict_s", "gain")
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for result in results:
        cells = [result[c] if isinstance(result[c], str) else f"{result[c]:.4g}" for c in columns]
        lines.append("| " + " | ".join(cells) + " |")
    for name in dict.fromkeys(result["family"] for result in results):
        own = [result["gain"] for result in results if result["family"] == name]
        better = sum(gain > 0.001 for gain in own)
        worse = sum(gain < -0.001 for gain in own)
        lines.append(
            f"\n{name}: median gain {np.median(own):.2%}, mean {np.mean(own):.2%}; better by more "
            f"than 0.1 % on {better} of {len(own)} tables, worse on {worse}"
        )
    return "\n".join(lines)


def _ensemble_error(
    fitted: Sequence[Fitted], y_train: NDArray[Any], y_test: NDArray[Any], metric: Any
) -> float:
    from automl.ensemble import aligned, select_ensemble

    names = [one.family for one in fitted]
    oof = [one.out_of_fold for one in fitted]
    selection = select_ensemble(aligned(oof, y_train, metric, families=names))
    blend = sum(w * one.test for w, one in zip(selection.weights, fitted, strict=True) if w)
    return error(metric, y_test, np.asarray(blend))


def _fit_family(family: Any, problem: Problem, n_configs: int) -> list[Fitted]:
    """Fits the first entries of a portfolio on all folds."""
    from automl.plugin.context import TrialContext
    from automl.trial.setup import TrialSetup, problem_info

    dataset, metric, seed = problem.dataset, problem.metric, problem.seed
    info = problem_info(TrialSetup("", metric.name, seed, problem.n_folds), dataset, metric, family)
    portfolio = list(family.portfolio(info))[:n_configs]
    width = (dataset.target.n_classes,) if dataset.target.n_classes else ()
    out_of_fold = np.empty((len(portfolio), len(problem.train), *width))
    test = np.zeros((len(portfolio), len(problem.test), *width))
    seconds, predict_s = np.zeros(len(portfolio)), np.zeros(len(portfolio))
    for valid in _folds(problem):
        encoded: dict[Any, tuple[Any, Any]] = {}
        for number, params in enumerate(portfolio):
            view = family.encoding(params, info)
            if view not in encoded:
                encoded[view] = _encode(problem, view, family.kinds, valid)
            fold, X_test = encoded[view]
            started = time.process_time()
            deadline = time.monotonic() + KILL_FACTOR * problem.fit_s
            context = TrialContext(info, seed, time_limit_s=problem.fit_s, deadline=deadline)
            model = family.fit(params, fold, context, lambda step, score: None)
            seconds[number] += time.process_time() - started
            out_of_fold[number, valid] = model.predict(fold.X_valid)
            started = time.process_time()
            test[number] += model.predict(X_test) / problem.n_folds
            predict_s[number] += time.process_time() - started
    return [
        Fitted(family.name, out_of_fold[i], test[i], float(seconds[i]), float(predict_s[i]))
        for i in range(len(portfolio))
    ]


def _folds(problem: Problem) -> Iterator[NDArray[np.int64]]:
    """Validation rows of each fold, as positions in ``train``."""
    from sklearn.model_selection import KFold, StratifiedKFold

    y = problem.dataset.y[problem.train]
    kind = StratifiedKFold if problem.dataset.target.n_classes else KFold
    folds = kind(problem.n_folds, shuffle=True, random_state=problem.seed)
    for _, valid in folds.split(problem.train, y):
        yield valid


def _encode(problem: Problem, view: Any, kinds: Any, valid: NDArray[np.int64]) -> tuple[Any, Any]:
    """A fold in a view, and the rows apart as its encoder sees them."""
    from automl.data.split.choose import Split
    from benchmarks.folds import encoded_fold

    division = Split(np.delete(problem.train, valid), problem.train[valid])
    fold, encoder = encoded_fold(problem.dataset, division, view, kinds, problem.seed)
    return fold, encoder.transform(problem.dataset.table, problem.test)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.families",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--families", nargs="+", required=True)
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--fit-s", type=float, default=5.0, help="seconds for one fit")
    parser.add_argument("--configs", type=int, default=1, help="entries of each portfolio")
    parser.add_argument("--modules", nargs="+", default=(), help="plugins that are not installed")
    parser.add_argument("--results", type=Path, default=Path("runs/families.jsonl"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
