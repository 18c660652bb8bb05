"""Finds GPUs by NVML, without a CUDA context, which would use memory and prevent forks."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

from automl.errors import ConfigError
from automl.scheduling.devices.pool import Gpu

__all__ = ["find_gpus"]

LIBRARY = "libnvidia-ml.so.1"
SUCCESS = 0


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


def find_gpus(wanted: Sequence[int] | None = None) -> tuple[Gpu, ...]:
    """Finds GPUs; each MIG instance of a divided card counts as one.

    Like CUDA itself, it sees only the GPUs named in ``CUDA_VISIBLE_DEVICES``, if that is set.

    Args:
        wanted: Indices to use, as in ``nvidia-smi``; None for all. MIG instances are counted one by
            one.

    Raises:
        ConfigError: There is no GPU with a wanted index.
    """
    if wanted is not None and not wanted:
        return ()
    found = {g.index: g for g in _visible(_cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))}
    if wanted is None:
        return tuple(found.values())
    missing = [i for i in wanted if i not in found]
    if missing:
        have = ", ".join(map(str, found.values())) or "none"
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = "" if hidden is None else f" with CUDA_VISIBLE_DEVICES={hidden!r}"
        raise ConfigError(f"scheduler.gpus={list(wanted)}: no GPU {missing[0]}; found{why}: {have}")
    return tuple(found[i] for i in dict.fromkeys(wanted))


def _visible(cards: Sequence[Sequence[Gpu]], names: str | None) -> list[Gpu]:
    """The devices named in ``CUDA_VISIBLE_DEVICES``, in its order; all if it is not set.

    As in CUDA, a name is the index of a card or the unique start of a UUID, a card divided by MIG
    shows its first instance, and everything after an unknown name is hidden.
    """
    every = [gpu for card in cards for gpu in card]
    if names is None:
        return every
    seen: list[Gpu] = []
    for name in (n.strip() for n in names.split(",")):
        if name.isdigit():
            found = list(cards[int(name)][:1]) if int(name) < len(cards) else []
        else:
            found = [gpu for gpu in every if name and gpu.uuid.startswith(name)]
        if len(found) != 1:
            break
        seen += found
    return seen


def _cards() -> list[list[Gpu]]:
    """All cards of the machine, each as a list of its devices; none without a driver."""
    nvml = _library()
    if nvml is None or nvml.nvmlInit_v2() != SUCCESS:
        return []
    try:
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        cards: list[list[Gpu]] = []
        for number in range(count.value):
            first = sum(map(len, cards))
            handles = _devices(nvml, number)
            cards.append([_describe(nvml, h, first + k) for k, h in enumerate(handles)])
        return cards
    finally:
        nvml.nvmlShutdown()


def _library() -> Any:
    """NVML, or None if no driver is installed."""
    with contextlib.suppress(OSError):
        return ctypes.CDLL(LIBRARY)
    return None


def _devices(nvml: Any, number: int) -> Iterator[ctypes.c_void_p]:
    """Handles of a card's MIG instances, or of the card itself; none of a lost card."""
    card = ctypes.c_void_p()
    if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(card)) != SUCCESS:
        return
    mode, pending, most = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
    status = nvml.nvmlDeviceGetMigMode(card, ctypes.byref(mode), ctypes.byref(pending))
    if status != SUCCESS or not mode.value:
        yield card
        return
    nvml.nvmlDeviceGetMaxMigDeviceCount(card, ctypes.byref(most))
    for place in range(most.value):
        part = ctypes.c_void_p()
        place_of = nvml.nvmlDeviceGetMigDeviceHandleByIndex
        if place_of(card, ctypes.c_uint(place), ctypes.byref(part)) == SUCCESS:
            yield part


def _describe(nvml: Any, handle: ctypes.c_void_p, index: int) -> Gpu:
    name, uuid = ctypes.create_string_buffer(96), ctypes.create_string_buffer(96)
    nvml.nvmlDeviceGetName(handle, name, ctypes.c_uint(len(name)))
    nvml.nvmlDeviceGetUUID(handle, uuid, ctypes.c_uint(len(uuid)))
    memory = _Memory()
    known = nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == SUCCESS
    return Gpu(
        index,
        name.value.decode(errors="replace"),
        memory.free / 2**30 if known else math.inf,  # some GPUs share the machine's memory
        uuid.value.decode(errors="replace"),
    )
