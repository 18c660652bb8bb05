"""What is predicted, and what kinds of columns it is predicted from."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["TABULAR_KINDS", "ColumnKind", "Task"]


class Task(StrEnum):
    """What is predicted: one of two classes or of more, a number, or quantiles of a number."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    QUANTILE = "quantile"

    @property
    def is_classification(self) -> bool:
        """Whether the target is one of a set of classes."""
        return self in (Task.BINARY, Task.MULTICLASS)


class ColumnKind(StrEnum):
    """What the values of a column mean."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    DATETIME = "datetime"
    TEXT = "text"
    IMAGE = "image"
    SEQUENCE = "sequence"


TABULAR_KINDS = frozenset(ColumnKind) - {ColumnKind.IMAGE, ColumnKind.SEQUENCE}
"""Kinds whose columns are encoded into a matrix; images and sequences are shown as they are."""
