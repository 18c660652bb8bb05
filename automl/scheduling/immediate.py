"""Fits that read no column: they are made in the process of the search, before a worker could."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from automl.plugin.context import Shape
from automl.scheduling.answers import answer, outcomes
from automl.scheduling.executor import Done, Ended
from automl.trial.setup import family_shape
from automl.trial.spec import FoldResult, Job
from automl.trial.worker_state import Workbench

__all__ = ["ImmediateFits", "without_memory"]


@dataclass(frozen=True, slots=True)
class ImmediateFits:
    """Runs the fits that end before a worker could answer.

    Attributes:
        bench: The data and the plugins, as a worker has them.
    """

    bench: Workbench
    _shapes: dict[str, Shape] = field(default_factory=dict)

    def takes(self, job: Job) -> bool:
        """Whether a fit reads no column."""
        bench, name = self.bench, job.spec.family
        try:
            family = bench.registry.get(name)
            if name not in self._shapes:
                shape = family_shape(bench.setup, bench.dataset, bench.metric, family)
                self._shapes[name] = shape
            return family.view(job.spec.params, self._shapes[name]).is_empty
        except Exception:  # code of a plugin: the worker says what it is
            return False

    def run(self, job: Job) -> Ended:
        """Runs a fit to its end."""
        outcome: FoldResult | Exception
        try:
            ((_, outcome),) = outcomes([job], self.bench, lambda job: lambda step, score: None)
        except Exception as error:
            outcome = error
        return without_memory(answer(job, outcome))


def without_memory(ended: Ended) -> Ended:
    """The end of a fit in this process, whose memory says nothing of the fit."""
    if isinstance(ended, Done):
        return Done(ended.job_id, replace(ended.result, peak_rss_mib=0.0))
    return ended
