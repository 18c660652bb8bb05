"""What a process sees of CUDA, with a driver that is there on paper only."""

import ctypes
from pathlib import Path

import pytest

from automl.scheduling.devices import device_check
from automl.scheduling.devices.device_check import WrongDeviceError, check_visible_gpu
from tests.automl.scheduling.fake_cuda import FakeCuda, loads_instead

ONE = "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"
OTHER = "GPU-ff010203-0405-0607-0809-0a0b0c0d0e0f"


@pytest.fixture
def install(monkeypatch):
    """Puts a function that makes a driver in the place of the one of this machine."""
    return lambda make: monkeypatch.setattr(
        ctypes, "CDLL", loads_instead(device_check.LIBRARY, make)
    )


@pytest.fixture
def check(monkeypatch, install):
    def check(visible, *uuids, said=None, status=0):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible if said is None else said)
        install(lambda: FakeCuda(uuids, status))
        check_visible_gpu(visible)

    return check


@pytest.mark.parametrize("visible", [ONE, ONE[:12], ONE.replace("GPU", "MIG")])
def test_the_one_gpu_that_is_leased_is_right(check, visible):
    check(visible, ONE)


def test_a_name_that_is_no_uuid_is_right_with_one_gpu(check):
    check("3", ONE)
    check("MIG-GPU-77/1/0", ONE)


@pytest.mark.parametrize("seen", [[OTHER], [ONE, OTHER], []])
def test_another_gpu_or_several_or_none_are_wrong_and_named(check, seen):
    with pytest.raises(WrongDeviceError, match=f"only the GPU {ONE}, but sees: ") as error:
        check(ONE, *seen)
    assert str(error.value).endswith(", ".join(seen) or "none")


def test_a_driver_without_devices_is_wrong(check):
    with pytest.raises(WrongDeviceError, match="sees: none"):
        check(ONE, ONE, status=100)


def test_a_driver_that_does_not_start_is_wrong_and_says_its_error(check):
    with pytest.raises(WrongDeviceError, match="error 3"):
        check(ONE, ONE, status=3)


@pytest.mark.parametrize(("visible", "said"), [("", ONE), (ONE, ""), (ONE, "0")])
def test_an_environment_that_says_otherwise_is_wrong(check, visible, said):
    with pytest.raises(WrongDeviceError, match="CUDA_VISIBLE_DEVICES is "):
        check(visible, ONE, said=said)


def test_without_a_gpu_the_driver_is_not_asked(monkeypatch, install):
    install(lambda: pytest.fail("was asked"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    check_visible_gpu("")


def test_where_no_driver_is_installed_the_environment_has_to_do(monkeypatch):
    monkeypatch.setattr(device_check, "LIBRARY", "libno-such-thing.so.9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ONE)
    check_visible_gpu(ONE)


@pytest.mark.gpu
@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="there is no GPU")
def test_a_real_driver_knows_a_gpu_by_the_name_that_nvml_gives_it():
    import os
    import subprocess
    import sys

    code = (
        "import os; from automl.scheduling.devices.nvml import find_gpus; gpu = find_gpus()[0];"
        "os.environ['CUDA_VISIBLE_DEVICES'] = gpu.visible;"
        "from automl.scheduling.devices.device_check import check_visible_gpu;"
        "check_visible_gpu(gpu.visible)"
    )
    env = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
