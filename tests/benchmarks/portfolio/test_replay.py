"""Whole searches on recorded tables, on a simulated clock: from 2 to 256 cores and 0 to 8 GPUs."""

import math

import pytest

from benchmarks.portfolio.recorded import FOLDER, read_store
from benchmarks.portfolio.replay import installed, make_config, replay
from benchmarks.portfolio.simulated import Speeds

TABLES = ("aer_houseprices", "keel_pima")
BUDGET = 20.0
SPEEDS = Speeds(cpu_factor=10.0)  # fits of seconds, as on larger tables
DEVICES = ((2, 0), (16, 0), (64, 0), (256, 0), (16, 1), (16, 8))
LEAST_BUSY = {2: 0.85, 16: 0.85, 64: 0.8, 256: 0.45}
WORSE = 0.02  # log ratio of test losses that chance explains on two tables


@pytest.fixture(scope="module")
def searches():
    """How each search ended, by table, cores and GPUs."""
    families = installed()
    return {
        (table.name, cores, gpus): replay(table, make_config(BUDGET, cores), families, gpus, SPEEDS)
        for table in read_store(FOLDER, TABLES)
        for cores, gpus in DEVICES
    }


def test_every_search_ends_with_its_budget_and_a_predictor(searches):
    assert len(searches) == len(TABLES) * len(DEVICES)
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
        assert bool(found.gpus) == bool(gpus)


def test_cores_are_busy(searches):
    shares = {key: found.busy for key, found in searches.items()}
    assert {key: x for key, x in shares.items() if x < LEAST_BUSY[key[1]]} == {}


def test_every_second_of_a_core_is_a_fit_or_has_a_cause(searches):
    for found in searches.values():
        assert found.busy + sum(found.idle_by_cause.values()) == pytest.approx(1.0)


def test_more_cores_are_not_clearly_worse(searches):
    def error(name, cores):
        found = searches[name, cores, 0]
        return found.loss if found.loss > 0 else 1.0 - found.score

    for cores in (16, 64, 256):
        ratios = [math.log(error(name, cores) / error(name, 2)) for name in TABLES]
        assert sum(ratios) / len(ratios) < WORSE


def test_a_search_is_repeatable():
    (table,) = read_store(FOLDER, TABLES[:1])
    config, families = make_config(6.0, 4), installed()
    assert replay(table, config, families) == replay(table, config, families)
