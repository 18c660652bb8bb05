"""Adds options declared in ``automl.config`` as flags of a verb."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from automl.cli.parser import Parser, UsageError, is_file
from automl.errors import ConfigError

if TYPE_CHECKING:
    from automl.config.fields import ConfigKey

__all__ = ["SHEET_HELP", "config_option", "config_options", "given_options", "split_settings"]

SHEET_HELP = "sheet of an Excel file, by name or number; by default that of the search"
"""Help text for verbs that read another table with a run."""


def config_options(parser: Parser, without: Collection[str] = ()) -> None:
    """Adds the flags of a search under the headings of their declarations.

    Args:
        parser: Parser of the verb.
        without: Keys of options to omit.
    """
    from automl.config.fields import flagged
    from automl.config.schema import SECTIONS

    found = [leaf for leaf in flagged() if leaf.key not in without]
    for leaf in sorted(found, key=lambda leaf: SECTIONS.index(leaf.declared.section)):
        _add(parser, leaf, leaf.declared.section, leaf.declared.help)


def config_option(parser: Parser, key: str, help: str) -> None:
    """Adds the flag of one option, with a help text for this verb.

    Args:
        parser: Parser of the verb.
        key: Key of the option.
        help: Help text.
    """
    from automl.config.fields import flagged

    leaf = next(leaf for leaf in flagged() if leaf.key == key)
    _add(parser, leaf, "options", help)


def given_options(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the search options given on a command line, by key."""
    from automl.config.fields import flagged

    found = {leaf.key: getattr(options, leaf.key, None) for leaf in flagged()}
    return {key: value for key, value in found.items() if value is not None}


def split_settings(words: Sequence[str], *keys: str) -> tuple[list[str], dict[str, Any]]:
    """Splits ``key=value`` of some options from other words; names of existing files stay words.

    Returns:
        The other words, and the values by key.

    Raises:
        UsageError: An option is given twice, or its value is invalid.
    """
    from automl.config.fields import config_keys

    rest, found = [], dict[str, Any]()
    for word in words:
        key, equals, text = word.partition("=")
        if key not in keys or not equals or is_file(word):
            rest.append(word)
        elif key in found:
            raise UsageError(f"{key} is given twice: give it once")
        else:
            try:
                found[key] = config_keys(())[key].from_flag(text)
            except ValueError as error:
                raise UsageError(f"{key}: {error}") from None
    return rest, found


def _add(parser: Parser, leaf: ConfigKey, section: str, help: str) -> None:
    parser.option(
        leaf.flag,
        dest=leaf.key,
        metavar=leaf.declared.metavar,
        type=_reader_of(leaf),
        section=section,
        help=help.replace("`", "").replace("%", "%%"),
    )


def _reader_of(leaf: ConfigKey) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return leaf.from_flag(text)
        except (ConfigError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
