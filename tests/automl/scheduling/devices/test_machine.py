import math

from automl.config.schema import SchedulerConfig
from automl.scheduling.devices import machine
from automl.scheduling.devices.cpus import available_cpus
from automl.scheduling.devices.machine import make_pool


def test_settings_are_what_a_run_may_use():
    config = SchedulerConfig(cpus=3, gpus=[], memory_gib=5.0, fit_memory_gib=2.0)
    pool = make_pool(config)
    assert (pool.n_cpus, pool.gpus, pool.memory_gib) == (3, (), 5.0)
    assert pool.limit_gib(3) == 2.0


def test_without_settings_it_is_what_there_is(monkeypatch):
    monkeypatch.setattr(machine, "available_gib", lambda: 10.0)
    pool = make_pool(SchedulerConfig(gpus=[]))
    assert (pool.n_cpus, pool.memory_gib) == (available_cpus(), 8.0)


def test_where_memory_cannot_be_told_it_does_not_limit(monkeypatch):
    monkeypatch.setattr(machine, "available_gib", lambda: None)
    assert make_pool(SchedulerConfig(gpus=[])).memory_gib == math.inf
