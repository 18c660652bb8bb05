"""The conformance suite of executors: inherit ``ExecutorTestCase`` and define ``make_executor``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from automl.plugin import Resources
from automl.scheduling.devices.pool import Lease
from automl.scheduling.executor import (
    Done,
    Executor,
    Failed,
    Pruned,
    StorageFull,
)
from automl.scheduling.job_outcomes import outcomes
from automl.store.run_dir import RunDir
from automl.testing.executor_families import N_REPORTS
from automl.testing.executor_jobs import MOST_LEASES, ExecutorJobs
from automl.trial.spec import JobKey, TrialError
from automl.trial.worker_state import open_worker_state

__all__ = ["ExecutorTestCase"]

REASON = TrialError("timeout", "it took too long")


class ExecutorTestCase:
    """Tests of the contract of ``Executor``.

    After each test, every job must have ended exactly once, and all leases must be released.

    Attributes:
        runs_beside: Whether jobs run outside the search's process, so that they can be stopped
            and a crash affects no other.
        patience_s: Longest wait for an answer in seconds.

    Example:
        >>> from automl.scheduling.inline import InlineExecutor
        >>> class TestMyExecutor(ExecutorTestCase):
        ...     runs_beside = False
        ...     def make_executor(self):
        ...         return InlineExecutor(n_cpus=2)
        >>> TestMyExecutor().test_capacity_is_known_before_it_is_opened()  # pytest runs them all
    """

    runs_beside: ClassVar[bool] = True
    patience_s: ClassVar[float] = 60.0

    def make_executor(self) -> Executor:
        """Returns the executor under test, with a few cores; override it."""
        raise NotImplementedError

    @contextmanager
    def opened(self, folder: Path) -> Iterator[ExecutorJobs]:
        """Opens an executor and closes it at the end."""
        executor = self.make_executor()
        try:
            yield ExecutorJobs(executor, folder, self.patience_s)
        finally:
            executor.close()

    @pytest.fixture(scope="class")
    @classmethod
    def executor_jobs(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExecutorJobs]:
        """One executor for all tests, which must not leave anything behind."""
        with cls().opened(tmp_path_factory.mktemp("executor")) as jobs:
            yield jobs

    @pytest.fixture
    def jobs(self, executor_jobs: ExecutorJobs) -> Iterator[ExecutorJobs]:
        """The executor, with checks after each test."""
        yield executor_jobs
        executor_jobs.check()

    # Devices

    def test_capacity_is_known_before_it_is_opened(self) -> None:
        """It has a node with a core, and unique names of nodes."""
        executor = self.make_executor()
        try:
            capacity = executor.capacity()
            assert capacity.n_cpus >= 1
            assert all(node.n_cpus >= 1 for node in capacity.nodes)
            assert len({node.name for node in capacity.nodes}) == len(capacity.nodes) > 0
            assert executor.capacity() == capacity
        finally:
            executor.close()
            executor.close()  # may be called twice

    def test_a_lease_is_part_of_a_node(self, jobs: ExecutorJobs) -> None:
        """No lease exceeds its node, whatever was requested."""
        executor = jobs.executor
        nodes = {node.name: node for node in executor.capacity().nodes}
        lease = executor.try_lease(Resources(n_cpus=MOST_LEASES, n_gpus=1.0))
        assert lease is not None, "while nothing runs, any request gets a lease"
        assert lease.node in nodes
        assert 1 <= lease.n_cpus <= nodes[lease.node].n_cpus
        assert lease.gpu is None or lease.gpu in nodes[lease.node].gpus
        executor.release(lease)

    def test_what_is_not_free_is_not_leased_and_the_reason_is_told(
        self, jobs: ExecutorJobs
    ) -> None:
        """``shortage`` and ``wait_reason`` agree with ``try_lease``."""
        need, leases = Resources(ram_gib=0.0), list[Lease]()
        while jobs.executor.shortage(need) is None:
            assert jobs.executor.wait_reason(need) == ""
            leases.append(jobs.lease())
        assert leases
        assert jobs.executor.try_lease(need) is None
        assert len(jobs.executor.wait_reason(need).split()) > 1
        for lease in leases:
            jobs.executor.release(lease)

    # Jobs that end by themselves

    def test_a_job_reports_in_order_and_is_done_once(self, jobs: ExecutorJobs) -> None:
        """All its reports precede its end, and its predictions are on disk."""
        job = jobs.job()
        jobs.submit(job)
        done = jobs.end_of(job)
        assert isinstance(done, Done)
        assert jobs.steps_of(job) == [*range(1, N_REPORTS + 1)]
        assert [step for step, _ in done.result.steps] == jobs.steps_of(job)
        assert RunDir(Path(jobs.setup.run)).oof(job.spec.trial_id, job.fold).is_file()

    def test_where_a_job_runs_does_not_change_its_predictions(self, jobs: ExecutorJobs) -> None:
        """Fold and seed are those of the job; predictions are as in this process."""
        state = open_worker_state(jobs.setup)
        for fold in range(jobs.setup.n_folds):
            job = jobs.job(fold=fold)
            jobs.submit(job)
            assert isinstance(jobs.end_of(job), Done)
            oof = state.run.oof(job.spec.trial_id, fold)
            predictions = np.load(oof)
            oof.unlink()
            for _, outcome in outcomes([job], state, lambda job: lambda step, score: None):
                assert not isinstance(outcome, Exception)
            np.testing.assert_array_equal(np.load(oof), predictions)

    def test_more_jobs_than_cores_all_end_once(self, jobs: ExecutorJobs) -> None:
        """Each released lease serves another job."""
        waiting = [jobs.job("raise" if n % 3 == 0 else "succeed") for n in range(9)]
        for job in waiting:
            need = Resources(ram_gib=0.01)
            jobs.hear(lambda: jobs.executor.shortage(need) is None, "a free core")  # noqa: B023
            jobs.submit(job)
        assert {type(jobs.end_of(job)) for job in waiting} == {Done, Failed}

    def test_an_error_of_a_fit_is_its_own(self, jobs: ExecutorJobs) -> None:
        """It is reported with fold and traceback, and the next job succeeds."""
        job = jobs.job("raise", fold=1)
        jobs.submit(job)
        failed = jobs.end_of(job)
        assert isinstance(failed, Failed)
        assert (failed.error.kind, failed.error.fold) == ("exception", 1)
        assert "no such number" in failed.error.message
        assert "executor_families.py" in failed.error.traceback
        self._succeeds(jobs)

    def test_a_full_disk_is_no_failure_of_the_fit(self, jobs: ExecutorJobs) -> None:
        """It ends as ``StorageFull``, with the reason."""
        job = jobs.job("fill the disk")
        jobs.submit(job)
        unwritable = jobs.end_of(job)
        assert isinstance(unwritable, StorageFull)
        assert "the disk is full" in unwritable.why

    def test_a_fit_finds_the_world_as_it_was(self, jobs: ExecutorJobs) -> None:
        """Whatever the fit before did to its working directory and environment."""
        for do in ("wander", "look around"):
            job = jobs.job(do)
            jobs.submit(job)
            assert isinstance(jobs.end_of(job), Done)

    def test_an_id_may_be_submitted_again(self, jobs: ExecutorJobs) -> None:
        """As in a retry of the search."""
        job = jobs.job()
        for _ in range(2):
            jobs.submit(job)
            assert isinstance(jobs.end_of(job), Done)

    def test_an_immediate_job_has_ended_at_the_next_poll(self, jobs: ExecutorJobs) -> None:
        """If the executor has immediate jobs."""
        job = jobs.job()
        if jobs.executor.is_immediate(job):
            jobs.submit(job)
            assert any(isinstance(h, Done) for h in jobs.executor.poll(0.0))

    def test_hints_do_no_harm(self, jobs: ExecutorJobs) -> None:
        """Unknown modules, and more or fewer workers than cores."""
        jobs.executor.preload(["there_is_no_such_module"])
        for n_workers in (3, 1):
            jobs.executor.warm_up(n_workers)
        self._succeeds(jobs)

    # Packs

    def test_each_of_a_pack_ends_alone_and_the_last_frees_the_lease(
        self, jobs: ExecutorJobs
    ) -> None:
        """One fails, the others succeed."""
        pack = [jobs.job(do, fold=fold) for fold, do in enumerate(("succeed", "raise", "succeed"))]
        jobs.submit(*pack)
        assert [type(jobs.end_of(job)) for job in pack] == [Done, Failed, Done]
        assert all(jobs.steps_of(job)[0] == 1 for job in pack)

    # Jobs that are ended

    def test_a_pruned_job_stops_at_its_next_report(self, jobs: ExecutorJobs) -> None:
        """If it runs beside the search, after a first report."""
        job = jobs.job("last")
        jobs.submit(job)
        if self.runs_beside:
            jobs.hear(lambda: bool(jobs.steps_of(job)), "the first report")
        jobs.executor.prune(job.job_id)
        pruned = jobs.end_of(job)
        assert isinstance(pruned, Pruned)
        assert pruned.step == jobs.steps_of(job)[-1]

    def test_a_killed_job_fails_with_the_error_that_was_given(self, jobs: ExecutorJobs) -> None:
        """Whether or not it has begun."""
        job = jobs.job("last")
        jobs.submit(job)
        if self.runs_beside:
            jobs.hear(lambda: bool(jobs.steps_of(job)), "the first report")
        jobs.executor.kill(job.job_id, REASON)
        failed = jobs.end_of(job)
        assert isinstance(failed, Failed)
        assert (failed.error.kind, failed.error.message) == (REASON.kind, REASON.message)

    def test_the_others_of_a_killed_job_go_on(self, jobs: ExecutorJobs) -> None:
        """The other members of its pack end normally."""
        pack = [jobs.job(fold=fold) for fold in range(3)]
        jobs.submit(*pack)
        jobs.executor.kill(pack[1].job_id, REASON)
        assert isinstance(jobs.end_of(pack[1]), Failed | Done)
        assert all(isinstance(jobs.end_of(job), Done) for job in (pack[0], pack[2]))

    @pytest.mark.parametrize("end_it", ["prune", "kill"])
    def test_a_job_that_does_not_run_is_left_alone(self, jobs: ExecutorJobs, end_it: str) -> None:
        """A job that has ended, and one that never existed."""
        job = jobs.job()
        jobs.submit(job)
        jobs.end_of(job)
        for job_id in (job.job_id, JobKey("unknown-0", 0)):
            if end_it == "prune":
                jobs.executor.prune(job_id)
            else:
                jobs.executor.kill(job_id, REASON)
        self._succeeds(jobs)

    @pytest.mark.parametrize("limit", ["deadline_s", "end_s"])
    def test_a_job_past_its_limit_has_failed_at_its_next_report(
        self, jobs: ExecutorJobs, limit: str
    ) -> None:
        """Its kind is ``timeout``."""
        job = replace(jobs.job("last"), **{limit: 0.5})  # type: ignore[arg-type]
        jobs.submit(job)
        failed = jobs.end_of(job)
        assert isinstance(failed, Failed)
        assert failed.error.kind == "timeout"
        self._succeeds(jobs)

    def test_nothing_is_heard_of_jobs_that_were_stopped(self, jobs: ExecutorJobs) -> None:
        """Their leases are released at once, and the next jobs succeed."""
        free = jobs.drained()
        for _ in free:
            jobs.submit(jobs.job("last"))
        jobs.stop()
        assert len(jobs.drained()) == len(free)
        self._succeeds(jobs)

    # Workers that are lost

    @pytest.mark.parametrize(("do", "kind"), [("exit", "crash"), ("be killed", "killed")])
    def test_a_lost_worker_fails_its_own_job_alone(
        self, jobs: ExecutorJobs, do: str, kind: str
    ) -> None:
        """Each member of its pack ends separately."""
        if not self.runs_beside:
            pytest.skip("a fit that crashes ends the search")
        pack = [jobs.job(do, fold=fold) for fold in range(2)]
        jobs.submit(*pack)
        for job in pack:
            failed = jobs.end_of(job)
            assert isinstance(failed, Failed)
            assert (failed.error.kind, failed.error.fold) == (kind, job.fold)
        self._succeeds(jobs)

    def _succeeds(self, jobs: ExecutorJobs) -> None:
        """Checks that another job succeeds."""
        job = jobs.job()
        jobs.submit(job)
        assert isinstance(jobs.end_of(job), Done)
