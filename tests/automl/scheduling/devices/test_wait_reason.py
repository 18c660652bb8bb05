import pytest

from automl.plugin import Resources
from automl.scheduling.devices.pool import DevicePool, Gpu
from automl.scheduling.devices.wait_reason import wait_reason


def why(pool, **need):
    need = Resources(**need)
    shortage = pool.shortage(need)
    assert shortage is not None
    return wait_reason(pool, need, shortage)


@pytest.fixture
def pool():
    return DevicePool(8, (Gpu(0, "A", 8.0),), memory_gib=8.0)


def test_memory_of_a_gpu_is_told_with_who_holds_it(pool):
    pool.lease(Resources(n_gpus=0.25, vram_gib=5.9), "realmlp-1")
    assert why(pool, n_gpus=0.25, vram_gib=6.0) == (
        "6.0 GiB on a GPU: GPU 0 has 2.1 GiB free (realmlp-1 holds 5.9)"
    )


def test_every_gpu_is_spoken_of():
    pool = DevicePool(8, (Gpu(0, "A", 8.0), Gpu(3, "B", 4.0)))
    for name in ("a-0", "b-1"):
        pool.lease(Resources(n_gpus=0.25, vram_gib=3.0), name)
    assert why(pool, n_gpus=0.25, vram_gib=6.0) == (
        "6.0 GiB on a GPU: GPU 0 has 5.0 GiB free (a-0 holds 3.0); "
        "GPU 3 has 1.0 GiB free (b-1 holds 3.0)"
    )


def test_a_share_of_a_gpu_is_told_where_that_is_what_lacks(pool):
    pool.lease(Resources(n_gpus=0.75), "tabm-1")
    assert why(pool, n_gpus=0.5) == "0.50 of a GPU: GPU 0 has 0.25 free (tabm-1 holds 0.75)"
    assert why(pool, n_gpus=1.0).startswith("a whole GPU: GPU 0 has 0.25 free")


def test_cores_are_told(pool):
    pool.lease(Resources(3), "a-0")
    pool.lease(Resources(4), "b-0")
    assert why(pool, n_cpus=4) == "4 cores: 1 of 8 free (b-0 holds 4, a-0 holds 3)"
    pool.lease(Resources(1), "c-0")
    assert why(pool, n_cpus=1).startswith("1 core: 0 of 8 free")


def test_memory_is_told(pool):
    pool.lease(Resources(ram_gib=6.5), "a-0")
    assert why(pool, ram_gib=3.0) == "3.0 GiB of memory: 1.5 of 8.0 GiB free (a-0 holds 6.5)"


def test_more_than_is_there_is_not_less_than_nothing_free(pool):
    pool.lease(Resources(ram_gib=20.0, n_gpus=0.1, vram_gib=20.0), "a-0")
    assert "0.0 of 8.0 GiB free" in why(pool, ram_gib=3.0)
    assert "GPU 0 has 0.0 GiB free" in why(pool, n_gpus=0.1, vram_gib=1.0)


def test_folds_of_one_trial_are_one_holder_and_only_the_largest_are_named(pool):
    for name, n_cpus in [("a-0", 1), ("b-0", 1), ("a-0", 2), ("c-0", 1), ("d-0", 2), ("e-0", 1)]:
        pool.lease(Resources(n_cpus, ram_gib=0.0), name)
    assert why(pool) == (
        "1 core: 0 of 8 free (a-0 holds 3, d-0 holds 2, b-0 holds 1, 2 more hold the rest)"
    )
