"""Jobs for the conformance suite of executors, and all that is heard of them."""

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
from automl.scheduling.executor import Ended, Executor, Happening, Progressed
from automl.store.run_dir import RunDir
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, JobKey, TrialSpec

__all__ = ["MOST_LEASES", "ExecutorJobs"]

POLL_S = 0.1
MOST_LEASES = 10_000


@dataclass(eq=False, slots=True)
class _Course:
    """What was heard of one submitted job."""

    job: Job
    steps: list[int] = field(default_factory=list)
    end: Ended | None = None
    is_stopped: bool = False


class ExecutorJobs:
    """Submits jobs to an executor and keeps what is heard of them, as the search would.

    Args:
        executor: The executor, not opened yet.
        folder: For the run directory, which must be reachable for its workers.
        patience_s: Longest wait for anything.

    Attributes:
        executor: The executor, opened.
        setup: Of the run.
    """

    def __init__(self, executor: Executor, folder: Path, patience_s: float) -> None:
        self.executor, self.setup = executor, _make_run(folder)
        self._patience_s, self._courses, self._n = patience_s, dict[JobKey, _Course](), 0
        executor.open(self.setup)
        self._n_leases = len(self.drained())

    def job(self, do: str = "succeed", *, fold: int = 0) -> Job:
        """A job of the suite's family that does something; see ``executor_families``."""
        self._n += 1
        spec = TrialSpec("steady", self._n, {"do": do})
        return Job(spec, fold=fold, seed=self._n)

    def lease(self) -> Lease:
        """One core of the executor, which must be free."""
        lease = self.executor.try_lease(Resources(ram_gib=0.01), "test")
        assert lease is not None, "no core is free: was a lease not taken back?"
        return lease

    def submit(self, *jobs: Job) -> Lease:
        """Starts a job, or a pack of them, on one core."""
        lease = self.lease()
        for job in jobs:
            self._courses[job.job_id] = _Course(job)
        self.executor.submit(jobs, lease)
        return lease

    def end_of(self, job: Job) -> Ended:
        """Polls until a job has ended, and returns how."""
        course = self._courses[job.job_id]
        self.hear(lambda: course.end is not None, f"the end of {job.job_id}")
        assert course.end is not None
        return course.end

    def steps_of(self, job: Job) -> list[int]:
        """Steps that the job has reported so far."""
        return self._courses[job.job_id].steps

    def hear(self, until: Callable[[], bool], what: str) -> None:
        """Polls until something is so, which is described by ``what``."""
        due = time.monotonic() + self._patience_s
        while not until():
            assert time.monotonic() < due, f"waited {self._patience_s:g} s in vain for {what}"
            for happening in self.executor.poll(POLL_S):
                self._take_in(happening)

    def stop(self) -> None:
        """Ends all jobs without an end."""
        self.executor.stop()
        for course in self._courses.values():
            course.is_stopped |= course.end is None

    def check(self) -> None:
        """Checks that every job has had one end, and that all leases are back."""
        for course in self._courses.values():
            if not course.is_stopped:
                self.end_of(course.job)
        last = self.job()  # by its end, what comes too late for others has come
        self.submit(last)
        self.end_of(last)
        assert len(self.drained()) == self._n_leases, "a lease was not taken back, or twice"

    def _take_in(self, happening: Happening) -> None:
        course = self._courses.get(happening.job_id)
        assert course is not None, f"{happening} of a job that was not submitted"
        assert not course.is_stopped, f"{happening} after stop()"
        assert course.end is None, f"{happening} after the end of its job, {course.end}"
        if isinstance(happening, Progressed):
            assert [*course.steps, happening.step] == sorted({*course.steps, happening.step})
            course.steps.append(happening.step)
        else:
            course.end = happening

    def drained(self) -> list[Lease]:
        """Leases all cores one by one, and gives them back."""
        leases = list[Lease]()
        while (lease := self.executor.try_lease(Resources(ram_gib=0.0))) is not None:
            leases.append(lease)
            assert len(leases) < MOST_LEASES, "it leases more than it can have"
        for lease in leases:
            self.executor.release(lease)
        return leases


def _make_run(folder: Path) -> TrialSetup:
    """A run directory with a small table and three folds; one that is there is taken."""
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
    for own in (run.path, run.trials, run.views):
        own.mkdir()
    dataset = load_dataset(frame, target="y")
    save_dataset(dataset, run.data)
    save_split_plan(make_split_plan(dataset, seed=0, folds=3), run.split)
