"""Runs jobs in this process, and turns their results and errors into executor events."""

from __future__ import annotations

import contextlib
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence

from automl.errors import AutoMLError, StorageError
from automl.plugin.cuda import is_cuda_oom
from automl.plugin.family import Report, TrialPruned
from automl.scheduling.devices.device_check import WrongDeviceError
from automl.scheduling.executor import Done, Ended, Failed, Pruned, StorageFull
from automl.trial.execute import BadPredictionError, execute_job, execute_pack
from automl.trial.lost_files import LOST, LostFilesError
from automl.trial.refit import refit_job
from automl.trial.spec import FoldResult, Job, TrialError
from automl.trial.worker_state import WorkerState

__all__ = ["answer", "failed", "outcomes", "restored"]

KINDS: dict[type[BaseException], str] = {
    MemoryError: "memory",
    BadPredictionError: "bad_prediction",
    WrongDeviceError: "wrong_device",
    LostFilesError: LOST,
}

FOR_PEOPLE = (BadPredictionError, WrongDeviceError, LostFilesError)


def outcomes(
    jobs: Sequence[Job],
    state: WorkerState,
    report_of: Callable[[Job], Report],
    encoded: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Job, FoldResult | Exception]]:
    """Runs a job, or a pack of them, to the end: scored fits, or a refit.

    Args:
        jobs: The jobs of one ``Executor.submit``.
        state: The opened run.
        report_of: Returns the report function of a job.
        encoded: Called when all folds are encoded, before the fit.

    Yields:
        Each job with its result, or with the error of that job alone.

    Raises:
        Exception: An error that ended all of them.
    """
    if len(jobs) > 1:
        yield from execute_pack(jobs, state, report_of, encoded)
    elif jobs[0].replaces_folds:
        yield jobs[0], refit_job(jobs[0], state)
    else:
        yield jobs[0], execute_job(jobs[0], state, report_of(jobs[0]), encoded)


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Restores environment variables and folders after a fit, for the next one."""
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


def answer(job: Job, outcome: FoldResult | BaseException, last_step: int = 0) -> Ended:
    """Builds the message to the controller about a job that ended.

    Args:
        job: The job.
        outcome: Its result, or the error that ended it.
        last_step: The last reported step.
    """
    if isinstance(outcome, FoldResult):
        return Done(job.job_id, outcome)
    if isinstance(outcome, TrialPruned):
        return Pruned(job.job_id, last_step)
    if isinstance(outcome, StorageError):
        return StorageFull(job.job_id, _printable(str(outcome)))
    return failed(job, _kind_of(outcome), outcome)


def _kind_of(error: BaseException) -> str:
    kinds = (kind for known, kind in KINDS.items() if isinstance(error, known))
    return next(kinds, "cuda_oom" if is_cuda_oom(error) else "exception")


def failed(job: Job, kind: str, error: BaseException) -> Failed:
    """Builds the message about a failed job, with the kind of its error."""
    lines = "".join(traceback.format_exception(error))
    return Failed(
        job.job_id,
        TrialError(kind, _printable(_text(error))[:2000], _printable(lines)[-20000:], job.fold),
    )


def _text(error: BaseException) -> str:
    """The text of an error, with its class unless the text was written for users."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        return f"{name} (its text cannot be shown)"
    if isinstance(error, (AutoMLError, *FOR_PEOPLE)) and text:
        return text
    return f"{name}: {text}" if text else name


def _printable(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates are escaped."""
    return text.encode(errors="backslashreplace").decode()
