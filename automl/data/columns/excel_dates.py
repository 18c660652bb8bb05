"""Detects dates stored as numbers: Excel's days (44,197 is 2021-01-01), ticks since 1970."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.kinds import InferredKind
from automl.data.columns.values import FIRST_SERIAL, LAST_SERIAL, SERIAL_EPOCH, cast_to_kind
from automl.data.numbers import NumberForm
from automl.data.raw_table import snake_case
from automl.data.table import FloatArray
from automl.plugin.task import ColumnKind

__all__ = ["says_date", "with_serial_dates"]

_DATE_NAME = re.compile(
    r"(^|[^a-z])(dates?|datum|fecha|dob|birthday|timestamp)($|[^a-z])|date$|^(day|dt|when)$|_(at|dt)$"
)
_TIME_NAME = re.compile(rf"{_DATE_NAME.pattern}|time|stamp|epoch|(^|_)ts($|_)|(^|_)(us|ns)$")
_TICKS = r"^\s*(?:9[4-9]\d{14}|1\d{15}|2[01]\d{14}|9[4-9]\d{17}|1\d{18}|2[01]\d{17})\s*$"
_CODE_NAME = re.compile(r"(^|[^a-z])(ids?|zip|postal|postcode|plz|code|no|nr|number)($|[^a-z])")
RECENT = 36_526, 51_544  # from 2000 to 2041
MOST_DAYS = 3_700
FEWEST_DISTINCT = 20
MOST_ROUND = 0.3
"""Largest share of multiples of ten: prices and wages have more of them than days."""


def with_serial_dates(name: str, guess: InferredKind, source: pa.ChunkedArray) -> InferredKind:
    """Treats numbers as Excel dates if the name of the column says that it holds dates.

    If only their range suggests it, they stay numbers and ``doubt`` mentions the other reading.

    Args:
        name: Name of the column.
        guess: The kind inferred so far.
        source: The column as read from the source, ``(n_rows,)``.
    """
    if guess.kind is ColumnKind.CATEGORICAL and _may_be_ticks(name, source):
        why = "by its name and digits, micro- or nanoseconds since 1970"
        return InferredKind(ColumnKind.DATETIME, why)
    if guess.kind is not ColumnKind.NUMERIC or guess.left_out:
        return guess
    if guess.form not in (None, NumberForm()) or pa.types.is_temporal(source.type):
        return guess
    values = cast_to_kind(source, guess.kind) if guess.values is None else guess.values
    numbers = (values.drop_null() if values.null_count else values).to_numpy()
    if not len(numbers) or numbers.min() < FIRST_SERIAL or numbers.max() > LAST_SERIAL:
        return guess if guess.values is not None else replace(guess, values=values)
    span = f"{_day(numbers.min())} to {_day(numbers.max())}"
    if says_date(name):
        why = f"by its name, days as Excel counts them: {span}"
        return replace(guess, kind=ColumnKind.DATETIME, reason=why, form=None, values=None)
    if not guess.doubt and not _CODE_NAME.search(snake_case(name)) and _may_be_days(numbers):
        doubt = f"its numbers could be days as Excel counts them ({span}); "
        doubt += f"data.kinds={{{name}: datetime}} reads them so"
        return replace(guess, values=values, doubt=doubt)
    return replace(guess, values=values)


def _may_be_ticks(name: str, source: pa.ChunkedArray) -> bool:
    """Whether texts of 16 or 19 digits lie between 2000 and 2040, and the name speaks of time."""
    if not pa.types.is_string(source.type) or not _TIME_NAME.search(snake_case(name)):
        return False
    known = source.drop_null()
    return len(known) > 0 and bool(pc.all(pc.match_substring_regex(known, _TICKS)).as_py())


def says_date(name: str) -> bool:
    """Whether the name of a column says that it holds dates."""
    return _DATE_NAME.search(snake_case(name).strip()) is not None


def _may_be_days(numbers: FloatArray) -> bool:
    low, high = numbers.min(), numbers.max()
    if low < RECENT[0] or high > RECENT[1] or high - low > MOST_DAYS:
        return False
    if (numbers != np.floor(numbers)).any() or (numbers % 10 == 0).mean() > MOST_ROUND:
        return False
    return len(np.unique(numbers)) >= FEWEST_DISTINCT


def _day(number: float) -> date:
    return SERIAL_EPOCH + timedelta(days=int(number))
