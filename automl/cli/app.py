"""Runs a command line: imports only the requested verb and returns the exit status."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence

from automl.errors import INTERRUPTED, AutoMLError, StorageError, UserError, did_you_mean
from automl.version import __version__

__all__ = ["VERBS", "main"]

VERBS = {
    "search": "try model families on a table within a time budget",
    "resume": "continue a search that was stopped or killed, or give it more time",
    "leaderboard": "show every model of a run, ranked",
    "predict": "predict a new table with a run",
    "refit": "refit the ensemble of a run on all rows, for faster predictions",
    "rerun": "run one trial of a run again and compare",
    "studies": "write the trials of a run as Optuna studies, for dashboards",
    "inspect": "show the inferred kinds of the columns of a table, and why",
    "plugins": "show the installed model families and broken plugins",
}
"""The verbs, in the order of their use.

Each is a module in ``automl.cli.verbs`` with two functions: ``parser()``, and ``run(verb, options,
words)`` with that parser and what it read from a command line, which returns the exit status.
"""

ELSEWHERE = {
    **dict.fromkeys(("fit", "train", "run", "tune"), "search DATA"),
    **dict.fromkeys(("score", "evaluate", "eval", "test"), "leaderboard RUN --test FILE"),
    **dict.fromkeys(("continue",), "resume RUN"),
    **dict.fromkeys(("describe", "profile", "info"), "inspect DATA"),
    **dict.fromkeys(("models", "families", "list"), "plugins"),
}
"""Verbs of other tools, with the equivalent command."""

LEVELS = ("-v", "-q")
"""Options that are accepted before the verb."""

HELP = """\
automl {version}: searches model families within a time budget and builds an ensemble

usage: automl VERB ...

verbs:
{verbs}

examples:
  automl search data.csv
  automl search data.csv --target price --time 10m --out runs/first
  automl leaderboard runs/first
  automl predict runs/first new.csv --out predictions.csv

`automl VERB --help` shows the options of a verb, `automl --version` the version.
Exit status: 0 success, 2 an error you can fix, 3 the disk is full or cannot be written,
130 Ctrl-C (the best so far is saved), 1 anything else.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        argv: The words after ``automl``; those of this process by default.

    Returns:
        The exit status: 0 for success, 2 for an error the user can fix, 3 if the disk is full or
        cannot be written, 130 after Ctrl-C, 1 otherwise.
    """
    started = time.monotonic()
    words = list(sys.argv[1:] if argv is None else argv)
    status = 0
    try:
        status = _dispatch(words, started)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
    except KeyboardInterrupt:
        _say("stopped")
        return INTERRUPTED
    except Exception as error:
        return _report(error, words)
    return status


def _report(error: Exception, words: Sequence[str]) -> int:
    """Reports an error and returns its exit status; a message holds no password of the command."""
    from automl.store.disk import FULL

    trace = _traceback_if(words)
    status = UserError.exit_status
    if isinstance(error, AutoMLError):
        text, status = f"error: {error}", error.exit_status
    elif isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        name = os.fsdecode(error.filename or "")
        text = f"error: a file name of {len(name):,} characters is too long: {name[:60]!r}..."
    elif isinstance(error, OSError) and error.filename is None and error.errno in FULL:
        _let_go_of_stdout()  # files of a run raise StorageError
        text = f"error: standard output cannot be written: {FULL[error.errno]}"
        status = StorageError.exit_status
    else:
        hint = "" if trace else " (run again with -v for the traceback)"
        text, status = f"unexpected error: {type(error).__name__}: {error}{hint}", 1
    _say(_without_secrets(text, words), trace)
    return status


def _dispatch(words: list[str], started: float) -> int:
    """Finds the verb and runs it; ``-v`` and ``-q`` are accepted before it."""
    first = next((i for i, w in enumerate(words) if w not in LEVELS), None)
    verb = "" if first is None else words[first]
    rest = words if first is None else words[:first] + words[first + 1 :]
    asked = [word for word in rest if word not in LEVELS]
    if verb in ("-h", "--help") or (verb == "help" and not asked):
        sys.stdout.write(_help())
        return 0
    if verb in ("-V", "--version"):
        sys.stdout.write(f"automl {__version__}\n")
        return 0
    if first is None:
        sys.stderr.write(_help())
        return UserError.exit_status
    if verb == "help":
        verb, rest = asked[0], ["--help"]
    if verb not in VERBS:
        raise UserError(_unknown(verb))
    from automl.cli.display.streams import forgive

    forgive(sys.stdout)
    forgive(sys.stderr)
    from automl.surface import command_line

    module = importlib.import_module(f"automl.cli.verbs.{verb}")
    parser = module.parser()
    parser.set_defaults(started=started)
    with warnings.catch_warnings(), command_line(parser.flags):
        warnings.showwarning = _show_warning
        status: int = module.run(parser, *parser.read(rest))
        return status


def _show_warning(message: Warning | str, *where: object, **options: object) -> None:
    """Shows a warning without its line of code, which does not help users."""
    _say(f"warning: {message}")


def _help() -> str:
    verbs = "\n".join(f"  {verb:<13}{about}" for verb, about in VERBS.items())
    return HELP.format(version=__version__, verbs=verbs)


def _unknown(verb: str) -> str:
    """Returns the message for an unknown verb."""
    if verb.startswith("-"):
        near = did_you_mean(verb, ["--help", "--version"])
        return f"unknown option {verb} before the verb{near}\nrun `automl --help` for the verbs"
    elsewhere = ELSEWHERE.get(verb)
    near = f"; did you mean `automl {elsewhere}`?" if elsewhere else did_you_mean(verb, VERBS)
    return f"unknown verb {verb!r}{near}\nthe verbs are {', '.join(VERBS)}"


def _traceback_if(words: Sequence[str]) -> str:
    """Returns the traceback of the current exception with ``-v``, else ""."""
    shown = {"-v", "--verbose"} & set(words)
    return _without_secrets(traceback.format_exc(), words) if shown else ""


def _without_secrets(text: str, words: Sequence[str]) -> str:
    """Removes passwords given on the command line from an error."""
    from automl.redact import hide, sources_in

    return hide(text, sources_in(words))


def _say(message: str, trace: str = "") -> None:
    """Writes to stderr after flushing stdout."""
    from automl.cli.display.streams import forgive
    from automl.formatting import clean

    forgive(sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        _let_go_of_stdout()
    sys.stderr.write(trace)
    sys.stderr.write(f"automl: {clean(message, keep_newlines=True)}\n")


def _let_go_of_stdout() -> None:
    """Discards further output after the reader, such as ``head``, has closed the pipe.

    Without this, Python would try to flush it at exit and report an error.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
