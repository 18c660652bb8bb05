"""Infers the kind of a column from its type and values, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.dates import DAY_FIRST_REASON, date_share, is_day_first
from automl.data.columns.images import are_images
from automl.data.columns.media import channels_of
from automl.data.columns.number_forms import FoundNumbers
from automl.data.columns.plain_numbers import plain_column
from automl.data.columns.values import FALSE_WORDS, TRUE_WORDS, factorize, find_in
from automl.data.numbers import NumberForm, read_numbers
from automl.data.options import NULL_TEXTS, USUAL_READING, Reading
from automl.data.raw_table import one_array, suggestion
from automl.errors import DataError
from automl.plugin.task import ColumnKind

__all__ = ["InferredKind", "as_numbers", "infer_kind", "kind_of_plain", "parse_kind"]

DATE_SHARE = 0.95
MOST_DIGITS = 15
"""Whole numbers with more digits are not exact as float64, so they are codes."""
_CODE = rf"^\s*[+-]?(0\d+|\d{{{MOST_DIGITS + 1},}})\s*$"
DECIMAL_NAMES = {".": "point", ",": "comma"}
EXACT = 2**53
NANOSECONDS = 315_532_800 * 10**9, 4_102_444_800 * 10**9  # since 1970, from 1980 to 2100
TEXT_WORDS = 3.0
TEXT_DISTINCT_SHARE = 0.5
LONG_TEXT_WORDS = 8.0
ADDRESS_SHARE = 0.9
SAMPLE = 2000
_ADDRESS = r"^\s*([a-z]+://|www\.)"
_WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"
"""Scripts without spaces between words."""


@dataclass(frozen=True, slots=True)
class InferredKind:
    """The kind of a column, with the reason and the rules for reading it.

    Attributes:
        kind: The column kind.
        reason: Reason for the kind, as text.
        left_out: Reason why the column cannot be used; "" if it can.
        day_first: Whether its dates have the day before the month.
        form: Notation of its numbers; None if it has no numbers in texts.
        n_misfits: Number of rows whose texts are not numbers and count as missing.
        misfits: A few such texts.
        doubt: Another possible reading of the texts, in words; "" if there is only one.
        values: The column in the storage type of the kind, if inference has computed it.
    """

    kind: ColumnKind
    reason: str
    left_out: str = ""
    day_first: bool = False
    form: NumberForm | None = None
    n_misfits: int = 0
    misfits: tuple[str, ...] = ()
    doubt: str = ""
    values: pa.Array | None = field(default=None, repr=False, compare=False)

    def reading(self, of_table: Reading) -> Reading:
        """The rules for reading this column, given those of its table."""
        return replace(of_table, form=self.form, day_first=self.day_first)


def parse_kind(name: str, column: str) -> ColumnKind:
    """Parses the name of a kind.

    Args:
        name: The name.
        column: The column that it is set for, for the message.

    Raises:
        DataError: There is no such kind; the message suggests the nearest.
    """
    try:
        return ColumnKind(name.strip().lower())
    except ValueError:
        kinds = [kind.value for kind in ColumnKind]
        raise DataError(
            f"column {column!r} cannot have the kind {name!r}{suggestion(name, kinds)} "
            f"Kinds: {', '.join(kinds)}"
        ) from None


def infer_kind(
    column: pa.ChunkedArray, reading: Reading = USUAL_READING, folder: Path | None = None
) -> InferredKind:
    """Infers the kind of a column from its type and from all of its values.

    Args:
        column: The column as read from the source, ``(n_rows,)``.
        reading: Rules for reading its texts.
        folder: Folder of relative image paths; None if there can be no images.
    """
    typed = _of_type(column)
    if typed is not None:
        return typed
    if (plain := plain_column(column, reading)) is not None:
        return _of_plain(plain)
    indices, distinct = factorize(column)
    numbers = find_in(indices, distinct, reading)
    if numbers is not None:
        guess = _of_numbers(distinct, numbers)
        is_numeric = guess.kind is ColumnKind.NUMERIC
        return replace(guess, values=numbers.values.take(indices)) if is_numeric else guess
    if folder is not None and are_images(distinct, folder):
        return InferredKind(ColumnKind.IMAGE, f"names of {len(distinct):,} image files")
    return _of_texts(distinct, len(column) - column.null_count)


def kind_of_plain(column: pa.ChunkedArray) -> InferredKind:
    """Infers the kind of a column of texts that were read as plain numbers, ``(n_rows,)``."""
    if column.null_count == len(column):
        return infer_kind(column)
    return _of_plain(one_array(column))


def _of_plain(values: pa.Array) -> InferredKind:
    reason = f"its values are {_whole(values)}numbers"
    return InferredKind(ColumnKind.NUMERIC, reason, form=NumberForm(), values=values)


def as_numbers(column: pa.ChunkedArray, reading: Reading) -> InferredKind:
    """Reads a column as numeric because the user set that kind."""
    guess = InferredKind(ColumnKind.NUMERIC, "")
    if not pa.types.is_string(column.type):
        return guess
    indices, distinct = factorize(column)
    numbers = find_in(indices, distinct, reading, any_misfits=True)
    if numbers is None:
        return guess
    return replace(_told(guess, distinct, numbers), values=numbers.values.take(indices))


def _of_type(column: pa.ChunkedArray) -> InferredKind | None:
    """Infers the kind from the Arrow type; None for texts, which can be anything."""
    kind = column.type
    if column.null_count == len(column):
        return InferredKind(ColumnKind.CATEGORICAL, "it has no value", "empty: no row has a value")
    if pa.types.is_dictionary(kind):
        return InferredKind(ColumnKind.CATEGORICAL, "the data has it as categories")
    if pa.types.is_boolean(kind):
        return InferredKind(ColumnKind.BOOLEAN, "its values are true and false")
    if pa.types.is_integer(kind):
        return _of_integers(column)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return InferredKind(ColumnKind.NUMERIC, "its values are numbers")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return InferredKind(ColumnKind.DATETIME, "the data has it as dates")
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return InferredKind(ColumnKind.NUMERIC, "times of day or durations, as seconds")
    channels = channels_of(kind)
    if channels:
        of = f" of {len(channels)} channels" if len(channels) > 1 else ""
        return InferredKind(ColumnKind.SEQUENCE, f"its values are lists of numbers{of}")
    if pa.types.is_string(kind):
        return None
    why = f"values of type {kind} are not supported"
    return InferredKind(ColumnKind.TEXT, why, why)


def _of_integers(column: pa.ChunkedArray) -> InferredKind:
    """Whole numbers that float64 cannot represent exactly are codes.

    Nanoseconds since 1970 are accepted as times: rounding them does no harm.
    """
    found = pc.min_max(column).as_py()
    low, high = found["min"], found["max"]
    are_exact = low >= -EXACT and high <= EXACT
    if are_exact or (low >= NANOSECONDS[0] and high <= NANOSECONDS[1]):
        return InferredKind(ColumnKind.NUMERIC, "its values are whole numbers")
    code = max(low, high, key=abs)
    why = f"whole numbers of over {MOST_DIGITS} digits, such as '{code}', are codes"
    return InferredKind(ColumnKind.CATEGORICAL, why)


def _of_texts(distinct: pa.Array, n_valid: int) -> InferredKind:
    words = set(pc.utf8_lower(pc.utf8_trim_whitespace(distinct.slice(0, 3))).to_pylist())
    if len(distinct) <= 3 and _is_boolean(words):
        return InferredKind(ColumnKind.BOOLEAN, f"its values are {' and '.join(sorted(words))}")
    share = date_share(distinct)
    if share >= DATE_SHARE:
        day_first = is_day_first(distinct)
        how = f", {DAY_FIRST_REASON}" if day_first else ""
        return InferredKind(ColumnKind.DATETIME, f"its texts are dates{how}", day_first=day_first)
    guess = _text_or_category(distinct, n_valid)
    some = distinct.slice(0, SAMPLE)
    is_number = read_numbers(some, NumberForm())[1]
    if 0.5 * len(some) < (pc.sum(is_number).as_py() or 0) < len(some):
        odd = some.filter(pc.invert(is_number))[0].as_py()
        more = f"; not numeric because of values like {odd[:40]!r}"
        return InferredKind(guess.kind, guess.reason + more)
    return guess


def _of_numbers(distinct: pa.Array, found: FoundNumbers) -> InferredKind:
    numbers = found.values
    if numbers.null_count == len(numbers):
        trimmed = pc.utf8_trim_whitespace(distinct).to_pylist()
        finite = "no finite number" if set(trimmed) - set(NULL_TEXTS) else "no value"
        return InferredKind(ColumnKind.NUMERIC, f"it has {finite}", f"empty: {finite} in any row")
    if (code := _code_among(distinct.filter(found.is_number))) is not None:
        zeros = code.lstrip("+-").startswith("0")
        which = "numbers with leading zeros" if zeros else f"numbers of over {MOST_DIGITS} digits"
        return InferredKind(ColumnKind.CATEGORICAL, f"{which}, such as {code!r}, are codes")
    reason = f"its values are {_whole(numbers)}numbers"
    return _told(InferredKind(ColumnKind.NUMERIC, reason), distinct, found)


def _whole(numbers: pa.Array) -> str:
    values = numbers.drop_null().to_numpy()
    return "whole " if np.equal(values, np.floor(values)).all() else ""


def _told(guess: InferredKind, distinct: pa.Array, found: FoundNumbers) -> InferredKind:
    """Adds the notation of numbers and the texts that are not numbers to a guess."""
    form, more = found.form, ""
    if form.is_clock:
        return replace(guess, reason="times of day or durations, as seconds", form=form)
    written = distinct.filter(found.is_number)
    if form != NumberForm() and len(written):
        value = found.values.filter(found.is_number)[0].as_py()
        more = f", written as {written[0].as_py().strip()!r} for {value:g}"
    nothing = distinct.filter(pc.and_(pc.is_null(found.values), pc.invert(found.is_number)))
    if len(nothing):
        some = ", ".join(map(repr, nothing[:3].to_pylist()))
        more += f"; {some} {'counts' if len(nothing) == 1 else 'count'} as missing"
    doubt = ""
    if found.other and len(written):
        doubt = (
            f"{written[0].as_py().strip()!r} is read with a decimal {DECIMAL_NAMES[form.decimal]}; "
            f"data.decimal={DECIMAL_NAMES[found.other]} makes it "
            f"{_otherwise(written[0].as_py(), found):g}"
        )
    return replace(
        guess,
        reason=guess.reason + more,
        form=form,
        n_misfits=found.n_misfits,
        misfits=found.misfits,
        doubt=doubt,
    )


def _otherwise(text: str, found: FoundNumbers) -> float:
    """The value of a text under the other decimal mark."""
    thousands = "." if found.other == "," else ","
    values, _ = read_numbers(pa.array([text]), NumberForm(found.other, thousands, found.form.unit))
    return float(values[0].as_py() or 0.0)


def _code_among(texts: pa.Array) -> str | None:
    """The first number that is a code: with a leading zero, or too long for float64."""
    codes = texts.filter(pc.match_substring_regex(texts, _CODE))
    return None if not len(codes) else str(codes[0].as_py()).strip()


def _is_boolean(words: set[str]) -> bool:
    pairs = zip(TRUE_WORDS, FALSE_WORDS, strict=True)
    return any(words == {true, false} for true, false in pairs if not true[0].isdigit())


def _text_or_category(distinct: pa.Array, n_valid: int) -> InferredKind:
    sample = distinct[:: max(1, len(distinct) // SAMPLE)]
    spaces = pc.count_substring_regex(pc.utf8_trim_whitespace(sample), r"\s+")
    wide = pc.count_substring_regex(sample, _WIDE)
    n_words = 1 + pc.mean(spaces).as_py() + 0.5 * pc.mean(wide).as_py()
    share = len(distinct) / max(n_valid, 1)
    many = len(distinct) > 20 and share >= TEXT_DISTINCT_SHARE
    if many and pc.mean(pc.match_substring_regex(sample, _ADDRESS)).as_py() >= ADDRESS_SHARE:
        return InferredKind(ColumnKind.TEXT, f"web addresses, {len(distinct):,} different ones")
    if (many and n_words >= TEXT_WORDS) or (len(distinct) > 50 and n_words >= LONG_TEXT_WORDS):
        why = f"texts of {n_words:.0f} words on average, {len(distinct):,} different ones"
        return InferredKind(ColumnKind.TEXT, why)
    return InferredKind(ColumnKind.CATEGORICAL, f"texts, {len(distinct):,} different ones")
