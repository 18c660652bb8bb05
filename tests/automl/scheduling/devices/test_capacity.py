"""The devices of a run on one machine or several."""

import math

import pytest

from automl.plugin import Resources
from automl.scheduling.devices.capacity import Capacity, Gpu, Node

CLUSTER = Capacity(
    (
        Node("a", 8, memory_gib=32.0),
        Node("b", 16, gpus=(Gpu(0), Gpu(1)), memory_gib=32.0),
        Node("c", 4, fit_memory_gib=3.0),
    )
)


def test_cores_and_gpus_of_all_nodes_count():
    assert CLUSTER.n_cpus == 28
    assert len(CLUSTER.gpus) == 2


@pytest.mark.parametrize(("n_threads", "slots"), [(1, 28), (3, 8), (4, 7), (5, 5), (16, 3)])
def test_a_fit_does_not_reach_over_nodes(n_threads, slots):
    """One that wants more cores than a node has gets all of it."""
    assert CLUSTER.n_slots(n_threads) == slots


def test_a_node_may_run_fewer_jobs_than_it_has_cores_for():
    assert Node("here", 8, max_jobs=1).n_slots(2) == 1
    assert Node("here", 8, max_jobs=9).n_slots(2) == 4


def test_a_fit_may_hold_what_every_node_allows():
    assert CLUSTER.limit_gib(8) == 3.0
    assert Capacity(CLUSTER.nodes[:2]).limit_gib(8) == 16.0
    assert Capacity((Node("here", 2),)).limit_gib(1) == math.inf


def test_a_gpu_is_wanted_where_there_is_one():
    assert CLUSTER.wants_gpu(Resources(n_gpus=0.5))
    assert not CLUSTER.wants_gpu(Resources())
    assert not Capacity(CLUSTER.nodes[:1]).wants_gpu(Resources(n_gpus=0.5))
