"""The contract carries several nodes: two of ``local`` behind one executor, as a cluster would."""

import os
import signal
import sys
import time

import pytest

from automl.plugin import Resources
from automl.scheduling.devices.capacity import Capacity
from automl.scheduling.devices.pool import BlockingResource, DevicePool
from automl.scheduling.early_start import start_early
from automl.scheduling.executor import Executor, Failed
from automl.scheduling.local.executor import LocalExecutor
from automl.testing import ExecutorTestCase
from automl.testing.executor_jobs import ExecutorJobs
from tests.automl.scheduling.watched_launcher import WatchedLauncher

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")


class TwoNodes(Executor):
    """Hosts an executor on each node; what one of them says is said by all."""

    def __init__(self):
        self.launchers = {name: WatchedLauncher(start_early()) for name in "ab"}
        self.nodes = {
            name: LocalExecutor(DevicePool(n_cpus, name=name), self.launchers[name])
            for name, n_cpus in (("a", 1), ("b", 2))
        }
        self.lost = set()
        self._capacity = Capacity(
            tuple(node for e in self.nodes.values() for node in e.capacity().nodes)
        )

    @property
    def alive(self):
        return [e for name, e in self.nodes.items() if name not in self.lost]

    def capacity(self):
        return self._capacity

    def preload(self, modules):
        for executor in self.alive:
            executor.preload(modules)

    def open(self, setup, state=None, interrupted=lambda: False):
        for executor in self.nodes.values():
            executor.open(setup)

    def try_lease(self, need, holder=""):
        leases = (executor.try_lease(need, holder) for executor in self.alive)
        return next((lease for lease in leases if lease is not None), None)

    def release(self, lease):
        self.nodes[lease.node].release(lease)

    def shortage(self, need):
        short = [executor.shortage(need) for executor in self.alive]
        return None if None in short else (short or [BlockingResource.CORES])[0]

    def wait_reason(self, need):
        reasons = [f"{name}: {e.wait_reason(need)}" for name, e in self.nodes.items()]
        return "" if self.shortage(need) is None else "; ".join(reasons)

    def submit(self, jobs, lease, modules=frozenset()):
        self.nodes[lease.node].submit(jobs, lease, modules)

    def poll(self, timeout_s):
        due = time.monotonic() + timeout_s
        while True:
            happenings = [h for executor in self.nodes.values() for h in executor.poll(0.005)]
            if happenings or time.monotonic() >= due:
                return happenings

    def prune(self, job_id):
        for executor in self.nodes.values():
            executor.prune(job_id)

    def kill(self, job_id, error):
        for executor in self.nodes.values():
            executor.kill(job_id, error)

    def stop(self):
        for executor in self.nodes.values():
            executor.stop()

    def close(self):
        for executor in self.nodes.values():
            executor.close()

    def lose(self, name):
        """A node is gone with all that runs on it."""
        self.lost.add(name)
        for worker in self.launchers[name].running().values():
            os.kill(worker.pid, signal.SIGKILL)


class TestTwoNodes(ExecutorTestCase):
    def make_executor(self):
        return TwoNodes()


def test_a_lost_node_fails_its_jobs_and_no_others_and_gets_no_more(tmp_path):
    executor = TwoNodes()
    try:
        jobs = ExecutorJobs(executor, tmp_path, patience_s=60.0)
        running = [jobs.job("last") for _ in range(3)]
        node_of = {job.job_id: jobs.submit(job).node for job in running}
        assert sorted(node_of.values()) == ["a", "b", "b"]
        jobs.hear(lambda: all(map(jobs.steps_of, running)), "a report of each")
        capacity = executor.capacity()
        executor.lose("b")
        of_b = [job for job in running if node_of[job.job_id] == "b"]
        for job in of_b:
            end = jobs.end_of(job)
            assert isinstance(end, Failed)
            assert end.error.kind == "killed"  # so that the search tries it again, on another node
        (alive,) = [job for job in running if job not in of_b]
        assert executor.try_lease(Resources()) is None
        executor.prune(alive.job_id)
        jobs.end_of(alive)
        assert jobs.submit(jobs.job()).node == "a"
        assert executor.capacity() == capacity
    finally:
        executor.close()
