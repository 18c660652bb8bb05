"""Runs fits that read no column, in the process of the search, before workers are ready."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from automl.plugin.context import ProblemInfo
from automl.scheduling.executor import Done, Ended
from automl.scheduling.job_outcomes import answer, outcomes
from automl.trial.setup import problem_info
from automl.trial.spec import FoldResult, Job
from automl.trial.worker_state import WorkerState

__all__ = ["ImmediateFits", "without_memory"]


@dataclass(frozen=True, slots=True)
class ImmediateFits:
    """Runs the fits that end before a worker could answer.

    Attributes:
        state: The data and the plugins, as in a worker.
    """

    state: WorkerState
    _shapes: dict[str, ProblemInfo] = field(default_factory=dict)

    def takes(self, job: Job) -> bool:
        """Whether a fit reads no column."""
        state, name = self.state, job.spec.family
        try:
            family = state.registry.get(name)
            if name not in self._shapes:
                problem = problem_info(state.setup, state.dataset, state.metric, family)
                self._shapes[name] = problem
            return family.encoding(job.spec.params, self._shapes[name]).is_empty
        except Exception:  # a plugin's code: the worker reports the error
            return False

    def run(self, job: Job) -> Ended:
        """Runs a fit to its end."""
        outcome: FoldResult | Exception
        try:
            ((_, outcome),) = outcomes([job], self.state, lambda job: lambda step, score: None)
        except Exception as error:
            outcome = error
        return without_memory(answer(job, outcome))


def without_memory(ended: Ended) -> Ended:
    """The end of a fit in this process, without its memory, which is not that of the fit alone."""
    if isinstance(ended, Done):
        return Done(ended.job_id, replace(ended.result, peak_rss_mib=0.0))
    return ended
