import os

import pytest

from benchmarks import machine
from benchmarks.machine import alone, cores_for, describe_machine


def test_one_series_runs_at_a_time_and_the_other_is_told_who(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "LOCK", tmp_path / "lock")
    said = f"process {os.getpid()} runs a series"
    with alone(), pytest.raises(SystemExit, match=said), alone():
        pass
    with alone():
        pass


def test_cores_are_those_that_this_process_may_use():
    usable = sorted(os.sched_getaffinity(0))
    assert cores_for(1) == usable[:1]
    with pytest.raises(SystemExit, match=f"may use {len(usable)} cores"):
        cores_for(len(usable) + 1)


def test_the_machine_is_described():
    found = describe_machine()
    assert found["processor"]
    assert found["ram_gib"] > 0
