"""The devices of a run, machine by machine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from automl.plugin.context import Resources

__all__ = ["Capacity", "Gpu", "Node"]

MIN_FIT_GIB = 1.0  # a worker with its libraries takes a third of it before any data comes


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, or one instance of a card that MIG divides.

    Attributes:
        index: As ``nvidia-smi`` counts.
        name: Of the model.
        vram_gib: Its memory that was free when it was found, in GiB; infinite where nobody says.
        uuid: How CUDA knows it whatever the order; "" for one that is there on paper only.
    """

    index: int
    name: str = ""
    vram_gib: float = math.inf
    uuid: str = ""

    def __str__(self) -> str:
        size = f"{self.vram_gib:.1f} GiB free" if math.isfinite(self.vram_gib) else ""
        facts = ", ".join(filter(None, (self.name, size)))
        return f"{self.index} ({facts})" if facts else str(self.index)

    @property
    def visible(self) -> str:
        """What ``CUDA_VISIBLE_DEVICES`` says to show this one alone."""
        return self.uuid or str(self.index)


@dataclass(frozen=True, slots=True)
class Node:
    """One machine that runs jobs.

    Attributes:
        name: Of the machine; unique within a run.
        n_cpus: CPU cores for jobs.
        gpus: GPUs for jobs.
        memory_gib: Memory of all its jobs together, in GiB; infinite without a limit.
        fit_memory_gib: Memory limit of one job in GiB; None divides ``memory_gib`` by cores.
        max_jobs: Most jobs at a time; None for as many as there are cores for.
    """

    name: str
    n_cpus: int
    gpus: tuple[Gpu, ...] = ()
    memory_gib: float = math.inf
    fit_memory_gib: float | None = None
    max_jobs: int | None = None

    def limit_gib(self, n_cpus: int) -> float:
        """Memory in GiB at which a job on so many cores is ended; infinite for never."""
        if self.fit_memory_gib is not None:
            return self.fit_memory_gib
        return max(MIN_FIT_GIB, self.memory_gib * min(1.0, n_cpus / self.n_cpus))

    def n_slots(self, n_threads: int) -> int:
        """Jobs of so many threads that run side by side."""
        slots = max(1, self.n_cpus // n_threads)
        return slots if self.max_jobs is None else min(slots, self.max_jobs)


@dataclass(frozen=True, slots=True)
class Capacity:
    """All the devices of a run.

    Attributes:
        nodes: The machines, at least one.
        notes: What the user should know of them, in sentences.

    Example:
        >>> two = Capacity((Node("a", 8), Node("b", 16, gpus=(Gpu(0),))))
        >>> two.n_cpus, len(two.gpus), two.n_slots(n_threads=3)
        (24, 1, 7)
    """

    nodes: tuple[Node, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_cpus(self) -> int:
        """CPU cores of all nodes."""
        return sum(node.n_cpus for node in self.nodes)

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """GPUs of all nodes."""
        return tuple(gpu for node in self.nodes for gpu in node.gpus)

    def limit_gib(self, n_cpus: int) -> float:
        """Memory in GiB that a job on so many cores may hold on every node."""
        return min(node.limit_gib(n_cpus) for node in self.nodes)

    def n_slots(self, n_threads: int) -> int:
        """Jobs of so many threads that run side by side."""
        return sum(node.n_slots(n_threads) for node in self.nodes)

    def wants_gpu(self, need: Resources) -> bool:
        """Whether a job with this need gets a GPU, sooner or later."""
        return need.n_gpus > 0 and bool(self.gpus)
