"""What a runner makes of the answers of an executor, which here says what it is told to."""

import pytest

from automl.errors import StorageError
from automl.scheduling.devices.pool import Lease
from automl.scheduling.executor import Failed, Pruned, Reported, StorageFull
from automl.scheduling.runner import JobRunner, WorkerLost
from automl.trial.spec import Job, TrialError, TrialSpec

JOB = Job(TrialSpec("svm", 3, {}), fold=1, seed=7)
KILLED = Failed(JOB.job_id, TrialError("killed", "SIGKILL"))


class Executor:
    """Answers what is queued, a list a poll."""

    def __init__(self):
        self.answers, self.submitted, self.n_stops = [], [], 0

    def submit(self, jobs, lease, modules):
        self.submitted += jobs

    def poll(self, timeout_s):
        return self.answers.pop(0) if self.answers else []

    def stop(self):
        self.n_stops += 1


@pytest.fixture
def runner():
    return JobRunner(Executor())


def submit(runner, job=JOB):
    runner.submit([job], Lease(1), frozenset())


def test_a_job_runs_until_it_ends_and_reports_do_not_end_it(runner):
    submit(runner)
    report, pruned = Reported(JOB.job_id, 1, 0.5), Pruned(JOB.job_id, 1)
    runner.executor.answers = [[report], [pruned]]
    assert runner.poll(0.0) == [report]
    assert runner.running == {JOB.job_id: JOB}
    assert runner.poll(0.0) == [pruned]
    assert runner.running == {}


def test_a_job_that_loses_its_worker_may_run_again_twice_with_its_seed_and_then_fails(runner):
    runner.executor.answers = [[KILLED], [KILLED], [KILLED]]
    ends = []
    for _ in range(3):
        submit(runner)
        ends += runner.poll(0.0)
        assert runner.running == {}
    assert ends == [WorkerLost(JOB.job_id), WorkerLost(JOB.job_id), KILLED]
    assert [job.attempt for job in runner.executor.submitted] == [0, 1, 2]
    assert {job.seed for job in runner.executor.submitted} == {JOB.seed}


def test_a_fit_that_fails_by_itself_is_not_tried_again(runner):
    failed = Failed(JOB.job_id, TrialError("crash", "SIGSEGV"))
    submit(runner)
    runner.executor.answers = [[failed]]
    assert runner.poll(0.0) == [failed]
    assert runner.losses == {}


def test_a_full_disk_ends_everything(runner):
    submit(runner)
    runner.executor.answers = [[StorageFull(JOB.job_id, "oof.npy cannot be written")]]
    with pytest.raises(StorageError, match=r"oof\.npy"):
        runner.poll(0.0)


def test_turns_go_on_while_a_job_runs_or_another_one_starts(runner):
    left = [JOB, JOB]
    runner.executor.answers = [[], [KILLED], [Pruned(JOB.job_id, 1)]]

    def start():
        if left and not runner.running:
            submit(runner, left.pop())

    assert list(runner.run(start)) == [[], [WorkerLost(JOB.job_id)], [Pruned(JOB.job_id, 1)]]
    assert left == []
    assert runner.executor.n_stops == 0


def test_an_interrupt_ends_what_runs_and_starts_nothing(runner):
    asked = []
    runner.interrupted = lambda: bool(asked)
    for turn, _ in enumerate(runner.run(lambda: None if runner.running else submit(runner))):
        asked += [turn] * (turn == 2)
    assert asked == [2]
    assert runner.running == {}
    assert (len(runner.executor.submitted), runner.executor.n_stops) == (1, 1)
