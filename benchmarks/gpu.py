"""GPUs of this machine: their names, and samples of their load while something runs."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["GpuSample", "gpu_names", "watched_gpu"]

SAMPLE_S = 0.25
SUCCESS = 0
MOST_METRICS = 512
SM_UTIL = 2  # NVML_GPM_METRIC_SM_UTIL: percentage of the multiprocessors that have work


@dataclass(frozen=True, slots=True)
class GpuSample:
    """Load of the first GPU at one moment.

    Attributes:
        at: ``time.monotonic()``.
        busy: Share of the last moments in which some kernel ran. Several processes that take turns
            on one card show 1 whatever they get done.
        sm_active: Mean share of the multiprocessors that had work since the last sample; None if
            the card or its driver does not report it (it takes a Hopper card or a newer one).
        memory_mib: Memory in use.
    """

    at: float
    busy: float
    sm_active: float | None
    memory_mib: float


def gpu_names() -> list[str]:
    """Names of the GPUs that a search would use; empty without any."""
    from automl.scheduling.devices.nvml import find_gpus

    return [gpu.name for gpu in find_gpus()]


@contextlib.contextmanager
def watched_gpu(is_on: bool = True) -> Iterator[list[GpuSample]]:
    """Samples the first GPU in a thread, several times a second, and stays empty without NVML.

    Args:
        is_on: False to watch nothing.
    """
    samples: list[GpuSample] = []
    nvml: Any = None
    with contextlib.suppress(OSError):
        nvml = ctypes.CDLL("libnvidia-ml.so.1") if is_on else None
    if nvml is None or nvml.nvmlInit_v2() != SUCCESS:
        yield samples
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(nvml, samples, ended))
    watcher.start()
    try:
        yield samples
    finally:
        ended.set()
        watcher.join()
        nvml.nvmlShutdown()


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


def _watch(nvml: Any, samples: list[GpuSample], ended: threading.Event) -> None:
    card, rates, memory = ctypes.c_void_p(), (ctypes.c_uint * 2)(), _Memory()
    if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(0), ctypes.pointer(card)) != SUCCESS:
        return
    active = _ActiveShare(nvml, card)
    while not ended.wait(SAMPLE_S):
        if nvml.nvmlDeviceGetUtilizationRates(card, ctypes.pointer(rates)) != SUCCESS:
            continue
        nvml.nvmlDeviceGetMemoryInfo(card, ctypes.pointer(memory))
        sample = GpuSample(time.monotonic(), rates[0] / 100, active.read(), memory.used / 2**20)
        samples.append(sample)
    active.close()


class _Support(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint), ("is_supported", ctypes.c_uint))


class _Metric(ctypes.Structure):
    _fields_ = (
        ("metric_id", ctypes.c_uint),
        ("status", ctypes.c_uint),
        ("value", ctypes.c_double),
        ("names", ctypes.c_char_p * 3),
    )


class _Metrics(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint),
        ("n_metrics", ctypes.c_uint),
        ("first", ctypes.c_void_p),
        ("second", ctypes.c_void_p),
        ("metrics", _Metric * MOST_METRICS),
    )


class _ActiveShare:
    """Share of active multiprocessors between two readings, by the GPM functions of NVML."""

    def __init__(self, nvml: Any, card: ctypes.c_void_p) -> None:
        self._nvml, self._card = nvml, card
        self._samples: list[ctypes.c_void_p] = []
        support = _Support(1, 0)
        try:
            status = nvml.nvmlGpmQueryDeviceSupport(card, ctypes.pointer(support))
        except AttributeError:  # an older driver
            return
        if status != SUCCESS or not support.is_supported:
            return
        self._samples = [ctypes.c_void_p(), ctypes.c_void_p()]
        for sample in self._samples:
            nvml.nvmlGpmSampleAlloc(ctypes.pointer(sample))
        nvml.nvmlGpmSampleGet(card, self._samples[0])

    def read(self) -> float | None:
        """The share since the last call, or None."""
        if not self._samples:
            return None
        first, second = self._samples
        if self._nvml.nvmlGpmSampleGet(self._card, second) != SUCCESS:
            return None
        asked = _Metrics(version=1, n_metrics=1, first=first, second=second)
        asked.metrics[0].metric_id = SM_UTIL
        status = self._nvml.nvmlGpmMetricsGet(ctypes.pointer(asked))
        self._samples = [second, first]
        if status != SUCCESS or asked.metrics[0].status != SUCCESS:
            return None
        return float(asked.metrics[0].value) / 100

    def close(self) -> None:
        """Frees both samples."""
        for sample in self._samples:
            self._nvml.nvmlGpmSampleFree(sample)
