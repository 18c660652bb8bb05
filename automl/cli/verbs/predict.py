"""``automl predict``: predicts a table with a run."""

from __future__ import annotations

import csv
import sys
import warnings
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from automl.cli.data_options import SHEET_HELP, config_option, split_settings
from automl.cli.display.streams import data_stream
from automl.cli.formats import write_csv
from automl.cli.output import check_stdout, output_path, write_output
from automl.cli.parser import Parser, one_word
from automl.cli.stdin import readable
from automl.errors import DataError, MisfitWarning

if TYPE_CHECKING:
    from automl.api import Run
    from automl.data import Table

__all__ = ["check_apart", "column_names", "parser", "python_values", "run"]


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "predict",
        "RUN DATA [options]",
        "Predicts every row of a table with the ensemble of a run and writes CSV: one column\n"
        "`prediction`, or one per quantile level, such as `q0.1`; rows in the order of the table.\n"
        "For a folder of images, or series with one row per step, a column with their names comes\n"
        "first. DATA may be - for standard input. A database URL needs a query,\n"
        "data.sql='select ...': that of the search is never run. Unreadable values, such as 12a\n"
        "in a column of numbers, count as missing and are reported at the end;\n"
        "data.strict=true makes them an error.",
        (
            "automl predict runs/first new.csv",
            "automl predict runs/first new.csv --proba --out predictions.csv",
            "automl predict runs/first new.csv --keep id,date",
            "automl predict runs/photos new_photos/",
            "zcat new.csv.gz | automl predict runs/first - --keep id",
            "automl predict runs/first postgresql://me@host/shop data.sql='select * from new'",
        ),
    )
    parser.option(
        "--proba",
        action="store_true",
        help="one column of probabilities per class, named by its label, instead of the prediction "
        "(classification only)",
    )
    parser.option(
        "--keep",
        metavar="COLUMNS",
        type=column_names,
        action="extend",
        default=[],
        help="columns of DATA to write unchanged before the predictions, such as id,date; they may "
        "be unknown to the run",
    )
    config_option(parser, "data.sheet", SHEET_HELP)
    parser.option(
        "--out",
        metavar="FILE",
        help="output file; standard output by default. The extension selects the format: .csv, "
        ".tsv, .csv.gz, .parquet, .feather",
    )
    parser.option(
        "--raw",
        action="store_true",
        help="write text unchanged; by default text that a spreadsheet or a terminal would execute "
        "gets a leading apostrophe, which automl removes when it reads the file",
    )
    parser.common_options()
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: There is no such run or table, the table is invalid, or FILE cannot be written.
    """
    words, given = split_settings(words, "data.sql", "data.strict")
    run = one_word(verb, words[:1], "RUN", overrides=False)
    data = one_word(verb, words[1:], "DATA", overrides=False)
    with readable(data) as path:
        _write_predictions(run, path, options, given)
    return 0


def _write_predictions(run: str, data: str, options: Namespace, given: Mapping[str, Any]) -> None:
    out = None if options.out is None else output_path(options.out, data)
    if out is None:
        check_stdout(data)
    from automl.api import load_run
    from automl.data.columns.misfits import misfit_text
    from automl.registry import printing_to

    opened = load_run(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MisfitWarning)  # the note at the end names them
        keep = list(dict.fromkeys(options.keep))
        sql, strict = given.get("data.sql"), given.get("data.strict")
        sheet = vars(options)["data.sheet"]
        table = opened.read(data, sql=sql, sheet=sheet, keep=keep, strict=strict)
    with printing_to(sys.stderr):  # models are code of plugins
        names, columns = _predict(opened, table, options.proba)
    if out is None:
        write_csv(data_stream(sys.stdout), names, columns, raw=options.raw)
    else:
        write_output(out, data, names, columns, raw=options.raw)
        print(f"{len(columns[0])} predictions: {out}", file=sys.stderr)
    if table.misfits:
        print(f"note: {misfit_text(table.misfits)}", file=sys.stderr)


def _predict(run: Run, table: Table, proba: bool) -> tuple[list[str], list[list[Any]]]:
    """Returns names and values of the columns to write, kept columns first."""
    from automl.plugin.task import Task

    names: list[str] = []
    columns: list[list[Any]] = []
    if table.row_names is not None:
        names.append(table.row_names[0])
        columns.append(table.row_names[1].to_pylist())
    if proba and Task(run.task).is_classification:
        frame = run.predict_proba(table)
        names += [str(label) for label in frame.columns]
        columns += [frame.iloc[:, i].tolist() for i in range(frame.shape[1])]
    elif run.quantiles:
        names += [f"q{level:g}" for level in run.quantiles]
        columns += run.predict(table).T.tolist()
    else:
        names.append("prediction")
        columns.append(run.predict(table).tolist())
    if table.kept is None:
        return names, columns
    check_apart(table.kept.column_names, names)
    return [*table.kept.column_names, *names], [*python_values(table.kept), *columns]


def column_names(text: str) -> list[str]:
    """Parses comma-separated names for argparse; quotes protect commas within names.

    Raises:
        ArgumentTypeError: There is no name.
    """
    names = [name for name in next(csv.reader([text], skipinitialspace=True), []) if name]
    if not names:
        raise ArgumentTypeError("expected column names, such as id,date")
    return names


def check_apart(kept: Sequence[str], predicted: Sequence[str]) -> None:
    """Checks that no kept column has the name of a column of predictions.

    Raises:
        DataError: One has.
    """
    both = next((name for name in kept if name in predicted), None)
    if both is not None:
        raise DataError(
            f"--keep {both}: the predictions have a column {both!r} too. Rename it in the input, "
            "or omit it from --keep"
        )


def python_values(table: Any) -> list[list[Any]]:
    """Converts the columns of an Arrow table to Python values, with dates and times as text."""
    import pyarrow as pa

    from automl.data.columns.values import to_strings

    columns = (to_strings(c) if pa.types.is_temporal(c.type) else c for c in table.columns)
    return [column.to_pylist() for column in columns]
