"""Dates written as text, in the common formats."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["DAY_FIRST_REASON", "date_share", "dates_of_texts", "is_day_first"]

DAY_FIRST_REASON = "day before month"
_TIME = r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp][Mm])?)?"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH_ONLY = re.compile(r"(?:19|20)\d{2}-(?:0[1-9]|1[0-2])$")
_NUMERIC = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{4}|\d{1,2})" + _TIME + "$")
_DAY_NAME = r"(?:[A-Za-z]{3,9},? )?"
_DAY_MONTH = re.compile(_DAY_NAME + r"(\d{1,2})[ -]([A-Za-z]{3,9})\.?,?[ -](\d{4})" + _TIME + "$")
_MONTH_DAY = re.compile(_DAY_NAME + r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})" + _TIME + "$")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("jan january", "feb february", "mar march", "apr april", "may", "jun june"),
            *("jul july", "aug august", "sep sept september", "oct october", "nov november"),
            "dec december",
        ),
        start=1,
    )
    for name in names.split()
}
SAMPLE = 1000


def dates_of_texts(texts: pa.Array, day_first: bool) -> pa.Array:
    """Reads texts as points in time.

    Args:
        texts: Strings, best distinct ones, ``(n,)``.
        day_first: Whether 01/02/2013 means 1 February.

    Returns:
        ``timestamp[us]`` in UTC, ``(n,)``; null where a text is no date.
    """
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return texts.cast(kind).cast(pa.int64()).cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            continue  # not all of them are written in the one way that Arrow reads at once
    parsed = [
        None if text is None else _parse(text.strip(), day_first) for text in texts.to_pylist()
    ]
    return pa.array(parsed, type=pa.timestamp("us"))


def date_share(texts: pa.Array) -> float:
    """Share of a sample of texts that are dates, 0 to 1."""
    sample = _sample(texts)
    if not sample:
        return 0.0
    day_first = is_day_first(texts)
    return sum(_parse(text.strip(), day_first) is not None for text in sample) / len(sample)


def is_day_first(texts: pa.Array) -> bool:
    """Whether dates such as 31/12/2013 stand with the day before the month.

    A part above 12 must be the day. Where none is, points mean day first, slashes month first.
    """
    pattern = r"^\s*\d{1,2}[-/.]\d{1,2}[-/.]\d"
    parts = texts.filter(pc.match_substring_regex(texts, pattern).fill_null(False))
    if len(parts) == 0:
        return False
    numbers = pc.extract_regex(parts, r"^\s*(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})")
    first = numbers.field("a").cast(pa.int32())
    second = numbers.field("b").cast(pa.int32())
    n_day_first = pc.sum(pc.greater(first, 12)).as_py() or 0
    n_month_first = pc.sum(pc.greater(second, 12)).as_py() or 0
    if n_day_first == n_month_first:
        return bool(pc.equal(numbers.field("s")[0], ".").as_py())
    return int(n_day_first) > int(n_month_first)


def _sample(texts: pa.Array) -> list[str]:
    texts = texts.drop_null()
    step = max(1, len(texts) // SAMPLE)
    chosen = texts.take(pa.array(np.arange(0, len(texts), step)))
    values: list[str] = chosen.to_pylist()
    return values


def _parse(text: str, day_first: bool) -> datetime | None:
    try:
        if _ISO.match(text):
            return _utc(datetime.fromisoformat(text))
        if _MONTH_ONLY.match(text):
            return datetime(int(text[:4]), int(text[5:]), 1)
        return _parse_other(text, day_first)
    except ValueError:
        return None  # looks like a date and is none, such as 30 February


def _parse_other(text: str, day_first: bool) -> datetime | None:
    if found := _NUMERIC.match(text):
        first, separator, middle, last, *clock = found.groups()
        if len(first) == 4 and len(last) <= 2:
            return _at(int(first), int(middle), int(last), clock)
        if len(first) > 2 or len(last) == 1 or (len(last) == 2 and separator != "/"):
            return None
        year = int(last) if len(last) == 4 else int(last) + (2000 if int(last) < 70 else 1900)
        day, month = (first, middle) if day_first else (middle, first)
        return _at(year, int(month), int(day), clock)
    if found := _DAY_MONTH.match(text):
        day, name, written_year, *clock = found.groups()
    elif found := _MONTH_DAY.match(text):
        name, day, written_year, *clock = found.groups()
    else:
        return None
    number = _MONTHS.get(name.lower())
    return None if number is None else _at(int(written_year), number, int(day), clock)


def _at(year: int, month: int, day: int, clock: list[str | None]) -> datetime:
    hour, minute, second, half = clock
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    return datetime(year, month, day, hours, int(minute or 0), int(second or 0))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
