import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.errors import ConfigError
from automl.plugin import Resources
from automl.scheduling import cgroups, devices
from automl.scheduling.devices import DevicePool, Gpu, Lease, available_cpus, find_gpus


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


def test_a_job_that_wants_more_cores_than_there_are_gets_all():
    pool = DevicePool(4)
    assert pool.lease(Resources(n_cpus=64)) == Lease(4)
    assert pool.lease(Resources(n_cpus=1)) is None


def test_a_job_for_a_gpu_runs_on_the_cpu_where_there_is_none():
    lease = DevicePool(2).lease(Resources(n_gpus=1.0))
    assert lease == Lease(1)
    assert lease.device == "cpu"


def test_a_lease_shows_the_worker_its_own_gpu_only():
    assert Lease(1, gpu=3, share=1.0).env["CUDA_VISIBLE_DEVICES"] == "3"
    assert Lease(1, gpu=3, share=1.0).device == "cuda:0"
    assert Lease(1).env["CUDA_VISIBLE_DEVICES"] == ""


def test_cuda_is_told_to_count_gpus_as_we_do():
    assert Lease(1, gpu=0).env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_a_gpu_is_whole_for_one_job_unless_slots_are_allowed():
    pool = DevicePool(8, (Gpu(0),), gpu_slots=1)
    assert pool.lease(Resources(n_gpus=0.1)) == Lease(1, gpu=0, share=1.0)
    assert pool.lease(Resources(n_gpus=0.1)) is None


def test_slots_let_so_many_jobs_share_a_gpu():
    pool = DevicePool(8, (Gpu(0),), gpu_slots=3)
    leases = [pool.lease(Resources(n_gpus=0.1)) for _ in range(4)]
    assert [lease is not None for lease in leases] == [True, True, True, False]


def test_halves_of_two_cards_are_not_given_as_a_whole():
    pool = DevicePool(8, (Gpu(0), Gpu(1)), gpu_slots=2)
    first, second = (pool.lease(Resources(n_gpus=0.5)) for _ in range(2))
    assert {first.gpu, second.gpu} == {0, 1}
    assert pool.lease(Resources(n_gpus=1.0)) is None
    pool.release(first)
    assert pool.lease(Resources(n_gpus=1.0)).gpu == first.gpu


def test_a_lease_that_cannot_be_had_takes_nothing():
    pool = DevicePool(2, (Gpu(0),))
    pool.lease(Resources(n_gpus=1.0))
    assert pool.lease(Resources(n_gpus=1.0)) is None
    assert pool.free_cpus == 1


needs = st.builds(
    Resources,
    n_cpus=st.integers(1, 6),
    n_gpus=st.one_of(st.just(0.0), st.floats(0.01, 1.0)),
)
steps = st.lists(st.one_of(needs, st.integers(0, 20)), max_size=40)


@given(n_cpus=st.integers(1, 5), n_gpus=st.integers(0, 3), slots=st.integers(1, 4), sequence=steps)
def test_leases_never_exceed_the_pool_and_all_of_it_comes_back(n_cpus, n_gpus, slots, sequence):
    pool = DevicePool(n_cpus, tuple(Gpu(i) for i in range(n_gpus)), slots)
    held: list[Lease] = []
    for step in sequence:
        if isinstance(step, int):
            if held:
                pool.release(held.pop(step % len(held)))
        elif (lease := pool.lease(step)) is not None:
            held.append(lease)
        assert sum(lease.n_cpus for lease in held) + pool.free_cpus == n_cpus
        assert pool.free_cpus >= 0
        for gpu in range(n_gpus):
            on_card = [lease.share for lease in held if lease.gpu == gpu]
            assert sum(on_card) <= 1.0 + 1e-6
            assert len(on_card) <= slots
    for lease in held:
        pool.release(lease)
    whole = [pool.lease(Resources(n_gpus=1.0, n_cpus=0)) for _ in range(n_gpus)]
    assert all(lease is not None for lease in whole)
    assert pool.free_cpus == n_cpus


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(devices, "_nvml_gpus", lambda: [Gpu(0, "A", 16.0), Gpu(1, "B", 24.0)])


def test_no_gpus_are_looked_for_where_none_are_wanted(monkeypatch):
    def must_not_be_called():
        raise AssertionError

    monkeypatch.setattr(devices, "_nvml_gpus", must_not_be_called)
    assert find_gpus([]) == ()


def test_all_gpus_are_found_by_default(two_gpus):
    assert [g.name for g in find_gpus()] == ["A", "B"]


def test_wanted_gpus_come_once_and_in_the_order_wanted(two_gpus):
    assert [g.index for g in find_gpus([1, 0, 1])] == [1, 0]


def test_an_unknown_gpu_is_a_wrong_setting_that_names_those_there_are(two_gpus):
    with pytest.raises(ConfigError, match=r"scheduler.gpus=\[0, 7\]: no GPU 7; found: 0, 1"):
        find_gpus([0, 7])


def test_a_wanted_gpu_without_any_is_a_wrong_setting(monkeypatch):
    monkeypatch.setattr(devices, "_nvml_gpus", list)
    with pytest.raises(ConfigError, match="found: none"):
        find_gpus([0])


@pytest.mark.parametrize(
    ("visible", "seen"),
    [("0", False), ("1", True), ("0,1", True), ("", False), ("-1", False), ("10", False),
     ("GPU-8f", True), ("GPU-77", False), ("GPU-77, GPU-8f6a", True)],
)  # fmt: skip
def test_cuda_visible_devices_hides_gpus_from_us_as_from_cuda(visible, seen):
    assert devices._is_visible(Gpu(1), "GPU-8f6a0c1e", visible) is seen


needs_gpu = pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="there is no GPU")


@pytest.mark.gpu
@needs_gpu
def test_a_real_gpu_has_a_name_and_memory(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus = find_gpus()
    assert gpus
    assert all(g.name and g.vram_gib > 1 for g in gpus)


@pytest.mark.gpu
@needs_gpu
def test_real_gpus_hidden_by_the_environment_are_not_found(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_gpus() == ()


def test_a_job_that_declares_more_memory_than_is_left_waits():
    pool = DevicePool(4, memory_gib=8.0)
    first = pool.lease(Resources(ram_gib=6.0))
    assert pool.lease(Resources(ram_gib=3.0)) is None
    assert pool.lease(Resources(ram_gib=2.0)) is not None
    pool.release(first)
    assert pool.lease(Resources(ram_gib=3.0)) is not None


def test_a_job_that_declares_more_memory_than_there_is_runs_alone():
    pool = DevicePool(4, memory_gib=8.0)
    small = pool.lease(Resources(ram_gib=0.5))
    assert pool.lease(Resources(ram_gib=20.0)) is None
    pool.release(small)
    large = pool.lease(Resources(ram_gib=20.0))
    assert large is not None
    assert pool.lease(Resources(ram_gib=0.0)) is None
    pool.release(large)
    assert pool.lease(Resources(ram_gib=8.0)) is not None


def test_without_a_limit_memory_makes_nobody_wait():
    pool = DevicePool(2)
    assert pool.lease(Resources(ram_gib=1e6)) == Lease(1)
    assert pool.lease(Resources(ram_gib=1e6)) == Lease(1)


@pytest.mark.parametrize(
    ("memory", "given", "n_cpus", "limit"),
    [
        (32.0, None, 1, 4.0),  # of eight slots
        (32.0, None, 4, 16.0),  # of two
        (32.0, None, 64, 32.0),
        (4.0, None, 1, 1.0),  # never less than a GiB by itself
        (32.0, 0.5, 4, 0.5),
        (float("inf"), None, 1, float("inf")),
    ],
)
def test_the_limit_of_a_job_is_what_is_set_or_its_part_by_its_cores(memory, given, n_cpus, limit):
    pool = DevicePool(8, memory_gib=memory, fit_memory_gib=given)
    assert pool.lease(Resources(n_cpus=n_cpus)).limit_gib == limit


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 12.0)), max_size=60))
def test_declared_memory_never_exceeds_the_pool_except_alone(moves):
    pool, leases = DevicePool(100, memory_gib=8.0), []
    for gives_back, ram_gib in moves:
        if gives_back and leases:
            pool.release(leases.pop())
        elif (lease := pool.lease(Resources(ram_gib=ram_gib))) is not None:
            leases.append(lease)
        assert len(leases) == 1 or sum(x.ram_gib for x in leases) <= 8.0 + 1e-6
