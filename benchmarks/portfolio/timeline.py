"""What the devices of a simulated search did, second by second."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from automl.trial.spec import JobKey

__all__ = ["Span", "Timeline"]


@dataclass(frozen=True, slots=True)
class Span:
    """Devices that were busy with a fit, or a pack of them.

    Attributes:
        jobs: The fits.
        start_s, end_s: On the simulated clock.
        n_cpus: Cores.
        gpu: Index of the GPU; None without one.
        share: Of that GPU.
    """

    jobs: tuple[JobKey, ...]
    start_s: float
    end_s: float
    n_cpus: int
    gpu: int | None = None
    share: float = 0.0

    def within(self, start_s: float, end_s: float) -> float:
        """Seconds of it between two times."""
        return max(0.0, min(self.end_s, end_s) - max(self.start_s, start_s))


@dataclass(slots=True)
class Timeline:
    """All fits of a search.

    Attributes:
        n_cpus, n_gpus: Devices of the run.
        spans: When they were busy.
        idle: Times at which the search waited while cores were free: why, cores, start, end.
    """

    n_cpus: int
    n_gpus: int = 0
    spans: list[Span] = field(default_factory=list)
    idle: list[tuple[str, int, float, float]] = field(default_factory=list)

    def add_idle(self, why: str, n_cpus: int, start_s: float, end_s: float) -> None:
        """Counts free cores."""
        if why and n_cpus and end_s > start_s:
            self.idle.append((why, n_cpus, start_s, end_s))

    def idle_shares(self, start_s: float, end_s: float) -> dict[str, float]:
        """Shares of the core-seconds between two times without a fit, by why.

        ``main process``: a fit had ended, and the search was busy with something else.
        ``after the search``: reserved for the last selection, a refit and saving.
        """
        shares: dict[str, float] = {}
        all_s, last_s = self.n_cpus * (end_s - start_s), max((i[3] for i in self.idle), default=0.0)
        for why, n_cpus, *times in self.idle:
            part = n_cpus * max(0.0, min(times[1], end_s) - max(times[0], start_s)) / all_s
            shares[why] = shares.get(why, 0.0) + part
        last_s = max([last_s, *(span.end_s for span in self.spans)])
        shares["after the search"] = max(0.0, end_s - last_s) / (end_s - start_s)
        rest = 1.0 - self.busy_share(start_s, end_s) - sum(shares.values())
        return {**shares, "main process": max(0.0, rest)}

    def busy_share(self, start_s: float, end_s: float) -> float:
        """Share of the cores that were busy between two times."""
        busy = sum(span.n_cpus * span.within(start_s, end_s) for span in self.spans)
        return busy / (self.n_cpus * (end_s - start_s))

    def gpu_share(self, start_s: float, end_s: float) -> float:
        """Share of the GPUs that were leased between two times; 0 without any."""
        if not self.n_gpus:
            return 0.0
        busy = sum(s.share * s.within(start_s, end_s) for s in self.spans if s.gpu is not None)
        return busy / (self.n_gpus * (end_s - start_s))

    @property
    def most_cpus(self) -> int:
        """The largest number of cores that were busy at once."""
        changes = [(span.start_s, span.n_cpus) for span in self.spans]
        changes += [(span.end_s, -span.n_cpus) for span in self.spans]
        totals = itertools.accumulate(change for _, change in sorted(changes))
        return max(totals, default=0)

    @property
    def gpus(self) -> frozenset[int]:
        """Indices of the GPUs that were used."""
        return frozenset(span.gpu for span in self.spans if span.gpu is not None)

    def core_seconds(self, of: Callable[[str], bool] = lambda trial: True) -> float:
        """Busy core-seconds of some trials; fits of one pack share them."""
        total = 0.0
        for span in self.spans:
            n_of = sum(of(job.trial_id) for job in span.jobs)
            total += span.n_cpus * (span.end_s - span.start_s) * n_of / len(span.jobs)
        return total

    def by_trial(self, trials: Collection[str]) -> float:
        """Busy core-seconds of these trials."""
        chosen = frozenset(trials)
        return self.core_seconds(chosen.__contains__)
