"""Whether a column of texts holds numbers, and how they are written: told by all of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.numbers import (
    GLUED_UNITS,
    NumberForm,
    Split,
    fits_form,
    plain_numbers,
    read_numbers,
    split_numbers,
)
from automl.data.options import NO_NUMBERS

__all__ = ["FoundNumbers", "find_numbers", "misfit_rows"]

MISFIT_SHARE, MISFIT_CELLS = 0.05, 2
"""Of the rows with a value, so many may hold something else, or so many cells."""
FITS_A_MISFIT = 3
SAMPLE, SAMPLE_SHARE = 1000, 0.5
EXAMPLES = 3
LONGEST_EXAMPLE = 40
FEWEST_PHONE_DIGITS = 7
MARKS = (
    *((".", ""), (".", ","), (".", " "), (".", "'")),
    *((",", ""), (",", "."), (",", " "), (",", "'")),
)
"""Decimal and thousands marks, the usual ones first: of two that fit alike the first is taken."""
_EITHER = r"^\d{1,3}[.,]\d{3}$"
"""What may be a number of three decimals, and what may be thousands."""
_CODE = r"^(\pL{1,3}[-_]?\d+|\d+\pL{1,3})$"


@dataclass(frozen=True, slots=True)
class FoundNumbers:
    """What a column of texts is as numbers.

    Attributes:
        form: How they are written.
        values: The distinct texts as numbers (float64), ``(n_distinct,)``; null for what is none.
        is_number: Whether each distinct text is a number, ``(n_distinct,)``.
        n_misfits: Rows that hold something that is neither a number nor a mark of a missing value.
        misfits: A few such texts.
        other: The decimal mark by which all of them would be other numbers; "" where one reading
            is possible.
    """

    form: NumberForm
    values: pa.Array
    is_number: pa.Array
    n_misfits: int = 0
    misfits: tuple[str, ...] = ()
    other: str = ""


def find_numbers(
    distinct: pa.Array,
    counts: NDArray[np.int64],
    *,
    usual: str = ".",
    decimal: str | None = None,
    any_misfits: bool = False,
) -> FoundNumbers | None:
    """Finds out how the numbers of a column are written.

    Args:
        distinct: The different texts, ``(n_distinct,)``.
        counts: Rows of each, ``(n_distinct,)``.
        usual: Decimal mark where the texts do not tell: ``,`` in files separated by semicolons.
        decimal: Decimal mark set by a person; None finds it out.
        any_misfits: Whether it is said that they are numbers, however many are not.

    Returns:
        What they are; None where they are no numbers, or too few of them are.
    """
    if decimal == "." or (decimal is None and not _may_be_thousands(distinct, usual)):
        plain = plain_numbers(distinct)
        if plain is not None:
            return FoundNumbers(NumberForm(), *plain)
    missing = _are_marks(distinct)
    if (times := _as_clock(distinct, missing)) is not None:
        return times
    if not any_misfits and not _may_be_numbers(distinct, missing):
        return None
    split = split_numbers(distinct)
    weights = np.where(missing, 0, counts)
    form, other = _form_of(split, weights, usual, decimal)
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
    """Whether a text such as 1.234 stands where points usually mark thousands."""
    if usual == ".":
        return False
    return bool(pc.any(pc.match_substring_regex(distinct, r"^\s*[+-]?\d{1,3}\.\d{3}\s*$")).as_py())


def misfit_rows(indices: pa.Array, distinct: pa.Array, is_number: pa.Array) -> int:
    """Rows that hold neither a number nor a mark of a missing value.

    Args:
        indices: Index of the text of each row, ``(n_rows,)``; null where there is none.
        distinct: The different texts, ``(n_distinct,)``.
        is_number: Whether each of them is a number, ``(n_distinct,)``.
    """
    odd = ~(is_number.to_numpy(zero_copy_only=False) | _are_marks(distinct))
    return int(pc.sum(pa.array(odd).take(indices)).as_py() or 0)


def _are_marks(distinct: pa.Array) -> NDArray[np.bool_]:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(distinct))
    marks = pc.is_in(words, pa.array(sorted(NO_NUMBERS)))
    return np.asarray(marks.to_numpy(zero_copy_only=False), dtype=bool)


def _as_clock(distinct: pa.Array, missing: NDArray[np.bool_]) -> FoundNumbers | None:
    """Times of day and durations, where all of the texts are such."""
    form = NumberForm(is_clock=True)
    rows = np.flatnonzero(~missing)
    first = distinct.take(pa.array(rows[:EXAMPLES]))
    if not _has_digits(first) or not pc.all(read_numbers(first, form)[1]).as_py():
        return None
    values, is_time = read_numbers(distinct, form)
    is_whole = (is_time.to_numpy(zero_copy_only=False) | missing).all()
    return FoundNumbers(form, values, is_time) if is_whole else None


def _may_be_numbers(distinct: pa.Array, missing: NDArray[np.bool_]) -> bool:
    """Whether a sample of the texts looks like numbers: of long texts it spares the whole look."""
    rows = np.flatnonzero(~missing)
    chosen = rows[:: max(1, len(rows) // SAMPLE)]
    if not len(chosen):
        return True
    sample = distinct.take(pa.array(chosen))
    if not _has_digits(sample):  # of short columns it spares most of the time that they take
        return False
    body = split_numbers(sample).body
    return bool(len(body) - body.null_count >= SAMPLE_SHARE * len(body))


def _has_digits(texts: pa.Array) -> bool:
    """Whether any of the texts has a digit, without which none is a number or a time."""
    return bool(pc.any(pc.match_substring_regex(texts, r"\d")).as_py())


def _form_of(
    split: Split, weights: NDArray[np.int64], usual: str, decimal: str | None
) -> tuple[NumberForm, str]:
    """The form that most rows are written in, and the other decimal mark that fits as well."""
    unit = _usual_unit(split.unit, split.body, weights)
    marks = [m for m in MARKS if decimal is None or m[0] == decimal]
    fitting = [_n_fitting(split.body, NumberForm(*m), weights) for m in marks]
    most = max(fitting)
    best = [m for m, n in zip(marks, fitting, strict=True) if n == most]
    if len({point for point, _ in best}) == 1:
        return NumberForm(*best[0], unit), ""
    other = _other_reading(split.body, weights)
    if other is None:  # no mark tells: all are whole
        return NumberForm(*best[0], unit), ""
    return _of_either(best, other, usual, unit)


def _of_either(
    best: Sequence[tuple[str, str]], found: tuple[str, bool | None], usual: str, unit: str
) -> tuple[NumberForm, str]:
    """Chooses where the one mark may be that of decimals or of thousands."""
    mark, is_thousands = found
    opposite = "." if mark == "," else ","
    is_sure = is_thousands is not None
    if is_thousands is None:
        is_thousands = usual == opposite if mark == "." else usual == "."
    wanted = (opposite, mark) if is_thousands else (mark, "")
    chosen = wanted if wanted in best else best[0]
    return NumberForm(*chosen, unit), "" if is_sure else (mark if is_thousands else opposite)


def _other_reading(body: pa.Array, weights: NDArray[np.int64]) -> tuple[str, bool | None] | None:
    """The mark that may be one of decimals or of thousands, and whether it is one of thousands.

    A number of four digits and more without a mark, or a 0 before it, says that it is one of
    decimals; shorter numbers without a mark beside longer ones with it that it is not. None for
    the answer where all have the mark.
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
    if len(seen) > len(either) + len(whole):  # others have decimals: which fit has told already
        return mark, None
    return mark, True if len(whole) else None


def _n_fitting(body: pa.Array, form: NumberForm, weights: NDArray[np.int64]) -> int:
    fits = fits_form(body, form).fill_null(False).to_numpy(zero_copy_only=False)
    return int(weights[fits].sum())


def _usual_unit(unit: pa.Array, body: pa.Array, weights: NDArray[np.int64]) -> str:
    """The unit of most numbers; a word that is no known unit has to stand with nearly all."""
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


def _are_codes(
    distinct: pa.Array, split: Split, found: FoundNumbers, odd: NDArray[np.bool_]
) -> bool:
    """Whether what is read as numbers are names written in digits, such as 12, 12a, 13."""
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


def _examples(distinct: pa.Array, odd: NDArray[np.bool_]) -> tuple[str, ...]:
    texts = distinct.filter(pa.array(odd))[:EXAMPLES].to_pylist()
    return tuple(
        t if len(t) <= LONGEST_EXAMPLE else f"{t[: LONGEST_EXAMPLE - 3]}..." for t in texts
    )
