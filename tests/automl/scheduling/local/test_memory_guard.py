"""Fits that take more memory than they may, in real workers."""

import math
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from automl.plugin import Resources
from automl.scheduling.devices import memory
from automl.scheduling.devices.pool import DevicePool
from automl.scheduling.executor import Done, Failed
from automl.scheduling.local.executor import LocalExecutor
from automl.scheduling.local.launcher import ForkLauncher, SpawnLauncher
from automl.scheduling.local.memory_guard import LOOK_S, MemoryGuard, MemoryUse
from automl.trial.spec import FoldResult, Job, TrialSpec
from tests.automl.scheduling.watched_launcher import WatchedLauncher

LIMIT_GIB = 0.5
PATIENCE_S = 20.0

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.usefixtures("importable"),
]


class Runner:
    """An executor with some cores and a limit of half a GiB for each fit."""

    def __init__(self, setup, launcher, limit_gib=LIMIT_GIB):
        self.launcher = WatchedLauncher(launcher)
        self.pool = DevicePool(4, memory_gib=8.0, fit_memory_gib=limit_gib)
        self.forward_s = 0.0  # of the clock
        clock = lambda: time.monotonic() + self.forward_s  # noqa: E731
        self.executor = LocalExecutor(self.pool, self.launcher, clock)
        self.executor.open(setup)
        self.ended = {}
        self._count = 0

    def submit(self, family, **params):
        lease = self.executor.pool.lease(Resources())
        self._count += 1
        job = Job(TrialSpec(family, self._count, params), fold=0, seed=1)
        self.executor.submit([job], lease)
        return job.job_id

    def until_ended(self, *job_ids, patience_s=PATIENCE_S):
        over = time.monotonic() + patience_s
        while not set(job_ids) <= set(self.ended):
            assert time.monotonic() < over, f"only {set(self.ended)} of {job_ids} have ended"
            for happening in self.executor.poll(0.2):
                if isinstance(happening, Done | Failed):
                    self.ended[happening.job_id] = happening
        return [self.ended[j] for j in job_ids]


@pytest.fixture(scope="module")
def launcher():
    sys.path.insert(0, str(Path(__file__).parents[1]))
    launcher = ForkLauncher()
    sys.path.pop(0)
    yield launcher
    launcher.close()


@pytest.fixture
def runner(request, prepared, launcher):
    """A runner; a test may set its limit in GiB as its parameter."""
    runner = Runner(prepared, launcher, getattr(request, "param", LIMIT_GIB))
    yield runner
    runner.launcher.kill_all()


def test_a_hog_is_ended_at_the_first_look_and_alone_with_its_numbers(runner, monkeypatch):
    looks, fair_gib = [], memory.proportional_gib
    monkeypatch.setattr(
        memory, "proportional_gib", lambda pid: (looks.append(pid), fair_gib(pid))[1]
    )
    others = [runner.submit("sleeps"), runner.submit("good")]
    hog = runner.submit("hog", gib=3.0)
    (failed,) = runner.until_ended(hog)
    # it is looked at closely where it seems too large
    assert set(looks) == {runner.launcher.worker_of[hog].pid}
    assert (failed.error.kind, failed.error.fold) == ("oom", 0)
    assert "above the limit of 0.50 GiB for one fit: scheduler.fit_memory_gib" in (
        failed.error.message
    )
    told_gib = float(failed.error.message.split()[0])  # rounded to hundredths
    assert LIMIT_GIB <= told_gib < 3.0
    runner.until_ended(others[1])
    assert isinstance(runner.ended[others[1]], Done)
    assert others[0] in runner.launcher.running()
    (good,) = runner.until_ended(runner.submit("good"))
    assert isinstance(good, Done)
    assert runner.pool.free_cpus == 3


def test_a_worker_that_was_ended_is_replaced(runner, all_gone):
    hog = runner.submit("hog", gib=3.0)
    runner.until_ended(hog)
    worker = runner.launcher.worker_of[hog]
    all_gone([worker.pid])
    good = runner.submit("good")
    runner.until_ended(good)
    assert runner.launcher.worker_of[good] is not worker


def test_what_a_fit_takes_in_a_process_of_its_own_counts(runner):
    (failed,) = runner.until_ended(runner.submit("hog", gib=3.0, child=True))
    assert failed.error.kind == "oom"


def test_memory_below_the_limit_is_no_matter(runner):
    (done,) = runner.until_ended(runner.submit("hog", gib=0.1))
    assert isinstance(done, Done)


@pytest.mark.parametrize("runner", [0.9], indirect=True)
def test_pages_that_forked_children_share_count_once(runner):
    (done,) = runner.until_ended(runner.submit("sharer", gib=0.3))
    assert isinstance(done, Done), done.error


@pytest.mark.parametrize("runner", [math.inf], indirect=True)
def test_without_a_limit_nothing_is_ended(runner):
    (done,) = runner.until_ended(runner.submit("hog", gib=0.55))
    assert isinstance(done, Done)


def test_spawned_workers_are_watched_as_well(prepared):
    launcher = SpawnLauncher()
    try:
        runner = Runner(prepared, launcher)
        (failed,) = runner.until_ended(runner.submit("hog", gib=3.0))
        assert failed.error.kind == "oom"
    finally:
        launcher.close()


def test_a_worker_whose_fits_leak_is_replaced_before_that_costs_a_fit(runner):
    for _ in range(8):
        (done,) = runner.until_ended(runner.submit("leaks", mib=100))
        assert isinstance(done, Done), done.error
    assert len(runner.launcher.workers) > 2


def until_there(runner, job_id):
    """Waits until the process of a worker is known: its id."""
    worker = runner.launcher.worker_of[job_id]
    patience = time.monotonic() + PATIENCE_S
    while worker.pid is None and time.monotonic() < patience:
        runner.executor.poll(0.05)
    return worker.pid


def killed_by_hand(runner, job_id):
    """Kills the worker of a fit from outside."""
    os.kill(until_there(runner, job_id), signal.SIGKILL)
    (failed,) = runner.until_ended(job_id)
    return failed.error


def test_a_kill_that_the_kernel_has_counted_is_lack_of_memory(runner, monkeypatch):
    before = memory.oom_kills()
    first, second = runner.submit("sleeps"), runner.submit("sleeps")
    monkeypatch.setattr(memory, "oom_kills", lambda: before + 1)
    error = killed_by_hand(runner, first)
    assert error.kind == "oom"
    assert "the kernel killed the worker for lack of memory" in error.message
    assert "the limit of one fit is 0.50 GiB (scheduler.fit_memory_gib)" in error.message
    assert killed_by_hand(runner, second).kind == "killed"


def test_a_kill_near_the_limit_is_lack_of_memory(runner, monkeypatch):
    job_id = runner.submit("sleeps")
    monkeypatch.setattr(memory, "process_tree_gib", lambda pid: 0.47)
    until_there(runner, job_id)
    runner.forward_s = 1.0
    runner.executor.poll(0.0)
    error = killed_by_hand(runner, job_id)
    assert error.kind == "oom"
    assert "0.47 GiB at the last measurement" in error.message


def test_a_kill_far_from_the_limit_is_somebody_elses_doing(runner):
    assert killed_by_hand(runner, runner.submit("sleeps")).kind == "killed"


def test_the_guard_looks_a_few_times_a_second():
    now = 0.0
    guard = MemoryGuard(clock=lambda: now)
    looks = []
    for tick in range(4 * 64):
        now = tick / 64
        looks += [now] if guard.is_time() else []
        assert guard.wait_s == max(0.0, looks[-1] + LOOK_S - now)
    assert looks[0] == 0.0
    assert 4 * 3 <= len(looks) <= 4 * 6


def test_a_fit_without_a_limit_is_not_looked_at(monkeypatch):
    def must_not_be_called(pid):
        raise AssertionError

    monkeypatch.setattr(memory, "process_tree_gib", must_not_be_called)
    assert MemoryUse(math.inf, 0).error(1) is None
    memory_use = MemoryUse(math.inf, 0)
    memory_use.look(1)
    assert memory_use.is_light
    result = FoldResult(0, 0.5, 1.0, 0.0, peak_rss_mib=77.0)
    assert memory_use.measured(result) == result


def test_a_result_says_the_most_that_was_seen_of_its_fit(monkeypatch):
    seen = iter([0.5, 2.0, 1.0])
    monkeypatch.setattr(memory, "process_tree_gib", lambda pid: next(seen))
    memory_use = MemoryUse(4.0, 0)
    for _ in range(3):
        memory_use.look(1)
    assert memory_use.measured(FoldResult(0, 0.5, 1.0, 0.0, peak_rss_mib=77.0)).peak_rss_mib == 2048
    assert memory_use.is_light


def test_what_a_fit_took_is_in_its_result_though_it_has_given_it_back(runner):
    small, large = runner.until_ended(
        runner.submit("good"), runner.submit("hog", gib=0.3), patience_s=20.0
    )
    assert 0 < small.result.peak_rss_mib < 300
    assert large.result.peak_rss_mib > small.result.peak_rss_mib + 250
