"""A worker process: opens the data once, then runs one fit or pack after another to the end."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from automl.plugin.family import Report, TrialPruned
from automl.scheduling.answers import answer, failed, outcomes, restored
from automl.scheduling.devices.device_check import check_devices
from automl.scheduling.executor import Progressed
from automl.scheduling.local.messages import Encoded, FromWorker, Prune, Ready
from automl.scheduling.thread_probe import Probe, Probed, work
from automl.trial.gpu_memory import free_vram
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, JobKey
from automl.trial.worker_state import Workbench, open_workbench

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["serve"]


def serve(connection: Connection[Any, Any]) -> None:
    """Serves jobs on a connection whose first message is the setup; ends when it closes."""
    faulthandler.disable()  # a crash is reported by its signal, not on a terminal nobody owns
    _silence()
    own_pid, born = os.getpid(), time.monotonic()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        setup: TrialSetup = connection.recv()
        connection.send(Ready(own_pid))
        bench: Workbench | None = None
        problem: Exception | None = None
        try:
            bench = open_workbench(setup)  # before the first job comes
        except Exception as error:
            problem = error
        late_s = time.monotonic() - born if connection.poll() else 0.0
        while True:
            message = connection.recv()
            if isinstance(message, Prune):
                continue  # the fit it was meant for has just ended
            if isinstance(message, Probe):
                connection.send(Probed(work(message)))
                late_s = 0.0
                continue
            jobs, late_s = _with_time_left(message.jobs, late_s), 0.0
            answers: Iterator[FromWorker]
            if bench is None:
                why = problem or RuntimeError("no data")
                answers = (failed(job, "exception", why) for job in jobs)
            else:
                answers = _run(jobs, message.visible, bench, connection)
            last = _send_all_but_last(answers, connection, own_pid)
            free_vram()
            connection.send(last)


def _send_all_but_last(
    answers: Iterator[FromWorker], connection: Connection[Any, Any], own_pid: int
) -> FromWorker:
    """Sends what becomes of jobs as soon as it is known; the last one says that nothing is left."""
    last: FromWorker | None = None
    with restored():
        for answer in answers:
            if os.getpid() != own_pid:  # the fit has forked, and this is the copy
                os._exit(1)
            if last is not None:
                connection.send(last)
            last = answer
    assert last is not None  # each job is answered
    return last


def _with_time_left(jobs: Sequence[Job], late_s: float) -> tuple[Job, ...]:
    """The jobs with the seconds that are left, as they waited while this worker opened the data."""
    return tuple(
        job if job.end_s is None else replace(job, end_s=max(0.0, job.end_s - late_s))
        for job in jobs
    )


@dataclass(slots=True)
class _Reports:
    """What running jobs tell the controller, and which of them it has asked to stop."""

    connection: Connection[Any, Any]
    own_pid: int = field(default_factory=os.getpid)
    last_step: dict[JobKey, int] = field(default_factory=dict)
    stopped: set[JobKey] = field(default_factory=set)

    def of(self, job: Job) -> Report:
        """Where a job reports to."""
        return lambda step, score: self._pass_on(job.job_id, step, score)

    def encoded(self) -> None:
        """Says that the folds are encoded: from now on the limit of the fit counts."""
        self.connection.send(Encoded())

    def _pass_on(self, job_id: JobKey, step: int, score: float) -> None:
        if os.getpid() != self.own_pid:
            raise RuntimeError("report() was called in another process than fit()")
        self.last_step[job_id] = step
        try:
            self.connection.send(Progressed(job_id, step, score))
            while self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Prune):
                    self.stopped.add(message.job_id)
        except (EOFError, OSError):  # the controller is gone
            os._exit(1)
        if job_id in self.stopped:
            raise TrialPruned


def _run(
    jobs: Sequence[Job], visible: str, bench: Workbench, connection: Connection[Any, Any]
) -> Iterator[FromWorker]:
    """Runs jobs, and yields one answer to each."""
    reports, left = _Reports(connection), {job.job_id: job for job in jobs}
    try:
        check_devices(visible)
        _limit_threads(jobs[0].n_threads)
        for job, outcome in outcomes(jobs, bench, reports.of, reports.encoded):
            del left[job.job_id]
            yield answer(job, outcome, reports.last_step.get(job.job_id, 0))
    except GeneratorExit:
        raise
    except BaseException as error:  # a plugin may raise SystemExit or KeyboardInterrupt as well
        for job in left.values():
            yield answer(job, error, reports.last_step.get(job.job_id, 0))


def _limit_threads(n_threads: int) -> None:
    """Sets the pools of native libraries that are loaded by now."""
    _thread_pools(len(sys.modules)).limit(limits=n_threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n_threads)


@lru_cache(maxsize=1)
def _thread_pools(n_modules: int) -> ThreadpoolController:
    """Pools of native libraries; finding them takes milliseconds, and they come with modules."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _silence() -> None:
    """Points the standard streams at nothing: what a fit prints must not reach the terminal."""
    sink = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(sink, stream)
    os.close(sink)
