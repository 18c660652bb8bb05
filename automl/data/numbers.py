"""Parses numbers as people write them: ``1,234.50``, ``$12``, ``12,5 kg``, ``(12.50)``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.clock_times import seconds_of_texts
from automl.data.number_scales import NEVER_OMITTED, SCALE_UNITS, SCALES

__all__ = [
    "GLUED_UNITS",
    "NumberForm",
    "Split",
    "finite",
    "fits_form",
    "plain_numbers",
    "read_numbers",
    "split_numbers",
]

MINUS = "\u2212\u2013\ufe63\uff0d"
"""Characters read as a minus: the minus sign, en dash, small and fullwidth hyphen-minus."""
SPACES = "\u00a0\u2007\u2009\u202f"
"""Non-breaking and thin spaces, used between groups of digits or before a unit."""
CURRENCIES = "|".join(
    (
        *("USD", "EUR", "GBP", "JPY", "CNY", "INR", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK"),
        *("DKK", "PLN", "CZK", "HUF", "RUB", "TRY", "BRL", "MXN", "ZAR", "KRW", "SGD", "HKD"),
        *("AED", "ARS", "BGN", "CLP", "COP", "EGP", "IDR", "ILS", "KES", "MYR", "NGN", "PEN"),
        *("PHP", "PKR", "RON", "RSD", "SAR", "THB", "TWD", "UAH", "VND"),
        *(r"Rs\.?", "kr", "RM", r"S?Fr\."),
    )
)
"""The most traded currencies of ISO 4217, and common short forms."""
GLUED_UNITS = frozenset(
    (
        *("%", "\u2030", "\u00b0", "\u00b0c", "\u00b0f", "kg", "g", "mg", "\u00b5g", "lb", "oz"),
        *("t", "km", "m", "cm", "mm", "mi", "ft", "in", "yd", "km\u00b2", "m\u00b2", "m\u00b3"),
        *("sqm", "sqft", "ha", "l", "ml", "cl", "gal", "s", "sec", "ms", "min", "h", "hr", "d"),
        *("w", "kw", "kwh", "mw", "v", "kv", "a", "hp", "bhp", "cc", "hz", "khz", "mhz", "ghz"),
        *("kb", "mb", "gb", "tb", "px", "pt", "k", "bn", "mph", "kmh", "km/h", "m/s", "rpm", "pa"),
        *("hpa", "bar", "psi", "mmol/l", "mg/dl", "kcal", "cal", "kj", "j", "nm", "x", "yr", "mo"),
        *("lbs", "hrs", "mins", "secs", "yrs", "pcs", "kmpl", "mpg", "ppm", "ppb", "bpm", "fps"),
        *("db", "dbm", "mah", "wh", "mwh", "kva", "kpa", "mpa", "kn", "lm", "lx", "mg/l", "g/l"),
    )
)
"""Units, in lower case, that may follow a number without a space. Others need one: ``12kg`` is a
weight, but ``12a`` may be a house number."""
NOT_GLUED = frozenset(("a", "d", "x"))
"""Those of ``GLUED_UNITS`` that are as often the letter of a code."""

_PATTERN = (
    r"^(?P<open>\(?)\s*(?P<sign>[+-]?)\s*"
    rf"(?P<before>(?:[A-Z]{{0,3}}\p{{Sc}}|{CURRENCIES})?)\s*(?P<inner>[+-]?)\s*"
    r"(?P<body>\d(?:[\d.,'\x{2019} ]*\d)?[.,]?|[.,]\d+)(?P<exponent>(?:[eE][+-]?\d+)?)"
    r"(?P<gap>\s*)(?P<after>(?:[\p{L}\p{Sc}%\x{2030}\x{b0}][^\s\d()]{0,11}[\x{b2}\x{b3}23]?)?)\s*"
    r"(?P<close>\)?)(?P<behind>-?)$"
)
_MONEY_BEHIND = rf"^(.*\d ?(?:[kKmM]|[mMbB][nN]|Tsd|Mio|Mrd)\.?) ?(\p{{Sc}}|{CURRENCIES})$"
"""Such as ``1,5 Mio. \u20ac``."""
_NO_CENTS = r"([\d ])[.,]-{1,2}$"
"""Such as ``12.--``, as prices are written in Switzerland."""
_SPECIAL = r"^[+-]?(?i:inf|infinity|nan)$"


@dataclass(frozen=True, slots=True)
class NumberForm:
    """The notation of the numbers of a column.

    Attributes:
        decimal: Decimal mark, ``.`` or ``,``.
        thousands: Mark between groups of three digits: ``,``, ``.``, a space, an apostrophe; ""
            for none.
        unit: Unit or currency of each number, such as ``$``, ``%`` or ``kg``, in lower case; ""
            for none. It does not change the value: ``45 %`` is 45.
        is_clock: Whether the texts are times of day or durations; their values are seconds.
        scale: Key of ``SCALES``: words such as k, M or DR multiply the value; "" for none.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    is_clock: bool = False
    scale: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of texts that may be numbers.

    Attributes:
        body: Digits and the marks among them, ``(n,)``; null where a text is not a number.
        factor: Exponent as text, such as ``e3``, or "", ``(n,)``.
        is_negative: Whether the number has a minus or parentheses, ``(n,)``.
        unit: Currency or unit in lower case, "" for none, ``(n,)``.
        money: Currency before a number with a unit of a scale, "" for none, ``(n,)``.
        is_glued: Whether the unit follows without a space, ``(n,)``.
    """

    body: pa.Array
    factor: pa.Array
    is_negative: pa.Array
    unit: pa.Array
    money: pa.Array
    is_glued: pa.Array


def split_numbers(texts: pa.Array, *, is_scaled: bool = False) -> Split:
    """Splits texts into digits, sign, exponent and unit.

    Args:
        texts: Strings, ``(n,)``; pass distinct ones to save work.
        is_scaled: Whether units of scales count as units in any place, also in ``12b``.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    trimmed = pc.replace_substring_regex(trimmed, f"[{SPACES}]", " ")
    trimmed = pc.replace_substring_regex(trimmed, f"[{MINUS}]", "-")
    if pc.any(pc.ends_with(trimmed, "-")).as_py():
        trimmed = pc.replace_substring_regex(trimmed, _NO_CENTS, r"\1")
    if is_scaled:
        trimmed = pc.replace_substring_regex(trimmed, _MONEY_BEHIND, r"\2\1")
        trimmed = pc.replace_substring_regex(trimmed, "\u00b0 ([A-Za-z])$", "\u00b0\\1")
    found = pc.extract_regex(trimmed, _PATTERN)
    part = {field.name: found.field(field.name) for field in found.type}
    before, after = (_unit(part[name]) for name in ("before", "after"))
    glued = pc.is_in(after, pa.array(sorted(GLUED_UNITS - NOT_GLUED)))
    of_scale = pc.and_(is_scaled, pc.is_in(after, pa.array(sorted(SCALE_UNITS))))
    for more in (of_scale, pc.starts_with(after, "%"), pc.starts_with(after, "\u00b0")):
        glued = pc.or_(glued, more)
    money = pc.match_substring_regex(part["after"], r"^\p{Sc}$")
    has_after = pc.not_equal(after, "")
    stands = pc.or_(pc.or_(pc.invert(has_after), pc.equal(part["gap"], " ")), pc.or_(glued, money))
    signs = [pc.equal(part[name], "-") for name in ("sign", "inner", "behind")]
    n_signs = sum((pc.cast(s, pa.int8()) for s in signs[1:]), pc.cast(signs[0], pa.int8()))
    is_open, is_closed = pc.equal(part["open"], "("), pc.equal(part["close"], ")")
    has_two_units = pc.and_(has_after, pc.not_equal(before, ""))
    has_two_units = pc.and_(has_two_units, pc.invert(of_scale))
    has_one_sign = pc.less_equal(n_signs, 1)
    conditions = (stands, pc.equal(is_open, is_closed), has_one_sign, pc.invert(has_two_units))
    is_whole = reduce(pc.and_, conditions, found.is_valid()).fill_null(False)
    return Split(
        body=pc.if_else(is_whole, part["body"], None),
        factor=part["exponent"],
        is_negative=pc.or_(pc.equal(n_signs, 1), is_open),
        unit=pc.if_else(has_after, after, before),
        money=pc.if_else(of_scale, before, ""),
        is_glued=pc.and_(has_after, pc.equal(part["gap"], "")),
    )


def _unit(written: pa.Array) -> pa.Array:
    """Units in lower case, without a final point or plural s: ``Rooms`` becomes ``room``."""
    lower = pc.utf8_lower(written)
    short = pc.replace_substring_regex(lower, r"\.$", "")
    if not pc.any(pc.ends_with(short, "s")).as_py():
        return short  # compiling the next pattern takes longer than reading a row
    return pc.replace_substring_regex(short, r"(\pL{3,})s$", r"\1")


def read_numbers(texts: pa.Array, form: NumberForm) -> tuple[pa.Array, pa.Array]:
    """Reads texts written in one form.

    Args:
        texts: Strings, ``(n,)``; pass distinct ones to save work.
        form: The notation.

    Returns:
        ``(values, is_number)``, both ``(n,)``: float64, null where not a finite number; and
        whether each text is a number, counting infinite ones and NaN.
    """
    if form.is_clock:
        seconds = seconds_of_texts(texts)
        return seconds, seconds.is_valid()
    if form == NumberForm() and (plain := plain_numbers(texts)) is not None:
        return plain
    special = pc.match_substring_regex(pc.utf8_trim_whitespace(texts), _SPECIAL).fill_null(False)
    if not pc.any(pc.match_substring_regex(texts, r"\d")).as_py():  # words: nothing to split
        return pa.nulls(len(texts), pa.float64()), special
    split = split_numbers(texts, is_scaled=form.scale != "")
    fits = pc.and_(fits_form(split.body, form), _has_unit(split, form)).fill_null(False)
    digits = split.body
    if form.thousands:
        mark = "'\u2019" if form.thousands == "'" else form.thousands
        digits = pc.replace_substring_regex(digits, f"[{mark}]", "")
    if form.decimal == ",":
        digits = pc.replace_substring(digits, ",", ".")
    sign = pc.if_else(split.is_negative, "-", "")
    written = pc.binary_join_element_wise(sign, digits, split.factor, "")
    values = pc.if_else(fits, written, None).cast(pa.float64())
    if form.scale:
        values = pc.multiply(values, _factors(split.unit, form))
    return finite(values), pc.or_(fits, special)


def fits_form(body: pa.Array, form: NumberForm) -> pa.Array:
    """Whether digits with their marks follow a form, ``(n,)``; null where ``body`` is null."""
    point = r"\." if form.decimal == "." else ","
    plain = rf"\d+(?:{point}\d*)?|{point}\d+"
    if not form.thousands:
        return pc.match_substring_regex(body, rf"^(?:{plain})$")
    mark = {"'": "['\u2019]", ".": r"\.", " ": " ", ",": ","}[form.thousands]
    grouped = rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:{point}\d*)?"
    if form.thousands == ",":  # also the Indian grouping: 12,34,567
        grouped += rf"|[1-9]\d?(?:,\d{{2}})+,\d{{3}}(?:{point}\d*)?"
    return pc.match_substring_regex(body, rf"^(?:{plain}|{grouped})$")


def _has_unit(split: Split, form: NumberForm) -> pa.Array:
    """Whether a number has the unit of the form, or none, unless that would change its value."""
    same = pc.equal(split.unit, form.unit)
    if form.scale:
        known = pc.is_in(split.unit, pa.array(["", form.unit, *SCALES[form.scale]]))
        return pc.and_(known, pc.is_in(split.money, pa.array(["", form.unit])))
    if form.unit == "" or form.unit in NEVER_OMITTED:
        return same
    return pc.or_(same, pc.equal(split.unit, ""))


def _factors(unit: pa.Array, form: NumberForm) -> pa.Array:
    """The factor of each unit of a scale, 1 for others, ``(n,)``."""
    factors = SCALES[form.scale]
    at = pc.index_in(unit, pa.array(list(factors)))
    return pc.coalesce(pa.array(factors.values(), pa.float64()).take(at), pa.scalar(1.0))


def plain_numbers(texts: pa.Array) -> tuple[pa.Array, pa.Array] | None:
    """Reads texts that are all plain decimal numbers; returns None if one is not.

    Args:
        texts: Strings, ``(n,)``.

    Returns:
        The same as ``read_numbers``.
    """
    try:
        values = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return finite(values), pa.array(np.ones(len(texts), dtype=bool))


def finite(values: pa.Array) -> pa.Array:
    """Numbers with null in place of infinite ones and NaN, ``(n,)``."""
    if values.null_count == 0 and np.isfinite(values.to_numpy(zero_copy_only=False)).all():
        return values
    return pc.if_else(pc.is_finite(values), values, None)
