"""``automl search``: searches model families for a table within a budget."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from automl.cli.data_options import config_options, given_options
from automl.cli.output import check_stdout
from automl.cli.parser import Parser, one_word, split_data_and_overrides
from automl.cli.stdin import readable, where_from
from automl.errors import INTERRUPTED, NoPredictorError
from automl.redact import hide, shown, sources_in, without_passwords

if TYPE_CHECKING:
    from automl.api import Run
    from automl.cli.display.watcher import Watcher

__all__ = ["follow", "parser", "run"]

ABOUT = """\
Tries model families on a table within a time budget and writes a run directory with a
leaderboard and an ensemble. Ctrl-C once ends the search and saves the best so far, twice stops
at once.

DATA       CSV, TSV, JSON Lines (also as .gz or .zst), Excel, Parquet or Arrow, series as .ts;
           - for standard input; a folder of images with one subfolder per class; or a
           database URL, with data.sql='select ...'
key=value  any setting of the configuration, such as family=[lightgbm,svm] search.folds=5;
           --cfg lists all
Options, settings and DATA may be given in any order."""

EXAMPLES = (
    "automl search data.csv",
    "automl search data.csv --target price --time 10m --out runs/first",
    "automl search visits.parquet --target 'did return' --group patient --metric log_loss",
    "automl search steps.csv --series-id patient --step minute --target outcome",
)


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser("search", "DATA [options] [key=value ...]", ABOUT, EXAMPLES)
    config_options(parser)
    parser.option(
        "--out",
        metavar="DIR",
        section="output",
        help="run directory, which must not exist yet; by default a new one under runs/",
    )
    parser.option(
        "--resume",
        action="store_true",
        section="output",
        help="continue the search in --out if there is one: repeat the command after it was "
        "killed, or with larger --time or --trials, which are totals",
    )
    parser.option(
        "--cfg",
        action="store_true",
        section="output",
        help="print the composed configuration with the origin of each value, and exit",
    )
    parser.common_options(section="output", quiet="print only the path of the run, and errors")
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: The command, the configuration or the data is invalid, or no model could be
            fitted.
    """
    data_words, overrides = split_data_and_overrides(words)
    given = given_options(options)
    if options.cfg:
        path = one_word(verb, data_words, "DATA", overrides=True) if data_words else None
        return _print_config(given if path is None else {"data_path": path, **given}, overrides)
    data = one_word(verb, data_words, "DATA", overrides=True)
    if options.quiet and options.verbose:
        verb.error("-q and -v contradict each other")
    if options.resume and options.out is None:
        verb.error("--resume needs --out: the run to continue")
    with readable(data) as path:
        from automl import api

        check_stdout(path)
        given["data_path"] = shown(where_from(data))

        search = partial(
            api.search,
            path,
            out=options.out,
            resume=options.resume,
            overrides=overrides,
            settings=given,
            verbosity=0,
            started=options.started,
        )
        return follow(search, given["data_path"], options)


def _print_config(options: dict[str, Any], overrides: Sequence[str]) -> int:
    """Prints the configuration of a search with the origin of each value, without passwords."""
    from automl.config.compose import compose_with_plugins
    from automl.config.provenance import render_config

    composed, registry = compose_with_plugins(overrides, options)
    registry.tell_remarks()
    data = composed.config.data
    data.sql = None if data.sql is None else without_passwords(data.sql)
    given = [*overrides, *map(str, options.values())]
    text = hide(render_config(composed), sources_in(given))
    sys.stdout.write(text.rstrip("\n") + "\n")
    return 0


def follow(search: Callable[..., Run], about: str, options: Namespace) -> int:
    """Runs a search, showing its progress and result.

    Args:
        search: Runs the search; its argument ``on_event`` is called with every event.
        about: DATA or RUN as given on the command line.
        options: ``quiet`` and ``verbose``.

    Returns:
        The exit status.

    Raises:
        AutoMLError: The command is invalid, or no model could be fitted.
    """
    watcher = _make_watcher(about, options)
    try:
        with watcher:
            found = search(on_event=watcher)
    except NoPredictorError as error:
        if watcher.finished is None or watcher.finished.stopped_by != "interrupt":
            raise
        print(f"automl: stopped: {error}", file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        kept = f"; results so far are in {watcher.run}" if watcher.run else ""
        print(f"automl: stopped at once{kept}", file=sys.stderr)
        return INTERRUPTED
    _show_result(found, options.quiet, watcher)
    watcher.check_output()
    return INTERRUPTED if found.stopped_by == "interrupt" else 0


def _make_watcher(data: str, options: Namespace) -> Watcher:
    """Returns the view of the search: none, live, or lines."""
    if options.quiet:
        from automl.cli.display.watcher import Watcher

        return Watcher()
    from automl.cli.display.console import make_console

    console = make_console(sys.stdout)
    if console.is_terminal and not console.is_dumb_terminal and not options.verbose:
        from automl.cli.display.live_view import LiveView

        return LiveView(console, data)
    from automl.cli.display.line_view import LineView

    return LineView(sys.stdout, data, options.verbose)


def _show_result(found: Run, quiet: bool, watcher: Watcher) -> None:
    if watcher.output_error is not None:
        return
    if quiet:
        print(found.path)
        return
    from automl.cli.display.console import make_console
    from automl.cli.display.summary import print_summary

    end = watcher.finished
    elapsed_s, notes = (None, ()) if end is None else (end.elapsed_s, end.notes)
    console = make_console(sys.stdout)
    print_summary(console, found.board(), str(found.path), found.stopped_by, elapsed_s, notes)
