"""Recognises out-of-memory errors of GPU libraries without importing them."""

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
    """Whether an error, or its cause, means that a GPU is out of memory.

    Checks the class (``torch.OutOfMemoryError``, ``torch.cuda.OutOfMemoryError`` before 2.5) and,
    for libraries below torch, the text.

    Example:
        >>> is_cuda_oom(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
        True
    """
    kinds = (kind for kind in type(error).__mro__ if kind.__name__ == OOM_CLASS)
    if any(kind.__module__.partition(".")[0] == "torch" for kind in kinds):
        return True
    text = " ".join(part for part in error.args if isinstance(part, str)).lower()
    if isinstance(error, RuntimeError) and any(known in text for known in OOM_TEXTS):
        return True
    return error.__cause__ is not None and is_cuda_oom(error.__cause__)
