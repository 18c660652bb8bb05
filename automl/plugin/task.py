"""What is predicted, and what kinds of columns it is predicted from."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ColumnKind", "Task"]


class Task(StrEnum):
    """What is predicted."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"

    @property
    def is_classification(self) -> bool:
        """Whether the target is one of a set of classes."""
        return self is not Task.REGRESSION


class ColumnKind(StrEnum):
    """What the values of a column mean."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    DATETIME = "datetime"
    TEXT = "text"
