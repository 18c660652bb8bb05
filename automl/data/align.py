"""Reads new rows into the columns that a model was trained on, to predict or to score them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.columns.dates import plain_dates, told_day_first
from automl.data.columns.features import store_media_like
from automl.data.columns.identifiers import is_identifier
from automl.data.columns.labels import read_labels
from automl.data.columns.misfits import find_misfits, refuse_misfits
from automl.data.columns.number_forms import misfit_rows
from automl.data.columns.roles import read_weight
from automl.data.columns.target import rows_with_value, with_clean_target
from automl.data.columns.values import cast_to_kind, codes_of_numbers, factorize, find_in
from automl.data.numbers import NumberForm, finite, read_numbers
from automl.data.options import Reading, ReadOptions
from automl.data.raw_table import RawTable, composed, format_names, occurrence_numbers, suggestion
from automl.data.read.formats import read_source
from automl.data.short_columns import FEW_ROWS, MANY_COLUMNS, encoded, joined, parted
from automl.data.table import Column, FloatArray, IntArray, Label, Misfits, Table, Target
from automl.errors import DataError, MissingColumnError
from automl.plugin.task import TABULAR_KINDS, ColumnKind
from automl.surface import named

__all__ = ["LabelledTable", "load_features", "load_labelled"]

_FLOAT = pa.float64()
_IN_NUMBERS = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL)
"""Kinds of columns that may be written in numbers; such categories are identifiers."""


@dataclass(frozen=True, slots=True)
class LabelledTable:
    """Rows to score, with their targets.

    Attributes:
        table: The features.
        y: Class indices (int64) or values (float64), ``(n_rows,)``.
        weight: Weights of the rows, ``(n_rows,)``, or None.
        n_dropped: Rows dropped because they have no target.
    """

    table: Table
    y: NDArray[Any]
    weight: FloatArray | None
    n_dropped: int


def load_features(
    source: Any, columns: Sequence[Column], options: ReadOptions | None = None
) -> Table:
    """Reads the feature columns of a predictor from a source that may have others, in any order.

    A value that does not fit the kind of its column becomes missing and is counted in
    ``Table.misfits``; an unseen category is kept.

    Args:
        source: Path of a file, URL of a database, or a pandas, polars or Arrow table.
        columns: All feature columns of the training table.
        options: How to read the source.

    Raises:
        MissingColumnError: Columns in use are missing; the message names them all.
        DataError: The source cannot be read, or holds misfits and the options are strict.
    """
    if isinstance(source, list) and not source:  # an empty list has no column names
        source = pa.Table.from_arrays(
            [pa.nulls(0)] * len(columns), names=[column.name for column in columns]
        )
    return _conform(_read(source, columns, options), columns, options)


def load_labelled(
    source: Any,
    columns: Sequence[Column],
    target: Target,
    options: ReadOptions | None = None,
    weight: str | None = None,
) -> LabelledTable:
    """Reads rows with their targets, to score predictions.

    Rows without a target are dropped and counted.

    Args:
        source: Path of a file, URL of a database, or a pandas, polars or Arrow table.
        columns: All feature columns of the training table.
        target: The target of that table.
        options: How to read the source.
        weight: Column of row weights; if the source lacks it, all rows have equal weight.

    Returns:
        The features, targets and weights of the rows that have a target.

    Raises:
        MissingColumnError: Columns in use are missing; the message names them all.
        DataError: The target is missing or holds an unknown class, a weight is invalid, or there
            are misfits and the options are strict.
    """
    raw = _read(source, columns, options)
    position = raw.position(target.name, "the target")
    raw, lost = with_clean_target(raw, position, target.task)
    present = rows_with_value(raw.columns[position])
    if not present.any():
        raise DataError(f"no row of {raw.where} has a value in the target {target.name!r}")
    kept = raw.with_rows(present)
    y = _labels(kept, position, target)
    weights = None
    if weight is not None and weight in kept.names:
        weights = read_weight(kept, kept.position(weight, named("weight")))
    n_dropped = int((~present).sum())
    return LabelledTable(_conform(kept, columns, options, lost), y, weights, n_dropped)


def _read(source: Any, columns: Sequence[Column], options: ReadOptions | None) -> RawTable:
    options = options or ReadOptions()
    channels = next((c.channels for c in columns if c.channels and not c.left_out), ())
    return read_source(source, replace(options, kinds={}, channels=channels), again=True)


def _conform(
    raw: RawTable,
    columns: Sequence[Column],
    options: ReadOptions | None = None,
    lost: Sequence[Misfits] = (),
) -> Table:
    """Returns the columns in use, stored as in training.

    ``lost`` are the misfits of the target; strict options refuse them as well.
    """
    names = [composed(name) for name in raw.names]
    found = dict(zip(zip(names, occurrence_numbers(names), strict=True), raw.columns, strict=True))
    used = [column for column in columns if not column.left_out]
    wanted = [(composed(column.name), column.occurrence) for column in used]
    missing = [c for c, name in zip(used, wanted, strict=True) if name not in found]
    if missing:
        raise MissingColumnError(_missing_message(missing, raw, columns))
    sources = [found[name] for name in wanted]
    arrays = _all_stored(raw, sources, used)
    looked_at = zip(sources, arrays, used, strict=True)
    misfits = [m for m in (find_misfits(raw, *parts) for parts in looked_at) if m is not None]
    if options is not None and options.strict:
        refuse_misfits([*lost, *misfits], raw.where)
    data = pa.Table.from_arrays(arrays, names=[column.key for column in used])
    return Table(data, tuple(columns), raw.row_names, tuple(misfits), raw.carried)


def _all_stored(
    raw: RawTable, sources: Sequence[pa.ChunkedArray], columns: Sequence[Column]
) -> list[pa.Array]:
    """Converts the columns to the storage of the training columns; many short ones together."""
    stored: dict[int, pa.Array] = {}
    if 0 < raw.n_rows <= FEW_ROWS and len(columns) >= MANY_COLUMNS:
        alike: dict[tuple[Any, ...], list[int]] = {}
        for i, (source, c) in enumerate(zip(sources, columns, strict=True)):
            if c.kind in TABULAR_KINDS:
                alike.setdefault((source.type, c.kind, c.form, c.day_first), []).append(i)
        for at in alike.values():
            if len(at) >= MANY_COLUMNS:
                values = _stored_at_once(raw, [sources[i] for i in at], columns[at[0]])
                stored |= zip(at, values, strict=False)
    return [
        stored[i] if i in stored else _stored(raw, source, column)
        for i, (source, column) in enumerate(zip(sources, columns, strict=True))
    ]


def _stored_at_once(
    raw: RawTable, sources: Sequence[pa.ChunkedArray], column: Column
) -> list[pa.Array]:
    """Converts several columns of one type and kind, each as ``_stored`` would.

    Returns an empty list where the reading of a cell may depend on other cells of its column: for
    texts of numbers, and for dates that are not all ISO 8601.
    """
    values = joined(sources)
    has_texts = pa.types.is_string(values.type)
    if has_texts and (column.kind is ColumnKind.NUMERIC or is_identifier(column)):
        return []
    if has_texts and column.kind is ColumnKind.DATETIME:
        found = plain_dates(values)
        if found is None:
            return []
    else:
        found = _stored(raw, pa.chunked_array([values]), column)
    if pa.types.is_dictionary(found.type):
        return [*map(encoded, parted(found.dictionary_decode(), raw.n_rows))]
    return parted(found, raw.n_rows)


def _stored(raw: RawTable, source: pa.ChunkedArray, column: Column) -> pa.Array:
    """Converts a column to the storage of the training column."""
    if column.kind not in TABULAR_KINDS:
        return store_media_like(raw, source, column).values
    if column.kind is ColumnKind.NUMERIC and source.type == _FLOAT:
        return finite(source.combine_chunks())
    reading = replace(raw.reading, form=column.form, day_first=column.day_first)
    if pa.types.is_dictionary(source.type) and column.kind is not ColumnKind.CATEGORICAL:
        source = source.cast(source.type.value_type)
    if pa.types.is_string(source.type):
        if column.kind in _IN_NUMBERS and column.form is not None:
            numbers = _numbers(source, column.form, reading)
            return codes_of_numbers(numbers) if is_identifier(column) else numbers
        if column.kind is ColumnKind.DATETIME:
            told = told_day_first(factorize(source)[1])
            reading = reading if told is None else replace(reading, day_first=told)
    return cast_to_kind(source, column.kind, reading)


def _numbers(source: pa.ChunkedArray, form: NumberForm, reading: Reading) -> pa.Array:
    """Reads numbers in the form of the training column, or in the only other form that fits more.

    New rows may come from a source with another decimal mark.
    """
    indices, distinct = factorize(source)
    values, is_number = read_numbers(distinct, form)
    if not pc.all(is_number).as_py():
        other = find_in(indices, distinct, reading, any_misfits=True)
        n_here = misfit_rows(indices, distinct, is_number)
        is_clear = other is not None and not other.other and _are_alike(form, other.form)
        if other is not None and is_clear and other.n_misfits < n_here:
            values = other.values
    return values.take(indices)


def _are_alike(form: NumberForm, other: NumberForm) -> bool:
    """Whether equal values mean the same in both forms: not in g and kg, nor 45 and 45 %."""
    if (form.is_clock, form.scale) != (other.is_clock, other.scale):
        return False
    return form.unit == other.unit or (
        "%" not in (form.unit, other.unit) and "" in (form.unit, other.unit)
    )


def _missing_message(missing: list[Column], raw: RawTable, columns: Sequence[Column]) -> str:
    names = [c.name if c.occurrence == 0 else f"{c.name} (no. {c.occurrence + 1})" for c in missing]
    plural = "column" if len(names) == 1 else f"{len(names)} columns"
    known = {column.name for column in columns}
    others = [name for name in raw.names if name not in known]
    hints = "".join(suggestion(c.name, others).removesuffix(".") for c in missing[:3])
    return (
        f"{raw.where} lacks the {plural} {format_names(names, at_most=50)} that the model needs"
        f"{hints or '.'} It has {format_names(raw.names)}"
    )


def _labels(raw: RawTable, position: int, target: Target) -> NDArray[Any]:
    values = read_labels(raw.columns[position], target.name, raw.reading)
    if not target.classes:
        if values.numbers is None:
            raise DataError(
                f"the target {target.name!r} of {raw.where} is not numeric (for example "
                f"{values.odd[:60]!r}), but the model predicts numbers"
            )
        numbers = values.numbers[values.codes]
        if not np.isfinite(numbers).all():
            row = raw.row(int(np.flatnonzero(~np.isfinite(numbers))[0]))
            raise DataError(f"the target {target.name!r} of {raw.where} is infinite in row {row}")
        return numbers
    labels = values.labels()
    indices = _class_indices(labels, target.classes)
    unknown = np.flatnonzero(indices[values.codes] < 0)
    if len(unknown):
        names = [str(label) for label in target.classes]
        label = labels[values.codes[unknown[0]]]
        raise DataError(
            f"the target {target.name!r} of {raw.where} holds {label!r} in row "
            f"{raw.row(int(unknown[0]))}, which is not a class of the model"
            f"{suggestion(str(label), names)} Classes: {format_names(names)}"
        )
    return indices[values.codes]


def _class_indices(labels: Sequence[Label], classes: Sequence[Label]) -> IntArray:
    """Index of the class of each label, -1 if none matches.

    Tolerates other spellings in files: ``1.0`` for ``1``, ``True`` or ``1`` for ``true``.
    """
    exact = {str(label): i for i, label in enumerate(classes)}
    if {str(label).lower() for label in classes} == {"true", "false"}:
        words = {str(label).lower(): i for i, label in enumerate(classes)}
        numbers = (("1", "true"), ("1.0", "true"), ("0", "false"), ("0.0", "false"))
        exact |= {number: words[word] for number, word in numbers}
    loose = {_loose(label): i for i, label in reversed(list(enumerate(classes)))}
    return np.array([exact.get(str(v), loose.get(_loose(v), -1)) for v in labels], dtype=np.int64)


def _loose(label: Label) -> str:
    text = str(label).strip()
    try:
        number = float(text)
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text
    return str(int(number)) if number.is_integer() else str(number)
