"""Measures with synthetic work how to divide cores among fits.

Like growing trees, gradient descent and neighbour search, it reads columns in random order, and
its threads wait for each other many times a second. No family is used, so that none is imported;
``benchmarks/threads.py`` measures how well it predicts real fits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["ProbeResult", "ThreadProbe", "best_thread_count", "compare_thread_counts", "work"]

WIDTHS = (1, 2, 4, 8)  # threads of one fit that are compared
PROBE_S = 0.9  # for all measurements together
ROUNDS = 2  # of each width, alternating: noise comes in bursts
MIN_ADVANTAGE = 1.1  # of wide fits: real ones have single-threaded parts
MAX_CELLS = 4_000_000  # 16 MiB: larger than any cache private to cores
N_PARTS = 6  # of the rows; threads synchronise after each, as in growing a tree

Columns: TypeAlias = NDArray[np.uint8]
Order: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ThreadProbe:
    """Message to an idle worker: do synthetic work for a moment.

    Attributes:
        n_threads: Threads that share the work.
        n_rows, n_columns: Size of its table.
        seconds: Duration; 0 only makes the table.
    """

    n_threads: int
    n_rows: int
    n_columns: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Throughput of a worker in a probe: passes over the table per second."""

    rate: float


def compare_thread_counts(
    n_cpus: int, n_rows: int, n_columns: int, measure: Callable[[ThreadProbe, int], float | None]
) -> dict[int, float]:
    """Compares ways to divide cores among fits; takes about a second.

    Args:
        n_cpus: Cores of the run.
        n_rows: Rows of its table.
        n_columns: Columns of its table.
        measure: Runs a probe on a number of workers side by side, and returns their passes per
            second together; None if one of them does not answer.

    Returns:
        Passes per second by threads of one fit, the best of the measurements; empty if one
        failed.
    """
    widths = [width for width in WIDTHS if width <= n_cpus]
    window_s = PROBE_S / (ROUNDS * len(widths))
    rows = min(n_rows, MAX_CELLS // n_columns)
    if measure(ThreadProbe(1, rows, n_columns, 0.0), n_cpus) is None:  # makes the tables
        return {}
    rates = dict.fromkeys(widths, 0.0)
    for width in widths * ROUNDS:
        rate = measure(ThreadProbe(width, rows, n_columns, window_s), n_cpus // width)
        if rate is None:
            return {}
        rates[width] = max(rates[width], rate)
    return rates


def best_thread_count(rates: Mapping[int, float]) -> int:
    """Threads of one fit: one, unless the throughput of wider fits is clearly higher."""
    best = max(rates, key=lambda width: (rates[width], -width), default=1)
    return best if best != 1 and rates[best] > MIN_ADVANTAGE * rates[1] else 1


def work(probe: ThreadProbe) -> float:
    """Runs a probe in a worker; returns passes over the table per second."""
    columns, order, buffer = _table(probe.n_rows, probe.n_columns)
    shares = np.array_split(np.arange(probe.n_columns), probe.n_threads)
    tasks = [(columns[s[0] : s[-1] + 1], buffer[s[0] : s[-1] + 1]) for s in shares if len(s)]
    with ThreadPoolExecutor(len(tasks)) as pool:
        begun, count = time.monotonic(), 0
        while time.monotonic() - begun < probe.seconds:
            rows = order[count % N_PARTS]
            if len(tasks) == 1:
                _gather(columns, rows, buffer)
            else:
                for done in [pool.submit(_gather, source, rows, out) for source, out in tasks]:
                    done.result()
            count += 1
        took_s = time.monotonic() - begun
    return count / N_PARTS / took_s if count else 0.0


def _gather(columns: Columns, rows: Order, out: Columns) -> None:
    """Reads values of all columns in the order of ``rows``; NumPy releases the GIL meanwhile."""
    columns.take(rows, axis=1, out=out, mode="clip")


@lru_cache(maxsize=1)
def _table(n_rows: int, n_columns: int) -> tuple[Columns, Order, Columns]:
    """Columns ``(n_columns, n_rows)``, an order of the rows in parts, and an output buffer."""
    rng = np.random.default_rng(0)
    columns = np.tile(rng.normal(size=n_rows).astype(np.uint8), (n_columns, 1))
    part = max(1, n_rows // N_PARTS)
    order = np.resize(rng.permutation(n_rows), (N_PARTS, part))
    return columns, order, np.empty((n_columns, part), np.uint8)
