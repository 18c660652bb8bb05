"""Reads the distinct values of the target column: labels or numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.number_forms import FoundNumbers
from automl.data.columns.values import factorize, find_in
from automl.data.numbers import NumberForm, read_numbers
from automl.data.options import USUAL_READING, Reading
from automl.data.table import FloatArray, IntArray, Label
from automl.errors import DataError

__all__ = ["LabelValues", "n_special", "read_labels"]

_WHOLE = re.compile(r"(0|-?[1-9]\d*)\Z")
_DECIMAL = re.compile(r"-?\d+\.\d+\Z")


@dataclass(frozen=True, slots=True)
class LabelValues:
    """The values of a column, as codes of its distinct values.

    Attributes:
        codes: Index of each row's value (int64), ``(n_rows,)``.
        numbers: The distinct values as numbers (float64), ``(n_distinct,)``; None if they are not
            numbers.
        labels: Returns the distinct values as in the data.
        odd: A value that is not a number; "" if all are numbers.
    """

    codes: IntArray
    numbers: FloatArray | None
    labels: Callable[[], list[Label]]
    odd: str = ""

    @property
    def n_distinct(self) -> int:
        """Number of distinct values."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0


def read_labels(
    column: pa.ChunkedArray, name: str, reading: Reading = USUAL_READING
) -> LabelValues:
    """Finds the distinct values of a column without missing values.

    Args:
        column: The column, ``(n_rows,)``.
        name: Its name, for the message.
        reading: Rules for reading its texts.

    Raises:
        DataError: A column of this type, such as dates or lists, cannot be a target.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_labels(column.cast(kind.value_type), name, reading)
    if pa.types.is_string(kind):
        return _labels_of_texts(column, reading)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.float64(), safe=False)
    elif not pa.types.is_boolean(kind) and not pa.types.is_integer(kind):
        raise DataError(
            f"the target {name!r} holds values of type {kind}, which cannot be predicted: convert "
            "them to numbers or texts"
        )
    distinct, codes = np.unique(column.to_numpy(), return_inverse=True)
    if pa.types.is_boolean(kind):
        return LabelValues(codes.astype(np.int64), None, distinct.tolist, "True")
    return LabelValues(codes.astype(np.int64), distinct.astype(np.float64), distinct.tolist)


def _labels_of_texts(column: pa.ChunkedArray, reading: Reading) -> LabelValues:
    indices, distinct = factorize(column)
    codes = indices.to_numpy().astype(np.int64)
    texts: list[str] = distinct.to_pylist()
    zeros = pc.any(pc.match_substring_regex(distinct, r"^\s*[+-]?0\d")).as_py()
    found = None if zeros else find_in(indices, distinct, reading)
    if found is None or found.values.null_count > n_special(found):
        odd = next((t for t in texts if not _is_number(t)), texts[0])
        return LabelValues(codes, None, lambda: list(texts), odd)
    # "1" and "1.0" are the same number: merge different notations
    numbers, first, merged = np.unique(
        _with_infinite(found), return_index=True, return_inverse=True
    )
    written = [texts[i] for i in first]
    return LabelValues(merged[codes].astype(np.int64), numbers, lambda: _typed(written))


def n_special(found: FoundNumbers) -> int:
    """Counts distinct texts that are numbers without a finite value, such as inf."""
    return int(pc.sum(pc.and_(found.is_number, pc.is_null(found.values))).as_py() or 0)


def _with_infinite(found: FoundNumbers) -> FloatArray:
    """The numbers, with inf for non-finite ones, which are refused later by row."""
    numbers = found.values.to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(np.isnan(numbers), np.inf, numbers)


def _is_number(text: str) -> bool:
    return bool(read_numbers(pa.array([text]), NumberForm())[1][0].as_py())


def _typed(texts: list[str]) -> list[Label]:
    """Converts labels to numbers if these print exactly like the texts; otherwise keeps texts."""
    if all(_WHOLE.match(text) for text in texts):
        return [int(text) for text in texts]
    if all(_DECIMAL.match(text) and str(float(text)) == text for text in texts):
        return [float(text) for text in texts]
    return list(texts)
