"""A CUDA driver on paper, and how to put a library on paper in the place of a real one."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

INT = ctypes.POINTER(ctypes.c_int)


class FakeCuda:
    """The CUDA driver of a process that sees GPUs with these UUIDs."""

    def __init__(self, uuids: Sequence[str], status: int = 0) -> None:
        self.uuids, self.status = uuids, status

    def cuInit(self, flags):
        return self.status

    def cuDeviceGetCount(self, count):
        ctypes.cast(count, INT)[0] = len(self.uuids)
        return 0

    def cuDeviceGet(self, device, number):
        ctypes.cast(device, INT)[0] = number.value
        return 0

    def cuDeviceGetUuid(self, raw, device):
        name = self.uuids[device.value].partition("-")[2]
        ctypes.memmove(raw, bytes.fromhex(name.replace("-", "")), 16)
        return 0


def loads_instead(library: str, make: Callable[[], Any]) -> Callable[..., Any]:
    """A ``ctypes.CDLL`` that makes one library by a function, and loads all others."""
    load = ctypes.CDLL
    return lambda name, *args, **options: (
        make() if name == library else load(name, *args, **options)
    )
