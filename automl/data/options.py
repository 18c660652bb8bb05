"""The options of reading a table, and the texts that mean a missing value."""

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
    *("#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"),
    *("#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#N/D", "#N/V", "#VALEUR!", "#NOMBRE!", "#NOM?"),
    *("#VALORE!", "#RIF!", "#NOME?", "#VALOR!", "#\u00a1VALOR!", "#\u00a1REF!", "#\u00a1DIV/0!"),
    *(
        "#\u00bfNOMBRE?",
        "#\u00a1NUM!",
        "#\u0417\u041d\u0410\u0427!",
        "#\u0421\u0421\u042b\u041b\u041a\u0410!",
    ),
    *("#\u041d/\u0414", "#\u0418\u041c\u042f?", "#\u0414\u0415\u041b/0!"),
)
"""Texts that mean a missing value: in features and target, in files and in frames."""

FIRST_NULL_TEXTS = (
    *("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "-NaN"),
    *("null", "NULL", "Null", "None"),
)
"""``NULL_TEXTS`` of the oldest runs, which do not record theirs."""

NO_NUMBERS = frozenset(
    (
        *(text.lower() for text in NULL_TEXTS),
        *("none", "nil", "missing", "unknown", "n.a", "not available", "tbd"),
        *(":", "not applicable", "no data", "n.d.", "n/d", "s/d", "k.a.", "k. a.", "keine angabe"),
        *("-", "--", "---", ".", "..", "*", "\u2013", "\u2014"),
        *("0000-00-00", "0000-00-00 00:00:00", "00/00/0000", "00.00.0000", "1900-01-00"),
        *(f".{letter}" for letter in "_abcdefghijklmnopqrstuvwxyz"),  # of Stata and SAS
    )
)
"""Texts, in lower case, that mean a missing value in a column of numbers. Elsewhere they may be
names: a class called none, a strand called -."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of the columns of a table that are not only features.

    Attributes:
        target: The column to predict; None to infer it.
        group, time_column, folds_column, weight: Columns of groups, times, folds and row weights;
            None without one.
    """

    target: str | None = None
    group: str | None = None
    time_column: str | None = None
    folds_column: str | None = None
    weight: str | None = None

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the columns of groups, times, folds and weights."""
        names = (self.group, self.time_column, self.folds_column, self.weight)
        return tuple(name for name in names if name is not None)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The options of reading a table.

    Attributes:
        kinds: Kinds set by the user, by column name; they override what is inferred.
        drop: Names of columns to leave out.
        sql: Query to run when the source is a database URL.
        sheet: Name, or number from 1, of the sheet of an Excel file; None for the first.
        is_own_sheet: Whether the sheet was named for new rows, and not for the data of the search.
        delimiter: Delimiter of a text file; None detects it.
        encoding: Encoding of a text file; None detects it.
        missing: Further texts that mean a missing value.
        keep: Texts of ``vocabulary`` or ``missing`` that are values in this table.
        decimal: Decimal mark of numbers in texts; None detects it for each column.
        vocabulary: Texts that mean a missing value by default, in the version that made the run.
        series_id: Column that names the series of each row; None where a row is not a step.
        step: Column that orders the steps of a series; None for the order of the rows.
        channels: Columns that hold the values of a step; empty detects them.
        series_table: Path of a table with one row per series, joined by ``series_id``.
        wide: Prefixes of columns that are the steps of a series, such as ``t`` for ``t0, t1, ...``;
            one for each channel.
        image_side: Largest number of pixels on the longer side of an image.
        strict: Whether a value that cannot be read is an error instead of missing.
        carry: Names of columns of new rows to return unchanged beside the features.
        identifiers: Names of the columns of whole numbers that are categories; None detects them.
            Set when the table of a run is read again.
        roles: Roles of a table whose other columns will only be typed as features: columns of
            plain numbers may then be read as numbers. None reads every column as text.
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
        """Texts that mean a missing value."""
        return frozenset({*self.vocabulary, *self.missing} - {*self.keep})


@dataclass(frozen=True, slots=True)
class Reading:
    """The rules for reading the texts of a column.

    Attributes:
        usual: Decimal mark to assume where the texts are ambiguous.
        decimal: Decimal mark set by the user; None detects it.
        marks: Texts that mean a missing value.
        form: Notation of its numbers, once known.
        day_first: Whether 01/02/2013 means 1 February.
    """

    usual: str = "."
    decimal: str | None = None
    marks: frozenset[str] = frozenset(NULL_TEXTS)
    form: NumberForm | None = None
    day_first: bool = False


UNREAD = Reading(marks=frozenset())
"""For a table whose cells may still hold texts that mean a missing value."""

USUAL_READING = Reading()
"""For texts from an unknown source."""
