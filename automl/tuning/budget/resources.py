"""Estimates the resources of a fit: its family's declaration, then the peaks of earlier fits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from automl.plugin.context import Resources
from automl.tuning.problem.families import Families
from automl.tuning.trials.ledger import Ledger

__all__ = ["ResourceEstimator"]

LAST_FITS = 5
HEADROOM = 1.2  # params differ, and so does the memory of their fits
MIB_PER_GIB = 1024


@dataclass(slots=True)
class ResourceEstimator:
    """Estimates the cores, memory and GPU share of the fits of each family.

    The estimate affects only where and when a fit runs; with a budget of trials, never its params.

    Attributes:
        families: Family and problem by name.
        ledger: All trials.
        threads_per_fit: Threads of one fit, unless its family asks for more.
    """

    families: Families
    ledger: Ledger
    threads_per_fit: int = 1
    _declared: dict[str, Resources] = field(default_factory=dict)

    def estimate(self, name: str, *, alone: bool = False) -> Resources:
        """Resources of the next fit of a family.

        Args:
            name: Name of the family.
            alone: Whether the fit gets a whole GPU.
        """
        need = self._declare(name)
        seen = self.ledger.recent_results(name, LAST_FITS)
        last = [result for result in seen if result.n_members == 1]
        ram_gib = max((r.peak_rss_mib for r in last), default=0.0) / MIB_PER_GIB
        vram_gib = max((r.peak_vram_mib for r in last), default=0.0) / MIB_PER_GIB
        return replace(
            need,
            n_cpus=max(need.n_cpus, self.threads_per_fit),
            ram_gib=HEADROOM * ram_gib or need.ram_gib,
            vram_gib=HEADROOM * vram_gib or need.vram_gib,
            n_gpus=1.0 if alone else need.n_gpus,
        )

    def _declare(self, name: str) -> Resources:
        if name not in self._declared:
            family, problem = self.families[name]
            self._declared[name] = family.resources(problem)
        return self._declared[name]
