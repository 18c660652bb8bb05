"""What the machine has, and who may use it now: CPU cores, memory and shares of GPUs."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from automl.errors import ConfigError
from automl.plugin.context import Resources
from automl.scheduling.cgroups import cgroup_folders

__all__ = ["DevicePool", "Gpu", "Lease", "available_cpus", "find_gpus"]

NO_QUOTA = 1 << 20
MIN_FIT_GIB = 1.0  # a worker with its libraries takes a third of it before any data comes


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: its index, name and total memory in GiB."""

    index: int
    name: str = ""
    vram_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A job's temporary right to cores, memory and a share of one GPU.

    Attributes:
        n_cpus: Cores.
        gpu: Index of the GPU, or None.
        share: Share of that GPU, 0 to 1.
        ram_gib: Memory that is set aside for it, in GiB: what its family declares.
        limit_gib: Memory at which it is ended, in GiB; infinite for never.
    """

    n_cpus: int
    gpu: int | None = None
    share: float = 0.0
    ram_gib: float = 0.0
    limit_gib: float = math.inf

    @property
    def device(self) -> str:
        """Name for torch inside the worker, which sees only its own GPU."""
        return "cpu" if self.gpu is None else "cuda:0"

    @property
    def env(self) -> dict[str, str]:
        """Environment that shows a worker exactly its devices."""
        visible = "" if self.gpu is None else str(self.gpu)
        # CUDA counts the fastest first unless told to count like NVML.
        return {"CUDA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@dataclass(slots=True)
class DevicePool:
    """Cores, memory and GPUs of a run, and what is leased.

    Args:
        n_cpus: Cores.
        gpus: GPUs.
        gpu_slots: Jobs that may share one GPU.
        memory_gib: Memory of all jobs together, in GiB; infinite without a limit.
        fit_memory_gib: Limit of one job in GiB; None takes its part of the memory by its cores.
    """

    n_cpus: int
    gpus: tuple[Gpu, ...] = ()
    gpu_slots: int = 1
    memory_gib: float = math.inf
    fit_memory_gib: float | None = None
    _free_cpus: int = field(init=False)
    _free_gib: float = field(init=False)
    _n_leased: int = field(init=False, default=0)
    _free_share: dict[int, float] = field(init=False)

    def __post_init__(self) -> None:
        self._free_cpus, self._free_gib = self.n_cpus, self.memory_gib
        self._free_share = {g.index: 1.0 for g in self.gpus}

    @property
    def free_cpus(self) -> int:
        """Cores that are not leased."""
        return self._free_cpus

    def limit_gib(self, n_cpus: int) -> float:
        """Memory in GiB at which a job on so many cores is ended; infinite for never."""
        if self.fit_memory_gib is not None:
            return self.fit_memory_gib
        return max(MIN_FIT_GIB, self.memory_gib * min(1.0, n_cpus / self.n_cpus))

    def lease(self, need: Resources) -> Lease | None:
        """Takes what a job needs, or None when it is not free now.

        A job that wants more cores than the run has gets them all. A job that wants a GPU gets
        a share of exactly one; without any GPU it runs on the CPU. A job that declares more
        memory than is left waits, unless nothing else runs: what it declares is an estimate.
        """
        n_cpus = min(need.n_cpus, self.n_cpus)
        if n_cpus > self._free_cpus or (self._n_leased and need.ram_gib > self._free_gib):
            return None
        gpu, share = None, 0.0
        if need.n_gpus > 0 and self.gpus:
            share = min(1.0, max(need.n_gpus, 1.0 / self.gpu_slots))
            free = {g: s for g, s in self._free_share.items() if s >= share - 1e-9}
            if not free:
                return None
            gpu = max(free, key=lambda g: (free[g], -g))
            self._free_share[gpu] -= share
        ram_gib = need.ram_gib if math.isfinite(self.memory_gib) else 0.0
        self._free_cpus -= n_cpus
        self._free_gib -= ram_gib
        self._n_leased += 1
        return Lease(n_cpus, gpu, share, ram_gib, self.limit_gib(n_cpus))

    def release(self, lease: Lease) -> None:
        """Gives back what a lease took."""
        self._free_cpus += lease.n_cpus
        self._free_gib += lease.ram_gib
        self._n_leased -= 1
        if lease.gpu is not None:
            self._free_share[lease.gpu] += lease.share


def available_cpus() -> int:
    """Cores this process may use, by affinity and cgroup quota; at least 1."""
    with contextlib.suppress(AttributeError):
        return max(1, min(len(os.sched_getaffinity(0)), _quota()))
    return max(1, os.cpu_count() or 1)


def _quota() -> int:
    """Whole cores that the CPU quotas of our cgroup and those above it allow; many without any."""
    quotas = [NO_QUOTA]
    for folder, version in cgroup_folders("cpu"):
        with contextlib.suppress(OSError, ValueError):
            if version == 1:
                quota = (folder / "cpu.cfs_quota_us").read_text()
                period = (folder / "cpu.cfs_period_us").read_text()
            else:
                quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max" and int(quota) > 0:
                quotas.append(max(1, int(quota) // int(period)))
    return min(quotas)


class _NvmlMemory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


def find_gpus(wanted: Sequence[int] | None = None) -> tuple[Gpu, ...]:
    """Finds GPUs by NVML, which makes no CUDA context.

    Like CUDA itself it sees only what ``CUDA_VISIBLE_DEVICES`` names, where that is set.

    Args:
        wanted: Indices to use, as ``nvidia-smi`` counts; None takes all.

    Raises:
        ConfigError: A wanted index is not there.
    """
    if wanted is not None and not wanted:
        return ()
    found = {g.index: g for g in _nvml_gpus()}
    if wanted is None:
        return tuple(found.values())
    missing = [i for i in wanted if i not in found]
    if missing:
        have = ", ".join(map(str, found)) or "none"
        raise ConfigError(f"scheduler.gpus={list(wanted)}: no GPU {missing[0]}; found: {have}")
    return tuple(found[i] for i in dict.fromkeys(wanted))


def _nvml_gpus() -> list[Gpu]:
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    if nvml.nvmlInit_v2() != 0:
        return []
    try:
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        described = [_describe(nvml, index) for index in range(count.value)]
    finally:
        nvml.nvmlShutdown()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [gpu for gpu, uuid in described if visible is None or _is_visible(gpu, uuid, visible)]


def _is_visible(gpu: Gpu, uuid: str, visible: str) -> bool:
    """Whether ``CUDA_VISIBLE_DEVICES`` names a GPU, by its index or the start of its UUID."""
    names = [name.strip() for name in visible.split(",")]
    return any(n == str(gpu.index) or (n.startswith("GPU-") and uuid.startswith(n)) for n in names)


def _describe(nvml: ctypes.CDLL, index: int) -> tuple[Gpu, str]:
    """A GPU and its UUID."""
    handle, memory = ctypes.c_void_p(), _NvmlMemory()
    name, uuid = ctypes.create_string_buffer(96), ctypes.create_string_buffer(96)
    nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
    nvml.nvmlDeviceGetName(handle, name, len(name))
    nvml.nvmlDeviceGetUUID(handle, uuid, len(uuid))
    nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    gpu = Gpu(index, name.value.decode(errors="replace"), memory.total / 2**30)
    return gpu, uuid.value.decode(errors="replace")
