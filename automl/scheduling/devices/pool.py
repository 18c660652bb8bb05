"""Leases the cores, memory and GPUs of one machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from automl.plugin.context import Resources
from automl.scheduling.devices.capacity import Gpu, Node

__all__ = ["BlockingResource", "DevicePool", "Gpu", "Lease"]

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Lease:
    """A job's temporary right to cores, memory and a share of one GPU.

    Attributes:
        n_cpus: Cores.
        gpu: The GPU, or None.
        share: Share of that GPU, 0 to 1.
        vram_gib: Reserved memory of that GPU, in GiB.
        ram_gib: Reserved memory, in GiB.
        limit_gib: Memory above which the job is killed, in GiB; may be infinite.
        holder: Name of the holder, for messages.
        node: Name of the machine with all of it.
    """

    n_cpus: int
    gpu: Gpu | None = None
    share: float = 0.0
    vram_gib: float = 0.0
    ram_gib: float = 0.0
    limit_gib: float = math.inf
    holder: str = ""
    node: str = ""

    @property
    def device(self) -> str:
        """Name for torch inside the worker, which sees only its own GPU."""
        return "cpu" if self.gpu is None else "cuda:0"

    @property
    def is_whole_gpu(self) -> bool:
        """Whether the job has a whole GPU."""
        return self.gpu is not None and self.share > 1.0 - ROUNDING

    @property
    def visible(self) -> str:
        """Value of ``CUDA_VISIBLE_DEVICES`` in its worker."""
        return "" if self.gpu is None else self.gpu.visible

    @property
    def env(self) -> dict[str, str]:
        """Environment that shows a worker exactly its devices."""
        # CUDA numbers the fastest GPU first by default; NVML does not.
        return {"CUDA_VISIBLE_DEVICES": self.visible, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


class BlockingResource(StrEnum):
    """The resource that a job waits for."""

    CORES = "cores"
    GPU = "GPU"
    MEMORY = "memory"


@dataclass(slots=True)
class DevicePool:
    """Cores, memory and GPUs of one machine, with their leases.

    Args:
        n_cpus: Cores.
        gpus: GPUs.
        gpu_slots: Jobs that may share one GPU, if none asks for more; None for as many as their
            shares and their memory allow.
        memory_gib: Memory of all jobs together, in GiB; infinite without a limit.
        fit_memory_gib: Limit of one job in GiB; None divides the memory by its cores.
        name: Name of the machine.

    Attributes:
        leases: Current leases.
    """

    n_cpus: int
    gpus: tuple[Gpu, ...] = ()
    gpu_slots: int | None = None
    memory_gib: float = math.inf
    fit_memory_gib: float | None = None
    name: str = ""
    leases: list[Lease] = field(init=False, default_factory=list)

    @property
    def node(self) -> Node:
        """All devices, free or leased."""
        return Node(self.name, self.n_cpus, self.gpus, self.memory_gib, self.fit_memory_gib)

    @property
    def free_cpus(self) -> int:
        """Cores that are not leased."""
        return self.n_cpus - sum(lease.n_cpus for lease in self.leases)

    @property
    def free_gib(self) -> float:
        """Memory that is not reserved, in GiB; below 0 if one job alone needs more."""
        return self.memory_gib - sum(lease.ram_gib for lease in self.leases)

    def on_gpu(self, gpu: Gpu) -> list[Lease]:
        """The leases of a GPU."""
        return [lease for lease in self.leases if lease.gpu == gpu]

    def free_share(self, gpu: Gpu) -> float:
        """Share of a GPU that is not leased."""
        return 1.0 - sum(lease.share for lease in self.on_gpu(gpu))

    def free_vram_gib(self, gpu: Gpu) -> float:
        """Memory of a GPU that is not reserved, in GiB."""
        return gpu.vram_gib - sum(lease.vram_gib for lease in self.on_gpu(gpu))

    def limit_gib(self, n_cpus: int) -> float:
        """Memory in GiB above which a job with ``n_cpus`` cores is killed; may be infinite."""
        return self.node.limit_gib(n_cpus)

    def lease(self, need: Resources, holder: str = "") -> Lease | None:
        """Leases devices for a job; None if they are not free now.

        A job that wants more cores than the run has gets them all. A job that wants a GPU gets a
        share of exactly one; without any GPU it runs on the CPU. A job that needs more memory than
        is left waits, unless nothing else runs, since its need is an estimate. The same holds for
        the memory of a GPU.

        Args:
            need: Resources that it needs.
            holder: Name of the holder, for messages.
        """
        if self.shortage(need) is not None:
            return None
        n_cpus = min(need.n_cpus, self.n_cpus)
        gpu = self._best_gpu(need)
        lease = Lease(
            n_cpus,
            gpu,
            self.share_of(need) if gpu else 0.0,
            need.vram_gib if gpu and math.isfinite(gpu.vram_gib) else 0.0,
            need.ram_gib if math.isfinite(self.memory_gib) else 0.0,
            self.limit_gib(n_cpus),
            holder,
            self.name,
        )
        self.leases.append(lease)
        return lease

    def release(self, lease: Lease) -> None:
        """Returns the devices of a lease."""
        self.leases.remove(lease)

    def shortage(self, need: Resources) -> BlockingResource | None:
        """The resource that a job has to wait for; None if it can start.

        Memory comes last: a job for which it is returned lacks nothing else.
        """
        if min(need.n_cpus, self.n_cpus) > self.free_cpus:
            return BlockingResource.CORES
        if self.wants_gpu(need) and self._best_gpu(need) is None:
            return BlockingResource.GPU
        if self.leases and need.ram_gib > self.free_gib:
            return BlockingResource.MEMORY
        return None

    def wants_gpu(self, need: Resources) -> bool:
        """Whether a job gets a GPU, possibly after waiting."""
        return need.n_gpus > 0 and bool(self.gpus)

    def share_of(self, need: Resources) -> float:
        """Share of a GPU that a job gets."""
        least = 1.0 / self.gpu_slots if self.gpu_slots else 0.0
        return min(1.0, max(need.n_gpus, least))

    def has_share(self, gpu: Gpu, need: Resources) -> bool:
        """Whether the share for a job is free on a GPU."""
        return self.free_share(gpu) >= self.share_of(need) - ROUNDING

    def _best_gpu(self, need: Resources) -> Gpu | None:
        """The freest GPU that has enough for a job; None if none has."""
        roomy = [gpu for gpu in self.gpus if self.wants_gpu(need) and self._has_room(gpu, need)]
        return max(roomy, key=self._room, default=None)

    def _has_room(self, gpu: Gpu, need: Resources) -> bool:
        fits = not self.on_gpu(gpu) or need.vram_gib <= self.free_vram_gib(gpu)
        return fits and self.has_share(gpu, need)

    def _room(self, gpu: Gpu) -> tuple[float, float, int]:
        return self.free_share(gpu), self.free_vram_gib(gpu), -gpu.index
