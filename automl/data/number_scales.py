"""Words behind a number that change its value: ``1.5M``, ``3 lakh``, ``40 KB``, ``9.50 DR``."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["AMBIGUOUS_UNITS", "CREDIT_DEBIT", "NEVER_OMITTED", "SCALES", "SCALE_UNITS"]

_THOUSAND = {"k": 1e3, "thousand": 1e3, "tsd": 1e3}
_CREDIT, _DEBIT = ("cr", "c", "h"), ("dr", "db", "d", "s")
CREDIT_DEBIT = {**dict.fromkeys(_CREDIT, 1.0), **dict.fromkeys(_DEBIT, -1.0)}
"""Credit is positive, debit negative, as on bank statements; H and S are German (Haben, Soll)."""

SCALES: Mapping[str, Mapping[str, float]] = {
    "short": {
        **_THOUSAND,
        **dict.fromkeys(("m", "mn", "mio", "mln", "million"), 1e6),
        **dict.fromkeys(("b", "bn", "mrd", "billion"), 1e9),
        **dict.fromkeys(("t", "tn", "trillion"), 1e12),
    },
    "indian": {
        **_THOUSAND,
        **dict.fromkeys(("l", "lac", "lakh"), 1e5),
        **dict.fromkeys(("cr", "crore"), 1e7),
    },
    "bytes": {
        **{"b": 1.0, "byte": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12},
        **{"kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40},
    },
    "debit": CREDIT_DEBIT,
    "credit": {unit: -factor for unit, factor in CREDIT_DEBIT.items()},
    "latitude": {"n": 1.0, "s": -1.0, "\u00b0n": 1.0, "\u00b0s": -1.0},
    "longitude": {"e": 1.0, "w": -1.0, "\u00b0e": 1.0, "\u00b0w": -1.0},
}
"""Factors of units by name of the scale. Of ``debit`` and ``credit`` the named one is negative."""

SCALE_UNITS = frozenset(unit for scale in SCALES.values() for unit in scale)
AMBIGUOUS_UNITS = frozenset("mbt")
"""Units of ``short`` that have other meanings, such as metre, byte and tonne."""
NEVER_OMITTED = frozenset("%").union(SCALES["short"], SCALES["indian"]) - AMBIGUOUS_UNITS - {"l"}
"""Units without which a number means something else, as 2 does beside 2k."""
