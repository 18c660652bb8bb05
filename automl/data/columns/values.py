"""Casts columns of any Arrow type to the storage type of a kind; misfits become null.

Texts are converted once per distinct value.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.dates import parse_dates
from automl.data.columns.number_forms import FoundNumbers, find_numbers
from automl.data.numbers import NumberForm, finite, read_numbers
from automl.data.options import USUAL_READING, Reading
from automl.data.raw_table import is_bytes
from automl.plugin.task import ColumnKind

__all__ = [
    "FALSE_WORDS",
    "FIRST_SERIAL",
    "LAST_SERIAL",
    "SERIAL_EPOCH",
    "TRUE_WORDS",
    "cast_to_kind",
    "codes_of_numbers",
    "factorize",
    "find_in",
    "to_strings",
]

TRUE_WORDS = ("true", "yes", "t", "y", "1", "1.0", "on")
FALSE_WORDS = ("false", "no", "f", "n", "0", "0.0", "off")
_MICROSECONDS = 1_000_000
FIRST_SERIAL, LAST_SERIAL = 15_000, 80_000
"""Excel serial dates from 1941 to 2119."""
SERIAL_EPOCH = date(1899, 12, 30)
_NO_TICKS = 9e18
"""Numbers from here on are not a time: nanoseconds of the year 2255."""


def cast_to_kind(
    column: pa.ChunkedArray, kind: ColumnKind, reading: Reading = USUAL_READING
) -> pa.Array:
    """Converts a column to the storage type of a kind (see ``Table``).

    Args:
        column: A column of any type, ``(n_rows,)``.
        kind: A tabular kind.
        reading: Rules for reading its texts.

    Returns:
        One array, ``(n_rows,)``; null where a value is missing or does not fit the kind.
    """
    convert: dict[ColumnKind, Callable[[pa.ChunkedArray], pa.Array]] = {
        ColumnKind.NUMERIC: lambda c: _numbers(c, reading),
        ColumnKind.BOOLEAN: _booleans,
        ColumnKind.DATETIME: lambda c: _datetimes(c, reading.day_first),
        ColumnKind.CATEGORICAL: lambda c: (
            _categories(c, reading.marks)
            if reading.form is None
            else codes_of_numbers(_numbers(c, reading))
        ),
        ColumnKind.TEXT: lambda c: to_strings(c).combine_chunks(),
    }
    return convert[kind](_decoded(column))


def codes_of_numbers(values: pa.Array) -> pa.Array:
    """Converts whole numbers to categories: 7 and 7.0 become ``7``, ``(n_rows,)``.

    Other numbers keep their fraction, so they match no known category.
    """
    encoded = values.dictionary_encode()
    numbers = encoded.dictionary.to_numpy(zero_copy_only=False)
    names = [str(int(n)) if float(n).is_integer() else str(n) for n in numbers.tolist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(names, pa.string()))


def factorize(column: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """Returns ``(indices, distinct)`` of a string column; missing values have a null index."""
    encoded = column.dictionary_encode().combine_chunks()
    return encoded.indices, encoded.dictionary


def find_in(
    indices: pa.Array, distinct: pa.Array, reading: Reading, *, any_misfits: bool = False
) -> FoundNumbers | None:
    """Detects the notation of the numbers of a factorized column; see ``find_numbers``.

    Args:
        indices: Index of the text of each row, ``(n_rows,)``, from ``factorize``.
        distinct: The distinct texts, ``(n_distinct,)``.
        reading: Rules for reading texts.
        any_misfits: Whether to accept any number of misfits, because the kind is known.
    """
    known = indices.drop_null().to_numpy(zero_copy_only=False)
    counts = np.bincount(known, minlength=len(distinct)).astype(np.int64)
    return find_numbers(distinct, counts, reading, any_misfits=any_misfits)


def to_strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Converts any column to strings; whole numbers get no decimal point."""
    column = _decoded(column)
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_boolean(kind):
        return pc.if_else(column, "True", "False")
    if not _has_texts(kind):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
        return _whole_as_integers(column.cast(pa.string()))
    if pa.types.is_temporal(kind):
        return pc.replace_substring_regex(column.cast(pa.string()), r"\.0+(Z?)$", r"\1")
    return column.cast(pa.string())


def _has_texts(kind: pa.DataType) -> bool:
    """Whether values of a type can be written as text; columns of other types are left out."""
    is_binary = is_bytes(kind) or pa.types.is_fixed_size_binary(kind)
    is_other = pa.types.is_null(kind) or isinstance(kind, pa.BaseExtensionType)
    return not (pa.types.is_nested(kind) or pa.types.is_interval(kind) or is_binary or is_other)


def _whole_as_integers(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.replace_substring_regex(texts, r"^([+-]?\d+)\.0+$", r"\1")


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _numbers_of_texts(column: pa.ChunkedArray, reading: Reading) -> pa.Array:
    indices, distinct = factorize(column)
    if reading.form is not None:
        return read_numbers(distinct, reading.form)[0].take(indices)
    found = find_in(indices, distinct, reading, any_misfits=True)
    return pa.nulls(len(column), pa.float64()) if found is None else found.values.take(indices)


def _numbers(column: pa.ChunkedArray, reading: Reading) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind):
        return _numbers_of_texts(column, reading)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        since = column.cast(pa.timestamp("us"), safe=False).combine_chunks().cast(pa.int64())
        return pc.divide(since.cast(pa.float64(), safe=False), float(_MICROSECONDS))
    if pa.types.is_time(kind):
        since = column.cast(pa.time64("us"), safe=False).combine_chunks().cast(pa.int64())
        return pc.divide(since.cast(pa.float64(), safe=False), float(_MICROSECONDS))
    if pa.types.is_duration(kind):
        since = column.cast(pa.duration("us"), safe=False).combine_chunks().cast(pa.int64())
        return pc.divide(since.cast(pa.float64(), safe=False), float(_MICROSECONDS))
    if pa.types.is_boolean(kind):
        return column.combine_chunks().cast(pa.int8()).cast(pa.float64())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return finite(column.combine_chunks().cast(pa.float64(), safe=False))
    return pa.nulls(len(column), pa.float64())


def _booleans(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_boolean(column.type):
        return column.combine_chunks().cast(pa.int8()).cast(pa.float64())
    indices, distinct = factorize(to_strings(column))
    words = pc.utf8_lower(pc.utf8_trim_whitespace(distinct))
    true, false = pc.is_in(words, pa.array(TRUE_WORDS)), pc.is_in(words, pa.array(FALSE_WORDS))
    values = pc.if_else(true, 1.0, pc.if_else(false, 0.0, pa.scalar(None, pa.float64())))
    return values.take(indices)


def _datetimes(column: pa.ChunkedArray, day_first: bool) -> pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        unit = pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else pa.timestamp("us")
        moments = column.cast(unit, safe=False).combine_chunks()
        return moments.cast(pa.int64()).cast(pa.timestamp("us"))
    if pa.types.is_string(kind):
        indices, distinct = factorize(column)
        moments = parse_dates(distinct, day_first)
        if moments.null_count:
            numbers, _ = read_numbers(distinct, NumberForm())
            moments = pc.coalesce(moments, _moments_of_numbers(numbers))
        return moments.take(indices)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _moments_of_numbers(_numbers(column, USUAL_READING))
    return pa.nulls(len(column), pa.timestamp("us"))


def _moments_of_numbers(values: pa.Array) -> pa.Array:
    """Converts numbers to timestamps: 20130131, a year, Excel days, or time since 1970.

    Time since 1970 is in seconds, from 1e11 on in milliseconds, from 1e14 on in microseconds, from
    1e17 on in nanoseconds.

    Numbers in the range of Excel days are always read as such: as seconds they would be hours of
    1 January 1970.
    """
    numbers = values.to_numpy(zero_copy_only=False)
    numbers = np.where(np.isfinite(numbers) & (np.abs(numbers) < _NO_TICKS), numbers, np.nan)
    whole = np.nan_to_num(numbers).astype(np.int64)
    year, month, day = whole // 10_000, whole // 100 % 100, whole % 100
    written = (
        (year >= 1500) & (year < 2500) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    )
    is_year = (whole >= 1500) & (whole < 2500)
    year, month, day = (
        np.where(written, year, np.where(is_year, whole, 1970)),
        np.where(written, month, 1),
        np.where(written, day, 1),
    )
    months = (year - 1970) * 12 + month - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (day - 1)
    a_second = [np.abs(numbers) >= least for least in (1e17, 1e14, 1e11)]
    seconds = np.select(a_second, [numbers / 1e9, numbers / 1e6, numbers / 1e3], numbers)
    is_serial = (numbers >= FIRST_SERIAL) & (numbers <= LAST_SERIAL)
    since_1970 = (date(1970, 1, 1) - SERIAL_EPOCH).days
    seconds = np.where(is_serial, np.round((numbers - since_1970) * 86_400.0), seconds)
    since = np.round(np.nan_to_num(seconds) * _MICROSECONDS).astype("datetime64[us]")
    moments = np.where(written | is_year, days.astype("datetime64[us]"), since)
    return pa.array(moments, mask=np.isnan(numbers), type=pa.timestamp("us"))


def _categories(column: pa.ChunkedArray, marks: frozenset[str]) -> pa.Array:
    """Stripped texts as a dictionary; null where blank, or where the text means a missing value."""
    indices, distinct = factorize(to_strings(column))
    names = _whole_as_integers(pc.utf8_trim_whitespace(distinct))
    is_none = pc.or_(pc.equal(names, ""), pc.is_in(names, pa.array(sorted(marks), pa.string())))
    again = pc.if_else(is_none, pa.scalar(None, pa.string()), names).dictionary_encode()
    if len(again.dictionary) == len(distinct):
        return pa.DictionaryArray.from_arrays(indices, names)
    return pa.DictionaryArray.from_arrays(again.indices.take(indices), again.dictionary)
