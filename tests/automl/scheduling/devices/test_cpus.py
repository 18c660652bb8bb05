import os
from pathlib import Path

import pytest

from automl.scheduling.devices import cgroups
from automl.scheduling.devices.cpus import available_cpus


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 cores without quotas; cgroup files may be put under the returned folder."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    monkeypatch.setattr(cgroups, "OWN_CGROUPS", tmp_path / "own")
    return tmp_path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def _v1(folder: Path, quota: int, period: int = 100_000) -> None:
    _write(folder / "cpu.cfs_quota_us", str(quota))
    _write(folder / "cpu.cfs_period_us", str(period))


def test_all_cores_of_the_affinity_count_without_a_quota(groups):
    assert available_cpus() == 16


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", 16), ("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1)],
)
def test_a_v2_quota_limits_the_cores_to_whole_ones_and_at_least_one(groups, text, cores):
    _write(groups / "cpu.max", text)
    assert available_cpus() == cores


@pytest.mark.parametrize(("quota", "cores"), [(-1, 16), (300_000, 3), (20_000, 1)])
def test_a_v1_quota_limits_the_cores(groups, quota, cores):
    _v1(groups / "cpu", quota)
    assert available_cpus() == cores


def test_the_tightest_quota_on_the_way_up_from_our_own_v2_cgroup_counts(groups):
    _write(groups / "own", "0::/user.slice/job.scope")
    _write(groups / "user.slice" / "cpu.max", "200000 100000")
    _write(groups / "user.slice" / "job.scope" / "cpu.max", "500000 100000")
    assert available_cpus() == 2


def test_the_tightest_quota_on_the_way_up_from_our_own_v1_cgroup_counts(groups):
    _write(groups / "own", "5:memory:/x\n4:cpu,cpuacct:/batch/job\n0::/")
    _v1(groups / "cpu" / "batch" / "job", 300_000)
    _v1(groups / "cpu", 800_000)
    assert available_cpus() == 3


def test_a_damaged_quota_file_is_no_quota(groups):
    _write(groups / "cpu.max", "many of them")
    assert available_cpus() == 16


def test_affinity_limits_the_cores_below_the_quota(groups, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    _write(groups / "cpu.max", "400000 100000")
    assert available_cpus() == 2


def test_without_affinity_all_cores_of_the_machine_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cpus() == 6
