"""Parses command lines with options, overrides and DATA in any order."""

from __future__ import annotations

import argparse
import difflib
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from automl.errors import UserError

__all__ = [
    "METRIC_HELP",
    "Parser",
    "UsageError",
    "is_file",
    "one_word",
    "split_data_and_overrides",
]

_OVERRIDE = re.compile(r"(\+{1,2}|~)?[A-Za-z_][\w.@/-]*=|~[A-Za-z_][\w.@/-]*$")
"""Overrides as in Hydra: ``key=value``, ``+key=value``, ``++key=value``, ``~key``."""
_HANGING = re.compile(r"\S*\s{2,}")
"""The term before an indented description in a help text."""
MOST_COLUMNS = 96
METRIC_HELP = "module:function, for a run whose metric is a Python function"
ELSEWHERE = {
    **dict.fromkeys(("label", "target-column", "response", "y"), "target"),
    **dict.fromkeys(("time-limit", "time-budget", "timeout", "max-time", "budget"), "time"),
    **dict.fromkeys(("n-trials", "max-trials", "iterations"), "trials"),
    **dict.fromkeys(("output", "output-dir", "path"), "out"),
    **dict.fromkeys(("eval-metric", "scoring", "objective"), "metric"),
    **dict.fromkeys(("random-state", "random-seed"), "seed"),
}
"""Names of options in other tools, with the equivalent name."""


class UsageError(UserError):
    """The command line is invalid."""


class Parser(argparse.ArgumentParser):
    """Parses the options of a verb and returns the other words in order.

    An option takes the next word as its value, unless that word is an option of the verb:
    ``--target -x`` works, and a column named ``--out`` is given as ``--target=--out``.

    Args:
        verb: Name of the verb.
        usage: Rest of the usage line after the verb.
        about: Description of the verb and its words.
        examples: Command lines shown below the options.

    Attributes:
        flags: Flags by option name, which is a key of the configuration for options of a search.
    """

    def __init__(self, verb: str, usage: str, about: str, examples: Sequence[str] = ()) -> None:
        lines = "\n".join(f"  {example}" for example in examples)
        super().__init__(
            prog=f"automl {verb}",
            usage=f"automl {verb} {usage}",
            description=about,
            epilog=f"examples:\n{lines}" if examples else None,
            formatter_class=_HelpFormatter,
            add_help=False,
            allow_abbrev=False,
        )
        self.flags: dict[str, str] = {}
        self._takes_value: dict[str, bool] = {}
        self._sections: dict[str, argparse._ArgumentGroup] = {}

    def option(self, *names: str, section: str = "options", **settings: Any) -> None:
        """Adds an option as ``add_argument`` does, under a heading of the help text."""
        if section not in self._sections:
            self._sections[section] = self.add_argument_group(section)
        action = self._sections[section].add_argument(*names, **settings)
        self.flags[action.dest] = names[-1]
        self._takes_value.update(dict.fromkeys(names, action.nargs != 0))

    def common_options(self, *, section: str = "options", quiet: str | None = None) -> None:
        """Adds ``-v`` and ``--help``, and ``-q`` if it has a help text."""
        if quiet is not None:
            self.option("-q", "--quiet", action="store_true", section=section, help=quiet)
        self.option(
            "-v",
            "--verbose",
            action="store_true",
            section=section,
            help="more detail, and tracebacks",
        )
        self.option("-h", "--help", action="help", section=section, help="show this text")

    def read(self, argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """Splits a command line into options and other words.

        Raises:
            UsageError: An option is unknown, lacks its value, or has an invalid value.
        """
        options: list[str] = []
        words: list[str] = []
        rest = list(argv)
        while rest:
            word = rest.pop(0)
            name = word.partition("=")[0]
            if word == "--":
                words, rest = words + rest, []
            elif not word.startswith("-") or word == "-":
                words.append(word)
            elif name not in self._takes_value:
                self._refuse(name)
            elif self._takes_value[name] and word == name and rest:
                options.append(word if rest[0] in self._takes_value else f"{word}={rest.pop(0)}")
            else:
                options.append(word)
        # argparse accepts = only after a long name: -o=x is -ox
        options = [o[:2] + o[3:] if re.match(r"-[^-]=", o) else o for o in options]
        return self.parse_args(options), words

    def _refuse(self, name: str) -> NoReturn:
        # Without the dashes, which make all options similar.
        bare = {known.lstrip("-"): known for known in self._takes_value}
        word = name.lstrip("-")
        near = [ELSEWHERE[word]] if ELSEWHERE.get(word) in bare else None
        near = near or difflib.get_close_matches(word, bare, n=1)
        hint = f"; did you mean {bare[near[0]]}?" if near else ""
        self.error(f"unknown option {name}{hint}")

    def print_help(self, file: Any = None) -> None:
        """Writes the help text; argparse would ignore a full disk."""
        stream = sys.stdout if file is None else file
        stream.write(self.format_help())
        stream.flush()

    def error(self, message: str) -> NoReturn:
        """Raises instead of exiting, so that all errors are handled in one place."""
        raise UsageError(f"{message}\nrun `{self.prog} --help` for all options")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Uses the width of the terminal, up to ``MOST_COLUMNS``."""

    def __init__(self, prog: str) -> None:
        self._columns = min(MOST_COLUMNS, shutil.get_terminal_size((MOST_COLUMNS, 24)).columns)
        super().__init__(prog, max_help_position=30, width=self._columns)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Keeps paragraphs as written if they fit, otherwise wraps them."""
        lines = text.splitlines()
        if max(map(len, lines), default=0) > width:
            lines = [line for item in _items(lines) for line in _wrapped(item, width)]
        return "\n".join(indent + line for line in lines) + "\n"


def _items(lines: Sequence[str]) -> list[list[str]]:
    """Groups the lines of a help text: each paragraph, and each term with its description."""
    items: list[list[str]] = []
    below = ""
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        head = _HANGING.match(line)
        goes_on = line and items and items[-1][0] and indent == below
        if goes_on and (indent or head is None):
            items[-1].append(line)
        else:
            items.append([line])
            below = " " * (len(head[0]) if head else 0)
    return items


def _wrapped(item: Sequence[str], width: int) -> list[str]:
    """Wraps one item; commands are not wrapped, so that they can be copied."""
    if item[0].startswith("  automl "):
        return list(item)
    head = _HANGING.match(item[0])
    below = " " * (len(head[0]) if head else 0)
    first, *rest = item
    text = " ".join([first, *(line.strip() for line in rest)])
    return textwrap.wrap(text, width, subsequent_indent=below) or [""]


def split_data_and_overrides(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Splits DATA from overrides.

    Args:
        words: Words that are not options. ``a=b.csv`` is an override, unless a file of that
            name exists and there is no other DATA.

    Returns:
        Words that are not overrides, and the overrides.
    """
    overrides = [word for word in words if _OVERRIDE.match(word)]
    data = [word for word in words if not _OVERRIDE.match(word)]
    file = next((word for word in overrides if is_file(word)), None)
    if not data and file is not None:
        overrides.remove(file)
        data = [file]
    return data, overrides


def is_file(word: str) -> bool:
    """Whether a word of the command line is an existing file."""
    try:
        return Path(word).is_file()
    except OSError:  # too long for a file name, such as a query
        return False


def one_word(parser: Parser, words: Sequence[str], what: str, overrides: bool) -> str:
    """Returns the only word.

    Args:
        parser: Parser that raises errors.
        words: Words of the command line.
        what: Name of the word in the usage line, such as ``DATA``.
        overrides: Whether ``key=value`` is accepted too, for the hint in the error.

    Raises:
        UsageError: There is no word, or more than one.
    """
    if not words:
        parser.error(f"{what} is missing")
    if len(words) > 1:
        hint = "; a setting is written key=value, without spaces" if overrides else ""
        parser.error(f"expected one {what}, got {len(words)}: {', '.join(map(repr, words))}{hint}")
    return words[0]
