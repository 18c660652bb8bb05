"""Measures what a trial costs beside its fits, with a family that does nothing.

    python -m benchmarks.overhead --trials 200 --folds 5

Two searches differ in their number of trials alone: what starts and ends a run drops out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["main", "trial_cost_ms"]

N_ROWS = 200
N_FIRST = 8


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints milliseconds per trial and per fit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--sampler", default="random", help="random, or tpe with its own cost")
    options = parser.parse_args(arguments)
    cost = trial_cost_ms(options.trials, options.folds, options.sampler)
    print(f"{cost:.1f} ms a trial of {options.folds} folds, {cost / options.folds:.1f} ms a fit")


def trial_cost_ms(n_trials: int, n_folds: int, sampler: str) -> float:
    """Milliseconds that one more trial takes."""
    start_s, end_s = (_search_s(n, n_folds, sampler) for n in (N_FIRST, N_FIRST + n_trials))
    return 1e3 * (end_s - start_s) / n_trials


def _search_s(n_trials: int, n_folds: int, sampler: str) -> float:
    from automl.api import search

    x = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x.sum(axis=1)})
    overrides = [
        "family=[instant]",
        "plugins.modules=[benchmarks.instant]",
        f"search.folds={n_folds}",
        f"sampler={sampler}",
        "pruner=none",
        "ensemble=none",
    ]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        search(
            table,
            target="y",
            trials=n_trials,
            out=Path(folder) / "run",
            overrides=overrides,
        )
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
