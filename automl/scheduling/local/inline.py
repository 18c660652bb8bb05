"""Fits that are made in the process of the search: those that read no column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from automl.plugin.context import Shape
from automl.plugin.family import ModelFamily
from automl.scheduling.local.answers import answer
from automl.scheduling.local.messages import Done, Ended
from automl.trial.execute import run_job
from automl.trial.refit import refit_job
from automl.trial.spec import FoldResult, Job
from automl.trial.worker_state import Workbench

__all__ = ["Inline"]


@dataclass(frozen=True, slots=True)
class Inline:
    """Makes fits at once that are over before a worker could answer.

    Attributes:
        bench: The data and the plugins, as a worker has them.
        families: Family and shape by name.
    """

    bench: Workbench
    families: Mapping[str, tuple[ModelFamily, Shape]]

    def takes(self, job: Job) -> bool:
        """Whether a fit reads no column."""
        family, shape = self.families[job.spec.family]
        try:
            return family.view(job.spec.params, shape).is_empty
        except Exception:  # code of a plugin: the worker says what it is
            return False

    def run(self, job: Job) -> Ended:
        """Makes a fit, and says what became of it."""
        outcome: FoldResult | Exception
        try:
            if job.stands_for:
                outcome = refit_job(job, self.bench)
            else:
                outcome = run_job(job, self.bench, lambda step, score: None)
        except Exception as error:
            outcome = error
        ended = answer(job, outcome)
        if isinstance(ended, Done):  # what this process holds says nothing of the fit
            return Done(job.job_id, replace(ended.result, peak_rss_mib=0.0))
        return ended
