"""Chooses the number of threads per fit: as set, one, or the fastest in a probe."""

from __future__ import annotations

from collections.abc import Mapping

from automl.scheduling.executor import Executor
from automl.scheduling.thread_probe import best_thread_count, compare_thread_counts
from automl.tuning.loop.controller import Controller
from automl.tuning.problem.problem import Problem

__all__ = ["choose_threads", "set_threads"]

MIN_TIME_S = 30.0  # of a budget: a probe takes one second of them
MIN_ROWS = 20_000  # below, waking threads costs more than it gains


def set_threads(controller: Controller, threads: int) -> None:
    """Sets the threads of each fit, and with them the number of fits side by side."""
    controller.dispatcher.resources.threads_per_fit = threads
    controller.proposer.fit_times.n_slots = controller.executor.capacity().n_slots(threads)


def choose_threads(
    problem: Problem, executor: Executor, known: int | None = None
) -> tuple[int, tuple[str, ...]]:
    """Starts the workers of a search, and chooses the number of threads per fit.

    With several cores, many rows and enough time, a probe decides. A run with a budget of trials
    must not depend on a clock, and the last bits of a model may depend on its threads: it uses one.
    A resumed run keeps the number it began with unless the user sets another, so that its fits are
    alike.

    Args:
        problem: The problem.
        executor: The executor, without workers yet.
        known: Threads per fit in the earlier part of the run; None without one.

    Returns:
        Threads per fit, and notes for the user on the choice.
    """
    config, n_cpus = problem.config, problem.capacity.n_cpus
    given = config.scheduler.threads_per_fit or known
    threads = given or 1
    notes: tuple[str, ...] = ()
    if given is None and _can_matter(problem):
        executor.warm_up(n_cpus)
        n_columns = len(problem.dataset.table.used)
        rates = compare_thread_counts(n_cpus, len(problem.dataset.y), n_columns, executor.probe)
        threads = best_thread_count(rates)
        notes = (_note(threads, n_cpus, rates),) if rates else ()
    executor.warm_up(problem.capacity.n_slots(threads))
    return threads, notes


def _can_matter(problem: Problem) -> bool:
    config = problem.config
    long = config.trials is None and config.time_s is not None and config.time_s >= MIN_TIME_S
    return long and problem.capacity.n_slots(1) > 1 and len(problem.dataset.y) >= MIN_ROWS


def _note(threads: int, n_cpus: int, rates: Mapping[int, float]) -> str:
    """States the choice, and the measured throughput relative to one thread per fit."""
    shares = ", ".join(
        f"{rate / rates[1]:.0%} with {width} threads" for width, rate in rates.items() if width > 1
    )
    chosen = f"{n_cpus // threads} fits of {threads} thread{'s' if threads > 1 else ''}"
    return f"{chosen} run side by side; throughput relative to one thread a fit: {shares}"
