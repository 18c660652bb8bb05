"""The devices of a run, by machine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from automl.plugin.context import Resources

__all__ = ["Capacity", "Gpu", "Node"]

MIN_FIT_GIB = 1.0  # a worker with its libraries uses a third of it before it has data


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, or one MIG instance of a card.

    Attributes:
        index: Index as in ``nvidia-smi``.
        name: Name of the model.
        vram_gib: Its free memory when it was found, in GiB; infinite if unknown.
        uuid: CUDA's identifier, independent of the order; "" for a GPU that is not real.
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
        """Value of ``CUDA_VISIBLE_DEVICES`` that shows only this GPU."""
        return self.uuid or str(self.index)


@dataclass(frozen=True, slots=True)
class Node:
    """One machine that runs jobs.

    Attributes:
        name: Name of the machine; unique within a run.
        n_cpus: CPU cores for jobs.
        gpus: GPUs for jobs.
        memory_gib: Memory of all its jobs together, in GiB; infinite without a limit.
        fit_memory_gib: Memory limit of one job in GiB; None divides ``memory_gib`` by cores.
        max_jobs: Largest number of jobs at a time; None for as many as there are cores for.
    """

    name: str
    n_cpus: int
    gpus: tuple[Gpu, ...] = ()
    memory_gib: float = math.inf
    fit_memory_gib: float | None = None
    max_jobs: int | None = None

    def limit_gib(self, n_cpus: int) -> float:
        """Memory in GiB above which a job with ``n_cpus`` cores is killed; may be infinite."""
        if self.fit_memory_gib is not None:
            return self.fit_memory_gib
        return max(MIN_FIT_GIB, self.memory_gib * min(1.0, n_cpus / self.n_cpus))

    def n_slots(self, n_threads: int) -> int:
        """Number of jobs with ``n_threads`` threads that run side by side."""
        slots = max(1, self.n_cpus // n_threads)
        return slots if self.max_jobs is None else min(slots, self.max_jobs)


@dataclass(frozen=True, slots=True)
class Capacity:
    """All the devices of a run.

    Attributes:
        nodes: The machines, at least one.
        notes: Notes for the user, in sentences.

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
        """Memory in GiB that a job with ``n_cpus`` cores may use on every node."""
        return min(node.limit_gib(n_cpus) for node in self.nodes)

    def n_slots(self, n_threads: int) -> int:
        """Number of jobs with ``n_threads`` threads that run side by side."""
        return sum(node.n_slots(n_threads) for node in self.nodes)

    def wants_gpu(self, need: Resources) -> bool:
        """Whether a job with this need gets a GPU, possibly after waiting."""
        return need.n_gpus > 0 and bool(self.gpus)
