"""Messages to the controller about jobs that ended."""

from __future__ import annotations

import traceback

from automl.errors import AutoMLError, StorageError
from automl.plugin.cuda import is_cuda_oom
from automl.plugin.family import TrialPruned
from automl.scheduling.devices.device_check import WrongDeviceError
from automl.scheduling.local.messages import Done, Ended, Failed, Pruned, Unwritable
from automl.trial.execute import BadPredictionError
from automl.trial.lost import LOST, LostFilesError
from automl.trial.spec import FoldResult, Job, TrialError

__all__ = ["answer", "failed"]

KINDS: dict[type[BaseException], str] = {
    MemoryError: "memory",
    BadPredictionError: "bad_prediction",
    WrongDeviceError: "wrong_device",
    LostFilesError: LOST,
}

FOR_PEOPLE = (BadPredictionError, WrongDeviceError, LostFilesError)


def answer(job: Job, outcome: FoldResult | BaseException, last_step: int = 0) -> Ended:
    """Builds the message to the controller about a job that ended.

    Args:
        job: The job.
        outcome: Its result, or the error that ended it.
        last_step: The last one that was reported.
    """
    if isinstance(outcome, FoldResult):
        return Done(job.job_id, outcome)
    if isinstance(outcome, TrialPruned):
        return Pruned(job.job_id, last_step)
    if isinstance(outcome, StorageError):
        return Unwritable(job.job_id, _printable(str(outcome)))
    return failed(job, _kind_of(outcome), outcome)


def _kind_of(error: BaseException) -> str:
    kinds = (kind for known, kind in KINDS.items() if isinstance(error, known))
    return next(kinds, "cuda_oom" if is_cuda_oom(error) else "exception")


def failed(job: Job, kind: str, error: BaseException) -> Failed:
    """Builds the message about a job that failed, with the kind of its error."""
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
    if isinstance(error, (AutoMLError, *FOR_PEOPLE)) and text:
        return text
    return f"{name}: {text}" if text else name


def _printable(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates are spelled out."""
    return text.encode(errors="backslashreplace").decode()
