"""How many threads one fit gets: as set, one, or what a probe finds to get most done."""

from __future__ import annotations

from collections.abc import Mapping

from automl.scheduling.executor import Executor
from automl.scheduling.thread_probe import best_width, compare_widths
from automl.tuning.loop.controller import Controller
from automl.tuning.problem.problem import Problem

__all__ = ["set_threads", "staff"]

MIN_TIME_S = 30.0  # of a budget: a probe takes one of them
MIN_ROWS = 20_000  # below, waking threads costs more than they do, and a probe tells nothing new


def set_threads(controller: Controller, threads: int) -> None:
    """Gives each fit of a search so many threads, and plans with the fits that go side by side."""
    controller.dispatcher.needs.threads_per_fit = threads
    controller.proposer.costs.n_slots = controller.executor.capacity().n_slots(threads)


def staff(
    problem: Problem, executor: Executor, known: int | None = None
) -> tuple[int, tuple[str, ...]]:
    """Starts the workers of a search, and decides how many threads each of their fits gets.

    A probe decides where it can matter: with several cores, many rows and time to spare. A run
    with a budget of trials must not depend on a clock, and the last bits of a model may depend on
    the number of its threads: there one thread is the rule. A run that is resumed keeps the number
    that it began with, unless the user says otherwise, so that its fits are alike.

    Args:
        problem: What is searched.
        executor: Has no workers yet.
        known: Threads of one fit in the earlier part of the run; None without one.

    Returns:
        Threads of one fit, and what a person should know of the choice.
    """
    config, n_cpus = problem.config, problem.capacity.n_cpus
    given = config.scheduler.threads_per_fit or known
    threads = given or 1
    notes: tuple[str, ...] = ()
    if given is None and _can_matter(problem):
        executor.warm_up(n_cpus)
        n_columns = len(problem.dataset.table.used)
        rates = compare_widths(n_cpus, len(problem.dataset.y), n_columns, executor.probe)
        threads = best_width(rates)
        notes = (_note(threads, n_cpus, rates),) if rates else ()
    executor.warm_up(problem.capacity.n_slots(threads))
    return threads, notes


def _can_matter(problem: Problem) -> bool:
    config = problem.config
    long = config.trials is None and config.time_s is not None and config.time_s >= MIN_TIME_S
    return long and problem.capacity.n_slots(1) > 1 and len(problem.dataset.y) >= MIN_ROWS


def _note(threads: int, n_cpus: int, rates: Mapping[int, float]) -> str:
    """Says what was chosen and what was measured, relative to one thread a fit."""
    shares = ", ".join(
        f"{rate / rates[1]:.0%} with {width} threads" for width, rate in rates.items() if width > 1
    )
    chosen = f"{n_cpus // threads} fits of {threads} thread{'s' if threads > 1 else ''}"
    return f"{chosen} run side by side: a probe got {shares} each of what it got with one"
