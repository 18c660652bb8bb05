"""Detects whole numbers that are identifiers (users, shops, zip codes), and so are categories.

A column of whole numbers is an identifier if single values explain the target clearly better than
their order does, both out of fold (``value_signal``). See docs/decisions/0043.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.columns.value_signal import Explained, compare, fold_rows, shown_target
from automl.data.columns.values import codes_of_numbers
from automl.data.numbers import NumberForm
from automl.data.options import ReadOptions
from automl.data.raw_table import snake_case
from automl.data.table import BoolArray, Column, FloatArray, IntArray, Table
from automl.plugin.task import ColumnKind

__all__ = ["find_identifiers", "is_identifier", "with_identifiers"]

MAX_ROWS = 100_000
MAX_VALUES = 5_000
"""Sizes of the sample that is judged if there are more rows: first of values, then of rows."""
FEWEST_ROWS = 100
FEWEST_VALUES, FEWEST_NAMED = 50, 20
"""Smallest number of distinct values: with fewer, little is lost by keeping a number. The second
value is for columns whose name says that they are identifiers, also below."""
ROWS_A_VALUE, ROWS_NAMED = 8.0, 1.2
"""Smallest mean number of rows with the same value."""
MOST_IN_ONE = 0.5
"""Largest share of rows with the same value; beyond it the column is a zero-inflated amount."""
GAIN = 0.003
"""Smallest share of the variance that is explained by values beyond that explained by order."""
ORDER_SHARE, ORDER_NAMED = 0.7, 0.85
"""Largest variance that the order of an identifier may explain, relative to its values."""
SURE_VALUES, SURE_NAMED = 3.5, 2.0
SURE_ROWS = 5.0
"""Smallest gain in standard errors: of 10 million columns of noise, 3 exceed 5."""

_LAST = frozenset(("id", "ids", "code", "codes", "no", "nr", "key"))
_THINGS = frozenset(
    (
        *("id", "zip", "zipcode", "postcode", "postal", "plz", "code", "shop", "store", "branch"),
        *("user", "customer", "client", "item", "product", "sku", "account", "site", "station"),
        *("vendor", "seller", "supplier", "merchant", "employee", "driver", "device", "machine"),
        *("patient", "hospital", "school", "household", "movie", "film", "book", "host", "agent"),
    )
)
_QUANTITIES = frozenset(
    (
        *("age", "ages", "year", "years", "month", "months", "week", "weeks", "day", "days"),
        *("date", "time", "hour", "hours", "minute", "minutes", "second", "seconds", "duration"),
        *("count", "counts", "num", "number", "total", "sum", "amount", "price", "cost", "income"),
        *("size", "length", "width", "height", "depth", "weight", "area", "distance", "mileage"),
        *("score", "rate", "rank", "level", "percent", "quantity", "qty", "rooms", "bedrooms"),
    )
)
_GLUED_ID = re.compile(rf"({'|'.join(sorted(_THINGS - {'id', 'code'}))})(id|no|nr|code)$")
_YEARS = 1800, 2100


def find_identifiers(
    table: Table,
    y: NDArray[Any],
    *,
    is_classification: bool,
    skip: Collection[str] = (),
    present: BoolArray | None = None,
    **steering: IntArray | None,
) -> dict[str, str]:
    """Finds the columns of whole numbers that are identifiers.

    Args:
        table: The features.
        y: Class indices or values of the rows that have a target, ``(n_present,)``, the length of
            ``group``, ``time`` and ``fold`` too.
        is_classification: Whether ``y`` holds class indices.
        skip: Names of columns to leave unchanged, such as those whose kind the user has set.
        present: Mask of the rows that have a target; None for all.
        **steering: ``group``, ``time`` and ``fold`` of each row, as for ``fold_rows``.

    Returns:
        Reason for each identifier, as text, by column key.
    """
    if len(y) < FEWEST_ROWS:
        return {}
    numeric = table.of_kind(ColumnKind.NUMERIC)
    candidates = [c for c in numeric if c.name not in skip and _may_name(c, len(y))]
    if not candidates:
        return {}
    target = shown_target(y, is_classification)
    found = {}
    for column in candidates:
        values = table.data[column.key].to_numpy()
        values = values if present is None else values[present]
        if not _are_names(values):
            continue
        rows = _sample(values, column.n_distinct)
        known = {name: None if of is None else of[rows] for name, of in steering.items()}
        folding = fold_rows(len(rows), **known)
        explained = compare(values[rows], target[rows], folding, GAIN)
        if _is_clear(explained, _says_id(column.name)):
            found[column.key] = _reason(explained)
    return found


def with_identifiers(table: Table, y: NDArray[Any], options: ReadOptions, **about: Any) -> Table:
    """Turns columns of whole numbers that are identifiers into categories.

    Args:
        table: The features.
        y: As for ``find_identifiers``.
        options: Kinds set by the user, which are kept, and the identifiers of a known run.
        about: Further arguments of ``find_identifiers``.
    """
    skip = {*options.kinds, *about.pop("skip", ())}
    if options.identifiers is None:
        reasons = find_identifiers(table, y, skip=skip, **about)
    else:
        known = [c for c in table.of_kind(ColumnKind.NUMERIC) if c.name in options.identifiers]
        reasons = {c.key: "as in the run" for c in known if c.name not in skip}
    data, columns = table.data, []
    for column in table.columns:
        if column.key in reasons:
            at = data.schema.get_field_index(column.key)
            codes = codes_of_numbers(data.column(at).combine_chunks())
            data = data.set_column(at, column.key, codes)
            columns.append(_as_category(column, reasons[column.key]))
        else:
            columns.append(column)
    return replace(table, data=data, columns=tuple(columns))


def is_identifier(column: Column) -> bool:
    """Whether a column holds whole numbers that are treated as categories."""
    return column.kind is ColumnKind.CATEGORICAL and column.form is not None


def _as_category(column: Column, reason: str) -> Column:
    """Makes a column categorical; it has a form, so that new rows are read as numbers first."""
    form = NumberForm() if column.form is None else column.form
    return replace(column, kind=ColumnKind.CATEGORICAL, reason=reason, form=form)


def _may_name(column: Column, n_rows: int) -> bool:
    """Whether a column may be an identifier, judged by its name and by rows per value."""
    if column.n_distinct < FEWEST_NAMED:
        return False
    says_id = _says_id(column.name)
    if not says_id and _QUANTITIES & {*_words(column.name)}:
        return False
    fewest = FEWEST_NAMED if says_id else FEWEST_VALUES
    repeated = (1 - column.missing_share) * n_rows / max(column.n_distinct, 1)
    return column.n_distinct >= fewest and repeated >= (ROWS_NAMED if says_id else ROWS_A_VALUE)


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z]+", snake_case(name)) if word]


def _says_id(name: str) -> bool:
    """Whether the name of a column suggests identifiers: userId, shop, zip_code."""
    words = _words(name)
    if not words:
        return False
    if words[-1] in _LAST or _GLUED_ID.fullmatch(words[-1]):
        return True
    return bool(_THINGS & {*words}) and not _QUANTITIES & {*words}


def _are_names(values: FloatArray) -> bool:
    """Whether numbers can be identifiers: whole, none below -1, not dates, no dominant value."""
    known = values[np.isfinite(values)]
    if not len(known) or known.min() < -1 or (known != np.floor(known)).any():
        return False
    distinct, counts = np.unique(known, return_counts=True)
    return counts.max() <= MOST_IN_ONE * len(known) and not _are_dates(distinct)


def _are_dates(distinct: FloatArray) -> bool:
    """Whether all numbers are years, or dates such as 20130131 and 201301."""
    for divisor in (1, 100, 10_000):
        year, rest = np.divmod(distinct, divisor)
        month, day = (rest, 1) if divisor == 100 else np.divmod(rest, 100)
        is_date = (year >= _YEARS[0]) & (year < _YEARS[1])
        if divisor > 1:
            is_date &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
        if is_date.all():
            return True
    return False


def _sample(values: FloatArray, n_distinct: int) -> IntArray:
    """Samples rows with a value: if there are too many, first of the values, then of the rows."""
    rows = np.flatnonzero(np.isfinite(values))
    if len(rows) <= MAX_ROWS:
        return rows
    share = MAX_VALUES / n_distinct
    if share < 1:
        # Multiplying by an odd number spreads neighbours over all 64 bits.
        mixed = values[rows].astype(np.int64).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        rows = rows[mixed < np.uint64(share * 2**64)]
    if len(rows) > MAX_ROWS:
        rng = np.random.default_rng(0)
        rows = np.sort(rng.choice(rows, MAX_ROWS, replace=False, shuffle=False))
    return rows


def _is_clear(found: Explained, says_id: bool) -> bool:
    """Whether values explain the target clearly better than their order."""
    if found.by_value - found.by_order < GAIN or found.error_rows < SURE_ROWS:
        return False
    share, sure = (ORDER_NAMED, SURE_NAMED) if says_id else (ORDER_SHARE, SURE_VALUES)
    return found.by_order <= share * found.by_value and found.error_values >= sure


def _reason(found: Explained) -> str:
    by_order = max(found.by_order, 0.0)
    return (
        f"whole numbers that are identifiers: single values explain {found.by_value:.1%} of the "
        f"target, their order {by_order:.1%}"
    )
