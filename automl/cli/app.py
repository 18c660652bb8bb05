"""From a command line to an exit status. Imports nothing but the verb that is asked for."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from automl.errors import INTERRUPTED, AutoMLError, StorageError, UserError, did_you_mean
from automl.version import __version__

if TYPE_CHECKING:
    from automl.cli.parser import Parser

__all__ = ["VERBS", "main"]

VERBS = {
    "search": "try model families on a table under a time budget",
    "resume": "go on with a search that was stopped or killed, or give it more time",
    "leaderboard": "show every model of a run, ranked",
    "predict": "predict a new table with a run",
    "refit": "fit the members of a run once on all rows, for faster predictions",
    "rerun": "run one trial of a run again, alone, and compare",
    "studies": "write the trials of a run as Optuna studies, for dashboards",
    "inspect": "show what the columns of a table are taken for, and why",
    "plugins": "show the installed model families, and what is broken",
}
"""The verbs, in the order a person meets them. Each is a module of this package."""

ELSEWHERE = {
    **dict.fromkeys(("fit", "train", "run", "tune"), "search DATA"),
    **dict.fromkeys(("score", "evaluate", "eval", "test"), "leaderboard RUN --test FILE"),
    **dict.fromkeys(("continue",), "resume RUN"),
    **dict.fromkeys(("describe", "profile", "info"), "inspect DATA"),
    **dict.fromkeys(("models", "families", "list"), "plugins"),
}
"""What other tools call our verbs."""

LEVELS = ("-v", "-q")
"""Options that may stand before the verb."""

HELP = """\
automl {version}: searches model families under a time budget, leaves a leaderboard and an ensemble

usage: automl VERB ...

verbs:
{verbs}

examples:
  automl search data.csv
  automl search data.csv --target price --time 10m --out runs/first
  automl leaderboard runs/first
  automl predict runs/first new.csv --out predictions.csv

automl VERB --help tells all about a verb; automl --version tells the version.
The exit status is 0 when all went well, 2 when you have to change something, 3 when the disk is
full or cannot be written, 130 after Ctrl-C, else 1.
"""


class _Verb(Protocol):
    """What a verb's module offers."""

    def parser(self) -> Parser: ...

    def run(self, argv: Sequence[str], started: float) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        argv: The words after ``automl``; those of this process by default.

    Returns:
        The exit status: 0 when done, 2 when the user must change something, 3 when the disk is
        full or cannot be written, 130 after Ctrl-C, 1 otherwise.
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
    except AutoMLError as error:
        _say(_without_secrets(f"error: {error}", words), _traceback_if(words))
        return error.exit_status
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return _too_long(error, words)
        return _unwritten(error, words)
    except Exception as error:
        return _unexpected(error, words)
    return status


def _too_long(error: OSError, words: Sequence[str]) -> int:
    """Says that a word of the command is no name of a file."""
    name = os.fsdecode(error.filename or "")
    text = f"error: a name of {len(name):,} letters is too long for a file: {name[:60]!r}..."
    _say(_without_secrets(text, words), _traceback_if(words))
    return UserError.exit_status


def _unwritten(error: OSError, words: Sequence[str]) -> int:
    """Says that standard output takes no more; files of a run say so by themselves."""
    from automl.store.disk import FULL

    if error.filename is not None or error.errno not in FULL:
        return _unexpected(error, words)
    _let_go_of_stdout()
    _say(f"error: standard output cannot be written: {FULL[error.errno]}", _traceback_if(words))
    return StorageError.exit_status


def _unexpected(error: Exception, words: Sequence[str]) -> int:
    """Says what nobody foresaw."""
    trace = _traceback_if(words)
    hint = "" if trace else " (run again with -v for the traceback)"
    text = f"unexpected error: {type(error).__name__}: {error}{hint}"
    _say(_without_secrets(text, words), trace)
    return 1


def _dispatch(words: list[str], started: float) -> int:
    """Finds the verb and runs it; ``-v`` and ``-q`` may stand before it."""
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
    module = importlib.import_module(f"automl.cli.verbs.{verb}")
    from automl.surface import command_line

    offered = cast(_Verb, module)
    with warnings.catch_warnings(), command_line(offered.parser().flags):
        warnings.showwarning = _show_warning
        return offered.run(rest, started)


def _show_warning(message: Warning | str, *where: object, **options: object) -> None:
    """Shows a warning without the line of code it comes from, which is of no use to anybody."""
    _say(f"warning: {message}")


def _help() -> str:
    verbs = "\n".join(f"  {verb:<13}{about}" for verb, about in VERBS.items())
    return HELP.format(version=__version__, verbs=verbs)


def _unknown(verb: str) -> str:
    """Names what was taken for a verb, and the verbs."""
    if verb.startswith("-"):
        near = did_you_mean(verb, ["--help", "--version"])
        return f"unknown option {verb} before the verb{near}\nrun `automl --help` for the verbs"
    elsewhere = ELSEWHERE.get(verb)
    near = f"; did you mean `automl {elsewhere}`?" if elsewhere else did_you_mean(verb, VERBS)
    return f"unknown verb {verb!r}{near}\nthe verbs are {', '.join(VERBS)}"


def _traceback_if(words: Sequence[str]) -> str:
    """The traceback of the current exception where ``-v`` was given, else nothing."""
    shown = {"-v", "--verbose"} & set(words)
    return _without_secrets(traceback.format_exc(), words) if shown else ""


def _without_secrets(text: str, words: Sequence[str]) -> str:
    """Takes passwords out of an error, wherever on the command line they stood."""
    from automl.redact import hide, sources_in

    return hide(text, sources_in(words))


def _say(message: str, trace: str = "") -> None:
    """Writes to stderr, after what was already written to stdout."""
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
    """Takes it that the reader, such as ``head``, has what it wanted.

    Without this Python would try once more to write what is left, and complain at exit.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
