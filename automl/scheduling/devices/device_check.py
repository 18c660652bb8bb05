"""Checks the GPUs that this process sees, by the CUDA driver and without a CUDA context."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import Any

__all__ = ["WrongDeviceError", "check_visible_gpu"]

LIBRARY = "libcuda.so.1"
SUCCESS, NO_DEVICE = 0, 100


class WrongDeviceError(RuntimeError):
    """A worker sees devices other than those it is leased."""


def check_visible_gpu(visible: str) -> None:
    """Checks that this process sees only the GPU it is leased.

    Without a driver, only the environment variable is checked. The same holds without a GPU: asking
    the driver takes time, and an empty list hides all devices from it.

    Args:
        visible: Expected value of ``CUDA_VISIBLE_DEVICES``: the UUID of a GPU, or its index if it
            has none; "" for no GPU.

    Raises:
        WrongDeviceError: It sees another GPU, several, or none.
    """
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said != visible:
        wanted = visible or "no GPU"
        raise WrongDeviceError(
            f"CUDA_VISIBLE_DEVICES is {said!r} in the worker, which should see {wanted}"
        )
    driver = _driver() if visible else None
    if driver is None:
        return
    seen = _seen(driver)
    if len(seen) != 1 or not _is_same(visible, seen[0]):
        shown = ", ".join(seen) or "none"
        raise WrongDeviceError(f"the worker should see only the GPU {visible}, but sees: {shown}")


def _is_same(visible: str, uuid: str) -> bool:
    """Whether a device is the named one; names other than a plain UUID match any."""
    kind, _, name = visible.partition("-")
    if kind not in ("GPU", "MIG") or "/" in name:
        return True
    return uuid.partition("-")[2].startswith(name)


def _seen(driver: Any) -> list[str]:
    """UUIDs of the devices that the driver shows.

    Raises:
        WrongDeviceError: The driver cannot be started.
    """
    status = driver.cuInit(ctypes.c_uint(0))
    if status not in (SUCCESS, NO_DEVICE):
        raise WrongDeviceError(f"the CUDA driver cannot be started: error {status}")
    count = ctypes.c_int()
    if status == SUCCESS:
        driver.cuDeviceGetCount(ctypes.byref(count))
    return [_uuid(driver, number) for number in range(count.value)]


def _uuid(driver: Any, number: int) -> str:
    """UUID of a device, such as ``GPU-8932f937-d72c-4106-c12f-20bd9faed9f6``."""
    device, raw = ctypes.c_int(), (ctypes.c_ubyte * 16)()
    driver.cuDeviceGet(ctypes.byref(device), ctypes.c_int(number))
    # The second version distinguishes MIG instances; drivers before 11.4 have only the first.
    getter = getattr(driver, "cuDeviceGetUuid_v2", None) or driver.cuDeviceGetUuid
    getter(ctypes.byref(raw), device)
    text = bytes(raw).hex()
    return "-".join(["GPU", text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def _driver() -> Any:
    """The CUDA driver, or None if it is not installed."""
    with contextlib.suppress(OSError):
        return ctypes.CDLL(LIBRARY)
    return None
