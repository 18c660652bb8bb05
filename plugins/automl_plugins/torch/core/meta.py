"""Builds nets without memory, to check the shapes of weights before they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["shapes_only"]

_DRAWING = ("normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "orthogonal_")
_FILLING = frozenset({*_DRAWING, "constant_", "zeros_", "ones_", "fill_", "zero_", "sign_", "mul_"})
"""Functions that set the values of a tensor, by name; its shape stays."""


class _NoValues(TorchFunctionMode):
    """Skips what only sets values: without data, the first such call would import the compiler.

    That takes more than a second (``torch._dynamo`` and SymPy, 800 modules).
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Returns the tensor as it is, or calls the function."""
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _FILLING:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Creates tensors without data.

    Nets that set their first values in place (``torch.empty(...).uniform_(...)``) are built without
    torch's compiler.
    """
    with torch.device("meta"), _NoValues():
        yield
