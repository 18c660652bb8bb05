"""Runs a worker process: opens the data once, then runs one fit or pack after another."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from automl.plugin.family import Report, TrialPruned
from automl.scheduling.devices.device_check import check_visible_gpu
from automl.scheduling.executor import Reported
from automl.scheduling.job_outcomes import answer, failed, outcomes, restored
from automl.scheduling.local.messages import Encoded, FromWorker, Prune, Ready
from automl.scheduling.thread_probe import ProbeResult, ThreadProbe, work
from automl.trial.gpu_memory import free_vram
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, JobKey
from automl.trial.worker_state import WorkerState, open_worker_state

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["serve"]


def serve(connection: Connection[Any, Any]) -> None:
    """Serves jobs on a connection whose first message is the setup; ends when it closes."""
    faulthandler.disable()  # a crash is reported by its signal, not on the terminal
    _silence()
    own_pid, born = os.getpid(), time.monotonic()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        setup: TrialSetup = connection.recv()
        connection.send(Ready(own_pid))
        state: WorkerState | None = None
        problem: Exception | None = None
        try:
            state = open_worker_state(setup)  # before the first job comes
        except Exception as error:
            problem = error
        late_s = time.monotonic() - born if connection.poll() else 0.0
        while True:
            message = connection.recv()
            if isinstance(message, Prune):
                continue  # its fit has just ended
            if isinstance(message, ThreadProbe):
                connection.send(ProbeResult(work(message)))
                late_s = 0.0
                continue
            # they waited while this worker opened the data
            jobs, late_s = [job.late_by(late_s) for job in message.jobs], 0.0
            answers: Iterator[FromWorker]
            if state is None:
                why = problem or RuntimeError("no data")
                answers = (failed(job, "exception", why) for job in jobs)
            else:
                answers = _run(jobs, message.visible, state, connection)
            last = _send_all_but_last(answers, connection, own_pid)
            free_vram()
            connection.send(last)


def _send_all_but_last(
    answers: Iterator[FromWorker], connection: Connection[Any, Any], own_pid: int
) -> FromWorker:
    """Sends each answer as soon as it is known; the last one means that no job is left."""
    last: FromWorker | None = None
    with restored():
        for answer in answers:
            if os.getpid() != own_pid:  # a copy of this process that the fit has forked
                os._exit(1)
            if last is not None:
                connection.send(last)
            last = answer
    assert last is not None  # each job is answered
    return last


@dataclass(slots=True)
class _Reports:
    """Sends the reports of running jobs, and receives requests to stop them."""

    connection: Connection[Any, Any]
    own_pid: int = field(default_factory=os.getpid)
    last_step: dict[JobKey, int] = field(default_factory=dict)
    stopped: set[JobKey] = field(default_factory=set)

    def of(self, job: Job) -> Report:
        """The report function of a job."""
        return lambda step, score: self._pass_on(job.job_id, step, score)

    def encoded(self) -> None:
        """Reports that the folds are encoded, which starts the time limit of the fit."""
        self.connection.send(Encoded())

    def _pass_on(self, job_id: JobKey, step: int, score: float) -> None:
        if os.getpid() != self.own_pid:
            raise RuntimeError("report() was called in another process than fit()")
        self.last_step[job_id] = step
        try:
            self.connection.send(Reported(job_id, step, score))
            while self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Prune):
                    self.stopped.add(message.job_id)
        except (EOFError, OSError):  # the controller has ended
            os._exit(1)
        if job_id in self.stopped:
            raise TrialPruned


def _run(
    jobs: Sequence[Job], visible: str, state: WorkerState, connection: Connection[Any, Any]
) -> Iterator[FromWorker]:
    """Runs jobs, and yields one answer to each."""
    reports, left = _Reports(connection), {job.job_id: job for job in jobs}
    try:
        check_visible_gpu(visible)
        _limit_threads(jobs[0].n_threads)
        for job, outcome in outcomes(jobs, state, reports.of, reports.encoded):
            del left[job.job_id]
            yield answer(job, outcome, reports.last_step.get(job.job_id, 0))
    except GeneratorExit:
        raise
    except BaseException as error:  # a plugin may raise SystemExit or KeyboardInterrupt as well
        for job in left.values():
            yield answer(job, error, reports.last_step.get(job.job_id, 0))


def _limit_threads(n_threads: int) -> None:
    """Sets the thread pools of the native libraries that are loaded by now."""
    _thread_pools(len(sys.modules)).limit(limits=n_threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n_threads)


@lru_cache(maxsize=1)
def _thread_pools(n_modules: int) -> ThreadpoolController:
    """Pools of native libraries; searching them takes milliseconds, so only after new imports."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _silence() -> None:
    """Redirects the standard streams to nothing: a fit's output must not reach the terminal."""
    sink = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(sink, stream)
    os.close(sink)
