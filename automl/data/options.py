"""How a table is read: what a person may say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automl.data.numbers import NumberForm

__all__ = [
    "FIRST_NULL_TEXTS",
    "NO_NUMBERS",
    "NULL_TEXTS",
    "UNREAD",
    "USUAL_READING",
    "ReadOptions",
    "Reading",
    "Roles",
]

NULL_TEXTS = (
    *("", "NA", "N/A", "n/a", "N.A.", "n.a.", "#N/A", "#NA", "<NA>", "?", "NaT", "\\N"),
    *("NaN", "nan", "NAN", "-nan", "-NaN", "1.#QNAN", "1.#IND", "-1.#IND"),
    *("null", "NULL", "Null", "(null)", "(NULL)"),
    *("#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"),
)
"""Texts that mean that there is no value: in features and target, in files and in frames."""

FIRST_NULL_TEXTS = (
    *("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "-NaN"),
    *("null", "NULL", "Null", "None"),
)
"""What they were for runs that do not say which they had."""

NO_NUMBERS = frozenset(
    (
        *(text.lower() for text in NULL_TEXTS),
        *("none", "nil", "missing", "unknown", "n.a", "not available", "tbd"),
        *("-", "--", "---", ".", "..", "*", "\u2013", "\u2014"),
    )
)
"""Texts, in lower case, that mean the same among numbers. Elsewhere they may be names: a class
called none, a strand called -."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Columns of a table that are more than features, by name.

    Attributes:
        target: The column to predict; None where it is to be guessed.
        others: Those that give groups, folds, weights or the order in time.
    """

    target: str | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a table is read.

    Attributes:
        kinds: Kinds set by the user, by column name; they win over what is inferred.
        drop: Names of columns to leave out.
        sql: Query to run when the source is a database URL.
        sheet: Name, or number from 1, of the sheet of an Excel file; None for the first.
        is_own_sheet: Whether the sheet was named for new rows, and not for the data of the search.
        delimiter: Of a text file; found out when None.
        encoding: Of a text file; found out when None.
        missing: Further texts that stand for a missing value.
        keep: Texts that would stand for a missing value, and are values here.
        decimal: Decimal mark of numbers in texts; each column's is found out when None.
        vocabulary: Texts that stand for a missing value by themselves: those of the version that a
            run was made by.
        series_id: Column that says which series a row is a step of; None where rows are no steps.
        step: Column that orders the steps of a series; None for the order of the rows.
        channels: Columns that hold the values of a step; found out when empty.
        series_table: Path of a table with a row for each series, joined by ``series_id``.
        wide: Prefixes of columns that are the steps of a series, such as ``t`` for ``t0, t1, ...``;
            one for each channel.
        image_side: Most pixels of the longer side of an image.
        strict: Whether values that cannot be read are an error, and not missing.
        carry: Names of columns of new rows to hand on as they stand, beside the features.
        identifiers: Names of the columns of whole numbers that are categories; found out when
            None. Those of a run are given when its table is read again.
        roles: Columns that are more than features, where all others are only typed as such: those
            of plain numbers may then come as numbers. None where texts are needed of all.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    sql: str | None = None
    sheet: str | None = None
    is_own_sheet: bool = False
    delimiter: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    decimal: str | None = None
    vocabulary: tuple[str, ...] = NULL_TEXTS
    series_id: str | None = None
    step: str | None = None
    channels: tuple[str, ...] = ()
    series_table: str | None = None
    wide: tuple[str, ...] = ()
    image_side: int = 96
    strict: bool = False
    carry: tuple[str, ...] = ()
    identifiers: frozenset[str] | None = None
    roles: Roles | None = None

    @property
    def marks(self) -> frozenset[str]:
        """Texts that mean that there is no value."""
        return frozenset({*self.vocabulary, *self.missing} - {*self.keep})


@dataclass(frozen=True, slots=True)
class Reading:
    """How the texts of a column are read.

    Attributes:
        usual: Decimal mark where the texts do not tell.
        decimal: Decimal mark set by a person; None finds it out.
        marks: Texts that mean that there is no value.
        form: How its numbers are written, once that is known.
        day_first: Whether 01/02/2013 means 1 February.
    """

    usual: str = "."
    decimal: str | None = None
    marks: frozenset[str] = frozenset(NULL_TEXTS)
    form: NumberForm | None = None
    day_first: bool = False


UNREAD = Reading(marks=frozenset())
"""Of a table whose cells may still hold marks of missing values."""

USUAL_READING = Reading()
"""Of texts of which nothing is known."""
