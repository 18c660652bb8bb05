"""``automl predict``: a run and a new table give predictions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from automl.cli.formats import write_csv
from automl.cli.output import check_stdout, output_of, write_output
from automl.cli.parser import Parser, one_word, query_of
from automl.cli.streams import data_stream

if TYPE_CHECKING:
    from automl.api import Run

__all__ = ["parser", "run"]


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "predict",
        "RUN DATA [options]",
        "Predicts every row of a table with the best predictor of a run, and writes CSV: one\n"
        "column `prediction`, or for quantiles one per level, such as `q0.1`; rows in the order\n"
        "of the table. For a folder of images, or series with a row for each step, a column with\n"
        "their names comes first. A database URL needs its query, data.sql='select ...': that of\n"
        "the training is not run.",
        (
            "automl predict runs/first new.csv",
            "automl predict runs/first new.csv --proba --out predictions.csv",
            "automl predict runs/photos new_photos/",
            "automl predict runs/first postgresql://me@host/shop data.sql='select * from new'",
        ),
    )
    parser.option(
        "--proba",
        action="store_true",
        help="one column of probabilities per class, named by the label, in place of the "
        "prediction; where a number is predicted there are none",
    )
    parser.option(
        "--out",
        metavar="FILE",
        help="where to write; standard output by default. Names that end in .tsv, .csv.gz, "
        ".parquet or .feather give such files",
    )
    parser.option(
        "--raw",
        action="store_true",
        help="write texts unchanged; by default those that a spreadsheet or a terminal would run "
        "get an apostrophe before them, which automl removes when it reads the file",
    )
    parser.common_options()
    return parser


def run(argv: Sequence[str], started: float) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: There is no such run or table, they do not fit, or FILE cannot be written.
    """
    del started
    options, words = (verb := parser()).read(argv)
    words, query = query_of(words)
    if len(words) < 2:
        one_word(verb, words[:1], "RUN", overrides=False)
        one_word(verb, words[1:], "DATA", overrides=False)
    data = one_word(verb, words[1:], "DATA", overrides=False)
    inputs = (data,)
    out = None if options.out is None else output_of(options.out, inputs)
    if out is None:
        check_stdout(inputs)
    from automl.api import load_run

    names, columns = _predict(load_run(words[0]), data, query, options.proba)
    if out is None:
        write_csv(data_stream(sys.stdout), names, columns, raw=options.raw)
    else:
        write_output(out, names, columns, raw=options.raw)
        print(f"{len(columns[0])} predictions: {out.path}", file=sys.stderr)
    return 0


def _predict(
    run: Run, data: str, query: str | None, proba: bool
) -> tuple[list[str], list[list[Any]]]:
    """Names and values of the columns to write."""
    from automl.plugin.task import Task

    table = run.read(data, sql=query)
    names: list[str] = []
    columns: list[list[Any]] = []
    if table.row_names is not None:
        names.append(table.row_names[0])
        columns.append(table.row_names[1].to_pylist())
    if proba and Task(run.task).is_classification:
        frame = run.predict_proba(table)
        names += [str(label) for label in frame.columns]
        return names, columns + [frame.iloc[:, i].tolist() for i in range(frame.shape[1])]
    prediction = run.predict(table)
    if run.quantiles:
        names += [f"q{level:g}" for level in run.quantiles]
        return names, [*columns, *prediction.T.tolist()]
    return [*names, "prediction"], [*columns, prediction.tolist()]
