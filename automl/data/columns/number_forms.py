"""Detects columns of texts that hold numbers, and the notation of these, from all values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.scales import find_scale
from automl.data.numbers import (
    GLUED_UNITS,
    NumberForm,
    Split,
    fits_form,
    plain_numbers,
    read_numbers,
    split_numbers,
)
from automl.data.options import NO_NUMBERS, Reading
from automl.data.table import BoolArray, IntArray
from automl.formatting import shortened

__all__ = ["FoundNumbers", "find_numbers", "misfit_rows"]

MISFIT_SHARE, MISFIT_CELLS = 0.05, 2
"""Largest share of rows, or number of them, that may hold something other than a number."""
FITS_A_MISFIT = 3
SAMPLE, SAMPLE_SHARE = 1000, 0.5
EXAMPLES = 3
FEWEST_PHONE_DIGITS = 7
MARKS = (
    *((".", ""), (".", ","), (".", " "), (".", "'")),
    *((",", ""), (",", "."), (",", " "), (",", "'")),
)
"""Decimal and thousands marks, most usual first; the first of equally good ones is chosen."""
_EITHER = r"^\d{1,3}[.,]\d{3}$"
"""Numbers whose mark may be a decimal mark or a thousands mark."""
_CODE = r"^(\pL{1,3}[-_]?\d+|\d+\pL{1,3})$"


@dataclass(frozen=True, slots=True)
class FoundNumbers:
    """The numbers of a column of texts.

    Attributes:
        form: Their notation.
        values: The distinct texts as numbers (float64), ``(n_distinct,)``; null if not a number.
        is_number: Whether each distinct text is a number, ``(n_distinct,)``.
        n_misfits: Number of rows that are neither a number nor a text for a missing value.
        misfits: A few such texts.
        other: The other decimal mark that is equally possible; "" if there is none.
    """

    form: NumberForm
    values: pa.Array
    is_number: pa.Array
    n_misfits: int = 0
    misfits: tuple[str, ...] = ()
    other: str = ""


def find_numbers(
    distinct: pa.Array, counts: IntArray, reading: Reading, *, any_misfits: bool = False
) -> FoundNumbers | None:
    """Detects the notation of the numbers of a column.

    Args:
        distinct: The distinct texts, ``(n_distinct,)``.
        counts: Number of rows of each, ``(n_distinct,)``.
        reading: Rules for reading texts; of these the decimal marks count.
        any_misfits: Whether to accept any number of misfits, because the kind is known.

    Returns:
        The numbers; None if too few of the texts are numbers.
    """
    usual, decimal = reading.usual, reading.decimal
    if decimal == "." or (decimal is None and not _may_be_thousands(distinct, usual)):
        plain = plain_numbers(distinct)
        if plain is not None:
            return FoundNumbers(NumberForm(), *plain)
    missing = _are_marks(distinct)
    if (times := _as_clock(distinct, missing)) is not None:
        return times
    scale, currency = find_scale(distinct.filter(pa.array(~missing)))
    if not any_misfits and not scale and not _may_be_numbers(distinct, missing):
        return None
    split = split_numbers(distinct, is_scaled=scale != "")
    weights = np.where(missing, 0, counts)
    form, other = _form_of(split, weights, usual, decimal)
    form = replace(form, unit=currency, scale=scale) if scale else form
    values, is_number = read_numbers(distinct, form)
    odd = ~(is_number.to_numpy(zero_copy_only=False) | missing)
    n_misfits, n_fits = int(weights[odd].sum()), int(weights[~odd].sum())
    found = FoundNumbers(form, values, is_number, n_misfits, _examples(distinct, odd), other)
    if any_misfits:
        return found
    too_many = n_misfits > max(MISFIT_CELLS, MISFIT_SHARE * (n_fits + n_misfits))
    if too_many or n_fits < FITS_A_MISFIT * n_misfits or not (n_fits or missing.any()):
        return None
    return None if _are_codes(distinct, split, found, odd) else found


def _may_be_thousands(distinct: pa.Array, usual: str) -> bool:
    """Whether a text such as 1.234 occurs in a table where points usually mark thousands."""
    if usual == ".":
        return False
    return bool(pc.any(pc.match_substring_regex(distinct, r"^\s*[+-]?\d{1,3}\.\d{3}\s*$")).as_py())


def misfit_rows(indices: pa.Array, distinct: pa.Array, is_number: pa.Array) -> int:
    """Counts rows that hold neither a number nor a text for a missing value.

    Args:
        indices: Index of the text of each row, ``(n_rows,)``; null where missing.
        distinct: The distinct texts, ``(n_distinct,)``.
        is_number: Whether each of them is a number, ``(n_distinct,)``.
    """
    odd = ~(is_number.to_numpy(zero_copy_only=False) | _are_marks(distinct))
    return int(pc.sum(pa.array(odd).take(indices)).as_py() or 0)


def _are_marks(distinct: pa.Array) -> BoolArray:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(distinct))
    marks = pc.is_in(words, pa.array(sorted(NO_NUMBERS)))
    return np.asarray(marks.to_numpy(zero_copy_only=False), dtype=bool)


def _as_clock(distinct: pa.Array, missing: BoolArray) -> FoundNumbers | None:
    """Reads times of day and durations; None unless all texts are such."""
    form = NumberForm(is_clock=True)
    rows = np.flatnonzero(~missing)
    first = distinct.take(pa.array(rows[:EXAMPLES]))
    if not _has_digits(first) or not pc.all(read_numbers(first, form)[1]).as_py():
        return None
    values, is_time = read_numbers(distinct, form)
    is_whole = (is_time.to_numpy(zero_copy_only=False) | missing).all()
    return FoundNumbers(form, values, is_time) if is_whole else None


def _may_be_numbers(distinct: pa.Array, missing: BoolArray) -> bool:
    """Whether a sample of the texts looks like numbers, to avoid parsing columns of long texts."""
    rows = np.flatnonzero(~missing)
    chosen = rows[:: max(1, len(rows) // SAMPLE)]
    if not len(chosen):
        return True
    sample = distinct.take(pa.array(chosen))
    if not _has_digits(sample):  # saves most of the time that short columns take
        return False
    body = split_numbers(sample).body
    return bool(len(body) - body.null_count >= SAMPLE_SHARE * len(body))


def _has_digits(texts: pa.Array) -> bool:
    """Whether any of the texts has a digit, as every number and time does."""
    return bool(pc.any(pc.match_substring_regex(texts, r"\d")).as_py())


def _form_of(
    split: Split, weights: IntArray, usual: str, decimal: str | None
) -> tuple[NumberForm, str]:
    """The form of most rows, and the other decimal mark if it fits equally well."""
    unit = _usual_unit(split.unit, split.body, weights)
    marks = [m for m in MARKS if decimal is None or m[0] == decimal]
    fitting = [_n_fitting(split.body, NumberForm(*m), weights) for m in marks]
    most = max(fitting)
    best = [m for m, n in zip(marks, fitting, strict=True) if n == most]
    if len({point for point, _ in best}) == 1:
        return NumberForm(*best[0], unit), ""
    other = _other_reading(split.body, weights)
    if other is None:  # all numbers are whole, so any mark will do
        return NumberForm(*best[0], unit), ""
    return _of_either(best, other, usual, unit)


def _of_either(
    best: Sequence[tuple[str, str]], found: tuple[str, bool | None], usual: str, unit: str
) -> tuple[NumberForm, str]:
    """Chooses the form if the only mark may be a decimal mark or a thousands mark."""
    mark, is_thousands = found
    opposite = "." if mark == "," else ","
    is_sure = is_thousands is not None
    if is_thousands is None:
        is_thousands = usual == opposite if mark == "." else usual == "."
    wanted = (opposite, mark) if is_thousands else (mark, "")
    chosen = wanted if wanted in best else best[0]
    return NumberForm(*chosen, unit), "" if is_sure else (mark if is_thousands else opposite)


def _other_reading(body: pa.Array, weights: IntArray) -> tuple[str, bool | None] | None:
    """The ambiguous mark, and whether it marks thousands; None if no mark is ambiguous.

    Numbers of four or more digits without the mark, or a 0 before it, show that it is a decimal
    mark. If all numbers without the mark are shorter, it marks thousands. The answer is None
    (undecided) if all numbers have the mark.
    """
    seen = body.filter(pa.array(weights > 0)).drop_null()
    either = seen.filter(pc.match_substring_regex(seen, _EITHER))
    if not len(either):
        return None
    mark = "," if "," in either[0].as_py() else "."
    whole = seen.filter(pc.match_substring_regex(seen, r"^\d+$"))
    if pc.any(pc.match_substring_regex(either, r"^0")).as_py():
        return mark, False
    if pc.any(pc.greater(pc.utf8_length(whole), 3)).as_py():
        return mark, False
    if len(seen) > len(either) + len(whole):  # others have decimals, and their fit was decided
        return mark, None
    return mark, True if len(whole) else None


def _n_fitting(body: pa.Array, form: NumberForm, weights: IntArray) -> int:
    fits = fits_form(body, form).fill_null(False).to_numpy(zero_copy_only=False)
    return int(weights[fits].sum())


def _usual_unit(unit: pa.Array, body: pa.Array, weights: IntArray) -> str:
    """The unit of most numbers; a word that is not a known unit must follow nearly all of them.

    Zeros count only if they have a unit: ``0`` beside ``$4.99``.
    """
    is_zero = pc.match_substring_regex(body, r"^0+(?:[.,]0+)?$").fill_null(False)
    is_bare = pc.and_(is_zero, pc.equal(unit, "").fill_null(False))
    weights = np.where(is_bare.to_numpy(zero_copy_only=False), 0, weights)
    is_number = body.is_valid().to_numpy(zero_copy_only=False)
    n_by_unit: dict[str, int] = {}
    for name, weight in zip(unit.to_pylist(), (weights * is_number).tolist(), strict=True):
        if weight:
            n_by_unit[name] = n_by_unit.get(name, 0) + weight
    named = {name: n for name, n in n_by_unit.items() if name}
    if not named:
        return ""
    total, best = sum(n_by_unit.values()), max(named, key=lambda name: named[name])
    is_known = best in GLUED_UNITS or not best.isalpha()
    is_usual = named[best] >= (0.5 if is_known else 1 - MISFIT_SHARE) * total
    return best if is_usual else ""


def _are_codes(distinct: pa.Array, split: Split, found: FoundNumbers, odd: BoolArray) -> bool:
    """Whether the numbers are codes written in digits, such as 12, 12a, 13, or phone numbers."""
    body = split.body.filter(pa.array(~odd)).drop_null()
    if found.form.thousands == " " and found.form.unit == "":
        digits = pc.utf8_length(pc.replace_substring(body, " ", ""))
        lengths = pc.min_max(digits).as_py()
        if lengths["min"] == lengths["max"] and (lengths["min"] or 0) >= FEWEST_PHONE_DIGITS:
            return True
    if pc.all(pc.match_substring_regex(body, r"^\d+$")).as_py():
        others = pc.utf8_trim_whitespace(distinct.filter(pa.array(odd)))
        return int(pc.sum(pc.match_substring_regex(others, _CODE)).as_py() or 0) > 1
    return False


def _examples(distinct: pa.Array, odd: BoolArray) -> tuple[str, ...]:
    return tuple(map(shortened, distinct.filter(pa.array(odd))[:EXAMPLES].to_pylist()))
