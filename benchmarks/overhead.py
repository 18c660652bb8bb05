"""Measures what a search costs beside the fits, with a family that sleeps or does nothing.

    python -m benchmarks.overhead --trials 200 --folds 5
    python -m benchmarks.overhead --time 60 --fit-s 0.2

The first counts milliseconds from the end of the first trials to the end of the last, so that what
starts and ends a run drops out. The second tells what share of the slots' time, from the start of
the first trial to the end of the last, was spent inside the family's fit and predict.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["busy_share", "main", "trial_cost_ms"]

N_ROWS = 200
N_FIRST = 8


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints milliseconds per trial and per fit, or the share of the time inside fits."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--sampler", default="random", help="random, or tpe with its own cost")
    parser.add_argument("--slots", type=int, default=None, help="fits side by side; all cores")
    parser.add_argument("--time", type=float, help="seconds of a search with --fit-s")
    parser.add_argument("--fit-s", type=float, default=0.2)
    options = parser.parse_args(arguments)
    if options.time is not None:
        share, n_fits = busy_share(options.time, options.fit_s)
        print(f"{share:.1%} of the slots' time is inside fit and predict, {n_fits} fits")
        return
    cost = trial_cost_ms(options.trials, options.folds, options.sampler, options.slots)
    print(f"{cost:.1f} ms a trial of {options.folds} folds, {cost / options.folds:.1f} ms a fit")


def trial_cost_ms(n_trials: int, n_folds: int, sampler: str, n_slots: int | None = None) -> float:
    """Milliseconds of the search that one more trial takes."""
    from automl.events import Event, TrialFinished

    ends_s: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, TrialFinished) and event.state == "complete":
            ends_s.append(event.elapsed_s)

    with tempfile.TemporaryDirectory() as folder:
        _search(
            Path(folder) / "run",
            [
                f"search.folds={n_folds}",
                f"sampler={sampler}",
                "pruner=none",
                "ensemble=none",
                f"scheduler.cpus={n_slots or 'null'}",
            ],
            trials=N_FIRST + n_trials,
            on_event=note,
        )
    if len(ends_s) != N_FIRST + n_trials:
        raise SystemExit(f"{len(ends_s)} of {N_FIRST + n_trials} trials are complete")
    return 1e3 * (ends_s[-1] - ends_s[N_FIRST - 1]) / n_trials


def busy_share(time_s: float, fit_s: float, n_slots: int = 2) -> tuple[float, int]:
    """Share of the slots' time inside fit and predict in a search with a budget of time.

    Each trial is one fit; sampler, pruner and ensemble are the usual ones.

    Args:
        time_s: Budget of the search.
        fit_s: Seconds that a fit sleeps.
        n_slots: Fits side by side.

    Returns:
        The share, and the number of fits.
    """
    from automl.store.run_dir import RunDir
    from automl.trial.records import read_records

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        settings = [f"model.instant.fit_s={fit_s}", f"scheduler.cpus={n_slots}", "search.folds=1"]
        _search(path, settings, time_s=time_s)
        records = [r for r in read_records(RunDir(path)) if r.folds and r.finished_s is not None]
    inside = sum(f.fit_s + f.predict_s for r in records for f in r.folds)
    wall_s = max(r.finished_s or 0.0 for r in records) - min(r.started_s for r in records)
    return inside / (n_slots * wall_s), len(records)


def _search(path: Path, overrides: Sequence[str], **options: Any) -> None:
    from automl.api import search

    x = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x.sum(axis=1)})
    family = ["family=[instant]", "plugins.modules=[benchmarks.instant]"]
    search(table, target="y", out=path, overrides=[*family, *overrides], **options)


if __name__ == "__main__":
    main()
