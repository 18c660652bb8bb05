"""Tasks and column kinds."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["TABULAR_KINDS", "ColumnKind", "Task"]


class Task(StrEnum):
    """Kind of target: one of two classes, one of several, a number, or quantiles of a number.

    Example:
        >>> Task("multiclass").is_classification
        True
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    QUANTILE = "quantile"

    @property
    def is_classification(self) -> bool:
        """Whether the target is one of a set of classes."""
        return self in (Task.BINARY, Task.MULTICLASS)


class ColumnKind(StrEnum):
    """Meaning of the values of a column.

    Example:
        >>> ColumnKind("text") in TABULAR_KINDS
        True
    """

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    DATETIME = "datetime"
    TEXT = "text"
    IMAGE = "image"
    SEQUENCE = "sequence"


TABULAR_KINDS = frozenset(ColumnKind) - {ColumnKind.IMAGE, ColumnKind.SEQUENCE}
"""Column kinds that are encoded into a matrix; images and sequences are passed unchanged."""
