"""Describes why a job waits: what it needs, what is free, and the holders of the rest."""

from __future__ import annotations

from collections.abc import Sequence

from automl.plugin.context import Resources
from automl.scheduling.devices.pool import BlockingResource, DevicePool, Gpu, Lease

__all__ = ["wait_reason"]

MOST_HOLDERS = 3


def wait_reason(pool: DevicePool, need: Resources, shortage: BlockingResource) -> str:
    """The reason why a job waits, such as ``6.0 GiB on a GPU: GPU 0 has 2.1 GiB free (...)``."""
    if shortage is BlockingResource.CORES:
        return _cores(pool, need)
    return _memory(pool, need) if shortage is BlockingResource.MEMORY else _gpu(pool, need)


def _cores(pool: DevicePool, need: Resources) -> str:
    n_cpus = min(need.n_cpus, pool.n_cpus)
    wanted = f"{n_cpus} core{'s' * (n_cpus != 1)}"
    held = _holders(pool.leases, "n_cpus", "d")
    return f"{wanted}: {pool.free_cpus} of {pool.n_cpus} free{held}"


def _memory(pool: DevicePool, need: Resources) -> str:
    free = f"{max(0.0, pool.free_gib):.1f} of {pool.memory_gib:.1f} GiB free"
    held = _holders(pool.leases, "ram_gib", ".1f")
    return f"{need.ram_gib:.1f} GiB of memory: {free}{held}"


def _gpu(pool: DevicePool, need: Resources) -> str:
    """Names memory if a GPU has a free share, since memory is short then."""
    share = pool.share_of(need)
    if any(pool.has_share(gpu, need) for gpu in pool.gpus):
        wanted, describe = f"{need.vram_gib:.1f} GiB on a GPU", _free_vram
    else:
        wanted, describe = "a whole GPU" if share == 1 else f"{share:.2f} of a GPU", _free_share
    return f"{wanted}: {'; '.join(describe(pool, gpu) for gpu in pool.gpus)}"


def _free_share(pool: DevicePool, gpu: Gpu) -> str:
    held = _holders(pool.on_gpu(gpu), "share", ".2f")
    return f"GPU {gpu.index} has {pool.free_share(gpu):.2f} free{held}"


def _free_vram(pool: DevicePool, gpu: Gpu) -> str:
    held = _holders(pool.on_gpu(gpu), "vram_gib", ".1f")
    return f"GPU {gpu.index} has {max(0.0, pool.free_vram_gib(gpu)):.1f} GiB free{held}"


def _holders(leases: Sequence[Lease], amount: str, form: str) -> str:
    """The holders with their amounts, largest first; one with several leases is named once."""
    held: dict[str, float] = {}
    for lease in leases:
        held[lease.holder] = held.get(lease.holder, 0) + getattr(lease, amount)
    ranked = sorted(((n, holder) for holder, n in held.items() if n), key=lambda pair: -pair[0])
    words = [f"{holder} holds {n:{form}}" for n, holder in ranked[:MOST_HOLDERS]]
    if len(ranked) > MOST_HOLDERS:
        words.append(f"{len(ranked) - MOST_HOLDERS} more hold the rest")
    return f" ({', '.join(words)})" if words else ""
