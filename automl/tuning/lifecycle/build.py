"""Builds the controller: for a new search, a resumed one, a refit or a rerun."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from automl.config.schema import SearchConfig
from automl.registry import Registry
from automl.scheduling.executor import Executor
from automl.scheduling.factory import make_executor
from automl.scheduling.runner import JobRunner
from automl.store.run_dir import RunDir
from automl.tuning.budget.budget import Budget
from automl.tuning.budget.fit_times import FitTimes
from automl.tuning.budget.resources import ResourceEstimator
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.incumbent.oof_store import OofStore
from automl.tuning.incumbent.predictor_cost import PredictorCost
from automl.tuning.loop.controller import Controller
from automl.tuning.loop.dispatcher import Dispatcher
from automl.tuning.problem.problem import Problem, open_problem
from automl.tuning.propose.proposer import Proposer
from automl.tuning.propose.study import FamilyStudy
from automl.tuning.trials.ledger import Ledger

__all__ = ["build_search", "open_search"]

SELECTION_SHARE = 0.5  # of the reserved time, for the last selection of an ensemble


def build_search(
    problem: Problem,
    executor: Executor,
    *,
    started: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    interrupted: Callable[[], bool] = lambda: False,
    began_by_time: bool = False,
) -> Controller:
    """Builds a search around an executor; each fit has one thread until ``set_threads``.

    Args:
        problem: The problem.
        executor: Runs the fits.
        started: Value of ``clock`` at the start of the budget; now by default.
        clock: Returns the seconds that the budget counts.
        interrupted: Whether the user wants the search to finish now.
        began_by_time: See ``Budget``.
    """
    run, config, families = problem.run, problem.config, problem.families
    budget = Budget(
        clock() if started is None else started,
        config.time_s,
        config.trials,
        config.search.reserve_share,
        config.scheduler.fit_timeout_s,
        clock,
        began_by_time,
    )
    objectives, prune_on = config.search.objectives, config.search.prune_on
    studies = {
        name: FamilyStudy(family, info, config.sampler, config.seed, len(objectives))
        for name, (family, info) in families.items()
    }
    ledger = Ledger(problem.metric, objectives=objectives, prune_on=prune_on or objectives[0])
    fit_times = FitTimes(families, problem.plan, ledger, budget, problem.capacity.n_cpus)
    oof = OofStore(run, problem.dataset, problem.plan, problem.metric, PredictorCost(config.limits))
    finish_limit_s = None if budget.reserve_s is None else SELECTION_SHARE * budget.reserve_s
    incumbent = EnsembleTracker(oof, config.ensemble, families, config.seed, finish_limit_s)
    proposer = Proposer(families, studies, ledger, config, budget, fit_times, incumbent, run)
    resources = ResourceEstimator(families, ledger)
    return Controller(
        run=run,
        config=config,
        families=families,
        runner=JobRunner(executor, interrupted),
        proposer=proposer,
        dispatcher=Dispatcher(
            families, executor, proposer, ledger, budget, fit_times, config.seed, resources
        ),
        incumbent=incumbent,
        ledger=ledger,
        budget=budget,
    )


@contextmanager
def open_search(
    run: RunDir, config: SearchConfig, registry: Registry, families: Collection[str]
) -> Iterator[tuple[Problem, Controller]]:
    """Opens a run with its own executor, for single fits after the search.

    Args:
        run: The run directory, with data and split plan.
        config: Configuration of the run.
        registry: The plugins of the run.
        families: Families to fit; their libraries are imported before any clock runs.

    Yields:
        The problem and its controller; the executor is closed with the block.

    Raises:
        RunError: A file of the run is damaged.
        PluginError: No family of the run, or its executor, is installed.
    """
    executor = make_executor(config.scheduler, registry)
    try:
        chosen = [registry.get(name) for name in families]
        executor.preload([module for family in chosen for module in family.preload])
        problem = open_problem(config, registry, run, executor.capacity())
        executor.open(problem.setup)
        yield problem, build_search(problem, executor)
    finally:
        executor.close()
