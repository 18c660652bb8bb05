"""Parses dates written as text in the common formats."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.month_names import month_number
from automl.data.options import NO_NUMBERS

__all__ = [
    "DAY_FIRST_REASON",
    "date_share",
    "is_day_first",
    "parse_dates",
    "plain_dates",
    "told_day_first",
]

DAY_FIRST_REASON = "day before month"
_TIME = (
    r"(?:[ T,:]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([AaPp]\.?[Mm]\.?)?)?"
    r"(?:\s*(Z|[A-Z]{2,5}|[+-]\d{2}:?\d{2}))?"
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}T\d{4}|(?:19|20)\d{2}-?W\d{2}(?:-?[1-7])?$")
_MONTH_ONLY = re.compile(r"((?:19|20)\d{2})(?:-|[Mm](?=\d{1,2}$))(0[1-9]|1[0-2]|[1-9])$")
_MONTH_FIRST = re.compile(r"(0?[1-9]|1[0-2])[/-]((?:19|20)\d{2})$")
_QUARTER = re.compile(
    r"(?:(?P<y>(?:19|20)\d{2})[- /]?Q(?P<q>[1-4])|Q(?P<p>[1-4])[- /]?(?P<x>(?:19|20)\d{2})"
    r"|(?P<r>[1-4])Q[- /]?(?P<z>(?:19|20)\d{2}))$",
    re.IGNORECASE,
)
_NAME = r"([^\W\d_]{3,12})"
_MONTH_YEAR = re.compile(_NAME + r"\.?[ ,-]{1,2}((?:19|20)\d{2}|\d{2})$")
_YEAR_MONTH = re.compile(r"((?:19|20)\d{2})[ -]" + _NAME + r"\.?$")
_NUMERIC = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{4}|\d{1,2})" + _TIME + "$")
_DAY_NAME = r"(?:[^\W\d_]{2,10}\.?,? )?"
_BETWEEN = r"(?: de | |/|-)?"
_DAY_MONTH = re.compile(
    rf"{_DAY_NAME}(\d{{1,2}})(?:st|nd|rd|th|er|\.)?{_BETWEEN}{_NAME}\.?,?{_BETWEEN}(\d{{4}}|\d{{2}})"
    rf"{_TIME}$"
)
_YEAR_DAY = re.compile(rf"((?:19|20)\d{{2}})[ /-]{_NAME}\.?[ /-](\d{{1,2}}){_TIME}$")
_C_TIME = re.compile(
    r"[A-Za-z]{3} ([A-Za-z]{3})\s+(\d{1,2}) (\d{2}):(\d{2}):(\d{2})"
    r"(?: ([+-]\d{4}|[A-Z]{3,4}))? (\d{4})$"
)
_MONTH_DAY = re.compile(rf"{_DAY_NAME}{_NAME}\.? (\d{{1,2}}),? (\d{{4}}){_TIME}$")
_REWRITTEN = (
    (re.compile(r"\s+"), " "),
    (re.compile(r" ?(?:\[[\w/]+\]|Uhr)$"), ""),  # 10:00+01:00[Europe/Berlin]
    (re.compile(r"([+-]\d{2}:?\d{2}) [A-Z]{3,4}$"), r"\1"),  # +0000 UTC
    (re.compile(r" ?(?:GMT|UTC)([+-])(\d)(?=$|:)"), r"\g<1>0\2"),
    (re.compile(r" ?(?:GMT|UTC)([+-])"), r"\1"),
    (re.compile(r"([+-]\d{2})$"), r"\1:00"),
    (re.compile(r"^(\d{4})(?:\u5e74|\. ?)(\d{1,2})(?:\u6708|\. ?)(\d{1,2})[\u65e5.]"), r"\1-\2-\3"),
    (re.compile(r"^(\d{4}-\d\d-\d\d)-(\d\d)\.(\d\d)\.(\d\d)"), r"\1 \2:\3:\4"),  # DB2
    (re.compile(r"^(\d{4})(\d\d)(\d\d)[ _-]?(\d\d)(\d\d)(\d\d)$"), r"\1-\2-\3 \4:\5:\6"),
    (re.compile(r"^(\d{1,2}:\d\d(?::\d\d)?),? (\d\S+)$"), r"\2 \1"),  # the time first
)
"""Forms that others are read from, in this order."""
_ZONE_HOURS = {
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
    **{"WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3},
    **{"MSK": 3, "JST": 9, "AEST": 10, "Z": 0, "UTC": 0, "GMT": 0},
}
"""Hours ahead of UTC. Of ambiguous names these are the zones of North America and Europe."""
_HAS_DATE = re.compile(r"\d.*\d.*\d")
SAMPLE = 1000


def parse_dates(texts: pa.Array, day_first: bool) -> pa.Array:
    """Parses texts as timestamps.

    Args:
        texts: Strings, ``(n,)``; pass distinct ones to save work.
        day_first: Whether 01/02/2013 means 1 February.

    Returns:
        ``timestamp[us]`` in UTC, ``(n,)``; null where a text is not a date.
    """
    plain = plain_dates(texts)
    if plain is not None:
        return plain
    parsed = [
        None if text is None else _parse(text.strip(), day_first) for text in texts.to_pylist()
    ]
    return pa.array(parsed, type=pa.timestamp("us"))


def plain_dates(texts: pa.Array) -> pa.Array | None:
    """Parses texts that Arrow can read; returns None if it cannot read one of them.

    Arrow reads ISO 8601, with a time zone in all texts or in none.
    """
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        with contextlib.suppress(pa.ArrowInvalid):
            return texts.cast(kind).cast(pa.int64()).cast(pa.timestamp("us"))
    return None


def date_share(texts: pa.Array) -> float:
    """Share of a sample of texts that are dates, 0 to 1; marks of missing values do not count."""
    known, day_first = texts.drop_null(), is_day_first(texts)
    words = pc.utf8_lower(pc.utf8_trim_whitespace(known))
    known = known.filter(pc.invert(pc.is_in(words, pa.array(sorted(NO_NUMBERS)))))
    sample = known[:: max(1, len(known) // SAMPLE)].to_pylist()
    n_dates = sum(_parse(text.strip(), day_first) is not None for text in sample)
    return n_dates / max(len(sample), 1)


def is_day_first(texts: pa.Array) -> bool:
    """Whether dates such as 31/12/2013 have the day before the month.

    A part above 12 must be the day. Without one, points mean day first and slashes month first.
    """
    told = told_day_first(texts)
    if told is not None:
        return told
    points = pc.match_substring_regex(texts, r"^\s*\d{1,2}\.\d{1,2}\.\d").fill_null(False)
    return bool(pc.any(points).as_py())


def told_day_first(texts: pa.Array) -> bool | None:
    """Whether the day comes before the month, judged by parts above 12; None if undecided."""
    pattern = r"^\s*\d{1,2}[-/.]\d{1,2}[-/.]\d"
    parts = texts.filter(pc.match_substring_regex(texts, pattern).fill_null(False))
    if len(parts) == 0:
        return None
    numbers = pc.extract_regex(parts, r"^\s*(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})")
    first = numbers.field("a").cast(pa.int32())
    second = numbers.field("b").cast(pa.int32())
    n_day_first = pc.sum(pc.greater(first, 12)).as_py() or 0
    n_month_first = pc.sum(pc.greater(second, 12)).as_py() or 0
    return None if n_day_first == n_month_first else int(n_day_first) > int(n_month_first)


def _parse(text: str, day_first: bool) -> datetime | None:
    found = _parse_usual(text, day_first)
    if found is None and _HAS_DATE.search(text):
        rewritten = text
        for pattern, form in _REWRITTEN:
            rewritten = pattern.sub(form, rewritten)
        found = _parse_usual(rewritten, day_first) if rewritten != text else None
    return found


def _parse_usual(text: str, day_first: bool) -> datetime | None:
    if _ISO.match(text):
        with contextlib.suppress(ValueError):
            return _utc(datetime.fromisoformat(text))
    try:
        if found := _MONTH_ONLY.match(text):
            return datetime(int(found[1]), int(found[2]), 1)
        if found := _MONTH_FIRST.match(text):
            return datetime(int(found[2]), int(found[1]), 1)
        return _parse_numeric(text, day_first) or _parse_named(text) or _parse_part(text)
    except (ValueError, OverflowError):
        return None  # looks like a date but is not one, such as 30 February


def _parse_numeric(text: str, day_first: bool) -> datetime | None:
    """Dates of three numbers, such as 31/12/2013 or 08.04.21."""
    found = _NUMERIC.match(text)
    if not found:
        return None
    first, separator, middle, last, *clock = found.groups()
    if len(first) == 4 and len(last) <= 2:
        return _at(int(first), int(middle), int(last), clock)
    if len(first) > 2 or len(last) == 1:
        return None
    if len(last) == 2 and separator != "/" and len(first) + len(middle) < 4:
        return None  # 1.2.34 is more likely a version number
    day, month = (first, middle) if day_first else (middle, first)
    return _at(_year(last), int(month), int(day), clock)


def _parse_named(text: str) -> datetime | None:
    """Dates with the name of a month."""
    if found := _DAY_MONTH.match(text):
        day, name, year, *clock = found.groups()
    elif found := _MONTH_DAY.match(text):
        name, day, year, *clock = found.groups()
    elif found := _YEAR_DAY.match(text):
        year, name, day, *clock = found.groups()
    elif found := _C_TIME.match(text):
        name, day, *hours, zone, year = found.groups()
        clock = [*hours, None, None, zone]
    else:
        return None
    number = month_number(name)
    return None if number is None else _at(_year(year), number, int(day), clock)


def _parse_part(text: str) -> datetime | None:
    """Months and quarters, by their first day."""
    if found := _QUARTER.match(text):
        year = found["y"] or found["x"] or found["z"]
        quarter = found["q"] or found["p"] or found["r"]
        return datetime(int(year), 3 * int(quarter) - 2, 1)
    if found := _MONTH_YEAR.match(text):
        name, year = found.groups()
    elif found := _YEAR_MONTH.match(text):
        year, name = found.groups()
    else:
        return None
    number = month_number(name)
    return None if number is None else datetime(_year(year), number, 1)


def _year(written: str) -> int:
    """A year; one of two digits is taken to lie between 1970 and 2069."""
    number = int(written)
    return number if len(written) == 4 else number + (2000 if number < 70 else 1900)


def _at(year: int, month: int, day: int, clock: list[str | None]) -> datetime | None:
    hour, minute, second, fraction, half, zone = clock
    hours, part = int(hour or 0), int(f"{fraction or 0:0<6}"[:6])
    if half:
        hours = hours % 12 + (12 if half.lower().startswith("p") else 0)
    next_day = timedelta(days=int(hours == 24 and not int(minute or 0)))  # the end of a day
    hours = 0 if next_day else hours
    moment = datetime(year, month, day, hours, int(minute or 0), int(second or 0), part) + next_day
    if zone is None:
        return moment
    if zone[0] in "+-":
        return _utc(moment.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo))
    ahead = _ZONE_HOURS.get(zone)
    return None if ahead is None else moment - timedelta(hours=ahead)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
