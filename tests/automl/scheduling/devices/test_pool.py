import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.plugin import Resources
from automl.scheduling.devices.pool import BlockingResource, DevicePool, Gpu, Lease


def test_a_job_that_wants_more_cores_than_there_are_gets_all():
    pool = DevicePool(4)
    assert pool.lease(Resources(n_cpus=64)) == Lease(4)
    assert pool.lease(Resources(n_cpus=1)) is None


def test_a_job_for_a_gpu_runs_on_the_cpu_where_there_is_none():
    lease = DevicePool(2).lease(Resources(n_gpus=1.0))
    assert lease == Lease(1)
    assert lease.device == "cpu"


def test_a_lease_shows_the_worker_its_own_gpu_only():
    assert Lease(1, Gpu(3, uuid="GPU-8f")).env["CUDA_VISIBLE_DEVICES"] == "GPU-8f"
    assert Lease(1, Gpu(3)).env["CUDA_VISIBLE_DEVICES"] == "3"
    assert Lease(1, Gpu(3)).device == "cuda:0"
    assert Lease(1).env["CUDA_VISIBLE_DEVICES"] == ""


def test_cuda_is_told_to_count_gpus_as_we_do():
    assert Lease(1, Gpu(0)).env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_with_one_slot_a_gpu_is_whole_for_one_job():
    pool = DevicePool(8, (Gpu(0),), gpu_slots=1)
    assert pool.lease(Resources(n_gpus=0.1)) == Lease(1, Gpu(0), share=1.0)
    assert pool.lease(Resources(n_gpus=0.1)) is None


def test_slots_let_so_many_jobs_share_a_gpu():
    pool = DevicePool(8, (Gpu(0),), gpu_slots=3)
    leases = [pool.lease(Resources(n_gpus=0.1)) for _ in range(4)]
    assert [lease is not None for lease in leases] == [True, True, True, False]


def test_halves_of_two_cards_are_not_given_as_a_whole():
    pool = DevicePool(8, (Gpu(0), Gpu(1)), gpu_slots=2)
    first, second = (pool.lease(Resources(n_gpus=0.5)) for _ in range(2))
    assert {first.gpu.index, second.gpu.index} == {0, 1}
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
    vram_gib=st.floats(0.0, 10.0),
)
steps = st.lists(st.one_of(needs, st.integers(0, 20)), max_size=40)


@given(
    n_cpus=st.integers(1, 5),
    n_gpus=st.integers(0, 3),
    slots=st.none() | st.integers(1, 4),
    sequence=steps,
)
def test_leases_never_exceed_the_pool_and_all_of_it_comes_back(n_cpus, n_gpus, slots, sequence):
    pool = DevicePool(n_cpus, tuple(Gpu(i, vram_gib=8.0) for i in range(n_gpus)), slots)
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
            on_card = [lease for lease in held if lease.gpu == Gpu(gpu, vram_gib=8.0)]
            assert sum(lease.share for lease in on_card) <= 1.0 + 1e-6
            assert slots is None or len(on_card) <= slots
            vram = [lease.vram_gib for lease in on_card]
            assert len(vram) == 1 or sum(vram) <= 8.0 + 1e-6
    for lease in held:
        pool.release(lease)
    whole = [pool.lease(Resources(n_gpus=1.0, n_cpus=0)) for _ in range(n_gpus)]
    assert all(lease is not None for lease in whole)
    assert pool.free_cpus == n_cpus


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


def test_several_jobs_share_a_gpu_as_long_as_their_memory_goes_in():
    pool = DevicePool(8, (Gpu(0, vram_gib=16.0),))
    need = Resources(n_gpus=0.1, vram_gib=6.0)
    first, second = pool.lease(need), pool.lease(need)
    assert first.gpu == second.gpu == Gpu(0, vram_gib=16.0)
    assert pool.lease(need) is None
    assert pool.lease(Resources(n_gpus=0.1, vram_gib=4.0)) is not None


def test_memory_of_two_cards_is_never_added_up():
    pool = DevicePool(8, (Gpu(0, vram_gib=8.0), Gpu(1, vram_gib=8.0)))
    need = Resources(n_gpus=0.1, vram_gib=5.0)
    assert {pool.lease(need).gpu.index, pool.lease(need).gpu.index} == {0, 1}
    assert pool.free_vram_gib(pool.gpus[0]) + pool.free_vram_gib(pool.gpus[1]) == 6.0
    assert pool.lease(need) is None


def test_a_job_that_says_it_needs_more_than_any_gpu_has_gets_an_empty_one():
    pool = DevicePool(8, (Gpu(0, vram_gib=8.0),))
    small = pool.lease(Resources(n_gpus=0.1, vram_gib=1.0))
    giant = Resources(n_gpus=0.1, vram_gib=50.0)
    assert pool.lease(giant) is None
    pool.release(small)
    assert pool.lease(giant) is not None
    assert pool.lease(Resources(n_gpus=0.1, vram_gib=0.1)) is None


def test_a_gpu_of_unknown_memory_is_shared_by_share_alone():
    pool = DevicePool(8, (Gpu(0),))
    leases = [pool.lease(Resources(n_gpus=0.25, vram_gib=99.0)) for _ in range(5)]
    assert [lease is not None for lease in leases] == [True, True, True, True, False]


def test_what_a_job_waits_for_is_told_and_memory_comes_last():
    pool = DevicePool(4, (Gpu(0),), memory_gib=8.0)
    assert pool.shortage(Resources(n_gpus=1.0, ram_gib=6.0)) is None
    pool.lease(Resources(n_gpus=1.0, ram_gib=6.0))
    assert pool.shortage(Resources(ram_gib=3.0)) is BlockingResource.MEMORY
    assert pool.shortage(Resources(ram_gib=3.0, n_gpus=0.5)) is BlockingResource.GPU
    assert pool.shortage(Resources(4, ram_gib=3.0, n_gpus=0.5)) is BlockingResource.CORES
    assert pool.shortage(Resources(ram_gib=1.0)) is None
