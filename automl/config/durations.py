"""Parses durations such as ``10m``, and gaps such as ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from automl.errors import ConfigError

__all__ = ["parse_duration", "parse_span", "span_of", "time_of"]

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([smh]?)", re.IGNORECASE | re.ASCII)


def parse_duration(text: str) -> float:
    """Converts ``60``, ``90s``, ``10m``, ``2h`` or ``1.5h`` to seconds.

    Raises:
        ConfigError: It is none of these, or not above zero.
    """
    match = _TIME.fullmatch(text.strip())
    time_s = float(match[1]) * _UNITS_S[match[2].lower()] if match else 0.0
    if time_s <= 0:
        raise ConfigError(f"{text!r} is not a valid duration: use 60, 90s, 10m, 2h or 1.5h")
    return time_s


_SPAN = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_SPAN_UNITS_S = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_LONG_UNITS = {
    **{"second": "s", "sec": "s", "minute": "min", "hour": "h", "day": "d", "week": "w"},
    **{"seconds": "s", "minutes": "min", "hours": "h", "days": "d", "weeks": "w"},
}


def parse_span(text: str) -> int | timedelta:
    """Parses a span of time: ``7d``, ``12h``, ``30min``, ``90s``, ``2w``, or ``5`` distinct times.

    Returns:
        A duration, or a number of distinct times if there is no unit.

    Raises:
        ConfigError: It is none of these, or not above zero.
    """
    match = _SPAN.fullmatch(text.strip())
    number, unit = (match[1], match[2].lower()) if match else ("0", "")
    unit = _LONG_UNITS.get(unit, unit)
    if unit in ("m", "mo", "month", "months", "y", "year", "years"):
        raise ConfigError(
            f"{text!r}: write min for minutes; months and years vary in length, so write days, "
            "such as 30d"
        )
    unit_s = _SPAN_UNITS_S.get(unit, 0.0)
    try:
        span = timedelta(seconds=float(number) * unit_s) if unit else int(number)
    except (ValueError, OverflowError):  # a part of a time, or longer than all time
        span = 0
    if not span:
        raise ConfigError(
            f"{text!r} is not a valid time span: use 7d, 12h, 30min, 90s or 2w, or a number of "
            "distinct times, such as 5"
        )
    return span


def time_of(value: Any) -> Any:
    """Converts a budget given as text to seconds; returns other values unchanged."""
    return parse_duration(value) if isinstance(value, str) else value


def span_of(value: Any) -> Any:
    """Converts a time span to the text of a setting; returns other types unchanged.

    Raises:
        ConfigError: It is a string but not a valid time span.
    """
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str):
        parse_span(text)
    return text
