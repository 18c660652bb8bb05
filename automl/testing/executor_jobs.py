"""Submits jobs for the conformance suite of executors and records their events."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from automl.data import load_dataset, save_dataset
from automl.data.split.choose import make_split_plan, save_split_plan
from automl.plugin import Resources
from automl.scheduling.devices.pool import Lease
from automl.scheduling.executor import Ended, Executor, ExecutorEvent, Reported
from automl.store.run_dir import RunDir
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, JobKey, TrialSpec

__all__ = ["MOST_LEASES", "ExecutorJobs"]

POLL_S = 0.1
MOST_LEASES = 10_000


@dataclass(eq=False, slots=True)
class _Course:
    """Events of one submitted job."""

    job: Job
    steps: list[int] = field(default_factory=list)
    end: Ended | None = None
    is_stopped: bool = False


class ExecutorJobs:
    """Submits jobs to an executor and records their events, as the search would.

    Args:
        executor: The executor, not opened yet.
        folder: Folder for the run directory, which must be accessible to its workers.
        patience_s: Longest wait in seconds.

    Attributes:
        executor: The executor, opened.
        setup: Setup of the run.
    """

    def __init__(self, executor: Executor, folder: Path, patience_s: float) -> None:
        self.executor, self.setup = executor, _make_run(folder)
        self._patience_s, self._courses, self._n = patience_s, dict[JobKey, _Course](), 0
        executor.open(self.setup)
        self._n_leases = len(self.drained())

    def job(self, do: str = "succeed", *, fold: int = 0) -> Job:
        """Returns a job that performs an action; see ``executor_families``."""
        self._n += 1
        spec = TrialSpec("steady", self._n, {"do": do})
        return Job(spec, fold=fold, seed=self._n)

    def lease(self) -> Lease:
        """Leases one core, which must be free."""
        lease = self.executor.try_lease(Resources(ram_gib=0.01), "test")
        assert lease is not None, "no core is free: was a lease not released?"
        return lease

    def submit(self, *jobs: Job) -> Lease:
        """Starts a job, or a pack of them, on one core."""
        lease = self.lease()
        for job in jobs:
            self._courses[job.job_id] = _Course(job)
        self.executor.submit(jobs, lease)
        return lease

    def end_of(self, job: Job) -> Ended:
        """Polls until a job has ended and returns its end."""
        course = self._courses[job.job_id]
        self.hear(lambda: course.end is not None, f"the end of {job.job_id}")
        assert course.end is not None
        return course.end

    def steps_of(self, job: Job) -> list[int]:
        """Returns the steps that the job has reported so far."""
        return self._courses[job.job_id].steps

    def hear(self, until: Callable[[], bool], what: str) -> None:
        """Polls until a condition holds, described by ``what``."""
        due = time.monotonic() + self._patience_s
        while not until():
            assert time.monotonic() < due, f"{what} did not come within {self._patience_s:g} s"
            for event in self.executor.poll(POLL_S):
                self._take_in(event)

    def stop(self) -> None:
        """Stops all jobs, which then have no end."""
        self.executor.stop()
        for course in self._courses.values():
            course.is_stopped |= course.end is None

    def check(self) -> None:
        """Checks that every job has ended once and that all leases are released."""
        for course in self._courses.values():
            if not course.is_stopped:
                self.end_of(course.job)
        last = self.job()  # late events of others arrive before its end
        self.submit(last)
        self.end_of(last)
        assert len(self.drained()) == self._n_leases, "a lease was not released, or released twice"

    def _take_in(self, event: ExecutorEvent) -> None:
        course = self._courses.get(event.job_id)
        assert course is not None, f"{event} of a job that was not submitted"
        assert not course.is_stopped, f"{event} after stop()"
        assert course.end is None, f"{event} after the end of its job, {course.end}"
        if isinstance(event, Reported):
            assert [*course.steps, event.step] == sorted({*course.steps, event.step})
            course.steps.append(event.step)
        else:
            course.end = event

    def drained(self) -> list[Lease]:
        """Leases all cores one by one and releases them."""
        leases = list[Lease]()
        while (lease := self.executor.try_lease(Resources(ram_gib=0.0))) is not None:
            leases.append(lease)
            assert len(leases) < MOST_LEASES, "it leases more cores than it can have"
        for lease in leases:
            self.executor.release(lease)
        return leases


def _make_run(folder: Path) -> TrialSetup:
    """Returns the setup of a run with a small table and three folds; creates the run if needed."""
    run = RunDir(folder / "run")
    if not run.path.exists():
        _write_run(run)
    modules, block = ("automl.testing.executor_families",), ("automl-search",)
    return TrialSetup(str(run.path), "log_loss", seed=0, n_folds=3, modules=modules, block=block)


def _write_run(run: RunDir) -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(y=np.where(x[:, 0] > 0, "yes", "no"))
    for own in (run.path, run.trials, run.encodings):
        own.mkdir()
    dataset = load_dataset(frame, target="y")
    save_dataset(dataset, run.data)
    save_split_plan(make_split_plan(dataset, seed=0, folds=3), run.split)
