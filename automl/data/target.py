"""Which column is predicted, as what task, and its values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.raw import RawTable
from automl.data.table import Label, Target
from automl.data.values import distinct_texts, numbers_of_texts
from automl.errors import DataError
from automl.plugin.task import Task

__all__ = [
    "LabelValues",
    "choose_target",
    "guess_task",
    "present_rows",
    "read_labels",
    "read_target",
]

USUAL_NAMES = ("target", "label", "class", "y")
MOST_WHOLE_CLASSES = 20
WHOLE_CLASS_SHARE = 0.05
FEWEST_ROWS_A_CLASS = 3
MOST_TEXT_CLASSES = 100
_WHOLE = re.compile(r"(0|-?[1-9]\d*)\Z")


@dataclass(frozen=True, slots=True)
class LabelValues:
    """The values of a column, each distinct one once.

    Attributes:
        codes: Index of each row's value (int64), ``(n_rows,)``.
        numbers: The distinct values as numbers (float64), ``(n_distinct,)``; None when they are
            not numbers.
        labels: The distinct values as they stand in the data.
        odd: A value that is no number; "" when all are.
    """

    codes: NDArray[np.int64]
    numbers: NDArray[np.float64] | None
    labels: Callable[[], list[Label]]
    odd: str = ""

    @property
    def n_distinct(self) -> int:
        """Number of distinct values."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0


def choose_target(raw: RawTable, name: str | None) -> tuple[int, str]:
    """Returns the position of the target column and why it is that one.

    Raises:
        DataError: There is no column of that name, or only one column at all.
    """
    if len(raw.names) < 2:
        raise DataError(
            f"{raw.where} has only one column, {raw.names[0]!r}: a target and at least one column "
            "to predict it from are needed. If the separator was missed, set data.delimiter"
        )
    if name is not None:
        return raw.position(name, "the target"), "chosen"
    usual = [i for i, n in enumerate(raw.names) if n.strip().lower() in USUAL_NAMES]
    if len(usual) == 1:
        return usual[0], "guessed by its name; use --target NAME for another"
    return len(raw.names) - 1, "guessed: the last column; use --target NAME for another"


def present_rows(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Whether each row has a value, ``(n_rows,)``; NaN is none."""
    present = column.is_valid().to_numpy()
    if pa.types.is_floating(column.type):
        present = present & ~pc.is_nan(column).fill_null(True).to_numpy()
    return np.asarray(present, dtype=bool)


def read_target(
    raw: RawTable, position: int, task: Task | None, chosen: str = "chosen"
) -> tuple[Target, NDArray[Any]]:
    """Reads the target of rows that have one.

    Args:
        raw: Only rows that have a target.
        position: Of the target column.
        task: What is predicted; None guesses from the values.
        chosen: Why this column.

    Returns:
        The target, and class indices (int64) or values (float64), ``(n_rows,)``.

    Raises:
        DataError: There is nothing to learn, or the values do not fit the task.
    """
    name, column = raw.names[position], raw.columns[position]
    if len(column) < 2:
        n_rows = "no row has" if len(column) == 0 else "only one row has"
        raise DataError(f"{n_rows} a value in the target {name!r}: at least 2 are needed")
    values = read_labels(column, name, raw.decimal)
    if values.numbers is not None and not np.isfinite(values.numbers).all():
        first = int(np.flatnonzero(~np.isfinite(values.numbers[values.codes]))[0])
        raise DataError(
            f"the target {name!r} is infinite in row {raw.row(first)}: correct it, or empty the "
            "cell to leave the row out"
        )
    if values.n_distinct < 2:
        raise DataError(
            f"the target {name!r} has the same value {values.labels()[0]!r} in all "
            f"{len(column):,} rows that have one: there is nothing to learn. Use --target NAME"
        )
    if task is None and pa.types.is_dictionary(column.type):
        guessed = Task.BINARY if values.n_distinct == 2 else Task.MULTICLASS
        why = "guessed: the data has it as categories"
    else:
        guessed, why = (task, "chosen") if task else guess_task(values, name)
    _check_task(guessed, values, raw, position)
    reason = f"target {name!r} {chosen}; task {guessed} {why}"
    if not guessed.is_classification:
        assert values.numbers is not None
        return Target(name, guessed, (), reason), values.numbers[values.codes]
    labels = values.labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    classes = tuple(labels[i] for i in order)
    return Target(name, guessed, classes, reason), rank[values.codes]


def guess_task(values: LabelValues, name: str) -> tuple[Task, str]:
    """Guesses the task, with the reason.

    Raises:
        DataError: The values are texts that hardly ever repeat.
    """
    n_rows, n_distinct = len(values.codes), values.n_distinct
    if n_distinct == 2:
        return Task.BINARY, "guessed: 2 different values"
    if values.numbers is None:
        if n_distinct > MOST_TEXT_CLASSES and n_distinct > 0.5 * n_rows:
            raise DataError(
                f"the target {name!r} has {n_distinct:,} different texts in {n_rows:,} rows, such "
                f"as {values.odd[:60]!r}: that is no set of classes. Use --target NAME, or --task "
                "multiclass if it is"
            )
        return Task.MULTICLASS, f"guessed: {n_distinct:,} different texts"
    if (values.numbers != np.floor(values.numbers)).any():
        return Task.REGRESSION, "guessed: numbers with decimals; use --task for another"
    few = n_distinct <= min(MOST_WHOLE_CLASSES, max(5.0, WHOLE_CLASS_SHARE * n_rows))
    if few and n_distinct * FEWEST_ROWS_A_CLASS <= n_rows:
        why = f"guessed: {n_distinct} different whole numbers; --task regression if they measure"
        return Task.MULTICLASS, why
    why = f"guessed: {n_distinct:,} different whole numbers; --task multiclass if they are classes"
    return Task.REGRESSION, why


def _check_task(task: Task, values: LabelValues, raw: RawTable, position: int) -> None:
    name = raw.names[position]
    if not task.is_classification and values.numbers is None:
        labels = values.labels()
        odd = values.odd or str(labels[0])
        first = next(i for i, code in enumerate(values.codes) if str(labels[code]) == odd)
        raise DataError(
            f"the target {name!r} is not numeric, such as {odd[:60]!r} in row {raw.row(first)}: "
            f"{task} needs numbers. Use --task multiclass or another --target"
        )
    if task is Task.BINARY and values.n_distinct != 2:
        raise DataError(
            f"the target {name!r} has {values.n_distinct:,} different values, binary needs 2: "
            "use --task multiclass or regression"
        )
    if task is Task.MULTICLASS and values.n_distinct < 3:
        raise DataError(f"the target {name!r} has 2 different values: use --task binary")


def read_labels(column: pa.ChunkedArray, name: str, decimal: str = ".") -> LabelValues:
    """Finds the distinct values of a column without missing ones.

    Raises:
        DataError: Its type cannot be a target, such as dates or lists.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_labels(column.cast(kind.value_type), name, decimal)
    if pa.types.is_boolean(kind):
        flags, codes = np.unique(column.to_numpy().astype(bool), return_inverse=True)
        return LabelValues(codes.astype(np.int64), None, flags.tolist, "True")
    if pa.types.is_integer(kind):
        whole, codes = np.unique(column.to_numpy(), return_inverse=True)
        return LabelValues(codes.astype(np.int64), whole.astype(np.float64), whole.tolist)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        floats = column.cast(pa.float64(), safe=False).to_numpy()
        distinct, codes = np.unique(floats, return_inverse=True)
        return LabelValues(codes.astype(np.int64), distinct, distinct.tolist)
    if not pa.types.is_string(kind):
        raise DataError(
            f"the target {name!r} holds values of type {kind}, which cannot be predicted: turn "
            "them into numbers or texts"
        )
    return _labels_of_texts(column, decimal)


def _labels_of_texts(column: pa.ChunkedArray, decimal: str) -> LabelValues:
    indices, distinct = distinct_texts(column)
    codes = indices.to_numpy().astype(np.int64)
    texts: list[str] = distinct.to_pylist()
    zeros = pc.any(pc.match_substring_regex(distinct, r"^\s*[+-]?0\d")).as_py()
    numbers = None if zeros else _all_numbers(distinct, decimal)
    if numbers is not None:
        # "1" and "1.0" are one number: merge what is written in several ways
        numbers, merged = np.unique(numbers, return_inverse=True)
        first = np.full(len(numbers), -1)
        for i, j in enumerate(merged):
            first[j] = i if first[j] < 0 else first[j]
        written = [texts[i] for i in first]
        return LabelValues(merged[codes].astype(np.int64), numbers, lambda: _typed(written))
    odd = next((t for t in texts if _as_float(t, decimal) is None), texts[0])
    return LabelValues(codes, None, lambda: list(texts), odd)


def _all_numbers(distinct: pa.Array, decimal: str) -> NDArray[np.float64] | None:
    """The texts as numbers, infinite ones too; None when one is no number."""
    try:
        numbers = distinct.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        values, _ = numbers_of_texts(distinct, decimal)
        if values.null_count:
            return None
        numbers = values.to_numpy(zero_copy_only=False)
    return np.asarray(numbers, dtype=np.float64)


def _as_float(text: str, decimal: str) -> float | None:
    try:
        return float(text.replace(decimal, "."))
    except ValueError:
        return None


def _typed(texts: list[str]) -> list[Label]:
    """Numbers only where they print as they stand in the data, else the texts themselves."""
    if all(_WHOLE.match(text) for text in texts):
        return [int(text) for text in texts]
    if all(str(float(text.replace(",", "."))) == text for text in texts):
        return [float(text) for text in texts]
    return list(texts)
