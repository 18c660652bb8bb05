"""The executor on a simulated clock: when fits end, and on which devices."""

import math

import numpy as np
import pytest

from automl.data.split.choose import ALL_ROWS, Split, SplitPlan
from automl.plugin.context import Resources
from automl.scheduling.devices.capacity import Gpu
from automl.scheduling.devices.pool import DevicePool, Lease
from automl.scheduling.executor import Done, Failed, Pruned, Reported
from automl.store.run_dir import RunDir
from automl.trial.spec import Job, JobKey, TrialError, TrialSpec
from benchmarks.portfolio.measured import Measured
from benchmarks.portfolio.simulated import Clock, SimulatedExecutor, Speeds
from benchmarks.portfolio.stand_in import KEY
from benchmarks.portfolio.timeline import Timeline

ROWS = np.arange(12)
PLAN = SplitPlan("stratified", tuple(Split(ROWS[:6], ROWS[6:]) for _ in range(2)), "", 12)


def measured(name, seconds):
    n_folds = len(seconds)
    return Measured(
        *(name, name.split("-")[0], {}, np.arange(12.0), np.zeros(3), np.array(seconds)),
        encode_s=np.zeros(n_folds),
        scores=np.full(n_folds, 0.5),
        size_mib=np.ones(n_folds),
        predict_ms=np.ones(n_folds),
        steps=[[(1, 0.3), (2, 0.4), (3, 0.5)]] * n_folds,
    )


def job(name="net-1", fold=0, number=0, **limits):
    return Job(TrialSpec(name.split("-")[0], number, {KEY: name}), fold, 0, **limits)


@pytest.fixture
def make(tmp_path):
    """Makes an executor; its clock starts at 0."""

    def executor(n_cpus=2, n_gpus=0, **speeds):
        fits = {m.key: m for m in (measured("net-1", [4.0, 8.0]), measured("forest-1", [6.0]))}
        pool = DevicePool(n_cpus, tuple(Gpu(i) for i in range(n_gpus)), None, math.inf)
        return SimulatedExecutor(
            fits=fits,
            run=RunDir(tmp_path),
            plan=PLAN,
            pool=pool,
            clock=Clock(),
            speeds=Speeds(handle_s=0.0, **speeds),
            timeline=Timeline(n_cpus, n_gpus),
        )

    return executor


def submitted(executor, *jobs, need=None):
    lease = executor.try_lease(need or Resources())
    executor.submit(jobs, lease)
    return lease


def run(executor, until=100.0):
    """All events until a time, each with its own."""
    found = []
    while executor.clock.now < until:
        found += [(executor.clock.now, event) for event in executor.poll(1.0)]
    return found


def test_a_fit_ends_after_the_seconds_it_once_took_with_its_reports_before(make):
    executor = make()
    submitted(executor, job())
    events = run(executor, 10)
    assert [type(event) for _, event in events] == [Reported] * 3 + [Done]
    assert events[-1][0] == pytest.approx(4.0)
    assert events[-1][1].result.fit_s == pytest.approx(4.0)
    assert executor.pool.free_cpus == 2


def test_the_predictions_of_a_fold_are_on_disk_when_it_is_done(make):
    executor = make()
    submitted(executor, job(fold=1))
    submitted(executor, job("forest-1", ALL_ROWS))
    run(executor, 10)
    np.testing.assert_array_equal(np.load(executor.run.oof("net-0", 1)), ROWS[6:])
    np.testing.assert_array_equal(np.load(executor.run.oof("forest-0", ALL_ROWS)), ROWS)


def test_a_poll_waits_no_longer_than_its_timeout(make):
    executor = make()
    submitted(executor, job())
    assert executor.poll(0.5) == []
    assert executor.clock.now == pytest.approx(0.5)


@pytest.mark.parametrize("limits", [{"deadline_s": 2.0}, {"end_s": 2.0}])
def test_a_fit_that_exceeds_a_limit_is_killed_there(make, limits):
    executor = make()
    submitted(executor, job(**limits))
    at, event = run(executor, 10)[-1]
    assert (at, event.error.kind) == (pytest.approx(2.0), "timeout")
    assert not executor.run.oof("net-0", 0).exists()


def test_a_pack_on_a_gpu_takes_its_longest_fit_and_a_share_for_each_other(make):
    executor = make(n_gpus=1, gpu_factor=0.5, pack_share=0.1)
    submitted(executor, job(fold=0), job(fold=1), need=Resources(n_gpus=1.0))
    ends = [(at, event) for at, event in run(executor, 10) if isinstance(event, Done)]
    assert [at for at, _ in ends] == [pytest.approx(0.5 * 8.0 * 1.1)] * 2
    assert {event.result.n_members for _, event in ends} == {2}
    assert executor.timeline.gpus == {0}


def test_a_pack_on_cores_takes_the_sum_of_its_fits_divided_by_its_cores(make):
    executor = make()
    submitted(executor, job(fold=0), job(fold=1), need=Resources(n_cpus=2))
    assert run(executor, 10)[-1][0] == pytest.approx(6.0)


def test_all_fits_of_a_slower_machine_take_longer(make):
    executor = make(cpu_factor=2.0)
    submitted(executor, job())
    assert run(executor, 10)[-1][0] == pytest.approx(8.0)


def test_a_gpu_that_is_not_there_is_refused(make):
    executor = make(n_gpus=1)
    with pytest.raises(ValueError, match="net-0/fold-0 got a GPU that is not there: 3"):
        executor.submit([job()], Lease(1, Gpu(3), share=1.0))


def test_a_pruned_fit_stops_at_its_next_report(make):
    executor = make()
    submitted(executor, job())
    executor.poll(1.5)
    executor.prune(JobKey("net-0", 0))
    (event,) = executor.poll(1.0)
    assert isinstance(event, Pruned)
    assert executor.clock.now == pytest.approx(2.0)
    assert executor.timeline.core_seconds() == pytest.approx(2.0)


def test_a_killed_fit_ends_at_once_and_may_be_submitted_again(make):
    executor = make()
    submitted(executor, job())
    executor.poll(0.5)
    executor.kill(JobKey("net-0", 0), TrialError("timeout", "too slow"))
    (event,) = executor.poll(0.0)
    assert isinstance(event, Failed)
    submitted(executor, job())
    assert [type(e) for _, e in run(executor, 10)] == [Reported] * 3 + [Done]


def test_what_runs_at_the_end_counts_until_then(make):
    executor = make()
    submitted(executor, job())
    executor.poll(0.5)
    executor.stop()
    assert run(executor, 10) == []
    assert executor.timeline.core_seconds() == pytest.approx(0.5)
    assert executor.pool.free_cpus == 2
