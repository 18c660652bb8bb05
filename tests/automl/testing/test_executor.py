"""Executors that break the contract fail the suite of executors."""

import itertools
import os
from dataclasses import replace

import pytest

from automl.plugin import Resources
from automl.scheduling.executor import Done, Failed, Pruned, Reported, StorageFull
from automl.scheduling.inline import InlineExecutor
from automl.testing import ExecutorTestCase
from automl.trial.spec import TrialError

ENDS = (Done, Failed, Pruned, StorageFull)


class KnowsItsPacks(InlineExecutor):
    """Keeps the ids of jobs that have not ended, by pack; it breaks nothing."""

    packs = ()

    def submit(self, jobs, lease, modules=frozenset()):
        super().submit(jobs, lease, modules)
        self.packs = [*self.packs, [job.job_id for job in jobs]]

    def poll(self, timeout_s):
        happenings = super().poll(timeout_s)
        ended = {h.job_id for h in happenings if isinstance(h, ENDS)}
        self.packs = [[job_id for job_id in pack if job_id not in ended] for pack in self.packs]
        return happenings


class LosesAnEnd(InlineExecutor):
    """Forgets every second end."""

    n_ends = 0

    def poll(self, timeout_s):
        happenings = []
        for happening in super().poll(timeout_s):
            self.n_ends += isinstance(happening, ENDS)
            if not isinstance(happening, ENDS) or self.n_ends % 2:
                happenings.append(happening)
        return happenings


class EndsTwice(InlineExecutor):
    """Says what it said last once more."""

    last = ()

    def poll(self, timeout_s):
        happenings = super().poll(timeout_s)
        again, self.last = self.last, [h for h in happenings if isinstance(h, ENDS)]
        return [*again, *happenings]


class ReportsAfterTheEnd(InlineExecutor):
    """Sends ends before reports."""

    def poll(self, timeout_s):
        return sorted(super().poll(timeout_s), key=lambda h: isinstance(h, Reported))


class ReportsInDisorder(InlineExecutor):
    """Sends the last report first."""

    def poll(self, timeout_s):
        happenings = super().poll(timeout_s)
        reports = [h for h in happenings if isinstance(h, Reported)]
        return [*reversed(reports), *(h for h in happenings if not isinstance(h, Reported))]


class KeepsLeases(InlineExecutor):
    """Never takes one back."""

    def release(self, lease):
        pass


class KeepsLeasesOfFailures(InlineExecutor):
    """Takes them back only from jobs that are done."""

    def poll(self, timeout_s):
        leases = list(self.pool.leases)
        happenings = super().poll(timeout_s)
        if any(isinstance(h, Failed) for h in happenings) and not self.pool.leases:
            self.pool.leases += leases
        return happenings


class KeepsLeasesAtStop(InlineExecutor):
    """Forgets the jobs, and not their leases."""

    def stop(self):
        leases = list(self.pool.leases)
        super().stop()
        self.pool.leases += leases


class FreesPacksEarly(InlineExecutor):
    """Takes the lease of a pack back with its first end."""

    def kill(self, job_id, error):
        leases = list(self.pool.leases)
        super().kill(job_id, error)
        for lease in leases if self.pool.leases else ():
            self.release(lease)


class AnswersAfterStop(KnowsItsPacks):
    """Says that stopped jobs failed."""

    def stop(self):
        for job_id in itertools.chain(*self.packs):
            self.kill(job_id, TrialError("killed", "it was stopped"))


class IgnoresPrune(InlineExecutor):
    """Fails a job that it was asked to prune."""

    def prune(self, job_id):
        self.kill(job_id, TrialError("killed", "pruned"))


class KillsTheWholePack(KnowsItsPacks):
    """Takes the others of a killed job along."""

    def kill(self, job_id, error):
        for pack in self.packs:
            for other in pack if job_id in pack else ():
                super().kill(other, error)


class KillsWithItsOwnError(InlineExecutor):
    """Does not pass on why."""

    def kill(self, job_id, error):
        super().kill(job_id, replace(error, kind="killed"))


class FailsForAnUnknownJob(KnowsItsPacks):
    """Knows only jobs that run."""

    def prune(self, job_id):
        assert any(job_id in pack for pack in self.packs)
        super().prune(job_id)

    def kill(self, job_id, error):
        assert any(job_id in pack for pack in self.packs)
        super().kill(job_id, error)


class KnowsNoLimit(InlineExecutor):
    """Lets fits go on; a short one, so that this test ends."""

    def submit(self, jobs, lease, modules=frozenset()):
        free = [replace(job, deadline_s=None, end_s=None) for job in jobs]
        limited = any(job.deadline_s is not None or job.end_s is not None for job in jobs)
        super().submit(free, lease, modules)
        if limited:
            for job in free:
                self.prune(job.job_id)


class MixesSeeds(InlineExecutor):
    """Fits with a seed of its own."""

    def submit(self, jobs, lease, modules=frozenset()):
        super().submit([replace(job, seed=job.seed + 1) for job in jobs], lease, modules)


class MixesFolds(InlineExecutor):
    """Forgets of which fold an error is."""

    def poll(self, timeout_s):
        return [
            Failed(h.job_id, replace(h.error, fold=0)) if isinstance(h, Failed) else h
            for h in super().poll(timeout_s)
        ]


class HidesFullDisks(InlineExecutor):
    """Takes a full disk for a failure of the fit."""

    def poll(self, timeout_s):
        return [
            Failed(h.job_id, TrialError("exception", h.why)) if isinstance(h, StorageFull) else h
            for h in super().poll(timeout_s)
        ]


class LeavesTheWorldChanged(InlineExecutor):
    """Gives the next fit what this one left."""

    def poll(self, timeout_s):
        happenings = super().poll(timeout_s)
        if not self.pool.leases and any(isinstance(h, Done) for h in happenings):
            os.environ["AUTOML_WANDERED"] = "yes"
        return happenings


class LeasesOfNowhere(InlineExecutor):
    """Names no node."""

    def try_lease(self, need, holder=""):
        lease = super().try_lease(need, holder)
        return None if lease is None else self._renamed(lease)

    def _renamed(self, lease):
        self.pool.leases.remove(lease)
        self.pool.leases.append(renamed := replace(lease, node="nowhere"))
        return renamed


class LeasesTwice(InlineExecutor):
    """Gives the same core to everybody."""

    def try_lease(self, need, holder=""):
        lease = self.pool.lease(need, holder)
        return lease or self.pool.leases[0]


class PromisesWhatIsNotFree(InlineExecutor):
    """Says that nothing is short."""

    def shortage(self, need):
        return super().shortage(need) if need == Resources(ram_gib=0.01) else None


class GivesNoReason(InlineExecutor):
    """Does not say what a job waits for."""

    def wait_reason(self, need):
        return ""


class ClosesOnce(InlineExecutor):
    """Cannot be closed again."""

    is_closed = False

    def close(self):
        assert not self.is_closed
        self.is_closed = True
        super().close()


class FailsHints(InlineExecutor):
    """Imports what it is told to."""

    def preload(self, modules):
        for module in modules:
            __import__(module)


class RefusesAnIdAgain(InlineExecutor):
    """Runs each id once."""

    seen = frozenset()

    def submit(self, jobs, lease, modules=frozenset()):
        ids = frozenset(job.job_id for job in jobs)
        assert not ids & self.seen
        self.seen |= ids
        super().submit(jobs, lease, modules)


class BragsOfImmediateJobs(InlineExecutor):
    """Says that jobs need no worker, and takes its time."""

    def is_immediate(self, job):
        return True

    def poll(self, timeout_s):
        return super().poll(timeout_s) if timeout_s else []


MUTANTS = [
    LosesAnEnd,
    EndsTwice,
    ReportsAfterTheEnd,
    ReportsInDisorder,
    KeepsLeases,
    KeepsLeasesOfFailures,
    KeepsLeasesAtStop,
    FreesPacksEarly,
    AnswersAfterStop,
    IgnoresPrune,
    KillsTheWholePack,
    KillsWithItsOwnError,
    FailsForAnUnknownJob,
    KnowsNoLimit,
    MixesSeeds,
    MixesFolds,
    HidesFullDisks,
    LeavesTheWorldChanged,
    LeasesOfNowhere,
    LeasesTwice,
    PromisesWhatIsNotFree,
    GivesNoReason,
    ClosesOnce,
    FailsHints,
    RefusesAnIdAgain,
    BragsOfImmediateJobs,
]


def first_failure(kind, folder, monkeypatch):
    """Names of the tests of the suite that an executor fails, each with a new one."""

    class Case(ExecutorTestCase):
        runs_beside, patience_s = False, 0.3

        def make_executor(self):
            return kind(n_cpus=2)

    case = Case()
    monkeypatch.setenv("AUTOML_WANDERED", "")  # so that the end of the test forgets it
    for name, options in calls():
        monkeypatch.delenv("AUTOML_WANDERED", raising=False)
        try:
            if name == "test_capacity_is_known_before_it_is_opened":
                case.test_capacity_is_known_before_it_is_opened()
                continue
            with case.opened(folder) as jobs:
                getattr(case, name)(jobs, **options)
                jobs.check()
        except Exception:
            return name
    return None


def calls():
    """The tests of the suite with the arguments they are called with."""
    for name in vars(ExecutorTestCase):
        if name.startswith("test_") and name != "test_a_lost_worker_fails_its_own_job_alone":
            marks = getattr(vars(ExecutorTestCase)[name], "pytestmark", [])
            (argument, values), *_ = [m.args for m in marks] or [("", [None])]
            yield from ((name, {argument: v} if argument else {}) for v in values)


def test_an_executor_that_keeps_the_contract_passes(tmp_path, monkeypatch):
    assert len(list(calls())) > 15
    assert first_failure(KnowsItsPacks, tmp_path, monkeypatch) is None


@pytest.mark.parametrize("kind", MUTANTS, ids=lambda kind: kind.__name__)
def test_one_that_breaks_it_fails(kind, tmp_path, monkeypatch):
    assert first_failure(kind, tmp_path, monkeypatch)
