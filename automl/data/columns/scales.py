"""Detects columns of numbers with words that change the value, such as ``1.5M`` beside ``300k``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from automl.data.number_scales import AMBIGUOUS_UNITS, CREDIT_DEBIT, SCALE_UNITS, SCALES
from automl.data.numbers import split_numbers

__all__ = ["find_scale"]

SAMPLE, FEWEST_SHARE = 1000, 0.95
_HAS_WORD = r"\d\W{0,3}[A-Za-z]+\W{0,3}$"
_MARKED = rf"(?i)\d[.,]?[ \x{{a0}}\x{{202f}}]?\x{{b0}}? ?(?:{'|'.join(sorted(SCALE_UNITS))})s?\b"
_MILLION = re.compile(r"\d\s?M|\d[.,]\d+\s?m")
_CENTS = re.compile(r"[.,]\d\d$")
_COMMA_CENTS = re.compile(r",\d\d$")
_DEGREES = re.compile(r"[.,]\d{3,}$")
_SIGNS = ("cr", "dr", "db")


@dataclass(frozen=True, slots=True)
class _Marked:
    """A sample of numbers: with a unit of a scale, and others.

    Attributes:
        bodies: Digits of each unit.
        plain: Digits of the numbers without a unit of a scale.
        currencies: The currencies, of which a column has at most one.
        texts: The numbers as written.
        glued: Units that follow a number without a space.
    """

    bodies: dict[str, list[str]]
    plain: list[str]
    currencies: frozenset[str]
    texts: list[str]
    glued: frozenset[str]


def find_scale(texts: pa.Array) -> tuple[str, str]:
    """Finds the scale of a column of numbers.

    Units that may be part of a code (``12b``) or of another kind (``5 m``) need evidence from the
    whole column, such as fractions, or a second unit of the scale.

    Args:
        texts: Distinct strings, ``(n,)``; without those that mean a missing value.

    Returns:
        The key of ``SCALES`` and the currency; "" for none.
    """
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    for pattern in (_HAS_WORD, _MARKED):  # the second takes long to compile
        if not pc.any(pc.match_substring_regex(sample, pattern)).as_py():
            return "", ""
    marked = _split(sample)
    if marked is None or len(marked.currencies) > 1:
        return "", ""
    scale = _of_signs(marked) or _of_compass(marked) or _of_sizes(marked)
    return scale, next(iter(marked.currencies), "") if scale else ""


def _split(sample: pa.Array) -> _Marked | None:
    split = split_numbers(sample, is_scaled=True)
    parts = (split.body, split.unit, split.money, split.is_glued, sample)
    rows = [row for row in zip(*(part.to_pylist() for part in parts), strict=True) if row[0]]
    bodies: dict[str, list[str]] = {}
    plain, texts, currencies, glued = [], [], set(), set()
    n_others = 0
    for body, unit, money, is_glued, text in rows:
        texts.append(text)
        currencies |= {money} - {""}
        if unit in SCALE_UNITS:
            bodies.setdefault(unit, []).append(body)
            glued |= {unit} if is_glued else set()
        elif unit == "" or not unit.isalpha() or money == unit:
            plain.append(body)
            currencies |= {unit} - {""}
        else:
            n_others += 1
    if not bodies or n_others > (1 - FEWEST_SHARE) * len(rows) or "%" in currencies:
        return None
    return _Marked(bodies, plain, frozenset(currencies), texts, frozenset(glued))


def _of_signs(marked: _Marked) -> str:
    """Debit and credit: whole numbers need both marks, because ``3 cr`` are points of a course."""
    units = set(marked.bodies)
    if not units <= set(CREDIT_DEBIT):
        return ""
    bodies = [body for some in marked.bodies.values() for body in some]
    # single letters, as in Germany and Brazil, may also be hours and seconds
    cents = _CENTS if units <= set(_SIGNS) else _COMMA_CENTS
    are_sums = all(map(cents.search, bodies))
    signs = {CREDIT_DEBIT[unit] for unit in units}
    if not are_sums and (units & marked.glued or not units <= set(_SIGNS)):
        return ""
    if len(signs) == 2:
        return "debit"
    if not are_sums or not units <= set(_SIGNS):
        return ""
    is_credit = signs == {1.0}
    # a mark of some numbers tells them from the others; one of all numbers is not a minus
    return "credit" if is_credit == bool(marked.plain) else "debit"


def _of_compass(marked: _Marked) -> str:
    bodies = [body for some in marked.bodies.values() for body in some]
    has_degrees = any("\u00b0" in unit for unit in marked.bodies)
    if len(marked.plain) > 0.05 * len(marked.texts):
        return ""
    if not has_degrees and not all(map(_DEGREES.search, bodies)):
        return ""
    return next((n for n in ("latitude", "longitude") if set(marked.bodies) <= set(SCALES[n])), "")


def _of_sizes(marked: _Marked) -> str:
    units = set(marked.bodies)
    if units & {"lac", "lakh", "crore"} or {"l", "cr"} <= units:
        return "indian" if _has_several(units, "indian", marked.plain) else ""
    if units & {"kb", "mb", "gb", "kib", "mib", "gib"}:
        return "bytes" if _has_several(units, "bytes", ()) else ""
    if not units <= set(SCALES["short"]):
        return ""
    if units & {"m", "b"} and not (marked.currencies or any(map(_MILLION.search, marked.texts))):
        return ""  # 800m beside 5k are distances, 12b beside 5m numbers of houses
    if marked.currencies or _has_several(units, "short", ()):
        return "short"
    plain = [b for b in marked.plain if not units <= AMBIGUOUS_UNITS or len(b) > 3]
    return "short" if plain else ""


def _has_several(units: set[str], scale: str, plain: Sequence[str]) -> bool:
    """Whether all units are of a scale, with two factors at least; plain numbers have factor 1."""
    factors = Counter(SCALES[scale].get(unit, 0.0) for unit in units)
    return 0.0 not in factors and len(factors) + bool(plain) > 1
