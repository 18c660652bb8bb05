"""A worker process: opens the data once, then runs one job after another to the end."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from automl.errors import AutoMLError, StorageError
from automl.plugin.cuda import is_cuda_oom
from automl.plugin.family import TrialPruned
from automl.scheduling.cuda import WrongDeviceError, check_devices
from automl.scheduling.messages import (
    Done,
    Failed,
    FromWorker,
    Probe,
    Probed,
    Progressed,
    Prune,
    Pruned,
    Ready,
    Start,
    Unwritable,
)
from automl.scheduling.probe import work
from automl.trial.refit import refit_job
from automl.trial.run import BadPredictionError, Workbench, open_workbench, run_job
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, TrialError
from automl.trial.vram import free_vram

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["serve"]

KINDS: dict[type[BaseException], str] = {
    MemoryError: "memory",
    BadPredictionError: "bad_prediction",
    WrongDeviceError: "wrong_device",
}


def serve(connection: Connection[Any, Any]) -> None:
    """Serves jobs on a connection whose first message is the setup; ends when it closes."""
    faulthandler.disable()  # a crash is reported by its signal, not on a terminal nobody owns
    _silence()
    own_pid = os.getpid()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        setup: TrialSetup = connection.recv()
        connection.send(Ready(own_pid))
        bench: Workbench | None = None
        problem: Exception | None = None
        try:
            bench = open_workbench(setup)  # before the first job comes
        except Exception as error:
            problem = error
        while True:
            message = connection.recv()
            if isinstance(message, Prune):
                continue  # the fit it was meant for has just ended
            if isinstance(message, Probe):
                connection.send(Probed(work(message)))
                continue
            job = _with_time_left(message)
            answer: FromWorker
            if bench is None:
                answer = _failed(job, "exception", problem or RuntimeError("no data"))
            else:
                with _restored():
                    answer = _run(job, message.visible, bench, connection)
            if os.getpid() != own_pid:  # the fit has forked, and this is the copy
                os._exit(1)
            free_vram()
            connection.send(answer)


def _with_time_left(start: Start) -> Job:
    """The job with the seconds that are left: starting a worker may have taken some."""
    if start.job.deadline_s is None:
        return start.job
    return replace(start.job, deadline_s=max(0.0, start.due - time.monotonic()))


def _run(job: Job, visible: str, bench: Workbench, connection: Connection[Any, Any]) -> FromWorker:
    own_pid, last_step, stop = os.getpid(), 0, False

    def report(step: int, score: float) -> None:
        nonlocal last_step, stop
        if os.getpid() != own_pid:
            raise RuntimeError("report() was called in another process than fit()")
        last_step = step
        try:
            connection.send(Progressed(job.job_id, step, score))
            while connection.poll():
                stop = connection.recv() == Prune(job.job_id) or stop
        except (EOFError, OSError):  # the controller is gone
            os._exit(1)
        if stop:
            raise TrialPruned

    try:
        check_devices(visible)
        _limit_threads(job.n_threads)
        if job.stands_for:
            return Done(job.job_id, refit_job(job, bench))
        return Done(job.job_id, run_job(job, bench, report))
    except TrialPruned:
        return Pruned(job.job_id, last_step)
    except StorageError as error:
        return Unwritable(job.job_id, _printable(str(error)))
    except BaseException as error:  # a plugin may raise SystemExit or KeyboardInterrupt as well
        return _failed(job, _kind_of(error), error)


def _kind_of(error: BaseException) -> str:
    kinds = (kind for known, kind in KINDS.items() if isinstance(error, known))
    return next(kinds, "cuda_oom" if is_cuda_oom(error) else "exception")


def _failed(job: Job, kind: str, error: BaseException) -> Failed:
    lines = "".join(traceback.format_exception(error))
    return Failed(
        job.job_id,
        TrialError(kind, _printable(_text(error))[:2000], _printable(lines)[-20000:], job.fold),
    )


def _text(error: BaseException) -> str:
    """What an error says; its class is part of it unless the text was written for people."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        return f"{name} (its text cannot be shown)"
    if isinstance(error, AutoMLError | BadPredictionError | WrongDeviceError) and text:
        return text
    return f"{name}: {text}" if text else name


def _printable(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates are spelled out."""
    return text.encode(errors="backslashreplace").decode()


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Gives the next fit the environment and the folders that this one found."""
    folder, env, temporary = os.open(".", os.O_RDONLY), dict(os.environ), tempfile.tempdir
    try:
        yield
    finally:
        os.fchdir(folder)
        os.close(folder)
        tempfile.tempdir = temporary
        if dict(os.environ) != env:
            os.environ.clear()
            os.environ.update(env)


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
