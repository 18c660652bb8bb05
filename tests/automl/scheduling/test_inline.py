"""One fit after another in the process of the search."""

import builtins
import os
import signal
import sys
import traceback

import pytest

from automl.config.schema import SchedulerConfig
from automl.errors import ConfigError
from automl.plugin import Resources
from automl.scheduling.devices.pool import BlockingResource
from automl.scheduling.executor import Done, Failed, Reported
from automl.scheduling.inline import InlineExecutor, make_inline
from automl.testing import ExecutorTestCase
from automl.testing.executor_jobs import ExecutorJobs
from automl.trial.spec import Job, TrialSpec


class TestInline(ExecutorTestCase):
    runs_beside = False

    def make_executor(self):
        return InlineExecutor(n_cpus=2)


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def interrupted():
    """Whether Ctrl-C was pressed: not empty."""
    return []


@pytest.fixture
def executor(prepared, importable, clock, interrupted):
    executor = InlineExecutor(4, clock)
    executor.open(prepared, interrupted=lambda: bool(interrupted))
    return executor


@pytest.fixture
def start(executor, monkeypatch):
    """Submits a fit whose family does what a function says."""
    from nasty_families import Good

    numbers = iter(range(1000))

    def start(misbehave=lambda *_: None, need=None, **limits):
        job = Job(TrialSpec("good", next(numbers), {}), 0, 0, **limits)
        lease = executor.try_lease(need or Resources(), "good-0")
        monkeypatch.setattr(Good, "misbehave", staticmethod(misbehave))
        executor.submit([job], lease)
        return job

    return start


def test_a_fit_runs_on_the_thread_and_in_the_process_of_the_search(executor, start):
    import threading

    seen = []
    start(lambda *_: seen.append((os.getpid(), threading.current_thread())))
    executor.poll(0.0)
    assert seen == [(os.getpid(), threading.main_thread())]


def test_a_breakpoint_stops_in_the_fit(executor, start, monkeypatch):
    stacks = []
    monkeypatch.setattr(sys, "breakpointhook", lambda: stacks.append(traceback.extract_stack()))
    start(lambda *_: builtins.breakpoint())
    executor.poll(0.0)
    functions = [frame.name for frame in stacks[0]]
    assert functions.index("poll") < functions.index("execute_job") < functions.index("fit")


def test_who_leaves_the_debugger_leaves_the_search(executor, start):
    import bdb

    def quit_debugger(*_):
        raise bdb.BdbQuit

    start(quit_debugger)
    with pytest.raises(KeyboardInterrupt):
        executor.poll(0.0)


def test_ctrl_c_stops_a_fit_at_its_next_report_without_an_end(executor, start, interrupted):
    steps = []

    def report_for_ever(params, fold, context, report):
        for step in range(1, 100):
            steps.append(step)
            if step == 3:
                interrupted.append("Ctrl-C")
            report(step, 0.5)

    job = start(report_for_ever)
    assert executor.poll(0.0) == []
    assert steps == [1, 2, 3]
    assert executor.poll(0.0) == []  # and is not begun again
    executor.stop()
    assert executor.shortage(Resources()) is None
    interrupted.clear()
    assert executor.poll(0.0) == [], job


@pytest.fixture
def heeds_ctrl_c():
    """A process that was started in the background may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_second_ctrl_c_is_no_failure_of_the_fit(executor, start, heeds_ctrl_c):
    start(lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        executor.poll(0.0)


def test_a_plugin_that_wants_to_exit_has_failed(executor, start):
    start(lambda *_: sys.exit("I am leaving"))
    (failed,) = executor.poll(0.0)
    assert isinstance(failed, Failed)
    assert "I am leaving" in failed.error.message


def reports_after(clock, seconds):
    def report_late(params, fold, context, report):
        report(1, 0.5)
        clock.now += seconds
        report(2, 0.5)

    return report_late


def test_a_fit_past_its_limit_stops_at_its_report_and_says_how_long_it_took(executor, start, clock):
    job = start(reports_after(clock, 7.0), deadline_s=5.0)
    *reports, failed = executor.poll(0.0)
    assert [report.step for report in reports] == [1, 2]
    assert (failed.job_id, failed.error.kind) == (job.job_id, "timeout")
    assert failed.error.message == "stopped after 7.0 s: it was past its limit when it reported"


def test_the_end_of_the_budget_counts_from_when_a_fit_was_submitted(executor, start, clock):
    start(reports_after(clock, 3.0), deadline_s=50.0, end_s=10.0)
    clock.now += 8.0  # the search does something else before it polls
    assert executor.poll(0.0)[-1].error.kind == "timeout"


def test_a_fit_that_never_reports_keeps_its_result_however_late(executor, start, clock):
    def take_long(*_):
        clock.now += 100.0

    start(take_long, deadline_s=5.0)
    (done,) = executor.poll(0.0)
    assert isinstance(done, Done)


def test_encoding_has_a_limit_of_its_own(executor, start, clock, monkeypatch):
    from automl.trial.worker_state import WorkerState

    open_fold = WorkerState.open_fold

    def take_long(self, *arguments):
        clock.now += 9.0
        return open_fold(self, *arguments)

    monkeypatch.setattr(WorkerState, "open_fold", take_long)
    start(encode_limit_s=5.0)
    (failed,) = executor.poll(0.0)
    assert failed.error.message == "stopped after 9.0 s: its fold was not encoded in time"
    start(encode_limit_s=50.0, deadline_s=5.0)  # which begins when the fold is encoded
    assert isinstance(executor.poll(0.0)[-1], Done)


def test_one_fit_has_the_turn_and_the_next_is_told_whose(executor, start):
    assert executor.capacity().n_slots(1) == 1
    start()
    assert executor.shortage(Resources()) is BlockingResource.CORES
    assert executor.wait_reason(Resources()) == "its turn after good-0: one fit runs at a time"
    executor.poll(0.0)
    assert executor.wait_reason(Resources()) == ""


def test_native_threads_are_those_of_the_lease_and_come_back(executor, start):
    from threadpoolctl import threadpool_info, threadpool_limits

    def n_threads():
        return {pool["num_threads"] for pool in threadpool_info()}

    seen = set()
    with threadpool_limits(2):
        start(lambda *_: seen.update(n_threads()), n_threads=1)
        executor.poll(0.0)
        assert seen == {1}
        assert n_threads() == {2}


def test_it_has_no_gpu_and_says_so_where_one_is_asked_for():
    with pytest.raises(ConfigError, match=r"scheduler.gpus=\[0\]: inline fits only on the CPU"):
        make_inline(SchedulerConfig(gpus=[0]))
    assert make_inline(SchedulerConfig(cpus=3)).capacity().n_cpus == 3


def test_reports_are_told_with_the_end(tmp_path):
    jobs = ExecutorJobs(InlineExecutor(1), tmp_path, patience_s=10.0)
    jobs.submit(jobs.job())
    *reports, end = jobs.executor.poll(0.0)
    assert all(isinstance(report, Reported) for report in reports)
    assert isinstance(end, Done)
    assert end.result.peak_rss_mib == 0.0  # this process holds more than the fit
