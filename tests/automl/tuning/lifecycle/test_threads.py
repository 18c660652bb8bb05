import types

import pytest

from automl.config.schema import SchedulerConfig, SearchConfig
from automl.scheduling.devices.capacity import Capacity, Node
from automl.tuning.lifecycle.threads import MIN_ROWS, MIN_TIME_S, choose_threads


class FakeExecutor:
    """Gets as many passes done as the test says, by threads of one fit."""

    def __init__(self, rates):
        self.rates, self.probes, self.n_workers = rates, [], 0

    def warm_up(self, n_workers):
        self.n_workers = n_workers

    def probe(self, probe, n_workers):
        assert n_workers <= self.n_workers
        self.probes.append((probe.n_threads, n_workers))
        return None if self.rates is None else self.rates[probe.n_threads] * n_workers


def problem(n_cpus=4, n_rows=MIN_ROWS, time_s=MIN_TIME_S, trials=None, threads=None):
    scheduler = SchedulerConfig(threads_per_fit=threads)
    return types.SimpleNamespace(
        config=SearchConfig(time_s=time_s, trials=trials, scheduler=scheduler),
        capacity=Capacity((Node("here", n_cpus),)),
        dataset=types.SimpleNamespace(
            y=range(n_rows), table=types.SimpleNamespace(used=("a", "b"))
        ),
    )


def test_one_thread_where_that_gets_most_done():
    executor = FakeExecutor({1: 1.0, 2: 1.5, 4: 2.0})
    threads, (note,) = choose_threads(problem(), executor)
    assert (threads, executor.n_workers) == (1, 4)
    assert note.startswith(
        "4 fits of 1 thread run side by side; throughput relative to one thread a fit: 75% with 2"
    )


def test_wide_fits_where_they_get_clearly_more_done():
    executor = FakeExecutor({1: 1.0, 2: 3.0, 4: 4.0})
    threads, (note,) = choose_threads(problem(), executor)
    assert (threads, executor.n_workers) == (2, 2)
    assert note.startswith(
        "2 fits of 2 threads run side by side; throughput relative to one thread a fit: 150% with 2"
    )


def test_a_small_advantage_of_wide_fits_is_none():
    threads, _ = choose_threads(problem(), FakeExecutor({1: 1.0, 2: 2.1, 4: 4.2}))
    assert threads == 1


def test_each_width_uses_all_cores_and_is_measured_more_than_once():
    executor = FakeExecutor({1: 1.0, 2: 1.0, 4: 1.0})
    choose_threads(problem(), executor)
    assert executor.probes == [(1, 4), *[(1, 4), (2, 2), (4, 1)] * 2]


def test_a_probe_that_fails_leaves_one_thread_and_all_workers():
    executor = FakeExecutor(None)
    assert choose_threads(problem(), executor) == (1, ())
    assert executor.n_workers == 4


@pytest.mark.parametrize(
    "options",
    [
        {"n_cpus": 1},
        {"n_rows": MIN_ROWS - 1},
        {"time_s": MIN_TIME_S - 1},
        {"time_s": None},
        {"trials": 5},
    ],
    ids=str,
)
def test_no_probe_where_it_cannot_matter_or_must_not_decide(options):
    executor = FakeExecutor({})
    assert choose_threads(problem(**options), executor) == (1, ())
    assert not executor.probes
    assert executor.n_workers == options.get("n_cpus", 4)


def test_what_the_user_set_is_used_without_a_probe():
    executor = FakeExecutor({})
    assert choose_threads(problem(threads=3), executor) == (3, ())
    assert (executor.probes, executor.n_workers) == ([], 1)


def test_a_run_that_is_resumed_keeps_the_number_it_began_with():
    executor = FakeExecutor({1: 1.0, 2: 1.0, 4: 1.0})
    assert choose_threads(problem(), executor, known=2) == (2, ())
    assert (executor.probes, executor.n_workers) == ([], 2)


def test_what_the_user_sets_later_counts_more_than_what_the_run_began_with():
    assert choose_threads(problem(threads=4), FakeExecutor({}), known=2) == (4, ())
