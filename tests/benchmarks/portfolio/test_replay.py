"""Whole searches on recorded tables, on a simulated clock: from 2 to 256 cores and 0 to 8 GPUs."""

import math

import pytest

from benchmarks.portfolio.recorded import FOLDER, read_store
from benchmarks.portfolio.replay import installed, make_config, replay
from benchmarks.portfolio.simulated import Speeds

BUDGET = 10.0
SPEEDS = Speeds(cpu_factor=10.0)  # fits of seconds, as on larger tables
SEARCHES = (
    *(("islr_college", cores, gpus) for cores, gpus in ((2, 0), (16, 0), (64, 8))),
    *(("keel_contraceptive", cores, gpus) for cores, gpus in ((2, 0), (16, 1), (256, 0))),
)
LEAST_BUSY = {2: 0.8, 16: 0.8, 64: 0.75, 256: 0.5}
WORSE = 0.02  # log ratio of test losses that chance explains


@pytest.fixture(scope="module")
def searches():
    """How each search ended, by table, cores and GPUs."""
    families = installed()
    tables = {table.name: table for table in read_store(FOLDER, [name for name, *_ in SEARCHES])}
    return {
        (name, cores, gpus): replay(
            tables[name], make_config(BUDGET, cores), families, gpus, SPEEDS
        )
        for name, cores, gpus in SEARCHES
    }


def test_every_search_ends_with_its_budget_and_a_predictor(searches):
    for found in searches.values():
        assert found.stopped_by == "time"
        assert found.n_complete > 0
        assert math.isfinite(found.score)


def test_no_fit_runs_beyond_the_budget(searches):
    latest = {key: found.end_s for key, found in searches.items()}
    assert {key: end for key, end in latest.items() if end > BUDGET} == {}


def test_no_fit_runs_on_a_device_that_is_not_there(searches):
    for (_, cores, gpus), found in searches.items():
        assert found.most_cores <= cores
        assert set(found.gpus) <= set(range(gpus))


def test_nets_use_a_gpu(searches):
    assert searches["keel_contraceptive", 16, 1].gpus == (0,)


def test_cores_are_busy(searches):
    shares = {key: found.busy for key, found in searches.items()}
    assert {key: share for key, share in shares.items() if share < LEAST_BUSY[key[1]]} == {}


def test_every_second_of_a_core_is_a_fit_or_has_a_cause(searches):
    for found in searches.values():
        assert found.busy + sum(found.idle_by_cause.values()) == pytest.approx(1.0)


def test_more_cores_are_not_clearly_worse(searches):
    for (name, *_), found in searches.items():
        assert math.log(found.loss / searches[name, 2, 0].loss) < WORSE


def test_a_search_is_repeatable():
    (table,) = read_store(FOLDER, ["islr_college"])
    config, families = make_config(4.0, 2), installed()
    assert replay(table, config, families) == replay(table, config, families)
