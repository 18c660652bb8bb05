"""Fits that read no column are made at once, without a worker."""

from pathlib import Path

import pytest

from automl.plugin import Encoding, ModelFamily, Resources
from automl.scheduling.devices.pool import DevicePool
from automl.scheduling.executor import Done, Failed, StorageFull
from automl.scheduling.local.executor import LocalExecutor
from automl.store.disk import StorageError
from automl.trial.spec import Job, TrialSpec
from automl.trial.worker_state import open_worker_state
from automl_plugins.baseline import Baseline


class NoLauncher:
    """Starts nothing."""

    modules = frozenset()

    def preload(self, modules):
        pass

    def refresh(self):
        pass

    def launch(self, env, modules):
        raise AssertionError("a worker was started")


class Reading(Baseline):
    name = "reading"

    def encoding(self, params, problem):
        return Encoding(numeric="raw", categorical="drop", text="drop")


class Undecided(Baseline):
    name = "undecided"

    def encoding(self, params, problem):
        raise ValueError("which view?")


class Failing(Baseline):
    name = "failing"

    def fit(self, params, fold, context, report):
        raise params["error"]


@pytest.fixture
def executor(prepared, importable):
    """An executor without workers; the memory of a fit is limited to next to nothing."""
    state = open_worker_state(prepared)
    families = [Baseline(), Reading(), Undecided(), Failing()]
    state.registry.families.update({f.name: _Entry(f) for f in families})
    pool = DevicePool(1, memory_gib=0.1, fit_memory_gib=0.001)
    executor = LocalExecutor(pool, NoLauncher())
    executor.open(prepared, state)
    executor.bench = state
    return executor


class _Entry:
    def __init__(self, family: ModelFamily) -> None:
        self.family = family


def submit(executor, family, **options):
    job = Job(TrialSpec(family, 0, options.pop("params", {})), fold=1, seed=0, **options)
    lease = executor.pool.lease(Resources(ram_gib=0.05))
    executor.submit([job], lease)
    return job


def test_it_is_over_at_once_and_nothing_limits_it(executor):
    limits = {"deadline_s": 0.0, "encode_limit_s": 0.0, "end_s": 0.0}
    job = submit(executor, "baseline", **limits)
    assert executor.pool.free_cpus == 1
    (done,) = executor.poll(0.0)
    assert isinstance(done, Done)
    assert done.job_id == job.job_id
    assert done.result.peak_rss_mib == 0.0  # that of the search would be set aside for the next
    assert (Path(executor.bench.setup.run) / "trials/baseline-0/fold-1/oof.npy").is_file()
    assert executor.poll(0.0) == []


@pytest.mark.parametrize("family", ["reading", "undecided"])
def test_what_reads_columns_goes_to_a_worker(executor, family):
    with pytest.raises(AssertionError, match="a worker was started"):
        submit(executor, family)


def test_a_failure_is_one_of_the_fit_and_not_of_the_search(executor):
    submit(executor, "failing", params={"error": ArithmeticError("no")})
    (failed,) = executor.poll(0.0)
    assert isinstance(failed, Failed)
    assert (failed.error.kind, failed.error.message) == ("exception", "ArithmeticError: no")
    submit(executor, "failing", params={"error": StorageError("the disk is full")})
    (unwritable,) = executor.poll(0.0)
    assert isinstance(unwritable, StorageFull)
