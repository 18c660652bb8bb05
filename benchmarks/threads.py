"""Measures whether cores are better spent on narrow fits side by side or on one wide fit.

    python -m benchmarks.threads --rows 2000 100000 --families lightgbm forest mlp svm

Each family fits one binary task again and again for a fixed time, in one process or several, with
one thread or several, and with OpenMP threads that wait passively or spin.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from automl.plugin import Features, Fold, ModelFamily, ProblemInfo, Task, TrialContext

__all__ = ["fits_per_minute", "main"]

N_COLUMNS = 20
SPINNING = {"OMP_WAIT_POLICY": "ACTIVE"}
# Fits of about a second, so that several go into the time of a measurement.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "lightgbm": {"max_rounds": 100},
    "forest": {"trees": 30},
    "mlp": {"max_epochs": 3},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.threads",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000, 100_000])
    parser.add_argument("--families", nargs="+", default=["lightgbm", "forest", "mlp", "svm"])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=2, help="the best of so many counts")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # family rows threads
    options = parser.parse_args(arguments)
    if options.one:
        family, rows, threads = options.one
        _fit_on_command(family, int(rows), int(threads), options.seconds)
        return
    n = options.cores
    print(f"| rows | family | {n} x 1 | 1 x {n} | {n} x {n} | {n} x {n}, spinning |")
    print("|---|---|---|---|---|---|")
    for rows in options.rows:
        for family in options.families:
            ways: list[tuple[int, int, Mapping[str, str]]] = [
                (n, 1, {}),
                (1, n, {}),
                (n, n, {}),
                (n, n, SPINNING),
            ]
            cells = [0.0] * len(ways)
            for _ in range(options.repeats):  # in turns: noise comes in spells
                for place, (n_fits, n_threads, env) in enumerate(ways):
                    rate = fits_per_minute(family, rows, n_fits, n_threads, options.seconds, env)
                    cells[place] = max(cells[place], rate)
            print(
                f"| {rows:,} | {family} |", " | ".join(f"{c:.1f}" for c in cells), "|", flush=True
            )


def fits_per_minute(
    family: str, rows: int, n_fits: int, n_threads: int, seconds: float, env: Mapping[str, str]
) -> float:
    """Fits per minute of all processes together.

    Args:
        family: Name of the family.
        rows: Of the table.
        n_fits: Processes, one fit at a time each.
        n_threads: Threads of one fit.
        seconds: For which each process goes on; a fit that has begun is ended.
        env: In place of what workers have.
    """
    from automl.scheduling.local.launcher import THREAD_ENV

    command = [sys.executable, "-m", "benchmarks.threads", "--seconds", str(seconds)]
    command += ["--one", family, str(rows), str(n_threads)]
    processes = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **THREAD_ENV, **env},
        )
        for _ in range(n_fits)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in processes)


def _fit_on_command(name: str, rows: int, n_threads: int, seconds: float) -> None:
    """Says that it is ready, waits for a line, fits, and prints fits per minute."""
    from threadpoolctl import threadpool_limits

    from automl.registry import load_registry

    family = load_registry((), ()).get(name)
    shape = _shape(family, rows)
    fold = _fold(rows)
    _fit(family, shape, fold, n_threads)  # imports and first touches
    threadpool_limits(n_threads)
    print("ready", flush=True)
    sys.stdin.readline()
    started, count = time.monotonic(), 0
    while time.monotonic() - started < seconds:
        _fit(family, shape, fold, n_threads)
        count += 1
    print(60 * count / (time.monotonic() - started))


def _fit(family: ModelFamily, problem: ProblemInfo, fold: Fold, n_threads: int) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n_threads)
    context = TrialContext(problem, seed=1, n_threads=n_threads)
    family.fit(family.portfolio(problem)[0], fold, context, lambda step, score: None)


def _shape(family: ModelFamily, rows: int) -> ProblemInfo:
    from automl.metrics import get_metric

    return ProblemInfo(
        task=Task.BINARY,
        metric=get_metric("roc_auc", Task.BINARY, {}),
        n_rows=rows,
        n_numeric=N_COLUMNS,
        n_categorical=0,
        n_text=0,
        n_categories=(),
        n_classes=2,
        n_folds=5,
        settings={**getattr(family, "settings", {}), **SETTINGS.get(family.name, {})},
    )


def _fold(rows: int) -> Fold:
    """Numbers and a class that some of them decide; a fifth of the rows is for validation."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, N_COLUMNS)).astype(np.float32)
    noise = rng.normal(size=rows)
    y = (X[:, 0] * X[:, 1] + X[:, 2:6].sum(axis=1) + noise > 0).astype(np.int64)
    cut = rows * 4 // 5
    names = tuple(f"c{i}" for i in range(N_COLUMNS))
    return Fold(
        X_train=X[:cut],
        y_train=y[:cut],
        weight_train=None,
        X_valid=X[cut:],
        y_valid=y[cut:],
        weight_valid=None,
        features=Features(names, (), ()),
        index=0,
    )


if __name__ == "__main__":
    main()
