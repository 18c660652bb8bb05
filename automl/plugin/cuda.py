"""What the errors of GPU libraries mean, told without importing any of them."""

from __future__ import annotations

__all__ = ["is_cuda_oom"]

OOM_CLASS = "OutOfMemoryError"
OOM_TEXTS = (
    "cuda out of memory",
    "cuda error: out of memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cudaerrormemoryallocation",
)


def is_cuda_oom(error: BaseException) -> bool:
    """Whether an error, or the one it was raised from, says that a GPU is out of memory.

    Told by the class (``torch.OutOfMemoryError``, ``torch.cuda.OutOfMemoryError`` before 2.5), and
    by the text where libraries below torch fail to allocate.
    """
    if any(_is_oom_class(c) for c in type(error).__mro__):
        return True
    text = " ".join(part for part in error.args if isinstance(part, str)).lower()
    if isinstance(error, RuntimeError) and any(known in text for known in OOM_TEXTS):
        return True
    return error.__cause__ is not None and is_cuda_oom(error.__cause__)


def _is_oom_class(kind: type) -> bool:
    return kind.__name__ == OOM_CLASS and kind.__module__.partition(".")[0] == "torch"
