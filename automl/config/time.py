"""Time budgets as people write them."""

from __future__ import annotations

import re

from automl.errors import ConfigError

__all__ = ["parse_time"]

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([smh]?)", re.IGNORECASE | re.ASCII)


def parse_time(text: str) -> float:
    """Reads ``60``, ``90s``, ``10m``, ``2h`` or ``1.5h`` as seconds.

    Raises:
        ConfigError: It is none of these, or not above zero.
    """
    match = _TIME.fullmatch(text.strip())
    time_s = float(match[1]) * _UNITS_S[match[2].lower()] if match else 0.0
    if time_s <= 0:
        raise ConfigError(f"{text!r} is no time: write 60, 90s, 10m, 2h or 1.5h")
    return time_s
