"""Options that say where in its source a table stands, and what some of its columns are for."""

from __future__ import annotations

from automl.cli.parser import Parser

__all__ = ["STEERING", "series_options", "sheet_option", "steering_options"]

STEERING = ("group", "time_column", "folds_column", "weight")
"""Names of what ``steering_options`` adds."""


def sheet_option(parser: Parser, section: str = "options", default: str = "the first") -> None:
    """Adds ``--sheet``.

    Args:
        parser: Of the verb.
        section: The heading it stands under.
        default: Which sheet is read without it.
    """
    parser.option(
        "--sheet",
        metavar="NAME",
        section=section,
        help=f"the sheet of an Excel file, by its name or number; by default {default}",
    )


def steering_options(parser: Parser, section: str = "options") -> None:
    """Adds ``--group``, ``--time-column``, ``--folds-column`` and ``--weight``.

    Args:
        parser: Of the verb.
        section: The heading they stand under.
    """
    for name, about in (
        ("--group", "rows with the same value here are never on both sides of a split"),
        ("--time-column", "validate on what comes later by this column"),
        ("--folds-column", "the fold each row is validated in; -1: always for training"),
        ("--weight", "how much each row counts"),
    ):
        parser.option(name, metavar="COLUMN", section=section, help=about)


def series_options(parser: Parser, section: str = "options") -> None:
    """Adds ``--series-id``, ``--step``, ``--series-table`` and ``--wide``.

    Args:
        parser: Of the verb.
        section: The heading they stand under.
    """
    for name, about in (
        ("--series-id", "rows are steps of series, and this says of which; the target has one "
         "value a series"),
        ("--step", "the order of the steps of a series; by default that of the rows"),
    ):  # fmt: skip
        parser.option(name, metavar="COLUMN", section=section, help=about)
    parser.option(
        "--series-table",
        metavar="FILE",
        section=section,
        help="a table with a row for each series, such as its target, joined by --series-id",
    )
    parser.option(
        "--wide",
        metavar="PREFIXES",
        type=_prefixes,
        section=section,
        help="columns t0, t1, ... are the steps of a series: --wide t; with several channels "
        "--wide x,y,z",
    )


def _prefixes(text: str) -> list[str]:
    return text.split(",")
