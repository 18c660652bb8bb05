"""A worker process: opens the data once, then runs one job after another until it is told to stop."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from automl.plugin.family import TrialPruned
from automl.scheduling.messages import Done, Failed, Progressed, Prune, Pruned, Ready
from automl.trial.run import Workbench, open_workbench, run_job
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, TrialError

__all__ = ["serve"]


def serve(connection: Connection[Any, Any]) -> None:
    """Serves jobs on a connection whose first message is the setup; ends when it closes."""
    faulthandler.disable()  # a crash is reported by its signal, not on a terminal nobody owns
    _silence()
    setup: TrialSetup = connection.recv()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(Ready(os.getpid()))
        bench: Workbench | None = None
        problem: Exception | None = None
        try:
            bench = open_workbench(setup)  # before the first job comes
        except Exception as error:
            problem = error
        while True:
            job = connection.recv()
            if isinstance(job, Prune):
                continue  # the fit it was meant for has just ended
            if bench is None:
                connection.send(_failed(job, "exception", problem or RuntimeError("no data")))
            else:
                connection.send(_run(job, bench, connection))


def _run(job: Job, bench: Workbench, connection: Connection[Any, Any]) -> Done | Pruned | Failed:
    last_step = 0

    def report(step: int, score: float) -> None:
        nonlocal last_step
        last_step = step
        connection.send(Progressed(job.job_id, step, score))
        while connection.poll():
            if connection.recv() == Prune(job.job_id):
                raise TrialPruned

    try:
        _limit_threads(job.n_threads)
        return Done(job.job_id, run_job(job, bench, report))
    except TrialPruned:
        return Pruned(job.job_id, last_step)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise  # the controller is gone
    except MemoryError as error:
        return _failed(job, "memory", error)
    except BaseException as error:  # a plugin may raise SystemExit or KeyboardInterrupt as well
        return _failed(job, "exception", error)


def _failed(job: Job, kind: str, error: BaseException) -> Failed:
    message = f"{type(error).__name__}: {error}"[:2000]
    return Failed(
        job.job_id,
        TrialError(kind, message, "".join(traceback.format_exception(error))[-20000:], job.fold),
    )


def _limit_threads(n_threads: int) -> None:
    """Sets the pools of native libraries that are loaded by now."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(n_threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n_threads)


def _silence() -> None:
    """Points the standard streams at nothing: what a fit prints must not reach the terminal."""
    sink = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(sink, stream)
    os.close(sink)
