"""Measures what a trial costs beside its fits, with a family that does nothing.

    python -m benchmarks.overhead --trials 200 --folds 5

Counted from the end of the first trials to the end of the last: what starts and ends a run drops
out.
"""

from __future__ import annotations

import argparse
import tempfile
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
    """Milliseconds of the search that one more trial takes."""
    from automl.api import search
    from automl.search.events import Event, TrialFinished

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
    ends_s: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, TrialFinished) and event.state == "complete":
            ends_s.append(event.elapsed_s)

    with tempfile.TemporaryDirectory() as folder:
        search(
            table,
            target="y",
            trials=N_FIRST + n_trials,
            out=Path(folder) / "run",
            overrides=overrides,
            on_event=note,
        )
    if len(ends_s) != N_FIRST + n_trials:
        raise SystemExit(f"{len(ends_s)} of {N_FIRST + n_trials} trials are complete")
    return 1e3 * (ends_s[-1] - ends_s[N_FIRST - 1]) / n_trials


if __name__ == "__main__":
    main()
