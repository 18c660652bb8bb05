"""What a fit needs: what its family declares, and later what fits of it were seen to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from automl.plugin.context import Resources, Shape
from automl.plugin.family import ModelFamily
from automl.tuning.trials.ledger import Ledger

__all__ = ["Needs"]

LAST_FITS = 5
HEADROOM = 1.2  # params differ, and so does what fits hold
MIB_PER_GIB = 1024


@dataclass(slots=True)
class Needs:
    """What fits of each family need.

    Only where and when a fit runs depends on it: with a budget of trials the params do not.

    Attributes:
        families: Family and shape by name.
        ledger: All trials.
        threads_per_fit: Threads of one fit, unless its family wants more.
    """

    families: Mapping[str, tuple[ModelFamily, Shape]]
    ledger: Ledger
    threads_per_fit: int = 1
    _declared: dict[str, Resources] = field(default_factory=dict)

    def of(self, name: str, *, alone: bool = False) -> Resources:
        """What the next fit of a family needs.

        Args:
            name: Of the family.
            alone: Whether it is to have a GPU to itself.
        """
        need = self._declare(name)
        seen = self.ledger.last_results(name, LAST_FITS)
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
            family, shape = self.families[name]
            self._declared[name] = family.resources(shape)
        return self._declared[name]
