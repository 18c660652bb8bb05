import ctypes
from pathlib import Path

import pytest

from automl.errors import ConfigError
from automl.scheduling.devices import nvml
from automl.scheduling.devices.nvml import find_gpus
from automl.scheduling.devices.pool import Gpu
from tests.automl.scheduling.fake_cuda import loads_instead

A = ("A100", "GPU-8f6a0c1e", 16.0)
B = ("H100", "GPU-8f770000", 24.5)
C = ("T4", "GPU-11223344", 15.0)
PARTS = [("A100 MIG 1g.10gb", "MIG-aa", 9.5), ("A100 MIG 2g.20gb", "MIG-bb", 19.5)]


def indices(wanted=None):
    return [g.index for g in find_gpus(wanted)]


def test_no_gpus_are_looked_for_where_none_are_wanted(monkeypatch):
    refuse = loads_instead(nvml.LIBRARY, lambda: pytest.fail("was asked"))
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert find_gpus([]) == ()


def test_all_gpus_are_found_with_what_is_free_and_nvml_is_closed(machine):
    library = machine(A, B)
    assert find_gpus() == (
        Gpu(0, "A100", 16.0, "GPU-8f6a0c1e"),
        Gpu(1, "H100", 24.5, "GPU-8f770000"),
    )
    assert library.open == 0


def test_without_a_driver_that_starts_there_are_none(machine):
    machine(A, starts=False)
    assert find_gpus() == ()


def test_a_library_that_is_not_there_is_no_error(monkeypatch):
    monkeypatch.setattr(nvml, "LIBRARY", "libno-such-thing.so.9")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert find_gpus() == ()


def test_a_card_that_is_lost_does_not_hide_the_others(machine):
    machine(None, B)
    assert [g.name for g in find_gpus()] == ["H100"]


def test_memory_that_nobody_says_is_unlimited(machine):
    machine(("GB10", "GPU-1", None))
    assert find_gpus()[0].vram_gib == float("inf")


def test_wanted_gpus_come_once_and_in_the_order_wanted(machine):
    machine(A, B)
    assert indices([1, 0, 1]) == [1, 0]


def test_an_unknown_gpu_is_a_wrong_setting_that_says_what_is_there(machine):
    machine(A, B)
    says = r"scheduler.gpus=\[0, 7\]: no GPU 7; found: 0 \(A100, 16.0 GiB free\), 1 \(H100, "
    with pytest.raises(ConfigError, match=says):
        find_gpus([0, 7])


def test_a_wanted_gpu_without_any_is_a_wrong_setting(machine):
    machine()
    with pytest.raises(ConfigError, match="found: none"):
        find_gpus([0])


def test_a_gpu_that_the_environment_hides_is_not_there_and_the_message_says_who_hides_it(machine):
    machine(A, B, visible="1")
    with pytest.raises(ConfigError, match=r"no GPU 0; found with CUDA_VISIBLE_DEVICES='1': 1 \(H"):
        find_gpus([0])


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        ("0", [0]),
        ("1", [1]),
        ("2, 0", [2, 0]),
        ("", []),
        ("-1", []),
        ("10", []),
        ("0,-1,1", [0]),  # CUDA stops at the first name of nothing
        ("0,9,1", [0]),
        ("NoDevFiles", []),
        ("GPU-8f6a0c1e", [0]),
        ("GPU-8f7", [1]),
        ("GPU-11,GPU-8f6", [2, 0]),
        ("GPU-8f", []),  # of two
        ("GPU-55", []),
    ],
)
def test_the_environment_hides_gpus_from_us_as_from_cuda(machine, visible, seen):
    machine(A, B, C, visible=visible)
    assert indices() == seen


def test_instances_of_mig_are_devices_of_their_own(machine):
    machine(A, PARTS, C)
    assert [(g.index, g.visible, g.vram_gib) for g in find_gpus()] == [
        (0, "GPU-8f6a0c1e", 16.0),
        (1, "MIG-aa", 9.5),
        (2, "MIG-bb", 19.5),
        (3, "GPU-11223344", 15.0),
    ]
    assert indices([2]) == [2]


@pytest.mark.parametrize(("visible", "seen"), [("1", [1]), ("MIG-bb", [2]), ("MIG-bb,0", [2, 0])])
def test_an_index_names_a_card_and_its_first_instance(machine, visible, seen):
    machine(A, PARTS, visible=visible)
    assert indices() == seen


def test_a_card_in_mig_mode_without_instances_is_no_device(machine):
    machine([], B)
    assert [g.name for g in find_gpus()] == ["H100"]


needs_gpu = pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="there is no GPU")


@pytest.mark.gpu
@needs_gpu
def test_a_real_gpu_has_a_name_an_uuid_and_memory(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus = find_gpus()
    assert gpus
    for gpu in gpus:
        assert gpu.name
        assert gpu.uuid.startswith(("GPU-", "MIG-"))
        assert 1 < gpu.vram_gib < float("inf")


@pytest.mark.gpu
@needs_gpu
def test_real_gpus_hidden_by_the_environment_are_not_found(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_gpus() == ()
