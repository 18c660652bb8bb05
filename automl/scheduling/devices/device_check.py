"""What this process sees of CUDA, asked of the driver itself, which makes no context."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import Any

__all__ = ["WrongDeviceError", "check_devices"]

LIBRARY = "libcuda.so.1"
SUCCESS, NO_DEVICE = 0, 100


class WrongDeviceError(RuntimeError):
    """A worker sees other devices than it is leased."""


def check_devices(visible: str) -> None:
    """Makes sure that this process sees the GPU it is leased and no other.

    Where no driver is installed, what the environment says has to do. Without a GPU the driver
    is not asked: to be asked costs time, and an empty list shows it nothing.

    Args:
        visible: What ``CUDA_VISIBLE_DEVICES`` is to say: the UUID of a GPU, or its index where
            it has none; "" for no GPU.

    Raises:
        WrongDeviceError: It sees another one, several, or none.
    """
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said != visible:
        wanted = visible or "no GPU"
        raise WrongDeviceError(
            f"CUDA_VISIBLE_DEVICES is {said!r} in the worker, which was to see {wanted}"
        )
    driver = _driver() if visible else None
    if driver is None:
        return
    seen = _seen(driver)
    if len(seen) != 1 or not _is_same(visible, seen[0]):
        shown = ", ".join(seen) or "none"
        raise WrongDeviceError(f"the worker was to see the GPU {visible} alone and sees: {shown}")


def _is_same(visible: str, uuid: str) -> bool:
    """Whether a device is the one that is named; names that are no plain UUID match any."""
    kind, _, name = visible.partition("-")
    if kind not in ("GPU", "MIG") or "/" in name:
        return True
    return uuid.partition("-")[2].startswith(name)


def _seen(driver: Any) -> list[str]:
    """UUIDs of the devices that the driver shows.

    Raises:
        WrongDeviceError: It cannot be started.
    """
    status = driver.cuInit(ctypes.c_uint(0))
    if status not in (SUCCESS, NO_DEVICE):
        raise WrongDeviceError(f"the CUDA driver cannot be started: error {status}")
    count = ctypes.c_int()
    if status == SUCCESS:
        driver.cuDeviceGetCount(ctypes.byref(count))
    return [_uuid(driver, number) for number in range(count.value)]


def _uuid(driver: Any, number: int) -> str:
    """Such as ``GPU-8932f937-d72c-4106-c12f-20bd9faed9f6``."""
    device, raw = ctypes.c_int(), (ctypes.c_ubyte * 16)()
    driver.cuDeviceGet(ctypes.byref(device), ctypes.c_int(number))
    # The second version tells instances of MIG apart; drivers before 11.4 have the first alone.
    getter = getattr(driver, "cuDeviceGetUuid_v2", None) or driver.cuDeviceGetUuid
    getter(ctypes.byref(raw), device)
    text = bytes(raw).hex()
    return "-".join(["GPU", text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def _driver() -> Any:
    """The CUDA driver, or None where it is not installed."""
    with contextlib.suppress(OSError):
        return ctypes.CDLL(LIBRARY)
    return None
