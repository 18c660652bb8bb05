"""Whether a look at a sample of the rows tells which params are worth all of them.

    python -m benchmarks.screening CATALOG.csv --only TABLE ... --rows 20000

Params of a family, its portfolio first and then random ones, are fitted on a fold of each table and
on a sample of that fold's rows; both models are scored on the same rows. For each table: Kendall's
tau of the two orders, the time of a fit on the sample as a share of one on all rows, and the lowest
loss that a search comes to in the time of 2, 4 and 6 typical fits when it looks at samples of all
params first, as a ratio to the lowest when it fits them in the order in which they are proposed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automl.data import load_dataset
from automl.data.split.choose import Split, make_split_plan
from automl.data.table import Dataset
from automl.metrics import default_metric
from automl.plugin import Metric, ModelFamily, Task, TrialContext
from automl.registry import load_registry
from automl.testing.fakes import RandomSuggest
from automl.trial.setup import TrialSetup, problem_info
from benchmarks.folds import encoded_fold
from benchmarks.tables import Entry, read_catalog

__all__ = ["Looks", "lowest_loss", "main"]

N_FITS = (2, 4, 6)


@dataclass(frozen=True, slots=True)
class Looks:
    """Losses and seconds of the same params on all rows, and on a sample.

    Attributes:
        losses, seconds: On all rows, ``(n_params,)``.
        sample_losses, sample_seconds: On the sample.
    """

    losses: NDArray[np.float64]
    seconds: NDArray[np.float64]
    sample_losses: NDArray[np.float64]
    sample_seconds: NDArray[np.float64]


def lowest_loss(looks: Looks, budget_s: float, *, samples_first: bool) -> float:
    """The lowest loss on all rows that a search comes to within a time.

    Args:
        looks: What each params take and give.
        budget_s: Seconds; the first fit on all rows is always made.
        samples_first: Whether all samples are fitted first, and then whole fits are made in the
            order of their losses; else in the order in which they are proposed.
    """
    order = np.arange(len(looks.losses))
    if samples_first:
        order, budget_s = np.argsort(looks.sample_losses), budget_s - looks.sample_seconds.sum()
    n_done = int(np.searchsorted(np.cumsum(looks.seconds[order]), budget_s, side="right"))
    return float(looks.losses[order[: max(1, n_done)]].min())


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row for each table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.screening",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--family", default="lightgbm")
    parser.add_argument("--rows", type=int, default=20_000, help="of the sample")
    parser.add_argument("--params", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    family = load_registry().get(options.family)
    for module in family.preload:  # its import is no part of a fit
        import_module(module)
    fits = " | ".join(f"{n} fits" for n in N_FITS)
    print(f"| table | rows of the fold | metric | tau | time of a sample | {fits} |")
    print("|---" * (5 + len(N_FITS)) + "|")
    for entry in read_catalog(options.catalog, options.only):
        print(_row(entry, family, options), flush=True)


def _row(entry: Entry, family: ModelFamily, options: argparse.Namespace) -> str:
    from scipy.stats import kendalltau

    dataset = load_dataset(str(entry.file), target=entry.target, task=Task(entry.task))
    metric = default_metric(dataset.target.task)
    looks, n_rows = _looks(dataset, metric, family, options)
    typical = float(np.median(looks.seconds))
    ratios = [
        lowest_loss(looks, n * typical, samples_first=True)
        / max(lowest_loss(looks, n * typical, samples_first=False), 1e-12)
        for n in N_FITS
    ]
    tau = kendalltau(looks.losses, looks.sample_losses).statistic
    share = looks.sample_seconds.sum() / looks.seconds.sum()
    cells = [entry.name, f"{n_rows:,}", metric.name, f"{tau:.2f}", f"{share:.0%}"]
    return "| " + " | ".join(cells + [f"{ratio:.4f}" for ratio in ratios]) + " |"


def _looks(
    dataset: Dataset, metric: Metric, family: ModelFamily, options: argparse.Namespace
) -> tuple[Looks, int]:
    """Fits all params on both; also returns how many rows the fold learns from."""
    setup = TrialSetup(run="", metric=metric.name, seed=0, n_folds=5)
    problem = problem_info(setup, dataset, metric, family)
    division = make_split_plan(dataset, seed=0, folds=5, repeats=1).splits[0]
    n_sampled = min(options.rows, len(division.train))
    sample = np.random.default_rng(0).choice(division.train, n_sampled, replace=False)
    params = [dict(entry) for entry in family.portfolio(problem)][: options.params]
    params += [
        family.search_space(RandomSuggest(seed), problem)
        for seed in range(options.params - len(params))
    ]
    found: list[tuple[float, float]] = []
    context = TrialContext(problem, seed=0, n_threads=options.threads)
    for train in (division.train, np.sort(sample)):
        for one in params:
            rows = Split(train, division.valid)
            fold, _ = encoded_fold(dataset, rows, family.encoding(one, problem), family.kinds)
            started = time.perf_counter()
            model = family.fit(one, fold, context, lambda step, score: None)
            took_s = time.perf_counter() - started
            score = metric.score(fold.y_valid, model.predict(fold.X_valid))
            best = metric.bounds[metric.greater_is_better]
            found.append((abs(best - score), took_s))
    table = np.array(found).reshape(2, len(params), 2)
    return Looks(*table[0].T, *table[1].T), len(division.train)


if __name__ == "__main__":
    main()
