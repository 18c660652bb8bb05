"""``automl leaderboard``: ranks the trials of a run, or shows one trial or several runs."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from automl.cli.data_options import SHEET_HELP, config_option, split_settings
from automl.cli.display.streams import data_stream
from automl.cli.output import check_stdout
from automl.cli.parser import METRIC_HELP, Parser, one_word
from automl.cli.stdin import readable
from automl.formatting import clean

if TYPE_CHECKING:
    from automl.leaderboard import Leaderboard

__all__ = ["parser", "run"]

ENSEMBLE = "ensemble"


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "leaderboard",
        "RUN [TRIAL | RUN ...] [options]",
        "Ranks the trials of a run by their out-of-fold scores, below the ensemble. ± is half the\n"
        "width of the 95 % interval of the score, blank if unknown; csv and json have it as\n"
        "score_margin, with the ends score_low and score_high.\n"
        "With TRIAL, shows that trial with its params, folds, error and learning curves. With\n"
        "several runs, or a folder of runs, shows one line per run.\n"
        "Works during a search and on a run that was killed.",
        (
            "automl leaderboard runs/first",
            "automl leaderboard runs/first --test held_out.csv",
            "automl leaderboard runs/first --format json > leaderboard.json",
            "automl leaderboard runs/first mlp-3",
            "automl leaderboard runs/first mlp-3 --format csv > curves.csv",
            "automl leaderboard runs",
        ),
    )
    parser.option(
        "--format",
        choices=("table", "csv", "json", "md"),
        default="table",
        help="table for people, md for documents, csv and json with all digits. For one TRIAL, csv "
        "has the learning curves, json everything",
    )
    parser.option(
        "--test",
        metavar="FILE",
        help="held-out table with the target: adds a column with the score of every model on it; "
        "- for standard input. A database URL needs a query, data.sql='select ...'",
    )
    config_option(parser, "data.sheet", f"{SHEET_HELP}; for --test")
    parser.option(
        "--raw",
        action="store_true",
        help="write text in csv and json unchanged, even if a spreadsheet or a terminal would "
        "execute it",
    )
    parser.option("--metric", metavar="NAME", help=f"{METRIC_HELP}; for --test")
    parser.common_options()
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: There is no such run, or the test table is invalid.
    """
    words, given = split_settings(words, "data.sql")
    query = given.get("data.sql")
    if query is not None and options.test is None:
        verb.error("data.sql=... is the query for --test URL, which is missing")
    if vars(options)["data.sheet"] is not None and options.test is None:
        verb.error("--sheet is for --test FILE, which is missing")
    path = one_word(verb, words[:1], "RUN", overrides=False)
    if options.test is not None:
        check_stdout(options.test)
    from automl.cli.display.runs import runs_of, show_runs

    if several := runs_of(words):
        if options.test is not None or options.format == "md":
            verb.error("several runs support --format table, csv and json, without --test")
        show_runs(several, options.format, raw=options.raw)
    elif words[1:]:
        trial = one_word(verb, words[1:], "TRIAL", overrides=False)
        if options.test is not None:
            verb.error("--test scores all trials: omit TRIAL")
        if options.format == "md":
            verb.error("one TRIAL supports --format table, csv and json")
        _show_trial(path, trial, options)
    else:
        _show_board(_read_board(path, options, query), options)
    return 0


def _show_board(board: Leaderboard, options: Namespace) -> None:
    format = options.format
    if format == "table":
        from automl.cli.display.console import make_console
        from automl.leaderboard import to_table

        console = make_console(sys.stdout)
        console.print(f"{_heading(board)}\n", style="dim")
        console.print(to_table(board, console.width))
        if board.outlook:
            console.print(f"\nexpected: {board.outlook}", style="dim", markup=False)
        if board.kept_reason:
            console.print(f"\nensemble kept: {board.kept_reason}", style="dim", markup=False)
        if board.notes:
            console.print()
        for note in board.notes:
            console.print(f"note: {note}", style="yellow", markup=False, highlight=False)
    else:
        from automl.leaderboard import render

        data_stream(sys.stdout).write(render(board, format, raw=options.raw))
        if format != "md":  # which includes them
            for note in board.notes:
                print(f"note: {note}", file=sys.stderr)


def _show_trial(path: str, trial: str, options: Namespace) -> None:
    from automl.leaderboard import read_board, read_trial
    from automl.store.run_dir import RunDir

    if trial == ENSEMBLE and (board := read_board(RunDir(Path(path)))).ensemble is not None:
        members = [row for row in board.rows if row.trial == ENSEMBLE or row.weight]
        _show_board(replace(board, rows=tuple(members)), options)
        return
    details = read_trial(RunDir(Path(path)), trial)
    if options.format == "table":
        from automl.cli.display.console import make_console
        from automl.cli.display.trial_details import print_details

        print_details(make_console(sys.stdout), details)
    else:
        from automl.leaderboard import render_trial

        data_stream(sys.stdout).write(render_trial(details, options.format, raw=options.raw))


def _read_board(path: str, options: Namespace, query: str | None) -> Leaderboard:
    """Reads only the records unless there is a test table, so that a run may still be running."""
    if options.test is not None:
        from automl.api import load_run

        with readable(options.test) as test:
            run = load_run(path, options.metric)
            return run.board(test, sql=query, sheet=vars(options)["data.sheet"])
    from automl.leaderboard import read_board
    from automl.store.run_dir import RunDir

    return read_board(RunDir(Path(path)))


def _heading(board: Leaderboard) -> str:
    """Returns the heading with target, metric and its direction."""
    task = f"{board.target} ({board.task}), " if board.target and board.task else ""
    direction = "higher" if board.greater_is_better else "lower"
    return clean(f"{task}by {board.metric}: {direction} is better")
