"""``automl predict``: a run and a new table give predictions."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from automl.cli.parser import Parser, one_word, query_of
from automl.cli.streams import data_stream
from automl.errors import UserError

if TYPE_CHECKING:
    from automl.api import Run

__all__ = ["parser", "run", "write_csv"]


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "predict",
        "RUN DATA [options]",
        "Predicts every row of a table with the best predictor of a run, and writes CSV: one\n"
        "column `prediction`, or for quantiles one per level, such as `q0.1`; rows in the order\n"
        "of the table. For a folder of images, or series with a row for each step, a column with\n"
        "their names comes first. The query for the URL of a database is given beside it; that of\n"
        "the training is not run again by itself.",
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
    parser.option("--out", metavar="FILE", help="where to write; standard output by default")
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
    out = None if options.out is None else _check_out(Path(options.out))
    from automl.api import load_run

    names, columns = _predict(load_run(words[0]), data, query, options.proba)
    if out is None:
        write_csv(data_stream(sys.stdout), names, columns)
    else:
        _write_file(out, names, columns)
        print(f"{len(columns[0])} predictions: {out}", file=sys.stderr)
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


def _check_out(path: Path) -> Path:
    """Refuses a place that cannot be written before any work is done."""
    if path.is_dir():
        raise UserError(f"--out {path} is a directory: give a file name")
    if not path.parent.is_dir():
        raise UserError(f"--out {path}: there is no directory {path.parent}")
    return path


def _write_file(path: Path, names: list[str], columns: list[list[Any]]) -> None:
    from automl.store.files import write_whole

    text = io.StringIO(newline="")
    write_csv(text, names, columns)
    try:
        write_whole(path, lambda file: file.write(text.getvalue().encode()))
    except OSError as error:
        raise UserError(f"--out {path} cannot be written: {error.strerror}") from error


def write_csv(file: TextIO, names: Iterable[str], columns: Sequence[Sequence[Any]]) -> None:
    """Writes CSV with every float in the digits that give the same float back.

    Args:
        file: Where to.
        names: Names of the columns.
        columns: Values of each column, Python objects, all ``(n_rows,)``.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
